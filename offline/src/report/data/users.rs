//! What users do: how many add-to-carts they have, and who looks like a program.

use serde::Serialize;

use super::spread::{Spread, spread};
use super::times::Steps;
use crate::log::ingest::{Log, Reason};

/// The first number of each bin of a user's events.
const BORDERS: [u64; 10] = [1, 2, 3, 5, 10, 20, 50, 100, 500, 1000];
/// Fewer events than these are no program's.
const FEWEST: u64 = 100;
/// So many times as many events as 99 of 100 users have are more than a person's.
const TIMES: u64 = 10;
/// How many suspects are named.
const NAMED: usize = 10;

/// What users do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Users {
    /// How many events a user has.
    pub events: Option<Spread>,
    /// How many add-to-carts a user has, of those who have any; none where the log has none.
    pub carts: Option<Spread>,
    /// Those who look like programs; none where nobody puts anything into a cart or buys it.
    pub suspects: Option<Suspects>,
    /// How many events were left out when the log was read, as more than any person has.
    pub left_out: usize,
}

/// Users with very many events who never put anything into a cart or bought it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Suspects {
    /// From how many events on.
    pub from: u64,
    /// How many users.
    pub users: usize,
    /// How many events they have together.
    pub events: u64,
    /// Those with the most events. A page names nobody: it is passed on, and outlives an erasure.
    pub most: Vec<Suspect>,
}

/// A user who looks like a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suspect {
    /// Their id.
    pub id: String,
    /// How many events they have.
    pub events: u64,
}

/// What the users of a log do.
#[must_use]
pub fn users(log: &Log) -> Users {
    let mut steps = vec![Steps::default(); log.users.len()];
    for event in &log.events {
        steps[event.user.at()] += Steps::one(log.kinds.stage(event.kind));
    }
    let some = |of: fn(&Steps) -> u64| -> Vec<u64> { steps.iter().map(of).filter(|count| *count > 0).collect() };
    let events = spread(some(Steps::all), &BORDERS);
    let carts = spread(some(|steps| steps.carts), &BORDERS);
    let goes_on = |steps: &Steps| steps.carts + steps.purchases > 0;
    let suspects = events.as_ref().filter(|_| steps.iter().any(goes_on)).map(|events| {
        let from = FEWEST.max(TIMES * events.p99);
        let mut found: Vec<Suspect> = (steps.iter().zip(&log.users))
            .filter(|(steps, _)| steps.all() >= from && !goes_on(steps))
            .map(|(steps, id)| Suspect { id: id.to_string(), events: steps.all() })
            .collect();
        found.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.id.cmp(&b.id)));
        let (users, events) = (found.len(), found.iter().map(|suspect| suspect.events).sum());
        found.truncate(NAMED);
        Suspects { from, users, events, most: found }
    });
    let left_out = log.taken_back.iter().filter(|taken| taken.reason == Reason::Surplus).count();
    Users { events, carts, suspects, left_out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_looks_at_very_much_and_puts_nothing_into_a_cart_is_a_suspect() {
        let names: Vec<String> = (0..200).map(|user| format!("u{user}")).collect();
        let one = names.iter().map(|name| (0, &**name, "addtocart", "a"));
        let many = ["bot", "buyer"].into_iter().flat_map(|user| (0..150).map(move |at| (at, user, "view", "a")));
        let rows: Vec<_> = one.chain(many).chain([(200, "buyer", "transaction", "a")]).collect();
        let found = users(&Log::of_rows(&rows));
        let suspects = found.suspects.expect("people put things into carts");
        assert_eq!((suspects.from, suspects.users, suspects.events), (100, 1, 150));
        assert_eq!(suspects.most, [Suspect { id: "bot".to_owned(), events: 150 }]);
        assert_eq!(found.carts.expect("carts").count, 200);
    }

    #[test]
    fn where_everything_is_a_view_nobody_is_a_suspect() {
        let found = users(&Log::of_views(&[(0, "u", "a")]));
        assert_eq!((found.carts, found.suspects), (None, None));
        assert_eq!(found.events.map(|events| events.median), Some(1));
    }
}
