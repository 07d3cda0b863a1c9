//! Logs on their way to a store and from there to the batch: every line once, whatever fails, and none over another's.
#![cfg(feature = "objects")]

#[path = "support/flaky.rs"]
mod flaky;

use std::fs;
use std::path::Path as Folder;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use flaky::{Fails, Flaky};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use shared::contract::event_log::packed::pack;
use shared::contract::event_log::{self, Log};
use shared::objects::Remote;
use shared::objects::logs::{self, Round, Ship, Shipped};
use tempfile::TempDir;

const SLATES: &str = "{\"Slates\":1}\n{\"Slates\":2}\n";
const EVENTS: &str = "{\"Events\":1}\n{\"Events\":2}\n";

fn store() -> Remote {
    remote(Arc::new(InMemory::new()))
}

fn remote(store: Arc<dyn ObjectStore>) -> Remote {
    Remote::new(store, Path::from("shop/log"), "memory://shop/log".to_owned())
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("temporary folder")
}

fn write(folder: &Folder, name: &str, content: &str) {
    fs::write(folder.join(name), content).expect("writes");
}

fn read(folder: &Folder, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap_or_default()
}

/// The content of all files of a log in a folder, in their order.
fn text(log: Log, folder: &Folder) -> String {
    let files = log.list(folder).expect("lists");
    let read = |file: &event_log::LogFile| std::io::read_to_string(file.open().expect("opens")).expect("reads");
    files.iter().map(read).collect()
}

/// Adds to the file of a log with this number.
fn append(log: Log, folder: &Folder, number: u64, line: &str) {
    let path = log.path(folder, "a", number);
    fs::write(&path, fs::read_to_string(&path).unwrap_or_default() + line).expect("writes");
}

#[tokio::test]
async fn a_log_is_shipped_as_it_grows_and_read_as_it_is() {
    let (remote, here, there) = (store(), folder(), folder());
    let file =
        |number| event_log::path(here.path(), "a", number).file_name().expect("has one").to_string_lossy().into_owned();
    write(here.path(), &file(1), "{\"first\":1}\n");
    write(here.path(), &file(2), "{\"second\":1}\n");
    let mut shipped = Shipped::default();
    let closed = logs::ship(&remote, Log::Events, here.path(), "a", Ship::Closed, &mut shipped).await.expect("ships");
    assert_eq!((closed.files, closed.foreign.len()), (1, 0));
    logs::ship(&remote, Log::Events, here.path(), "a", Ship::All, &mut shipped).await.expect("ships");
    assert_eq!(
        logs::ship(&remote, Log::Events, here.path(), "a", Ship::All, &mut shipped).await.expect("ships"),
        Round::default()
    );
    logs::fetch(&remote, Log::Events, there.path(), &mut |_, _| {}).await.expect("fetches");
    write(here.path(), &file(2), "{\"second\":1}\n{\"third\":1}\n");
    logs::ship(&remote, Log::Events, here.path(), "a", Ship::All, &mut shipped).await.expect("ships");
    let brought = logs::fetch(&remote, Log::Events, there.path(), &mut |_, _| {}).await.expect("fetches");
    assert_eq!((brought, read(there.path(), &file(2))), (25, read(here.path(), &file(2))));
    // After a start, what is there, and was written there later than here, is not shipped again.
    for number in [1, 2] {
        let file = fs::File::options().append(true).open(here.path().join(file(number))).expect("opens");
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1)).expect("sets its time");
    }
    let again =
        logs::ship(&remote, Log::Events, here.path(), "a", Ship::All, &mut Shipped::default()).await.expect("ships");
    assert_eq!(again, Round::default());
}

#[tokio::test]
async fn a_log_of_the_same_name_is_never_written_over() {
    let (remote, here, other) = (store(), folder(), folder());
    let name = event_log::path(Folder::new(""), "a", 1).to_string_lossy().into_owned();
    write(here.path(), &name, "{\"mine\":1}\n{}\n");
    write(other.path(), &name, "{\"other\":1}\n{}\n{}\n");
    logs::ship(&remote, Log::Events, here.path(), "a", Ship::All, &mut Shipped::default()).await.expect("ships");
    let round =
        logs::ship(&remote, Log::Events, other.path(), "a", Ship::All, &mut Shipped::default()).await.expect("looks");
    assert_eq!((round.files, round.foreign), (0, vec![name.clone()]));
    let there = remote.read(&name).await.expect("reads").expect("is there");
    assert_eq!(there.bytes, fs::read(here.path().join(&name)).expect("reads"));
}

#[tokio::test]
async fn slates_and_events_may_share_a_prefix_and_what_is_removed_here_stays_there() {
    let (remote, here, there) = (store(), folder(), folder());
    for log in Log::ALL {
        append(log, here.path(), 1, &format!("{{\"{log:?}\":1}}\n"));
        append(log, here.path(), 2, &format!("{{\"{log:?}\":2}}\n"));
    }
    let mut shipped = Shipped::default();
    let round = logs::ship(&remote, Log::Slates, here.path(), "a", Ship::All, &mut shipped).await.expect("ships");
    assert_eq!((round.files, remote.list().await.expect("lists").len()), (2, 2), "no events");
    logs::ship(&remote, Log::Events, here.path(), "a", Ship::All, &mut Shipped::default()).await.expect("ships");
    logs::fetch(&remote, Log::Slates, there.path(), &mut |_, _| {}).await.expect("fetches");
    assert_eq!((text(Log::Events, there.path()), text(Log::Slates, there.path())), (String::new(), SLATES.to_owned()));
    // One is packed, and then removed at the bound; each is brought under the name that it has there.
    pack(&Log::Slates.list(here.path()).expect("lists")[0]).expect("packs");
    logs::ship(&remote, Log::Slates, here.path(), "a", Ship::All, &mut shipped).await.expect("ships");
    let names: Vec<String> = remote.list().await.expect("lists").into_keys().collect();
    assert_eq!(
        names.iter().filter(|name| name.starts_with("slates-")).collect::<Vec<_>>(),
        ["slates-a-00000001.jsonl.zst", "slates-a-00000002.jsonl"]
    );
    fs::remove_file(here.path().join("slates-a-00000001.jsonl.zst")).expect("removes");
    logs::ship(&remote, Log::Slates, here.path(), "a", Ship::All, &mut shipped).await.expect("ships");
    for log in Log::ALL {
        logs::fetch(&remote, log, there.path(), &mut |_, _| {}).await.expect("fetches");
    }
    assert_eq!((text(Log::Events, there.path()), text(Log::Slates, there.path())), (EVENTS.into(), SLATES.into()));
    assert!(there.path().join("slates-a-00000001.jsonl.zst").is_file());
    assert!(!there.path().join("slates-a-00000001.jsonl").exists(), "packed, it has another name");
}

#[tokio::test]
async fn shipping_that_fails_at_any_call_is_taken_up_and_leaves_every_line_once() {
    for (log, fails) in [(Log::Events, Fails::Before), (Log::Slates, Fails::Before), (Log::Slates, Fails::After)] {
        let (mut at, mut done) = (0, false);
        while !done {
            let (store, here, there) = (Arc::new(InMemory::new()), folder(), folder());
            let mut shipped = Shipped::default();
            append(log, here.path(), 1, "{\"first\":1}\n");
            logs::ship(&remote(store.clone()), log, here.path(), "a", Ship::All, &mut shipped).await.expect("ships");
            pack(&log.list(here.path()).expect("lists")[0]).expect("packs");
            append(log, here.path(), 2, "{\"second\":1}\n");
            let flaky = Flaky::new(store.clone(), at, fails);
            let round = logs::ship(&remote(flaky.clone()), log, here.path(), "a", Ship::All, &mut shipped).await;
            done = !flaky.has_failed();
            assert!(round.is_ok() || !done, "call {at}");
            // What is there is read while it is half done, and again when the rest has come.
            let store = remote(store);
            logs::fetch(&store, log, there.path(), &mut |_, _| {}).await.expect("fetches");
            let found = text(log, there.path());
            assert!(["{\"first\":1}\n", "{\"first\":1}\n{\"second\":1}\n"].contains(&&*found), "call {at}: {found}");
            logs::ship(&store, log, here.path(), "a", Ship::All, &mut shipped).await.expect("ships");
            logs::fetch(&store, log, there.path(), &mut |_, _| {}).await.expect("fetches");
            assert_eq!(text(log, there.path()), "{\"first\":1}\n{\"second\":1}\n", "call {at}, {fails:?}");
            let names: Vec<String> = store.list().await.expect("lists").into_keys().collect();
            assert_eq!(names.len(), 2, "call {at}, {fails:?}: {names:?}");
            at += 1;
        }
        assert!(at > 3, "shipping made {at} calls");
    }
}

#[tokio::test]
async fn a_file_that_goes_while_a_log_is_shipped_holds_up_none_of_the_others() {
    let (remote, here) = (store(), folder());
    append(Log::Slates, here.path(), 1, SLATES);
    // It is listed, and not there: as one that is removed, or packed, in between.
    std::os::unix::fs::symlink(here.path().join("gone"), Log::Slates.path(here.path(), "a", 2)).expect("links");
    append(Log::Slates, here.path(), 3, SLATES);
    let mut shipped = Shipped::default();
    let round = logs::ship(&remote, Log::Slates, here.path(), "a", Ship::All, &mut shipped).await.expect("ships");
    assert_eq!((round.files, round.bytes), (2, 2 * SLATES.len() as u64));
}
