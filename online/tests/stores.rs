//! The stores against each other (in memory, on a redis-server, on a Redis Cluster), and the Redis store against a
//! redis-server of its own.

mod said;
mod served;
mod unreadable;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use online::metrics::Metrics;
use online::store::redis::Settings;
use online::store::{Added, Arrival, Bounds, Embedded, Mark, Position, Redis, Retention, UserStore};
use proptest::prelude::*;
use shared::contract::event_log::{Coverage, CoveredFile, FileId, Place};
use shared::contract::id::{ItemId, UserId};
use shared::contract::kind::KindName;
use shared::engine::keys::{applied_key, history_key, user_key};
use shared::engine::state::{LiveEvent, LiveHistory};

use crate::common::redis_cluster::RedisCluster;
use crate::common::redis_server::RedisServer;
use crate::common::{PATIENCE, eventually};

const RETENTION: Retention = Retention { max_events: 4, max_older: 3, ttl_ms: 1_000_000 };

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

async fn open(server: &RedisServer, prefix: &str, retention: Retention) -> Redis {
    open_counting(server, prefix, retention, Arc::default()).await
}

async fn open_counting(server: &RedisServer, prefix: &str, retention: Retention, metrics: Arc<Metrics>) -> Redis {
    open_at(server.url(), prefix, retention, metrics).await
}

async fn open_at(url: String, prefix: &str, retention: Retention, metrics: Arc<Metrics>) -> Redis {
    let settings = Settings {
        url: url.into(),
        ca: None,
        prefix: prefix.to_owned(),
        replica: "a".to_owned(),
        timeout: Duration::from_secs(5),
        write_timeout: Duration::from_secs(5),
        retention,
    };
    Redis::open(settings, metrics).await.expect("opens")
}

fn user(number: u8) -> UserId {
    UserId::new(format!("u{{{number}}}")).expect("valid id")
}

/// The time that tests begin at: not long ago, for Redis expires keys by its own clock.
fn start_ms() -> i64 {
    online::events::now_ms()
}

fn arrival(user_number: u8, key: u8, start_ms: i64) -> Arrival {
    let item = ItemId::new(format!("i{}", key % 5)).expect("valid id");
    let kind = [KindName::VIEW, KindName::ADD_TO_CART, KindName::TRANSACTION][usize::from(key % 3)].clone();
    // Time and place follow from the key: the same event again is the same event.
    let received_ms = start_ms + i64::from(key % 7);
    let place = Some(Place { file: file(key % 2), end: u64::from(key) });
    let event = LiveEvent { received_ms, event_key: u64::from(key), timestamp_ms: received_ms, kind, item, place };
    Arrival { user: user(user_number), event }
}

fn file(number: u8) -> FileId {
    FileId::of("a", u64::from(number), b"first\n")
}

/// The first of both files up to a place.
fn up_to(bytes: u64) -> Coverage {
    [&CoveredFile { replica: "a".to_owned(), number: 0, id: file(0), bytes }].into_iter().collect()
}

#[test]
fn the_same_events_give_the_same_histories_in_all_stores() {
    let (server, cluster) = (RedisServer::start(), RedisCluster::start());
    let runtime = runtime();
    let batches = prop::collection::vec(prop::collection::vec((0u8..3, 0u8..40), 0..8), 0..8);
    let case = AtomicU32::new(0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(100));
    let cases = runner.run(&(batches, 0u64..40), |(batches, covered)| {
        let prefix = format!("case{}", case.fetch_add(1, Ordering::Relaxed));
        runtime.block_on(async {
            let (embedded, redis) = (Embedded::new(RETENTION), open(&server, &prefix, RETENTION).await);
            let in_cluster = open_at(cluster.url(), &prefix, RETENTION, Arc::default()).await;
            let now_ms = start_ms();
            let covered = up_to(covered);
            let bounds = Bounds { covered: &covered, now_ms };
            for batch in &batches {
                let arrivals: Vec<Arrival> = batch.iter().map(|&(user, key)| arrival(user, key, now_ms)).collect();
                let expected = embedded.apply(&arrivals, bounds).await.expect("applies");
                prop_assert_eq!(&redis.apply(&arrivals, bounds).await.expect("applies"), &expected);
                prop_assert_eq!(in_cluster.apply(&arrivals, bounds).await.expect("applies"), expected);
            }
            for number in 0..3 {
                for later in [0, RETENTION.ttl_ms + 3] {
                    let expected = embedded.read(&user(number), "v", now_ms + later).await.expect("reads");
                    let found = redis.read(&user(number), "v", now_ms + later).await.expect("reads");
                    prop_assert_eq!(&expected.history, &found.history);
                    let found = in_cluster.read(&user(number), "v", now_ms + later).await.expect("reads");
                    prop_assert_eq!(&expected.history, &found.history);
                }
            }
            Ok(())
        })
    });
    cases.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn two_replicas_that_write_the_same_user_at_once_lose_nothing() {
    let server = RedisServer::start();
    let retention = Retention { max_events: 1000, ..RETENTION };
    runtime().block_on(async {
        let (a, b) = (Arc::new(open(&server, "p", retention).await), Arc::new(open(&server, "p", retention).await));
        let now_ms = start_ms();
        let write = |store: Arc<Redis>, keys: std::ops::Range<u8>| {
            tokio::spawn(async move {
                let covered = Coverage::default();
                let bounds = Bounds { covered: &covered, now_ms };
                for key in keys {
                    store.apply(&[arrival(1, key, now_ms)], bounds).await.expect("applies");
                }
            })
        };
        let (first, second) = (write(a.clone(), 0..120), write(b, 120..240));
        first.await.expect("writes");
        second.await.expect("writes");
        let stored = a.read(&user(1), "v", now_ms).await.expect("reads");
        assert_eq!(stored.history.recent.len(), 240);
    });
}

#[test]
fn a_history_expires_by_its_last_arrival() {
    let server = RedisServer::start();
    runtime().block_on(async {
        let store = open(&server, "p", RETENTION).await;
        let now_ms = start_ms();
        // Applied long after it arrived, as from the log.
        let bounds = Bounds { covered: &Coverage::default(), now_ms: now_ms + 500_000 };
        store.apply(&[arrival(1, 3, now_ms)], bounds).await.expect("applies");
        let key = shared::engine::keys::history_key("p", &user(1));
        let expires: i64 = server.command(&["PEXPIRETIME", &key]);
        assert_eq!(expires, now_ms + 3 + RETENTION.ttl_ms);
    });
}

#[test]
fn a_read_is_one_command_and_brings_the_record() {
    let server = RedisServer::start();
    runtime().block_on(async {
        let store = open(&server, "p", RETENTION).await;
        server.command::<()>(&["SET", &user_key("p", &user(1), "v7"), "record"]);
        let before = server.calls("mget");
        for _ in 0..10 {
            let stored = store.read(&user(1), "v7", start_ms()).await.expect("reads");
            assert_eq!(stored.record.as_deref(), Some(&b"record"[..]));
        }
        assert_eq!(server.calls("mget") - before, 10);
        assert_eq!(server.calls("get"), 0);
        assert!(store.read(&user(1), "v8", start_ms()).await.expect("reads").record.is_none());
    });
}

/// Writes bytes that are no text.
fn set(server: &RedisServer, key: &str, bytes: &[u8]) {
    let mut connection = redis::Client::open(server.url()).expect("a URL").get_connection().expect("connects");
    redis::cmd("SET").arg(key).arg(bytes).exec(&mut connection).expect("sets");
}

fn histories(arrivals: &[Arrival], bounds: Bounds<'_>) -> BTreeMap<UserId, LiveHistory> {
    let mut histories: BTreeMap<UserId, LiveHistory> = BTreeMap::new();
    for Arrival { user, event } in arrivals {
        RETENTION.merge(user, histories.entry(user.clone()).or_default(), [event], bounds);
    }
    histories
}

#[test]
fn a_history_of_the_release_before_is_read_and_added_to() {
    let server = RedisServer::start();
    runtime().block_on(async {
        let store = open(&server, "p", RETENTION).await;
        let now_ms = start_ms();
        // Format 1, one recent event with item `i1`, none older.
        let mut bytes = vec![1, 1, 0, 0, 0];
        bytes.extend([now_ms.to_le_bytes(), 7i64.to_le_bytes(), now_ms.to_le_bytes()].concat());
        bytes.extend(b"\x02\x02i1");
        set(&server, &history_key("p", &user(1)), &bytes);
        let bounds = Bounds { covered: &Coverage::default(), now_ms };
        assert_eq!(store.apply(&[arrival(1, 8, now_ms)], bounds).await.expect("applies"), [Added::New]);
        let stored = store.read(&user(1), "v", now_ms).await.expect("reads");
        assert_eq!(stored.history.recent.iter().map(|event| event.event_key).collect::<Vec<_>>(), [7, 8]);
    });
}

#[test]
fn a_mark_that_can_t_be_read_counts_as_none_and_is_replaced() {
    let server = RedisServer::start();
    runtime().block_on(async {
        let metrics = Arc::new(Metrics::default());
        let store = open_counting(&server, "p", RETENTION, metrics.clone()).await;
        let (key, first, second) =
            (applied_key("p", "a"), Position { file: 1, offset: 5 }, Position { file: 2, offset: 0 });
        for unreadable in [&b"rubbish"[..], b"\xff:1", b"99999999999999999999:0"] {
            set(&server, &key, unreadable);
            assert_eq!(store.applied().await.expect("reads"), None);
            assert_eq!(store.advance(None, first).await.expect("moves"), Mark::Moved);
            set(&server, &key, unreadable);
            assert_eq!(store.advance(Some(first), second).await.expect("answers"), Mark::Found(None));
            assert_eq!(store.advance(None, second).await.expect("moves"), Mark::Moved);
            assert_eq!(store.applied().await.expect("reads"), Some(second));
        }
        assert_eq!(metrics.store_unreadable.with_label_values(&["mark"]).get(), 6);
        server.command::<()>(&["DEL", &key]);
        server.command::<()>(&["RPUSH", &key, "x"]);
        assert_eq!(store.applied().await.expect("reads"), None);
        assert_eq!(store.advance(Some(second), first).await.expect("answers"), Mark::Found(None));
        assert_eq!(store.advance(None, first).await.expect("moves"), Mark::Moved);
        assert_eq!(store.applied().await.expect("reads"), Some(first));
    });
}

#[test]
fn the_mark_betrays_a_store_that_was_emptied() {
    let server = RedisServer::start();
    runtime().block_on(async {
        let store = open(&server, "p", RETENTION).await;
        let (first, second) = (Position { file: 1, offset: 5 }, Position { file: 2, offset: 0 });
        assert_eq!(store.applied().await.expect("reads"), None);
        assert_eq!(store.advance(None, first).await.expect("moves"), Mark::Moved);
        assert_eq!(store.advance(Some(first), second).await.expect("moves"), Mark::Moved);
        assert_eq!(store.advance(Some(first), second).await.expect("answers"), Mark::Found(Some(second)));
        server.command::<()>(&["FLUSHALL"]);
        assert_eq!(store.advance(Some(second), second).await.expect("answers"), Mark::Found(None));
        assert_eq!(store.applied().await.expect("reads"), None);
    });
}

#[test]
fn calls_fail_at_once_while_redis_is_away_and_work_when_it_is_back() {
    let mut server = RedisServer::start();
    let runtime = runtime();
    let store = runtime.block_on(open(&server, "p", RETENTION));
    server.kill();
    let read = || runtime.block_on(store.read(&user(1), "v", start_ms()));
    eventually("noticed", || read().err());
    let started = std::time::Instant::now();
    for _ in 0..100 {
        read().expect_err("away");
    }
    assert!(started.elapsed() < Duration::from_secs(1), "100 failures took {:?}", started.elapsed());
    server.restart();
    eventually("back", || read().ok());
}

#[test]
fn in_a_cluster_a_read_is_one_command_wherever_the_slot_is() {
    let cluster = RedisCluster::start();
    runtime().block_on(async {
        let retention = Retention { max_events: 100, ..RETENTION };
        let store = open_at(cluster.url(), "p", retention, Arc::default()).await;
        let bounds = |now_ms| Bounds { covered: &NOTHING, now_ms };
        let now_ms = start_ms();
        let arrivals: Vec<Arrival> = (0..60).map(|number| arrival(number, number, now_ms)).collect();
        assert_eq!(store.apply(&arrivals, bounds(now_ms)).await.expect("applies"), [Added::New; 60]);
        let keys: Vec<i64> = cluster.on_primaries(&["DBSIZE"]);
        assert!(keys.iter().sum::<i64>() == 60 && keys.iter().all(|keys| *keys > 0), "{keys:?}");
        let before = cluster.calls("mget");
        for number in 0..60 {
            assert_eq!(store.read(&user(number), "v", now_ms).await.expect("reads").history.recent.len(), 1);
        }
        assert_eq!(cluster.calls("mget") - before, 60);
        // A slot moves to another primary while it is written and read.
        let slot = cluster.slot_of(&history_key("p", &user(1)));
        let from = RedisCluster::owner(slot);
        let to = (from + 1) % 3;
        cluster.begin_to_move(slot, from, to);
        assert_eq!(store.apply(&[arrival(1, 100, now_ms)], bounds(now_ms)).await.expect("asks"), [Added::New]);
        assert_eq!(store.read(&user(1), "v", now_ms).await.expect("asks").history.recent.len(), 2);
        cluster.end_to_move(slot, from, to);
        assert_eq!(store.apply(&[arrival(1, 101, now_ms)], bounds(now_ms)).await.expect("moves"), [Added::New]);
        assert_eq!(store.read(&user(1), "v", now_ms).await.expect("moves").history.recent.len(), 3);
    });
}

static NOTHING: std::sync::LazyLock<Coverage> = std::sync::LazyLock::new(Coverage::default);

#[test]
fn in_a_cluster_the_mark_betrays_a_node_that_was_emptied() {
    let cluster = RedisCluster::start();
    runtime().block_on(async {
        let store = open_at(cluster.url(), "p", RETENTION, Arc::default()).await;
        let positions: Vec<Position> = (1..5).map(|offset| Position { file: 1, offset }).collect();
        assert_eq!(store.applied().await.expect("reads"), None);
        assert_eq!(store.advance(None, positions[0]).await.expect("moves"), Mark::Moved);
        assert_eq!(store.advance(Some(positions[0]), positions[1]).await.expect("moves"), Mark::Moved);
        assert_eq!(store.applied().await.expect("reads"), Some(positions[1]));
        // The other nodes go back with it.
        cluster.on_primary(1, &["FLUSHALL"]);
        assert_eq!(store.advance(Some(positions[1]), positions[2]).await.expect("answers"), Mark::Found(None));
        assert_eq!(store.applied().await.expect("reads"), None);
        assert_eq!(store.advance(None, positions[3]).await.expect("moves"), Mark::Moved);
        assert_eq!(store.applied().await.expect("reads"), Some(positions[3]));
    });
}

#[test]
fn calls_to_a_node_that_hangs_fail_at_once_after_a_few_and_others_go_on() {
    let cluster = RedisCluster::start();
    runtime().block_on(async {
        let metrics = Arc::new(Metrics::default());
        let settings = Settings {
            url: cluster.url().into(),
            ca: None,
            prefix: "p".to_owned(),
            replica: "a".to_owned(),
            timeout: Duration::from_millis(100),
            write_timeout: Duration::from_secs(1),
            retention: RETENTION,
        };
        let store = Redis::open(settings, metrics.clone()).await.expect("opens");
        let owner = |user: &UserId| RedisCluster::owner(cluster.slot_of(&history_key("p", user)));
        let now_ms = start_ms();
        let other = (0..).map(user).find(|other| owner(other) != owner(&user(1))).expect("a user of another node");
        // Else all nodes refuse everything until the replica has taken over.
        cluster.on_primaries::<redis::Value>(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]);
        cluster.hang_primary(owner(&user(1)));
        let started = std::time::Instant::now();
        let mut failed = 0;
        // Until its replica has taken over.
        while store.read(&user(1), "v", now_ms).await.is_err() {
            failed += 1;
            store.read(&other, "v", now_ms).await.expect("another node");
            assert!(started.elapsed() < PATIENCE, "never back");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let elapsed = started.elapsed();
        println!("{failed} reads of a node that hangs failed within {elapsed:?}");
        // At 100 ms each it would be ten a second.
        assert!(failed > 2 * elapsed.as_millis() / 100, "{failed} reads failed within {elapsed:?}");
        eventually("closed", || (metrics.store_breaker_open.with_label_values(&["reads"]).get() == 0).then_some(()));
    });
}
