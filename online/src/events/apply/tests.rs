use std::io::Write as _;

use shared::contract::event_log::{CoveredFile, FileId};
use shared::contract::id::{ItemId, UserId};
use shared::contract::kind::KindName;

use super::super::writer::{Append, Writer};
use super::*;
use crate::store::{Embedded, Retention};

fn settings(folder: &Path, replica: &str) -> Settings {
    let retention = Retention { max_events: 10, max_older: 10, ttl_ms: 1 << 40 };
    let (folder, replica) = (folder.to_owned(), replica.to_owned());
    Settings { folder, replica, max_file_bytes: 1 << 20, max_disk_bytes: 0, queue: 10, retention }
}

/// Writes a log of one event, and returns its file.
fn log_of_one_event(folder: &Path, replica: &str) -> FileId {
    let event = Event {
        timestamp_ms: 5,
        user: UserId::new(replica).expect("an id"),
        kind: KindName::VIEW,
        item: ItemId::new("i").expect("an id"),
        transaction_id: None,
        event_id: replica.to_owned(),
        received_ms: now_ms(),
        recommendation_id: None,
    };
    let lines = Append::new(vec![event], &[], tokio::sync::oneshot::channel().0).lines;
    let mut writer = Writer::open(&settings(folder, replica), Arc::default()).expect("opens");
    writer.append(&lines).expect("appends").file
}

fn applier(folder: &Path, covered: &watch::Sender<Arc<Coverage>>) -> Applier {
    let settings = settings(folder, "a");
    let writer = Writer::open(&settings, Arc::default()).expect("opens");
    let store = Arc::new(Embedded::new(settings.retention));
    let mut applier = Applier::new(&settings, writer.end(), store, Arc::default(), covered.subscribe(), Arc::default());
    (applier.done, applier.mark) = (applier.end, Some(applier.end));
    applier
}

fn covering(file: FileId, bytes: u64) -> Arc<Coverage> {
    Arc::new([CoveredFile { replica: "c".to_owned(), number: 1, id: file, bytes }].iter().collect())
}

#[tokio::test]
async fn a_version_that_comes_while_a_log_is_read_leaves_out_nothing_of_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let [_, _, file] = ["a", "b", "c"].map(|replica| log_of_one_event(folder.path(), replica));
    let (covered, _) = watch::channel(covering(file, 1));
    let mut applier = applier(folder.path(), &covered);
    applier.others = vec![("b".to_owned(), Position::START)];
    // The first read is under way as the other version comes.
    let swap = async { covered.send_replace(Arc::default()) };
    let (caught_up, _) = tokio::join!(biased; applier.catch_up(), swap);
    caught_up.expect("reads");
    let before = applier.metrics.events_reapplied.get();
    while applier.is_behind() {
        applier.catch_up().await.expect("reads");
    }
    assert_eq!(applier.metrics.events_reapplied.get() - before, 3);
}

#[tokio::test]
async fn a_version_that_could_not_be_followed_is_followed_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let [_, _, file] = ["a", "b", "c"].map(|replica| log_of_one_event(folder.path(), replica));
    let (covered, _) = watch::channel(covering(file, 1));
    let mut applier = applier(folder.path(), &covered);
    covered.send_replace(Arc::default());
    let (away, here) = (folder.path().with_extension("away"), folder.path());
    std::fs::rename(here, &away).expect("renames");
    std::fs::File::create(here).and_then(|mut file| file.write_all(b"no folder")).expect("writes");
    assert!(applier.follow().await.is_err() && !applier.is_behind());
    std::fs::remove_file(here).and_then(|()| std::fs::rename(&away, here)).expect("renames back");
    applier.follow().await.expect("reads");
    assert_eq!((applier.done, applier.others.len()), (Position::START, 2));
}
