//! What is said of users: the same in all stores, with the list of these users.

use std::ops::Bound;
use std::sync::Arc;

use online::store::{Added, Bounds, Departure, Embedded, Moved, Told, UserStore};
use shared::contract::event_log::{Coverage, Place};
use shared::contract::id::UserId;
use shared::contract::item_change::{FieldValue, Stamp};
use shared::contract::merge::{Merge, Merging};
use shared::engine::keys::history_key;
use shared::engine::state::{LiveErasure, LiveSaid};

use super::{RETENTION, arrival, file, open, open_at, runtime, start_ms, up_to, user};
use crate::common::redis_cluster::RedisCluster;
use crate::common::redis_server::RedisServer;

/// What is said of a user at a time, which is its value; its line ends at a place of one of both files.
fn told(of: u8, field: &str, at_ms: i64, (number, end): (u8, u64)) -> Told {
    let place = Place { file: file(number), end };
    let stamp = Stamp { timestamp_ms: at_ms, received_ms: at_ms, place };
    let set = [(field.into(), Some(FieldValue::Number(at_ms as f64)))].into();
    Told { user: user(of), said: LiveSaid { set, stamp } }
}

/// A store, and the time at which its story began.
struct Story<'a> {
    store: &'a dyn UserStore,
    start_ms: i64,
}

impl Story<'_> {
    async fn say(&self, told: &[Told], covered: &Coverage) -> Vec<Added> {
        self.store.say(told, Bounds { covered, now_ms: self.start_ms }).await.expect("says")
    }

    /// What is known of a user: fields, and when each was said.
    async fn known(&self, of: u8) -> String {
        let stored = self.store.read(&user(of), "v", self.start_ms).await.expect("reads");
        let said = stored.history.said.iter();
        let said = said.map(|(field, latest)| format!("{field}@{}", latest.stamp.received_ms - self.start_ms));
        said.collect::<Vec<_>>().join(" ")
    }

    async fn named(&self, from: Bound<&str>, most: usize) -> String {
        let named = self.store.named(from, most).await.expect("lists");
        named.iter().map(UserId::as_str).collect::<Vec<_>>().join(" ")
    }

    async fn erase(&self, of: u8, at_ms: i64) {
        let departures = [Departure { user: user(of), erasure: LiveErasure { received_ms: at_ms, place: None } }];
        let bounds = Bounds { covered: &Coverage::default(), now_ms: self.start_ms };
        self.store.erase(&departures, bounds).await.expect("erases");
    }
}

/// Lets go of what every version has, of all users.
async fn let_go(store: &dyn UserStore, covered: &Coverage) {
    let mut last = store.let_go(Bound::Unbounded, covered).await.expect("lets go");
    while let Some(user) = last {
        last = store.let_go(Bound::Excluded(user.as_str()), covered).await.expect("lets go");
    }
}

#[test]
fn what_is_said_of_users_is_the_same_in_all_stores() {
    let (server, cluster) = (RedisServer::start(), RedisCluster::start());
    runtime().block_on(async {
        let embedded = Embedded::new(RETENTION);
        let (redis, in_cluster) =
            (open(&server, "p", RETENTION).await, open_at(cluster.url(), "p", RETENTION, Arc::default()).await);
        let (none, now_ms) = (Coverage::default(), start_ms());
        let at = |later: i64| now_ms + later;
        let stores: [&dyn UserStore; 3] = [&embedded, &redis, &in_cluster];
        for store in stores {
            let story = Story { store, start_ms: now_ms };
            let all = || Bound::Unbounded;
            assert_eq!(story.named(all(), 9).await, "");
            // The last counts, in whatever order they come, and nothing comes twice.
            let first = [
                told(1, "age", at(3), (0, 30)),
                told(2, "age", at(1), (0, 10)),
                told(1, "age", at(2), (0, 20)),
                told(3, "plan", at(4), (1, 10)),
                told(1, "plan", at(5), (0, 50)),
            ];
            let new = [Added::New, Added::New, Added::Known, Added::New, Added::New];
            assert_eq!(story.say(&first, &none).await, new);
            assert_eq!(story.say(&first, &none).await, [Added::Known; 5]);
            assert_eq!([story.known(1).await, story.known(2).await], ["age@3 plan@5", "age@1"]);

            // Page by page, by id.
            assert_eq!(story.named(all(), 2).await, "u{1} u{2}");
            assert_eq!(story.named(Bound::Excluded("u{1}"), 9).await, "u{2} u{3}");
            assert_eq!(story.named(Bound::Included("u{2}"), 1).await, "u{2}");
            assert_eq!(story.named(Bound::Included("u{4}"), 9).await, "");

            // An erasure takes what was said before it, also when that comes once more, and leaves what is said later.
            for _ in 0..2 {
                story.erase(2, at(6)).await;
                assert_eq!(
                    (story.known(2).await, story.named(all(), 9).await),
                    (String::new(), "u{1} u{3}".to_owned())
                );
                assert_eq!(story.say(&first[1..2], &none).await, [Added::Known]);
            }
            assert_eq!(story.named(all(), 9).await, "u{1} u{3}", "the erased one is not listed again");
            assert_eq!(story.say(&[told(2, "age", at(7), (0, 70))], &none).await, [Added::New]);
            story.erase(2, at(6)).await;
            assert_eq!((story.known(2).await, story.named(all(), 9).await), ("age@7".into(), "u{1} u{2} u{3}".into()));

            // A merge moves events alone.
            let bounds = Bounds { covered: &none, now_ms };
            store.apply(&[arrival(1, 1, now_ms)], bounds).await.expect("applies");
            let merge = Merge { from: user(1), into: user(4), received_ms: at(8) };
            let moved = [Moved::new(&Merging::Merge(merge), Place { file: file(0), end: 80 })];
            store.merge(&moved, bounds).await.expect("merges");
            assert_eq!([story.known(1).await, story.known(4).await], ["age@3 plan@5", ""]);
            let events =
                |of: u8| async move { store.read(&user(of), "v", now_ms).await.expect("reads").history.recent.len() };
            assert_eq!((events(1).await, events(4).await), (0, 1));
            assert_eq!(story.named(all(), 9).await, "u{1} u{2} u{3}");

            // What every version covers is let go, and does not come again.
            let_go(store, &up_to(40)).await;
            assert_eq!(
                (story.known(1).await, story.named(all(), 9).await),
                ("age@3 plan@5".into(), "u{1} u{2} u{3}".into())
            );
            let_go(store, &up_to(60)).await;
            assert_eq!((story.known(1).await, story.named(all(), 9).await), (String::new(), "u{2} u{3}".to_owned()));
            assert_eq!(story.say(&first[..1], &up_to(60)).await, [Added::Known]);
            assert_eq!(story.named(all(), 9).await, "u{2} u{3}");
            // Where another log has something that is not covered, the user stays, whichever came last.
            assert_eq!(story.say(&[told(3, "age", at(9), (0, 90))], &up_to(60)).await, [Added::New]);
            let_go(store, &up_to(100)).await;
            assert_eq!((story.known(3).await, story.named(all(), 9).await), ("plan@4".into(), "u{3}".into()));
        }
        for of in 0..5 {
            let expected = embedded.read(&user(of), "v", now_ms).await.expect("reads").history;
            for store in [&redis, &in_cluster] {
                assert_eq!(store.read(&user(of), "v", now_ms).await.expect("reads").history, expected, "{of}");
            }
        }
    });
}

#[test]
fn a_history_with_what_was_said_does_not_expire_before_every_version_has_it() {
    let server = RedisServer::start();
    runtime().block_on(async {
        let store = open(&server, "p", RETENTION).await;
        let now_ms = start_ms();
        let story = Story { store: &store, start_ms: now_ms };
        let bounds = Bounds { covered: &Coverage::default(), now_ms };
        store.apply(&[arrival(1, 3, now_ms)], bounds).await.expect("applies");
        let expires = || server.command::<i64>(&["PEXPIRETIME", &history_key("p", &user(1))]);
        let by_events = expires();
        assert_eq!(by_events, now_ms + 3 + RETENTION.ttl_ms);
        story.say(&[told(1, "age", now_ms, (0, 10))], &Coverage::default()).await;
        assert!(expires() > by_events + (1 << 40));
        let_go(&store, &up_to(10)).await;
        assert_eq!((expires(), story.known(1).await), (by_events, String::new()));
    });
}
