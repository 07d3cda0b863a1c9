//! Commands that work in one mirror of a store beside each other: what each changed stays its own, and nothing is overwritten.
#![cfg(feature = "objects")]

#[path = "support/mirrors.rs"]
mod mirrors;

use std::fs;
use std::path::Path as Folder;

use mirrors::{folder, point, publish, publisher, pulled, push_from, read, store, write};
use shared::contract::artifact::manifest::{CHAMPION, replace};
use shared::objects::mirror::{Found, look};
use shared::objects::pull::{Beside, Need, Seen, pull};
use shared::objects::push::{By, push};
use shared::objects::{ObjectsError, Remote};

/// Brings to a folder what another command needs, which works in it beside the one whose folder it is.
async fn pulled_beside(remote: &Remote, folder: &Folder) -> (Seen, Found) {
    let seen = pull(remote, folder, Need::Named, Beside::Others, &[], &mut |_, _| {}).await.expect("pulls");
    (seen, look(folder).expect("looks"))
}

#[tokio::test]
async fn what_a_command_changed_stays_its_own_while_another_pulls_into_its_folder() {
    let (remote, here, elsewhere) = (store(), publisher("v1"), folder());
    publish(here.path(), "v2", "second");
    for (name, text) in [(CHAMPION, "v2"), ("aliases/gone", "v2"), ("aliases/news", "v1"), ("labels/v2.json", "{}")] {
        write(here.path(), name, text);
    }
    push_from(&remote, here.path(), Default::default()).await.expect("pushes");
    let batch = pulled(&remote, here.path(), Need::Named).await;
    let rollback = pulled(&remote, elsewhere.path(), Need::Named).await;
    // Here a batch has built, promoted, said something, and pruned, and is not over.
    publish(here.path(), "v3", "third");
    for (name, text) in [(CHAMPION, "v3"), ("labels/v2.json", "{\"note\":\"slow\"}")] {
        write(here.path(), name, text);
    }
    fs::remove_file(here.path().join("aliases/gone")).expect("removes");
    fs::remove_dir_all(here.path().join("v1")).expect("prunes");
    // Elsewhere somebody rolls back, and says something else.
    for (name, text) in [(CHAMPION, "v1"), ("aliases/news", "v2"), ("labels/v2.json", "{\"note\":\"bad\"}")] {
        write(elsewhere.path(), name, text);
    }
    push_from(&remote, elsewhere.path(), rollback).await.expect("pushes");
    let other = pulled_beside(&remote, here.path()).await;
    let found = ["v1/manifest.json", CHAMPION, "aliases/gone", "aliases/news", "labels/v2.json"];
    assert_eq!(found.map(|name| read(here.path(), name)), ["", "v3", "", "v2", "{\"note\":\"slow\"}"]);
    // The other brings to the store what can be, and leaves the rest to the batch, which is told.
    push(&remote, here.path(), &other.1, &other.0, By::Noter, "other", &mut |_, _| {}).await.expect("pushes");
    let error = push_from(&remote, here.path(), batch).await.expect_err("is not what it began with").to_string();
    assert!(error.contains("labels/v2.json: changed by another publisher"), "{error}");
    let there = folder();
    pulled(&remote, there.path(), Need::Named).await;
    assert_eq!([CHAMPION, "labels/v2.json"].map(|name| read(there.path(), name)), ["v1", "{\"note\":\"bad\"}"]);
    // When it is over the store's is taken, and what was made is there.
    let seen = pulled(&remote, here.path(), Need::Named).await;
    assert_eq!((read(here.path(), CHAMPION), read(here.path(), "v1/table.safetensors")), ("v1".into(), "v1".into()));
    assert!(seen.1.versions.contains("v3"));
}

#[tokio::test]
async fn a_rollback_that_was_overtaken_can_be_asked_for_again_while_a_batch_works_in_the_folder() {
    let (remote, here, elsewhere) = (store(), publisher("v1"), folder());
    for version in ["v2", "v3", "v4"] {
        publish(here.path(), version, version);
    }
    point(here.path(), "v1\nv2\nv3", "v3");
    push_from(&remote, here.path(), Default::default()).await.expect("pushes");
    let batch = pulled(&remote, here.path(), Need::All).await;
    let other = pulled(&remote, elsewhere.path(), Need::All).await;
    let (seen, before) = pulled_beside(&remote, here.path()).await;
    point(elsewhere.path(), "v1\nv2\nv3\nv4", "v4");
    push_from(&remote, elsewhere.path(), other).await.expect("pushes");
    point(here.path(), "v1", "v1");
    let slower = push(&remote, here.path(), &before, &seen, By::Noter, "slower", &mut |_, _| {}).await;
    assert!(matches!(slower, Err(ObjectsError::Conflict { .. })), "{slower:?}");
    let of = |folder: &Folder| ["champions", CHAMPION].map(|name| read(folder, name));
    let (seen, before) = pulled_beside(&remote, here.path()).await;
    assert_eq!(of(here.path()), ["v1\nv2\nv3\nv4", "v4"], "all of it is the store's again");
    point(here.path(), "v1", "v1");
    push(&remote, here.path(), &before, &seen, By::Noter, "again", &mut |_, _| {}).await.expect("pushes");
    assert!(!push_from(&remote, here.path(), batch).await.expect("has nothing to push"));
    pulled(&remote, elsewhere.path(), Need::Named).await;
    assert_eq!(of(elsewhere.path()), ["v1", "v1"]);
}

#[tokio::test]
async fn a_command_whose_pointer_was_not_written_fails_though_another_had_left_the_same() {
    let (remote, here, elsewhere) = (store(), publisher("v1"), folder());
    publish(here.path(), "v2", "second");
    point(here.path(), "v1\nv2", "v2");
    push_from(&remote, here.path(), Default::default()).await.expect("pushes");
    let batch = pulled(&remote, here.path(), Need::All).await;
    let other = pulled(&remote, elsewhere.path(), Need::All).await;
    // A rollback that was killed before it brought this to the store, which has another since.
    point(here.path(), "v1", "v1");
    replace(elsewhere.path(), CHAMPION, "v2 again").expect("writes");
    push_from(&remote, elsewhere.path(), other).await.expect("pushes");
    let (seen, before) = pulled_beside(&remote, here.path()).await;
    point(here.path(), "v1", "v1");
    let again = push(&remote, here.path(), &before, &seen, By::Noter, "again", &mut |_, _| {}).await;
    assert!(matches!(again, Err(ObjectsError::Conflict { .. })), "{again:?}");
    // So does a batch that began before it, where something is given up that it may have written.
    let batch = push_from(&remote, here.path(), batch).await;
    assert!(matches!(batch, Err(ObjectsError::Conflict { .. })), "{batch:?}");
    let (seen, before) = pulled_beside(&remote, here.path()).await;
    assert_eq!(read(here.path(), CHAMPION), "v2 again");
    point(here.path(), "v1", "v1");
    push(&remote, here.path(), &before, &seen, By::Noter, "at last", &mut |_, _| {}).await.expect("pushes");
    pulled(&remote, elsewhere.path(), Need::Named).await;
    assert_eq!(read(elsewhere.path(), CHAMPION), "v1");
}

#[tokio::test]
async fn an_alias_that_was_moved_elsewhere_is_not_removed_by_whoever_did_not_see_it() {
    let (remote, here, elsewhere) = (store(), publisher("v1"), folder());
    publish(here.path(), "v2", "second");
    write(here.path(), "aliases/trial", "v1");
    push_from(&remote, here.path(), Default::default()).await.expect("pushes");
    let slower = pulled(&remote, here.path(), Need::Named).await;
    let other = pulled(&remote, elsewhere.path(), Need::Named).await;
    write(elsewhere.path(), "aliases/trial", "v2");
    push_from(&remote, elsewhere.path(), other).await.expect("pushes");
    fs::remove_file(here.path().join("aliases/trial")).expect("removes");
    let error = push_from(&remote, here.path(), slower).await.expect_err("was slower").to_string();
    assert!(error.contains("aliases/trial: changed by another publisher"), "{error}");
    // It is brought again, even while another command works in the folder; whoever removes it then has seen it.
    let (seen, before) = pulled_beside(&remote, here.path()).await;
    assert_eq!(read(here.path(), "aliases/trial"), "v2");
    fs::remove_file(here.path().join("aliases/trial")).expect("removes");
    push(&remote, here.path(), &before, &seen, By::Noter, "again", &mut |_, _| {}).await.expect("pushes");
    assert_eq!(remote.read("aliases/trial").await.expect("reads"), None);
}

#[tokio::test]
async fn what_a_command_changed_is_published_by_it_though_another_pulled_into_its_folder() {
    let (remote, here) = (store(), publisher("v1"));
    for name in ["aliases/gone", "aliases/trial"] {
        write(here.path(), name, "v1");
    }
    push_from(&remote, here.path(), Default::default()).await.expect("pushes");
    let batch = pulled(&remote, here.path(), Need::Named).await;
    publish(here.path(), "v2", "second");
    write(here.path(), CHAMPION, "v2");
    write(here.path(), "aliases/trial", "v2");
    fs::remove_file(here.path().join("aliases/gone")).expect("removes");
    fs::remove_dir_all(here.path().join("v1")).expect("prunes");
    pulled_beside(&remote, here.path()).await;
    assert!(push_from(&remote, here.path(), batch).await.expect("pushes"));
    let names: Vec<String> = remote.list().await.expect("lists").into_keys().collect();
    assert!(!names.iter().any(|name| name.starts_with("v1/") || name == "aliases/gone"), "{names:?}");
    let there = folder();
    pulled(&remote, there.path(), Need::Named).await;
    let found = [CHAMPION, "aliases/trial", "v2/table.safetensors"].map(|name| read(there.path(), name));
    assert_eq!(found, ["v2", "v2", "second"]);
}
