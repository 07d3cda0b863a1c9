//! Both stores against each other, and the Redis store against a redis-server of its own.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::redis_server::RedisServer;
use online::store::redis::Settings;
use online::store::{Arrival, Bounds, Embedded, Mark, Position, Redis, Retention, UserStore};
use proptest::prelude::*;
use shared::event::EventKind;
use shared::id::{ItemId, UserId};
use shared::keys::user_key;
use shared::state::LiveEvent;

const RETENTION: Retention = Retention { max_events: 4, ttl_ms: 1_000_000 };

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

async fn open(server: &RedisServer, prefix: &str, retention: Retention) -> Redis {
    let settings = Settings {
        url: server.url().into(),
        prefix: prefix.to_owned(),
        replica: "a".to_owned(),
        timeout: Duration::from_secs(5),
        write_timeout: Duration::from_secs(5),
        retention,
    };
    Redis::open(settings, Arc::default()).await.expect("opens")
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
    let kind = EventKind::from_byte(key % 3).expect("a kind");
    // The time follows from the key: the same event again is the same event.
    let received_ms = start_ms + i64::from(key % 7);
    let event = LiveEvent { received_ms, event_key: u64::from(key), timestamp_ms: received_ms, kind, item };
    Arrival { user: user(user_number), event }
}

#[test]
fn the_same_events_give_the_same_histories_in_both_stores() {
    let server = RedisServer::start();
    let runtime = runtime();
    let batches = prop::collection::vec(prop::collection::vec((0u8..3, 0u8..40), 0..8), 0..8);
    let case = AtomicU32::new(0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(100));
    let cases = runner.run(&(batches, 0i64..9), |(batches, covered)| {
        let prefix = format!("case{}", case.fetch_add(1, Ordering::Relaxed));
        runtime.block_on(async {
            let (embedded, redis) = (Embedded::new(RETENTION), open(&server, &prefix, RETENTION).await);
            let now_ms = start_ms();
            let bounds = Bounds { covered_ms: now_ms + covered, now_ms };
            for batch in &batches {
                let arrivals: Vec<Arrival> = batch.iter().map(|&(user, key)| arrival(user, key, now_ms)).collect();
                embedded.apply(&arrivals, bounds).await.expect("applies");
                redis.apply(&arrivals, bounds).await.expect("applies");
            }
            for number in 0..3 {
                for later in [0, RETENTION.ttl_ms + 3] {
                    let expected = embedded.read(&user(number), "v", now_ms + later).await.expect("reads");
                    let found = redis.read(&user(number), "v", now_ms + later).await.expect("reads");
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
        let bounds = Bounds { covered_ms: 0, now_ms };
        let write = |store: Arc<Redis>, keys: std::ops::Range<u8>| {
            tokio::spawn(async move {
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
        let bounds = Bounds { covered_ms: 0, now_ms: now_ms + 500_000 };
        store.apply(&[arrival(1, 3, now_ms)], bounds).await.expect("applies");
        let key = shared::keys::history_key("p", &user(1));
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

#[test]
fn a_key_of_a_foreign_type_or_damaged_is_replaced_and_holds_up_nobody() {
    let server = RedisServer::start();
    runtime().block_on(async {
        let store = open(&server, "p", RETENTION).await;
        let key = |number| shared::keys::history_key("p", &user(number));
        server.command::<()>(&["RPUSH", &key(1), "x"]);
        server.command::<()>(&["SET", &key(2), "rubbish"]);
        let now_ms = start_ms();
        let arrivals = [0, 1, 2].map(|number| arrival(number, 1, now_ms));
        assert!(store.read(&user(1), "v", now_ms).await.expect("reads").history.is_empty());
        assert!(store.read(&user(2), "v", now_ms).await.is_err());
        store.apply(&arrivals, Bounds { covered_ms: 0, now_ms }).await.expect("applies");
        for number in 0..3 {
            assert_eq!(store.read(&user(number), "v", now_ms).await.expect("reads").history.recent.len(), 1);
        }
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
    common::eventually("noticed", || read().err());
    let started = std::time::Instant::now();
    for _ in 0..100 {
        read().expect_err("away");
    }
    assert!(started.elapsed() < Duration::from_secs(1), "100 failures took {:?}", started.elapsed());
    server.restart();
    common::eventually("back", || read().ok());
}
