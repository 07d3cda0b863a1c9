//! The slates that users were served: the same in all stores, and what only Redis may do with them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use online::metrics::Metrics;
use online::store::{Bounds, Departure, Embedded, Keep, StoreError, UserStore};
use shared::contract::event_log::Coverage;
use shared::contract::id::{ItemId, UserId};
use shared::engine::keys::served_key;
use shared::engine::served::{ServedSlate, SlateId};
use shared::engine::state::LiveErasure;

use super::{RETENTION, arrival, open, open_at, open_counting, runtime, start_ms, user};
use crate::common::redis_cluster::RedisCluster;
use crate::common::redis_server::RedisServer;

const KEEP: Keep = Keep { ttl_ms: 1_000_000, max_slates: 3 };

fn slate(id: u64, served_ms: i64) -> ServedSlate {
    let items = (0..id).map(|item| ItemId::new(format!("i{item}")).expect("an id")).collect();
    ServedSlate { id: SlateId(id), feed: SlateId(id % 2), served_ms, items }
}

async fn remember(store: &dyn UserStore, of: &UserId, slate: &ServedSlate) -> Result<(), StoreError> {
    store.remember(Instant::now() + Duration::from_secs(20), of, slate, KEEP).await
}

async fn read(store: &dyn UserStore, of: &UserId, now_ms: i64) -> Vec<ServedSlate> {
    let stored = store.read_served(None, of, "v", now_ms).await.expect("reads");
    stored.served.iter().map(|slate| ServedSlate::clone(slate)).collect()
}

#[test]
fn the_last_slates_of_a_user_are_the_same_in_all_stores_and_an_erasure_takes_those_before_it() {
    let (server, cluster) = (RedisServer::start(), RedisCluster::start());
    runtime().block_on(async {
        let embedded = Embedded::new(RETENTION);
        let (redis, in_cluster) =
            (open(&server, "p", RETENTION).await, open_at(cluster.url(), "p", RETENTION, Arc::default()).await);
        let stores: [&dyn UserStore; 3] = [&embedded, &redis, &in_cluster];
        let (covered, now_ms) = (Coverage::default(), start_ms());
        let bounds = Bounds { covered: &covered, now_ms };
        for store in stores {
            assert!(read(store, &user(1), now_ms).await.is_empty());
            store.apply(&[arrival(1, 8, now_ms)], bounds).await.expect("applies");
            for (id, of) in [(1, 1), (2, 1), (3, 2), (4, 1), (5, 1)] {
                remember(store, &user(of), &slate(id, now_ms + id as i64)).await.expect("remembers");
            }
            let expected = [2, 4, 5].map(|id| slate(id, now_ms + id as i64));
            assert_eq!(read(store, &user(1), now_ms).await, expected, "the last three");
            assert_eq!(read(store, &user(2), now_ms).await, [slate(3, now_ms + 3)]);
            let both = store.read_served(None, &user(1), "v", now_ms).await.expect("reads");
            assert_eq!(both.history.recent.len(), 1, "with the history");
            let plain = store.read(&user(1), "v", now_ms).await.expect("reads");
            assert!(plain.served.is_empty(), "nobody asked for them");
            let erasure = LiveErasure { received_ms: now_ms + 4, place: None };
            let departures = [Departure { user: user(1), erasure }];
            // As when the log is applied once more.
            for _ in 0..2 {
                store.erase(&departures, bounds).await.expect("erases");
                assert_eq!(read(store, &user(1), now_ms).await, expected[2..]);
            }
            assert_eq!(read(store, &user(2), now_ms).await.len(), 1);
        }
    });
}

#[test]
fn redis_keeps_them_for_their_time_and_reads_them_only_where_they_are_asked_for() {
    let server = RedisServer::start();
    runtime().block_on(async {
        let store = open(&server, "p", RETENTION).await;
        let now_ms = start_ms();
        for id in 0..5 {
            remember(&store, &user(1), &slate(id, now_ms)).await.expect("remembers");
        }
        let key = served_key("p", &user(1));
        let (length, left_ms): (i64, i64) = (server.command(&["LLEN", &key]), server.command(&["PTTL", &key]));
        assert_eq!(length, 3);
        assert!(left_ms > KEEP.ttl_ms - 60_000 && left_ms <= KEEP.ttl_ms, "{left_ms}");
        let calls = |server: &RedisServer| (server.calls("mget"), server.calls("lrange"));
        let before = calls(&server);
        for _ in 0..10 {
            store.read(&user(1), "v", now_ms).await.expect("reads");
        }
        assert_eq!(calls(&server), (before.0 + 10, before.1));
        read(&store, &user(1), now_ms).await;
        assert_eq!(calls(&server), (before.0 + 11, before.1 + 1));
    });
}

#[test]
fn slates_that_can_t_be_read_are_passed_over_and_leave_with_an_erasure() {
    let server = RedisServer::start();
    runtime().block_on(async {
        let metrics = Arc::new(Metrics::default());
        let store = open_counting(&server, "p", RETENTION, metrics.clone()).await;
        let (now_ms, key) = (start_ms(), served_key("p", &user(1)));
        server.command::<()>(&["RPUSH", &key, "rubbish"]);
        remember(&store, &user(1), &slate(7, now_ms)).await.expect("remembers");
        assert_eq!(read(&store, &user(1), now_ms).await, [slate(7, now_ms)]);
        assert_eq!(metrics.store_unreadable.with_label_values(&["served"]).get(), 1);
        let (covered, erasure) = (Coverage::default(), LiveErasure { received_ms: now_ms - 1, place: None });
        let bounds = Bounds { covered: &covered, now_ms };
        store.erase(&[Departure { user: user(1), erasure }], bounds).await.expect("erases");
        assert_eq!(server.command::<i64>(&["LLEN", &key]), 1);
        // A key of another type is no list of slates; the history is read all the same.
        store.apply(&[arrival(1, 8, now_ms)], bounds).await.expect("applies");
        server.command::<()>(&["SET", &key, "a text"]);
        let stored = store.read_served(None, &user(1), "v", now_ms).await.expect("reads");
        assert_eq!((stored.served.len(), stored.history.recent.len()), (0, 1));
        assert!(remember(&store, &user(1), &slate(8, now_ms)).await.is_err());
    });
}
