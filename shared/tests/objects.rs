//! Folders that mirror a store: what is published by one is what another reads, whole or not at all.
#![cfg(feature = "objects")]

#[path = "support/flaky.rs"]
mod flaky;
#[path = "support/mirrors.rs"]
mod mirrors;

use std::fs;
use std::path::Path as Folder;
use std::sync::Arc;

use flaky::{Fails, Flaky};
use mirrors::{folder, publish, publisher, pulled, push_from, read, remote, store, write};
use object_store::memory::InMemory;
use shared::contract::artifact::manifest::{CHAMPION, MANIFEST};
use shared::objects::ObjectsError;
use shared::objects::lease::{self, LEASE, LIFE_MS};
use shared::objects::mirror::{Found, REVISION, look};
use shared::objects::pull::{Beside, Need, Seen, pull, shrink};

#[tokio::test]
async fn what_one_folder_publishes_another_reads() {
    let (remote, here, there) = (store(), folder(), folder());
    let seen = pulled(&remote, here.path(), Need::Named).await;
    publish(here.path(), "v1", "first");
    publish(here.path(), "models/loan/v1", "a model");
    write(here.path(), CHAMPION, "v1\n");
    write(here.path(), "models/loan/champion", "v1\n");
    write(here.path(), "runs/r1.json", "{}");
    assert!(push_from(&remote, here.path(), seen).await.expect("pushes"));
    let (seen, found) = pulled(&remote, there.path(), Need::Named).await;
    assert_eq!(found, look(here.path()).expect("looks"));
    assert_eq!(read(there.path(), "v1/table.safetensors"), "first");
    assert_eq!(read(there.path(), "models/loan/v1/table.safetensors"), "a model");
    assert_eq!(seen.brought, "first".len() as u64 + "a model".len() as u64);
    // Nothing is brought twice, and nothing is written that is there.
    let again = pulled(&remote, there.path(), Need::Named).await;
    assert_eq!(again.0.brought, 0);
    assert!(!push_from(&remote, there.path(), again).await.expect("pushes"));
}

#[tokio::test]
async fn versions_that_no_pointer_names_are_brought_when_they_are_needed() {
    let (remote, here, there) = (store(), publisher("v1"), folder());
    publish(here.path(), "v2", "second");
    publish(here.path(), "v3", "third");
    write(here.path(), "aliases/trial", "v3\n");
    write(here.path(), "champions", "v2\nv1\n");
    push_from(&remote, here.path(), (Seen::default(), Found::default())).await.expect("pushes");
    pulled(&remote, there.path(), Need::Named).await;
    assert_eq!(read(there.path(), "v3/table.safetensors"), "third");
    assert!(there.path().join("v2").join(MANIFEST).is_file() && read(there.path(), "v2/table.safetensors").is_empty());
    // A manifest alone is not published as a version by whoever has it.
    let seen = pulled(&remote, there.path(), Need::Manifests).await;
    assert!(!push_from(&remote, there.path(), seen).await.expect("pushes"));
    pulled(&remote, there.path(), Need::All).await;
    assert_eq!(read(there.path(), "v2/table.safetensors"), "second");
    assert_eq!(shrink(there.path(), 8).expect("frees"), "second".len() as u64);
    assert!(read(there.path(), "v2/table.safetensors").is_empty());
    assert_eq!(shrink(there.path(), 0).expect("frees"), 0, "what is named stays");
}

#[tokio::test]
async fn of_two_who_publish_one_is_told_and_nothing_of_the_other_is_lost() {
    let (remote, first, second) = (store(), folder(), folder());
    let before = (pulled(&remote, first.path(), Need::Named).await, pulled(&remote, second.path(), Need::Named).await);
    for (folder, version) in [(&first, "v1"), (&second, "v2")] {
        publish(folder.path(), version, version);
        write(folder.path(), CHAMPION, version);
    }
    push_from(&remote, first.path(), before.0).await.expect("pushes");
    let error = push_from(&remote, second.path(), before.1).await.expect_err("was slower").to_string();
    assert!(error.contains("shop/a/champion: changed by another publisher"), "{error}");
    // The store's pointer is taken, and the version that was made stays.
    let seen = pulled(&remote, second.path(), Need::Named).await;
    assert_eq!(read(second.path(), CHAMPION), "v1");
    assert!(seen.1.versions.contains("v2") && seen.1.versions.contains("v1"));
}

/// Checks that what a reader finds is served as a whole: the version is one of two, and its table is its own.
async fn served(store: &Arc<InMemory>) -> String {
    let there = folder();
    pulled(&remote(store.clone()), there.path(), Need::Named).await;
    let version = read(there.path(), CHAMPION);
    assert_eq!(read(there.path(), &format!("{version}/table.safetensors")), version);
    version
}

#[tokio::test]
async fn a_push_that_fails_at_any_call_publishes_nothing_by_half_and_is_taken_up() {
    for fails in [Fails::Before, Fails::After] {
        let (mut at, mut done) = (0, false);
        while !done {
            let (store, here) = (Arc::new(InMemory::new()), publisher("v1"));
            push_from(&remote(store.clone()), here.path(), Default::default()).await.expect("pushes");
            let seen = pulled(&remote(store.clone()), here.path(), Need::Named).await;
            publish(here.path(), "v2", "v2");
            write(here.path(), "champions", "v1\nv2");
            write(here.path(), CHAMPION, "v2");
            fs::remove_dir_all(here.path().join("v1")).expect("prunes");
            let flaky = Flaky::new(store.clone(), at, fails);
            let pushed = push_from(&remote(flaky.clone()), here.path(), seen).await;
            done = !flaky.has_failed();
            assert!(pushed.is_ok() || !done, "call {at}");
            let version = served(&store).await;
            assert!(["v1", "v2"].contains(&&*version), "call {at}: {version}");
            let seen = pulled(&remote(store.clone()), here.path(), Need::Named).await;
            push_from(&remote(store.clone()), here.path(), seen).await.expect("is taken up");
            assert_eq!(served(&store).await, "v2", "call {at}, {fails:?}");
            let objects = remote(store.clone()).list().await.expect("lists");
            // The first is pruned by then, or else by the next batch; nothing of it stays that is no version.
            let parts = objects.keys().filter(|name| name.starts_with("v1/")).count();
            assert!(parts == 0 || objects.contains_key(&format!("v1/{MANIFEST}")), "call {at}, {fails:?}: {objects:?}");
            at += 1;
        }
        assert!(at > 6, "the push made {at} calls");
    }
}

#[tokio::test]
async fn a_pull_that_fails_at_any_call_leaves_what_can_be_served_and_is_taken_up() {
    let (store, here) = (Arc::new(InMemory::new()), publisher("v1"));
    push_from(&remote(store.clone()), here.path(), Default::default()).await.expect("pushes");
    let first = folder();
    pulled(&remote(store.clone()), first.path(), Need::Named).await;
    let seen = pulled(&remote(store.clone()), here.path(), Need::Named).await;
    publish(here.path(), "v2", "v2");
    write(here.path(), CHAMPION, "v2");
    push_from(&remote(store.clone()), here.path(), seen).await.expect("pushes");
    let (mut at, mut done) = (0, false);
    while !done {
        let there = folder();
        copy(first.path(), there.path());
        let flaky = Flaky::new(store.clone(), at, Fails::Before);
        let result = pull(&remote(flaky.clone()), there.path(), Need::Named, Beside::Nobody, &[], &mut |_, _| {}).await;
        done = !flaky.has_failed();
        let version = read(there.path(), CHAMPION);
        // A download goes on by itself where it was cut.
        assert_eq!(version, if result.is_ok() { "v2" } else { "v1" }, "call {at}");
        assert_eq!(read(there.path(), &format!("{version}/table.safetensors")), version, "call {at}");
        pulled(&remote(store.clone()), there.path(), Need::Named).await;
        assert_eq!(read(there.path(), "v2/table.safetensors"), "v2", "call {at}");
        at += 1;
    }
    assert!(at > 3, "the pull made {at} calls");
}

fn copy(from: &Folder, to: &Folder) {
    for entry in fs::read_dir(from).expect("reads").map(|entry| entry.expect("is there")) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).expect("makes");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copies");
        }
    }
}

#[tokio::test]
async fn a_version_that_was_pruned_is_gone_from_the_store_and_from_other_folders() {
    let (remote, here, there) = (store(), publisher("v1"), folder());
    push_from(&remote, here.path(), (Seen::default(), Found::default())).await.expect("pushes");
    pulled(&remote, there.path(), Need::All).await;
    let seen = pulled(&remote, here.path(), Need::Named).await;
    publish(here.path(), "v2", "second");
    write(here.path(), CHAMPION, "v2");
    fs::remove_dir_all(here.path().join("v1")).expect("prunes");
    push_from(&remote, here.path(), seen).await.expect("pushes");
    let objects = remote.list().await.expect("lists");
    assert!(!objects.keys().any(|name| name.starts_with("v1/")), "{objects:?}");
    let (_, found) = pulled(&remote, there.path(), Need::Named).await;
    assert!(!found.versions.contains("v1") && !there.path().join("v1").exists());
    // But one that was removed from a folder by hand comes back: that is no wish to lose it.
    fs::remove_dir_all(there.path().join("v2")).expect("removes");
    let (_, found) = pulled(&remote, there.path(), Need::Named).await;
    assert!(found.versions.contains("v2"));
}

#[tokio::test]
async fn a_version_that_somebody_named_meanwhile_stays() {
    let (remote, here, there) = (store(), publisher("v1"), folder());
    push_from(&remote, here.path(), Default::default()).await.expect("pushes");
    let seen = pulled(&remote, here.path(), Need::Named).await;
    let other = pulled(&remote, there.path(), Need::Named).await;
    write(there.path(), "aliases/trial", "v1");
    push_from(&remote, there.path(), other).await.expect("pushes");
    publish(here.path(), "v2", "second");
    write(here.path(), CHAMPION, "v2");
    fs::remove_dir_all(here.path().join("v1")).expect("prunes");
    push_from(&remote, here.path(), seen).await.expect("pushes");
    pulled(&remote, there.path(), Need::Named).await;
    assert_eq!(read(there.path(), "v1/table.safetensors"), "v1");
}

#[tokio::test]
async fn a_folder_that_is_removed_while_a_command_runs_takes_nothing_with_it() {
    let (remote, here) = (store(), publisher("v1"));
    write(here.path(), "aliases/trial", "v1");
    push_from(&remote, here.path(), Default::default()).await.expect("pushes");
    let seen = pulled(&remote, here.path(), Need::Named).await;
    let before = remote.list().await.expect("lists");
    fs::remove_dir_all(here.path()).expect("removes");
    fs::create_dir(here.path()).expect("makes");
    assert!(!push_from(&remote, here.path(), seen).await.expect("pushes"));
    assert_eq!(remote.list().await.expect("lists"), before);
}

#[tokio::test]
async fn a_store_that_lists_nothing_any_more_empties_no_folder() {
    let (remote, here, there) = (store(), publisher("v1"), folder());
    push_from(&remote, here.path(), Default::default()).await.expect("pushes");
    pulled(&remote, there.path(), Need::Named).await;
    let error = pull(&store(), there.path(), Need::Named, Beside::Nobody, &[], &mut |_, _| {})
        .await
        .expect_err("is empty")
        .to_string();
    assert!(error.contains("nothing was removed here"), "{error}");
    assert_eq!((read(there.path(), CHAMPION), read(there.path(), "v1/table.safetensors")), ("v1".into(), "v1".into()));
}

#[tokio::test]
async fn a_version_that_was_rewritten_is_brought_anew() {
    let (remote, here, there) = (store(), publisher("v1"), folder());
    push_from(&remote, here.path(), (Seen::default(), Found::default())).await.expect("pushes");
    pulled(&remote, there.path(), Need::Named).await;
    let seen = pulled(&remote, here.path(), Need::All).await;
    publish(here.path(), "v1", "without the erased");
    push_from(&remote, here.path(), seen).await.expect("pushes");
    pulled(&remote, there.path(), Need::Named).await;
    assert_eq!(read(there.path(), "v1/table.safetensors"), "without the erased");
    let tables = remote.list().await.expect("lists").into_keys().filter(|name| name.ends_with(".safetensors")).count();
    assert_eq!(tables, 1, "what the erased user was in is gone");
}

#[tokio::test]
async fn the_revision_is_another_after_each_publication_and_costs_nothing_to_ask_for() {
    let (remote, here) = (store(), publisher("v1"));
    assert_eq!(remote.read(REVISION).await.expect("reads"), None);
    push_from(&remote, here.path(), (Seen::default(), Found::default())).await.expect("pushes");
    let first = remote.read(REVISION).await.expect("reads").expect("is there");
    assert_eq!(remote.read_unless(REVISION, Some(&first.tag)).await.expect("asks"), None);
    let seen = pulled(&remote, here.path(), Need::Named).await;
    write(here.path(), "aliases/trial", "v1");
    push_from(&remote, here.path(), seen).await.expect("pushes");
    assert!(remote.read_unless(REVISION, Some(&first.tag)).await.expect("asks").is_some());
}

#[tokio::test]
async fn a_lease_has_one_holder_until_it_is_given_back_or_runs_out() {
    let remote = store();
    let mut first = lease::take(&remote, LEASE, "the first", "1", None, 0).await.expect("is free");
    let error =
        lease::take(&remote, LEASE, "the second", "2", None, LIFE_MS - 1).await.expect_err("is held").to_string();
    assert!(error.contains("held by the first"), "{error}");
    lease::renew(&remote, &mut first, LIFE_MS - 1).await.expect("renews");
    assert!(lease::take(&remote, LEASE, "the second", "2", None, LIFE_MS + 1).await.is_err());
    let second = lease::take(&remote, LEASE, "the second", "2", None, 2 * LIFE_MS).await.expect("ran out");
    assert!(matches!(lease::renew(&remote, &mut first, 2 * LIFE_MS).await, Err(ObjectsError::Conflict { .. })));
    lease::give_back(&remote, first).await.expect_err("is another's");
    lease::give_back(&remote, second).await.expect("gives back");
    lease::take(&remote, LEASE, "the third", "3", None, 2 * LIFE_MS).await.expect("is free");
    assert!(lease::take(&remote, LEASE, "the fourth", "4", Some("2"), 2 * LIFE_MS).await.is_err());
    lease::take(&remote, LEASE, "the fourth", "4", Some("3"), 2 * LIFE_MS).await.expect("the third is dead");
}
