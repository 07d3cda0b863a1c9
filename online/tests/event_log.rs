//! The event log on disk: group commit, rotation, torn ends, lines of other releases, locks, and what is applied from it
//! at a start.

mod start;
mod whatever_happens;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use online::events::reader::{self, Chunk};
use online::events::writer::{Append, Request, Writer};
use online::events::{Events, LogError, Settings, Visible, now_ms};
use online::metrics::Metrics;
use online::store::{
    Added, Answer, Arrival, Bounds, Departure, Embedded, Mark, Moved, Position, Retention, Stored, Told, UserStore,
};
use shared::contract::event::Event;
use shared::contract::event_log::{Coverage, Place, is_aside, of_replica};
use shared::contract::id::{ItemId, UserId};
use shared::contract::kind::KindName;
use shared::engine::state::LiveHistory;
use tokio::sync::{mpsc, oneshot, watch};

const RETENTION: Retention = Retention { max_events: 1000, max_older: 1000, ttl_ms: 1 << 40 };

fn settings(folder: &Path, replica: &str) -> Settings {
    let (folder, replica) = (folder.to_owned(), replica.to_owned());
    Settings { folder, replica, max_file_bytes: 4096, max_disk_bytes: 0, queue: 1000, retention: RETENTION }
}

fn nothing_covered() -> watch::Receiver<Arc<Coverage>> {
    watch::channel(Arc::default()).1
}

fn event(user: &str, number: usize) -> Event {
    Event {
        timestamp_ms: 5,
        user: UserId::new(user).expect("valid id"),
        kind: KindName::VIEW,
        item: ItemId::new(format!("i{number}")).expect("valid id"),
        transaction_id: None,
        event_id: format!("{user}-{number}"),
        received_ms: now_ms(),
        recommendation_id: None,
    }
}

/// The lines of events, as the log has them.
fn lines(events: &[Event]) -> Vec<u8> {
    Append::new(events.to_vec(), &[], oneshot::channel().0).lines
}

fn open(folder: &Path) -> Writer {
    Writer::open(&settings(folder, "a"), Arc::default()).expect("opens")
}

fn read(folder: &Path, from: Position, max_bytes: u64) -> Chunk<Event> {
    reader::read::<Event>(folder, "a", from, None, 0, max_bytes).expect("reads")
}

/// The ids in the log, in its order.
fn ids(folder: &Path) -> Vec<String> {
    read(folder, Position::START, u64::MAX).events.into_iter().map(|logged| logged.event.event_id).collect()
}

fn append_to_last_file(folder: &Path, bytes: &[u8]) {
    let last = of_replica(folder, "a").expect("lists").pop().expect("a file");
    let mut file = fs::File::options().append(true).open(last.path).expect("opens");
    file.write_all(bytes).expect("writes");
}

/// The ends that were cut off, by name.
fn torn(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = fs::read_dir(folder).expect("lists").map(|entry| entry.expect("an entry").path());
    let mut torn: Vec<PathBuf> =
        paths.filter(|path| is_aside(path) && path.extension().is_none_or(|ending| ending != "lock")).collect();
    torn.sort();
    torn.into_iter().map(|path| (path.clone(), fs::read(path).expect("reads"))).collect()
}

#[test]
fn requests_that_wait_together_share_one_sync_and_each_event_knows_its_place() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let metrics = Arc::new(Metrics::default());
    let writer = Writer::open(&settings(folder.path(), "a"), metrics.clone()).expect("opens");
    let (requests, queue) = mpsc::channel(1000);
    let (groups, mut durable) = mpsc::channel(1000);
    let sent: Vec<Event> = (0..100).map(|number| event("u", number)).collect();
    let mut replies = Vec::new();
    for pair in sent.chunks(2) {
        let (reply, answer) = oneshot::channel();
        requests.try_send(Request::Append(Append::new(pair.to_vec(), &[], reply))).expect("the queue is large enough");
        replies.push(answer);
    }
    requests.try_send(Request::Close).expect("the queue is large enough");
    writer.run(queue, &groups);
    drop(groups);
    assert_eq!(metrics.log_append_seconds.get_sample_count(), 1);
    let group = durable.blocking_recv().expect("a group");
    assert_eq!(group.appends.len(), 50);
    assert!(durable.blocking_recv().is_none());
    let chunk = read(folder.path(), Position::START, u64::MAX);
    let places: Vec<Option<Place>> = chunk.events.iter().map(|logged| Some(logged.place)).collect();
    let arrivals = group.appends.iter().flat_map(|placed| &placed.arrivals);
    assert_eq!(arrivals.map(|arrival| arrival.event.place).collect::<Vec<_>>(), places);
    assert_eq!(chunk.events.into_iter().map(|logged| logged.event).collect::<Vec<_>>(), sent);
    assert_eq!(chunk.next, group.end);
}

#[test]
fn full_files_are_followed_by_new_ones_and_read_in_order() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut writer = open(folder.path());
    let sent: Vec<Event> = (0..200).map(|number| event("u", number)).collect();
    for event in &sent {
        writer.append(&lines(std::slice::from_ref(event))).expect("appends");
    }
    assert!(of_replica(folder.path(), "a").expect("lists").len() > 3);
    let (mut position, mut found) = (Position::START, Vec::new());
    loop {
        let chunk = read(folder.path(), position, 1000);
        if chunk.next == position {
            break;
        }
        found.extend(chunk.events.into_iter().map(|logged| logged.event));
        position = chunk.next;
    }
    assert_eq!((found, position), (sent, writer.end()));
    let middle = read(folder.path(), Position::START, 1000).next;
    let until = reader::read::<Event>(folder.path(), "a", Position::START, Some(middle), 0, u64::MAX).expect("reads");
    assert_eq!(until.next, middle);
}

#[test]
fn a_log_that_has_reached_its_bound_refuses_until_there_is_room_again() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let settings = Settings { max_disk_bytes: 6000, ..settings(folder.path(), "a") };
    let open = || Writer::open(&settings, Arc::default()).expect("opens");
    let mut writer = open();
    let mut taken = 0;
    let refusal = loop {
        match writer.append(&lines(&[event("u", taken)])) {
            Ok(_) => taken += 1,
            Err(error) => break error.to_string(),
        }
        assert!(taken < 1000, "the bound was never met");
    };
    assert!(refusal.contains("events.max_disk_bytes = 6000"), "{refusal}");
    assert_eq!(ids(folder.path()).len(), taken);
    drop(writer);
    // What was there at the start counts.
    let mut writer = open();
    assert!(writer.append(&lines(&[event("u", taken)])).is_err());
    let files = of_replica(folder.path(), "a").expect("lists");
    let (first, bytes) = (&files[0].path, |file: &Path| file.metadata().expect("a file").len());
    assert!(files.iter().map(|file| bytes(&file.path)).sum::<u64>() <= 6000);
    fs::remove_file(first).expect("moved away");
    writer.append(&lines(&[event("u", taken)])).expect("there is room");
}

#[test]
fn an_end_without_a_line_end_is_cut_off_and_kept_beside_the_log() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut writer = open(folder.path());
    writer.append(&lines(&[event("u", 1)])).expect("appends");
    let end = writer.end();
    drop(writer);
    let whole = lines(&[event("u", 2)]);
    // Half a line, what a file system leaves after power was lost, and a line that lacks nothing but its end.
    let ends = [&whole[..50], b"\0\0\0\0", &whole[..whole.len() - 1]];
    for (count, end_bytes) in ends.into_iter().enumerate() {
        append_to_last_file(folder.path(), end_bytes);
        assert_eq!(open(folder.path()).end(), end);
        let kept: Vec<Vec<u8>> = torn(folder.path()).into_iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(kept, ends[..=count]);
    }
    let names: Vec<PathBuf> = torn(folder.path()).into_iter().map(|(path, _)| path).collect();
    assert_eq!(names[0], folder.path().join(format!("events-a-00000001.torn-{}", end.offset)));
    assert_eq!(of_replica(folder.path(), "a").expect("lists").len(), 1);
    open(folder.path()).append(&lines(&[event("u", 3)])).expect("appends");
    assert_eq!(ids(folder.path()), ["u-1", "u-3"]);
}

#[tokio::test]
async fn whole_lines_that_this_release_can_t_read_stay_are_passed_over_and_counted() {
    let folder = tempfile::tempdir().expect("temporary folder");
    open(folder.path()).append(&lines(&[event("u", 1)])).expect("appends");
    let newer = String::from_utf8(lines(&[event("u", 2)])).expect("text");
    let with_new_field = newer.replace("\"event_id\"", "\"channel\":\"app\",\"event_id\"");
    // A kind that is only new is a name as any other, and is read.
    let of_new_kind = newer.replace("\"view\"", "\"Named in a new way\"");
    for line in ["rubbish\n", "{}\n", "\0\0\0\n", &with_new_field, &of_new_kind] {
        append_to_last_file(folder.path(), line.as_bytes());
    }
    let path = of_replica(folder.path(), "a").expect("lists").pop().expect("a file").path;
    let before = fs::read(&path).expect("reads");
    let (metrics, store) = (Arc::new(Metrics::default()), Arc::new(Embedded::new(RETENTION)));
    let (events, running) =
        Events::open(settings(folder.path(), "a"), store.clone(), Arc::default(), nothing_covered(), metrics.clone())
            .await
            .expect("opens");
    events.accept(vec![event("u", 3)], Vec::new()).await.expect("accepts");
    events.close(running).await;
    assert_eq!(fs::read(&path).expect("reads"), before);
    assert!(torn(folder.path()).is_empty());
    assert_eq!(metrics.log_bad_lines.get(), 4);
    assert_eq!(ids(folder.path()), ["u-1", "u-2", "u-3"]);
    let stored = store.read(&UserId::new("u").expect("valid id"), "v", now_ms()).await.expect("reads");
    assert_eq!(stored.history.recent.len(), 3);
    let chunk = read(folder.path(), Position::START, u64::MAX);
    let first_line = lines(&[event("u", 1)]).len() as u64;
    assert_eq!(chunk.first_bad, Some(Position { file: 1, offset: first_line }));
}

#[test]
fn what_an_earlier_start_wrote_is_not_appended_to() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut writer = open(folder.path());
    let first = writer.append(&lines(&[event("u", 1)])).expect("appends");
    let second = writer.append(&lines(&[event("u", 2)])).expect("appends");
    assert_eq!((first.file, writer.end().file), (second.file, 1));
    drop(writer);
    // A start that writes nothing leaves no file.
    drop(open(folder.path()));
    assert_eq!(of_replica(folder.path(), "a").expect("lists").len(), 1);
    let mut writer = open(folder.path());
    let third = writer.append(&lines(&[event("u", 3)])).expect("appends");
    assert_ne!(third.file, second.file);
    assert_eq!((third.start, writer.end().file), (0, 2));
    // After somebody moved the log away there is a new one, and no name is given again.
    drop(writer);
    for file in of_replica(folder.path(), "a").expect("lists") {
        fs::remove_file(file.path).expect("removes");
    }
    let mut writer = open(folder.path());
    let other = writer.append(&lines(&[event("u", 4)])).expect("appends");
    assert!(other.file != first.file && other.file != third.file);
    assert_eq!(writer.end().file, 3);
    drop(writer);
    // A start that wrote nothing takes no name.
    for file in of_replica(folder.path(), "a").expect("lists") {
        fs::remove_file(file.path).expect("removes");
    }
    for _ in 0..2 {
        assert_eq!(open(folder.path()).end().file, 4);
    }
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
    let chunk =
        reader::read::<Event>(folder.path(), "a", Position::START, None, now_ms() + 60_000, u64::MAX).expect("reads");
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

/// A store that can't read the history of the user `torn` until that is rebuilt, which has no effect before it `may`.
struct Torn {
    inner: Embedded,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    may: bool,
    rebuilt: Option<LiveHistory>,
    /// How often the mark was moved, or left where it is.
    marks: usize,
}

impl Torn {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("not poisoned")
    }
}

impl UserStore for Torn {
    fn read_until<'a>(
        &'a self,
        until: Option<Instant>,
        user: &'a UserId,
        version: &'a str,
        now_ms: i64,
    ) -> Answer<'a, Stored> {
        self.inner.read_until(until, user, version, now_ms)
    }
    fn apply<'a>(&'a self, arrivals: &'a [Arrival], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>> {
        let waits = self.state().rebuilt.is_none() && arrivals.iter().any(|arrival| arrival.user.as_str() == "torn");
        if waits {
            Box::pin(async { Ok(vec![Added::Waits; arrivals.len()]) })
        } else {
            self.inner.apply(arrivals, bounds)
        }
    }
    fn erase<'a>(&'a self, departures: &'a [Departure], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>> {
        self.inner.erase(departures, bounds)
    }
    fn merge<'a>(&'a self, moved: &'a [Moved], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>> {
        self.inner.merge(moved, bounds)
    }
    fn say<'a>(&'a self, told: &'a [Told], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>> {
        self.inner.say(told, bounds)
    }
    fn named<'a>(&'a self, from: Bound<&'a str>, most: usize) -> Answer<'a, Vec<UserId>> {
        self.inner.named(from, most)
    }
    fn let_go<'a>(&'a self, from: Bound<&'a str>, covered: &'a Coverage) -> Answer<'a, Option<UserId>> {
        self.inner.let_go(from, covered)
    }
    fn damaged(&self, _most: usize) -> Vec<UserId> {
        let torn = UserId::new("torn").expect("valid id");
        if self.state().rebuilt.is_none() { vec![torn] } else { Vec::new() }
    }
    fn waits_for_upgrade(&self) -> bool {
        false
    }
    fn rebuild<'a>(&'a self, histories: &'a BTreeMap<UserId, LiveHistory>, _bounds: Bounds<'a>) -> Answer<'a, ()> {
        let mut state = self.state();
        if state.may {
            state.rebuilt = histories.values().next().cloned();
        }
        Box::pin(async { Ok(()) })
    }
    fn applied(&self) -> Answer<'_, Option<Position>> {
        self.inner.applied()
    }
    fn advance(&self, from: Option<Position>, to: Position) -> Answer<'_, Mark> {
        self.state().marks += 1;
        self.inner.advance(from, to)
    }
}

/// Waits until something holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap_or_else(|_| panic!("never happened: {what}"));
}

#[tokio::test]
async fn until_a_history_is_rebuilt_the_mark_stays_before_the_events_that_wait_for_it() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut others = Writer::open(&settings(folder.path(), "b"), Arc::default()).expect("opens");
    others.append(&lines(&[event("torn", 1), event("u", 2)])).expect("appends");
    let store = Arc::new(Torn { inner: Embedded::new(RETENTION), state: Mutex::default() });
    let (events, running) =
        Events::open(settings(folder.path(), "a"), store.clone(), Arc::default(), nothing_covered(), Arc::default())
            .await
            .expect("opens");
    let before = store.applied().await.expect("reads");
    assert_eq!(events.accept(vec![event("torn", 3)], Vec::new()).await.expect("accepts"), Visible::Later);
    let marks = store.state().marks;
    until("the mark is looked at", async || store.state().marks > marks + 1).await;
    assert_eq!(store.applied().await.expect("reads"), before);
    store.state().may = true;
    until("rebuilt", async || store.state().rebuilt.is_some()).await;
    let history = store.state().rebuilt.clone().expect("rebuilt");
    let items: Vec<&str> = history.recent.iter().map(|event| event.item.as_str()).collect();
    assert_eq!(items, ["i1", "i3"]);
    until("the mark moves", async || store.applied().await.expect("reads") > before).await;
    assert_eq!(events.accept(vec![event("torn", 4)], Vec::new()).await.expect("accepts"), Visible::Now { new: 1 });
    events.close(running).await;
}
