//! Histories and rows of items that a store can't read: damaged ones, and those of other releases.

use std::collections::BTreeMap;
use std::sync::Arc;

use online::catalogue::Catalogue;
use online::catalogue::replicas::Replicas;
use online::metrics::Metrics;
use online::store::{Added, Arrival, Bounds, Departure, Said, State, UserStore};
use shared::contract::event_log::{Coverage, Place};
use shared::contract::id::ItemId;
use shared::contract::item_change::{FieldValue, ItemChange};
use shared::engine::keys::{history_key, said_key, said_last_key, said_order_key};
use shared::engine::packed::pack_history;
use shared::engine::state::{LiveErasure, LiveHistory};
use tokio::sync::watch;

use super::{RETENTION, arrival, file, histories, open, open_counting, runtime, set, start_ms, user};
use crate::common::redis_server::RedisServer;

#[test]
fn a_history_that_can_t_be_read_holds_up_nobody_and_stays_until_it_is_rebuilt() {
    let server = RedisServer::start();
    runtime().block_on(async {
        let metrics = Arc::new(Metrics::default());
        let store = open_counting(&server, "p", RETENTION, metrics.clone()).await;
        let key = |number| history_key("p", &user(number));
        let now_ms = start_ms();
        let bounds = Bounds { covered: &Coverage::default(), now_ms };
        let of = |number: u8| [1, 2].map(|key| arrival(number, key, now_ms));
        let arrivals: Vec<Arrival> = (0..4).flat_map(of).collect();
        let mut torn = pack_history(&histories(&arrivals, bounds)[&user(1)]);
        torn.pop();
        let foreign = b"a format that no release has";
        set(&server, &key(1), &torn);
        set(&server, &key(2), foreign);
        server.command::<()>(&["RPUSH", &key(3), "x"]);
        let stored = store.read(&user(1), "v", now_ms).await.expect("answers");
        assert_eq!((stored.history.is_empty(), stored.state), (true, State::Unreadable));
        let added = store.apply(&arrivals, bounds).await.expect("applies");
        assert_eq!(added[..2], [Added::New; 2]);
        assert_eq!(added[2..], [Added::Waits; 6]);
        assert_eq!(server.command::<Vec<u8>>(&["GET", &key(2)]), foreign);
        assert_eq!(store.damaged(10), [user(1), user(2), user(3)]);
        assert_eq!(metrics.store_unreadable.with_label_values(&["history"]).get(), 3);
        // User 3 has no event in the log.
        let mut made_anew = histories(&arrivals[2..6], bounds);
        made_anew.insert(user(3), LiveHistory::default());
        store.rebuild(&made_anew, bounds).await.expect("rebuilds");
        assert!(store.damaged(10).is_empty());
        for number in 0..3 {
            let stored = store.read(&user(number), "v", now_ms).await.expect("reads");
            assert_eq!((stored.history.recent.len(), stored.state), (2, State::Whole));
        }
        assert_eq!(server.command::<i64>(&["EXISTS", &key(3)]), 0);
    });
}

#[test]
fn a_history_of_a_newer_release_is_left_alone_and_its_events_wait() {
    let server = RedisServer::start();
    runtime().block_on(async {
        let store = open(&server, "p", RETENTION).await;
        let (key, newer, now_ms) = (history_key("p", &user(1)), b"\x05a format to come", start_ms());
        set(&server, &key, newer);
        let bounds = Bounds { covered: &Coverage::default(), now_ms };
        let stored = store.read(&user(1), "v", now_ms).await.expect("answers");
        assert_eq!((stored.history.is_empty(), stored.state), (true, State::Unreadable));
        assert!(!store.waits_for_upgrade(), "nothing waits for it yet");
        let added = store.apply(&[arrival(1, 1, now_ms), arrival(2, 1, now_ms)], bounds).await.expect("applies");
        assert_eq!(added, [Added::Waits, Added::New]);
        assert!(store.waits_for_upgrade() && store.damaged(10).is_empty());
        store.rebuild(&histories(&[arrival(1, 1, now_ms)], bounds), bounds).await.expect("rebuilds");
        assert_eq!(server.command::<Vec<u8>>(&["GET", &key]), newer);
        // So does the erasure of its user.
        let store = open(&server, "p", RETENTION).await;
        let departures = [1, 2].map(|number| {
            let erasure = LiveErasure { received_ms: now_ms, place: None };
            Departure { user: user(number), erasure }
        });
        assert_eq!(store.erase(&departures, bounds).await.expect("erases"), [Added::Waits, Added::New]);
        assert!(store.waits_for_upgrade() && store.damaged(10).is_empty());
        assert_eq!(server.command::<Vec<u8>>(&["GET", &key]), newer);
    });
}

#[test]
fn what_a_newer_release_says_of_an_item_is_looked_at_once_and_holds_up_nothing() {
    let server = RedisServer::start();
    runtime().block_on(async {
        let metrics = Arc::new(Metrics::default());
        let store = Arc::new(open_counting(&server, "p", RETENTION, metrics.clone()).await);
        let said = |end: u64| {
            let set = BTreeMap::from([("price".into(), Some(FieldValue::Number(end as f64)))]);
            let item = ItemId::new(format!("i{end}")).expect("valid id");
            let change = ItemChange { item, set, timestamp_ms: 1, received_ms: 1 };
            Said::of(change, Place { file: file(1), end }).next().expect("a field")
        };
        store.keep(&[said(1)]).await.expect("keeps");
        // More than a call takes.
        let newer = "for i=1,1500 do redis.call('HSET',KEYS[1],'i'..i..'\tprice','a format to come') \
                     redis.call('ZADD',KEYS[2],redis.call('INCR',KEYS[3]),'i'..i..'\tprice') end";
        let keys = [said_key("p"), said_order_key("p"), said_last_key("p")];
        server.command::<()>(&["EVAL", newer, "3", &keys[0], &keys[1], &keys[2]]);
        store.keep(&[said(2000)]).await.expect("keeps");
        let catalogue = Arc::new(Catalogue::default());
        let mut replicas = Replicas::new(store.clone(), catalogue.clone(), watch::channel(Arc::default()).1);
        for _ in 0..2 {
            replicas.listen().await.expect("hears");
            assert_eq!(metrics.store_unreadable.with_label_values(&["item"]).get(), 1500);
        }
        assert_eq!(catalogue.take().0, [said(2000)]);
    });
}

#[test]
fn two_replicas_that_rebuild_a_history_from_their_own_logs_join_them() {
    let server = RedisServer::start();
    runtime().block_on(async {
        let (a, b) = (open(&server, "p", RETENTION).await, open(&server, "p", RETENTION).await);
        set(&server, &history_key("p", &user(1)), b"rubbish");
        let now_ms = start_ms();
        let bounds = Bounds { covered: &Coverage::default(), now_ms };
        for (store, key) in [(&a, 1), (&b, 2)] {
            store.apply(&[arrival(1, key, now_ms)], bounds).await.expect("answers");
        }
        for (store, key) in [(&a, 1), (&b, 2)] {
            store.rebuild(&histories(&[arrival(1, key, now_ms)], bounds), bounds).await.expect("rebuilds");
        }
        let stored = a.read(&user(1), "v", now_ms).await.expect("reads");
        assert_eq!(stored.history.recent.iter().map(|event| event.event_key).collect::<Vec<_>>(), [1, 2]);
    });
}
