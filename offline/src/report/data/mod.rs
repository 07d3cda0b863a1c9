//! What a log is like: when events happen, how far they go towards a purchase, which items and users they are of, and what
//! the tables beside it lack.
//!
//! In: a log. Out: [`Data`]. Cost: some passes over the events, and sorting users, items and sessions by their counts.

pub mod calendar;
pub mod clock;
pub mod funnel;
pub mod missing;
pub mod news;
pub mod ranks;
pub mod sessions;
pub mod spread;
pub mod tail;
pub mod times;
pub mod users;

use jiff::tz::TimeZone;
use serde::Serialize;
use shared::contract::kind::Stage;

use crate::log::ingest::Log;
use funnel::Funnel;
use missing::Table;
use news::News;
use ranks::Ranks;
use sessions::Sessions;
use tail::Tail;
use times::{Steps, Times};
use users::Users;

/// What a log is like.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Data {
    /// How many events, users, items with events, and sessions there are.
    pub counts: Counts,
    /// The time of the first and the last event, milliseconds since the epoch.
    pub between_ms: [i64; 2],
    /// The kinds of events that there are.
    pub kinds: Vec<KindCount>,
    /// When events happen; none where all have one time.
    pub times: Option<Times>,
    /// How far they go.
    pub funnel: Funnel,
    /// The items with the most of them.
    pub ranks: Ranks,
    /// What users do.
    pub users: Users,
    /// How events spread over items.
    pub tail: Option<Tail>,
    /// The sessions.
    pub sessions: Sessions,
    /// What the item table lacks.
    pub item_table: Option<Table>,
    /// What the user table lacks.
    pub user_table: Option<Table>,
    /// What is new.
    pub news: Vec<News>,
}

/// How many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Interactions.
    pub events: usize,
    /// Users.
    pub users: usize,
    /// Items with events.
    pub items: usize,
    /// Sessions.
    pub sessions: usize,
}

/// A kind of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KindCount {
    /// Its name.
    pub name: String,
    /// How far it goes: `view`, `addtocart` or `transaction`.
    pub step: &'static str,
    /// How many events there are.
    pub events: u64,
}

/// Looks at a log.
///
/// * `gap_ms`: the pause that ends a session where the log does not name its sessions, milliseconds.
#[must_use]
pub fn data(log: &Log, gap_ms: i64, zone: &TimeZone) -> Data {
    let of_items = ranks::by_item(log);
    let counts: Vec<u64> = of_items.iter().map(Steps::all).collect();
    let mut all = Steps::default();
    of_items.iter().for_each(|steps| all += *steps);
    let sessions = sessions::sessions(log, gap_ms);
    let times = times::times(log, zone);
    Data {
        counts: Counts {
            events: log.events.len(),
            users: log.users.len(),
            items: counts.iter().filter(|count| **count > 0).count(),
            sessions: sessions.events.as_ref().map_or(0, |events| events.count),
        },
        between_ms: [log.first_ms(), log.last_ms()],
        kinds: kinds(log),
        funnel: funnel::funnel(all, sessions.with, times.as_ref()),
        times,
        ranks: ranks::ranks(&log.items, &of_items),
        users: users::users(log),
        tail: tail::tail(&counts),
        sessions,
        item_table: missing::of_items(&log.items, &of_items),
        user_table: missing::of_users(log),
        news: news::news(log),
    }
}

fn kinds(log: &Log) -> Vec<KindCount> {
    let mut counts = vec![0; log.kinds.len()];
    log.events.iter().for_each(|event| counts[event.kind.at()] += 1);
    let kind = |(row, kind): (_, &shared::contract::kind::Kind)| KindCount {
        name: kind.name.as_str().to_owned(),
        step: Stage::name(log.kinds.stage(row)),
        events: counts[row.at()],
    };
    log.kinds.iter().map(kind).filter(|kind| kind.events > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_log_and_one_event_have_figures() {
        let empty = data(&Log::of_views(&[]), 1000, &TimeZone::UTC);
        assert_eq!((empty.counts.events, empty.kinds.len(), empty.tail), (0, 0, None));
        let one = data(&Log::of_views(&[(5, "u", "a")]), 1000, &TimeZone::UTC);
        assert_eq!(one.counts, Counts { events: 1, users: 1, items: 1, sessions: 1 });
        assert_eq!(one.kinds, [KindCount { name: "view".to_owned(), step: "view", events: 1 }]);
        assert!(one.times.is_none() && one.funnel.events.view_to_cart.is_none());
    }
}
