//! The event log on disk: group commit, rotation, torn ends, locks, and what is applied from it at a start.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use online::events::reader::{self, Chunk};
use online::events::writer::{Append, Request, Writer, lines};
use online::events::{Events, LogError, Settings, Visible, files, now_ms};
use online::metrics::Metrics;
use online::store::{Arrival, Embedded, Position, Retention, UserStore};
use shared::event::{Event, EventKind};
use shared::id::{ItemId, UserId};
use tokio::sync::{mpsc, oneshot};

const RETENTION: Retention = Retention { max_events: 1000, ttl_ms: 1 << 40 };

fn settings(folder: &Path, replica: &str) -> Settings {
    let (folder, replica) = (folder.to_owned(), replica.to_owned());
    Settings { folder, replica, max_file_bytes: 4096, queue: 1000, ttl_ms: RETENTION.ttl_ms }
}

fn event(user: &str, number: usize) -> Event {
    Event {
        timestamp_ms: 5,
        user: UserId::new(user).expect("valid id"),
        kind: EventKind::View,
        item: ItemId::new(format!("i{number}")).expect("valid id"),
        transaction_id: None,
        event_id: format!("{user}-{number}"),
        received_ms: now_ms(),
    }
}

fn open(folder: &Path) -> Writer {
    Writer::open(&settings(folder, "a"), Arc::default()).expect("opens")
}

fn read(folder: &Path, from: Position, max_bytes: u64) -> Chunk {
    reader::read(folder, "a", from, None, 0, max_bytes).expect("reads")
}

fn append_to_last_file(folder: &Path, bytes: &[u8]) {
    let last = files::of_replica(folder, "a").expect("lists").pop().expect("a file");
    let mut file = fs::File::options().append(true).open(last.path).expect("opens");
    file.write_all(bytes).expect("writes");
}

#[test]
fn requests_that_wait_together_share_one_sync() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let metrics = Arc::new(Metrics::default());
    let writer = Writer::open(&settings(folder.path(), "a"), metrics.clone()).expect("opens");
    let (requests, queue) = mpsc::channel(1000);
    let (groups, mut durable) = mpsc::channel(1000);
    let sent: Vec<Event> = (0..100).map(|number| event("u", number)).collect();
    let mut replies = Vec::new();
    for event in &sent {
        let (reply, answer) = oneshot::channel();
        let arrivals = vec![Arrival::from(event.clone())];
        let append = Append { lines: lines(std::slice::from_ref(event)), arrivals, reply };
        requests.try_send(Request::Append(append)).expect("the queue is large enough");
        replies.push(answer);
    }
    requests.try_send(Request::Close).expect("the queue is large enough");
    writer.run(queue, &groups);
    drop(groups);
    assert_eq!(metrics.log_append_seconds.get_sample_count(), 1);
    let group = durable.blocking_recv().expect("a group");
    assert_eq!(group.appends.len(), 100);
    assert!(durable.blocking_recv().is_none());
    let chunk = read(folder.path(), Position::START, u64::MAX);
    assert_eq!((chunk.events, chunk.next), (sent, group.end));
}

#[test]
fn full_files_are_followed_by_new_ones_and_read_in_order() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut writer = open(folder.path());
    let sent: Vec<Event> = (0..200).map(|number| event("u", number)).collect();
    for event in &sent {
        writer.append(&lines(std::slice::from_ref(event))).expect("appends");
    }
    assert!(files::of_replica(folder.path(), "a").expect("lists").len() > 3);
    let (mut position, mut found) = (Position::START, Vec::new());
    loop {
        let chunk = read(folder.path(), position, 1000);
        if chunk.next == position {
            break;
        }
        found.extend(chunk.events);
        position = chunk.next;
    }
    assert_eq!((found, position), (sent, writer.end()));
    let middle = read(folder.path(), Position::START, 1000).next;
    let until = reader::read(folder.path(), "a", Position::START, Some(middle), 0, u64::MAX).expect("reads");
    assert_eq!(until.next, middle);
}

#[test]
fn a_torn_end_is_cut_off_and_the_log_goes_on() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut writer = open(folder.path());
    writer.append(&lines(&[event("u", 1)])).expect("appends");
    let end = writer.end();
    drop(writer);
    for torn in [&lines(&[event("u", 2)])[..50], b"\0\0\0\0\n\0", b"{}\n"] {
        append_to_last_file(folder.path(), torn);
        assert_eq!(open(folder.path()).end(), end);
    }
    open(folder.path()).append(&lines(&[event("u", 3)])).expect("appends");
    let chunk = read(folder.path(), Position::START, u64::MAX);
    let ids: Vec<&str> = chunk.events.iter().map(|event| event.event_id.as_str()).collect();
    assert_eq!((ids, chunk.bad_lines), (vec!["u-1", "u-3"], 0));
}

#[test]
fn a_bad_line_in_the_middle_is_passed_over_and_counted() {
    let folder = tempfile::tempdir().expect("temporary folder");
    drop(open(folder.path()));
    append_to_last_file(folder.path(), b"rubbish\n");
    append_to_last_file(folder.path(), &lines(&[event("u", 1)]));
    drop(open(folder.path()));
    let chunk = read(folder.path(), Position::START, u64::MAX);
    assert_eq!((chunk.events.len(), chunk.bad_lines), (1, 1));
}

#[test]
fn a_log_has_one_writer_at_a_time() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let writer = open(folder.path());
    let second = Writer::open(&settings(folder.path(), "a"), Arc::default());
    let error = second.err().expect("locked");
    assert!(matches!(error, LogError::Locked(_)));
    assert!(error.to_string().contains("events.replica"), "{error}");
    Writer::open(&settings(folder.path(), "b"), Arc::default()).map(drop).expect("another replica's log");
    drop(writer);
    drop(open(folder.path()));
}

#[test]
fn files_older_than_any_history_are_not_read() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut writer = open(folder.path());
    writer.append(&lines(&[event("u", 1)])).expect("appends");
    let chunk = reader::read(folder.path(), "a", Position::START, None, now_ms() + 60_000, u64::MAX).expect("reads");
    assert_eq!((chunk.events.len(), chunk.next), (0, writer.end()));
}

#[test]
fn a_log_beyond_what_a_position_knows_is_not_held() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let holds = |file, offset| reader::holds(folder.path(), "a", Position { file, offset }).expect("reads");
    assert!(holds(0, 0) && !holds(1, 0));
    let mut writer = open(folder.path());
    writer.append(&lines(&[event("u", 1)])).expect("appends");
    assert!(holds(1, writer.end().offset) && !holds(1, writer.end().offset + 1) && !holds(2, 0));
}

#[tokio::test]
async fn a_start_applies_the_logs_of_all_replicas() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for replica in ["a", "b"] {
        let mut writer = Writer::open(&settings(folder.path(), replica), Arc::default()).expect("opens");
        let events: Vec<Event> = (0..50).map(|number| event(&format!("of-{replica}"), number)).collect();
        writer.append(&lines(&events)).expect("appends");
    }
    let store = Arc::new(Embedded::new(RETENTION));
    let covered = Arc::new(AtomicI64::new(0));
    let (events, running) =
        Events::open(settings(folder.path(), "a"), store.clone(), covered, Arc::default()).await.expect("opens");
    for user in ["of-a", "of-b"] {
        let user = UserId::new(user).expect("valid id");
        let stored = store.read(&user, "v", now_ms()).await.expect("reads");
        assert_eq!(stored.history.recent.len(), 50);
    }
    assert_eq!(events.accept(vec![event("of-a", 50)]).await.expect("accepts"), Visible::Now);
    events.close(running).await;
    let end = store.applied().await.expect("reads").expect("a mark");
    assert_eq!(read(folder.path(), Position::START, u64::MAX).next, end);
    assert!(events.accept(vec![event("of-a", 51)]).await.is_err());
}
