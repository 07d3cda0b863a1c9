//! The requests of a measurement, built once and sent in rotation.
//!
//! In: events in time order. Out: prebuilt calls; taking the next one costs one atomic addition. Memory: about 200
//! bytes per call, at most [`MAX_CALLS`] of them.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::ValueEnum;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use shared::contract::api::{NewEvent, NewEvents};
use shared::contract::kind::KindName;

use crate::client::{Call, encode};
use crate::events::{self, Record};

/// The maximum number of different calls that are kept.
pub const MAX_CALLS: usize = 1_000_000;

/// The kind of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// `GET /recommendations` of users in the file, each user in turn, in shuffled order.
    Known,
    /// Each request is one click of the file, in time order: its user, on the page of its item.
    ClickThenAsk,
    /// A shop: each click of the file is posted as a view of now, then its user asks on the page of the item; every tenth
    /// click, what is similar to it and what is popular are asked for too.
    Mixed,
    /// `POST /events`: each request posts the next clicks of the file as views of now.
    Events,
    /// `GET /health`: the maximum rate of the HTTP server and of this program.
    Health,
}

/// The kinds that are made of events, as values of the option `traffic`.
pub const OF_EVENTS: [(&str, &str); 4] =
    [("traffic", "known"), ("traffic", "click-then-ask"), ("traffic", "mixed"), ("traffic", "events")];

/// What calls are like, whatever their kind.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Items per slate.
    pub k: usize,
    /// Events per request of [`Kind::Events`].
    pub batch: usize,
    /// The seed of the order of known users.
    pub seed: u64,
}

/// Prebuilt calls, sent in rotation.
#[derive(Debug)]
pub struct Traffic {
    calls: Vec<Call>,
    next: AtomicUsize,
}

impl Traffic {
    fn new(calls: Vec<Call>) -> Self {
        debug_assert!(!calls.is_empty(), "event files are not empty");
        Self { calls, next: AtomicUsize::new(0) }
    }

    /// The calls of a kind.
    ///
    /// * `records`: must not be empty, but for [`Kind::Health`].
    #[must_use]
    pub fn of(kind: Kind, records: &[Record], shape: Shape) -> Self {
        let Shape { k, batch, seed } = shape;
        match kind {
            Kind::Known => known(records, k, seed),
            Kind::ClickThenAsk => click_then_ask(records, k),
            Kind::Mixed => mixed(records, k),
            Kind::Events => posted(records, batch),
            Kind::Health => health(),
        }
    }

    /// The next call.
    pub fn next(&self) -> &Call {
        &self.calls[self.next.fetch_add(1, Ordering::Relaxed) % self.calls.len()]
    }
}

/// Known users: one call per distinct user, shuffled by the seed. `records` must not be empty.
#[must_use]
pub fn known(records: &[Record], k: usize, seed: u64) -> Traffic {
    let mut found = HashSet::new();
    let mut users: Vec<&str> =
        records.iter().map(|record| record.user.as_str()).filter(|&user| found.insert(user)).collect();
    users.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    users.truncate(MAX_CALLS);
    Traffic::new(
        users.into_iter().map(|user| Call::get(&format!("/recommendations?user_id={}&k={k}", encode(user)))).collect(),
    )
}

/// Clicks: one call per event, in the order given. `records` must not be empty.
#[must_use]
pub fn click_then_ask(records: &[Record], k: usize) -> Traffic {
    let call = |record: &Record| {
        let (user, item) = (encode(record.user.as_str()), encode(record.item.as_str()));
        Call::get(&format!("/recommendations?user_id={user}&k={k}&item_id={item}"))
    };
    Traffic::new(records.iter().take(MAX_CALLS).map(call).collect())
}

/// A view of now: it has neither a time nor an id, so that it is a new event each time it is posted.
fn view(record: &Record) -> NewEvent {
    NewEvent { timestamp: None, event_id: None, kind: KindName::VIEW, ..record.to_event(0) }
}

/// Views of now, so many in a request. `records` must not be empty.
#[must_use]
pub fn posted(records: &[Record], batch: usize) -> Traffic {
    let call = |records: &[Record]| events::post_call(&NewEvents::batch(records.iter().map(view)));
    Traffic::new(records.chunks(batch).take(MAX_CALLS / batch).map(call).collect())
}

/// A shop: posts each click, and asks for slates, similar and popular items. `records` must not be empty.
#[must_use]
pub fn mixed(records: &[Record], k: usize) -> Traffic {
    const CALLS_EACH: usize = 3;
    let calls = |(place, record): (usize, &Record)| {
        let (user, item) = (encode(record.user.as_str()), encode(record.item.as_str()));
        let both = [
            events::post_call(&NewEvents::one(view(record))),
            Call::get(&format!("/recommendations?user_id={user}&k={k}&item_id={item}")),
        ];
        let tenth = || [Call::get(&format!("/items/{item}/similar?k={k}")), Call::get(&format!("/popular?k={k}"))];
        both.into_iter().chain(if place.is_multiple_of(10) { tenth().to_vec() } else { Vec::new() })
    };
    Traffic::new(records.iter().enumerate().take(MAX_CALLS / CALLS_EACH).flat_map(calls).collect())
}

/// The baseline: a call that costs the service nothing but HTTP.
#[must_use]
pub fn health() -> Traffic {
    Traffic::new(vec![Call::get("/health")])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(pairs: &[(&str, &str)]) -> Vec<Record> {
        let line = |(user, item): &(&str, &str)| format!(r#"{{"visitorid":"{user}","itemid":"{item}","timestamp":1}}"#);
        pairs.iter().map(|pair| serde_json::from_str(&line(pair)).expect("a record")).collect()
    }

    #[test]
    fn each_known_user_asks_once_a_round() {
        let traffic = known(&records(&[("a", "1"), ("b", "1"), ("a", "2")]), 20, 1);
        let mut round: Vec<String> = (0..2).map(|_| traffic.next().path()).collect();
        assert_eq!(traffic.next().path(), round[0]);
        round.sort();
        assert_eq!(round, ["/recommendations?user_id=a&k=20", "/recommendations?user_id=b&k=20"]);
    }

    #[test]
    fn clicks_come_in_order_and_carry_their_item() {
        let traffic = click_then_ask(&records(&[("a", "1"), ("b b", "2"), ("a", "3")]), 5);
        let paths: Vec<String> = (0..4).map(|_| traffic.next().path()).collect();
        let expected = [
            "/recommendations?user_id=a&k=5&item_id=1",
            "/recommendations?user_id=b%20b&k=5&item_id=2",
            "/recommendations?user_id=a&k=5&item_id=3",
            "/recommendations?user_id=a&k=5&item_id=1",
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn a_shop_posts_each_click_and_asks_for_its_page() {
        let traffic = mixed(&records(&[("a", "1"), ("b", "2")]), 5);
        let paths: Vec<String> = (0..7).map(|_| traffic.next().path()).collect();
        let expected = [
            "/events",
            "/recommendations?user_id=a&k=5&item_id=1",
            "/items/1/similar?k=5",
            "/popular?k=5",
            "/events",
            "/recommendations?user_id=b&k=5&item_id=2",
            "/events",
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn events_are_posted_in_batches() {
        let traffic = posted(&records(&[("a", "1"), ("b", "2"), ("c", "3")]), 2);
        let bodies: Vec<Vec<NewEvent>> =
            (0..2).map(|_| serde_json::from_slice(traffic.next().body()).expect("events")).collect();
        assert_eq!(bodies.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
        assert!(bodies.iter().flatten().all(|event| event.event_id.is_none() && event.timestamp.is_none()));
    }

    #[test]
    fn a_seed_names_the_order_of_known_users() {
        let many: Vec<(String, &str)> = (0..50).map(|user| (user.to_string(), "1")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(user, item)| (user.as_str(), *item)).collect();
        let order = |seed| {
            let traffic = known(&records(&many), 1, seed);
            (0..50).map(|_| traffic.next().path()).collect::<Vec<_>>()
        };
        assert_eq!(order(3), order(3));
        assert_ne!(order(3), order(4));
    }
}
