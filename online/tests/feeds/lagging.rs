//! A store that shows what was remembered only after a while, as a server that takes over from another does.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use online::store::{
    Added, Answer, Arrival, Bounds, Departure, Embedded, Keep, Mark, Moved, Position, Retention, Stored, Told,
    UserStore,
};
use shared::contract::event_log::Coverage;
use shared::contract::id::UserId;
use shared::engine::served::ServedSlate;
use shared::engine::state::LiveHistory;

use super::{cursor, slate};
use crate::common::http::Client;
use crate::common::{config, folder};

/// How many reads of a user's slates find none yet.
struct Lagging(Embedded, Arc<AtomicU32>);

impl UserStore for Lagging {
    fn read_until<'a>(
        &'a self,
        until: Option<Instant>,
        user: &'a UserId,
        version: &'a str,
        now_ms: i64,
    ) -> Answer<'a, Stored> {
        self.0.read_until(until, user, version, now_ms)
    }
    fn read_served<'a>(
        &'a self,
        until: Option<Instant>,
        user: &'a UserId,
        version: &'a str,
        now_ms: i64,
    ) -> Answer<'a, Stored> {
        let lags = self.1.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        match lags {
            true => self.0.read_until(until, user, version, now_ms),
            false => self.0.read_served(until, user, version, now_ms),
        }
    }
    fn remember<'a>(&'a self, until: Instant, user: &'a UserId, slate: &'a ServedSlate, keep: Keep) -> Answer<'a, ()> {
        self.0.remember(until, user, slate, keep)
    }
    fn apply<'a>(&'a self, arrivals: &'a [Arrival], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>> {
        self.0.apply(arrivals, bounds)
    }
    fn erase<'a>(&'a self, departures: &'a [Departure], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>> {
        self.0.erase(departures, bounds)
    }
    fn merge<'a>(&'a self, moved: &'a [Moved], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>> {
        self.0.merge(moved, bounds)
    }
    fn say<'a>(&'a self, told: &'a [Told], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>> {
        self.0.say(told, bounds)
    }
    fn named<'a>(&'a self, from: Bound<&'a str>, most: usize) -> Answer<'a, Vec<UserId>> {
        self.0.named(from, most)
    }
    fn let_go<'a>(&'a self, from: Bound<&'a str>, covered: &'a Coverage) -> Answer<'a, Option<UserId>> {
        self.0.let_go(from, covered)
    }
    fn damaged(&self, most: usize) -> Vec<UserId> {
        self.0.damaged(most)
    }
    fn waits_for_upgrade(&self) -> bool {
        self.0.waits_for_upgrade()
    }
    fn rebuild<'a>(&'a self, histories: &'a BTreeMap<UserId, LiveHistory>, bounds: Bounds<'a>) -> Answer<'a, ()> {
        self.0.rebuild(histories, bounds)
    }
    fn applied(&self) -> Answer<'_, Option<Position>> {
        self.0.applied()
    }
    fn advance(&self, from: Option<Position>, to: Position) -> Answer<'_, Mark> {
        self.0.advance(from, to)
    }
}

#[test]
fn a_slate_that_the_store_does_not_show_yet_is_asked_for_again_a_few_times() {
    let folder = folder();
    let (config, lags) = (config(folder.path()), Arc::new(AtomicU32::new(0)));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let store = Lagging(Embedded::new(Retention { max_events: 10, max_older: 10, ttl_ms: 1 << 40 }), lags.clone());
    let service = runtime.block_on(online::service::start_on_store(&config, Arc::new(store))).expect("starts");
    let client = Client::new(service.address());
    let first = slate(&client, "user_id=u&k=3&cursor=start");
    let next = format!("user_id=u&k=3&cursor={}", cursor(&first).expect("a cursor"));
    lags.store(2, Ordering::SeqCst);
    assert_eq!(slate(&client, &next).items(), ["i03", "i04", "i05"]);
    lags.store(9, Ordering::SeqCst);
    client.get(&format!("/recommendations?{next}")).assert_problem(410, Some("cursor"));
    assert_eq!(lags.load(Ordering::SeqCst), 6, "three reads");
    // Whoever goes on after no slate reads once.
    slate(&client, "user_id=u&k=3&cursor=start");
    assert_eq!(lags.load(Ordering::SeqCst), 5);
    runtime.block_on(service.stop(std::future::ready(())));
}
