//! Baskets: what users bought together.
//!
//! In: a log. Out: a basket for each order of a session, by the number that the log gives it; what a session bought without
//! such a number is one basket. Cost: a pass over the events, and a sort of each session's purchases.

use shared::contract::id::{ItemIdx, UserIdx};

use crate::log::ingest::Log;
use crate::log::interactions::each_session;

/// What a user bought at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basket {
    /// The user.
    pub user: UserIdx,
    /// When the first of it was bought, milliseconds since the epoch.
    pub at_ms: i64,
    /// The items, ascending, each once.
    pub items: Vec<ItemIdx>,
}

/// The baskets of a log, user by user, those of one item among them.
///
/// * `gap_ms`: the pause that ends a session if the log does not name its sessions, milliseconds.
#[must_use]
pub fn baskets(log: &Log, gap_ms: i64) -> Vec<Basket> {
    let mut baskets = Vec::new();
    let mut bought: Vec<(u16, ItemIdx, i64)> = Vec::new();
    each_session(log, gap_ms, |session| {
        let events = session.iter().map(|&at| &log.events[at as usize]);
        bought.clear();
        let purchases = events.filter(|event| log.kinds.buys(event.kind));
        bought.extend(purchases.map(|event| (event.order, event.item, event.timestamp_ms)));
        bought.sort_unstable();
        let user = log.events[session[0] as usize].user;
        for order in bought.chunk_by(|a, b| a.0 == b.0) {
            let mut items: Vec<ItemIdx> = order.iter().map(|&(_, item, _)| item).collect();
            items.dedup();
            let at_ms = order.iter().map(|&(.., at_ms)| at_ms).min().unwrap_or_default();
            baskets.push(Basket { user, at_ms, items });
        }
    });
    baskets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_basket_is_what_was_bought_in_an_order_or_else_in_a_session() {
        const MINUTE: i64 = 60_000;
        let mut log = Log::of_rows(&[
            (0, "u", "transaction", "b"),
            (1, "u", "view", "c"),
            (2, "u", "transaction", "a"),
            (3, "u", "transaction", "b"),
            (4, "v", "transaction", "c"),
            (5, "v", "transaction", "a"),
            (60 * MINUTE, "u", "transaction", "c"),
        ]);
        let items = |log: &Log| -> Vec<(u32, i64, Vec<u32>)> {
            let of = |basket: Basket| (basket.user.0, basket.at_ms, basket.items.iter().map(|item| item.0).collect());
            baskets(log, 30 * MINUTE).into_iter().map(of).collect()
        };
        let u_later = (0, 60 * MINUTE, vec![2]);
        assert_eq!(items(&log), [(0, 0, vec![0, 1]), u_later.clone(), (1, 4, vec![0, 2])]);
        // The second order of u has the later event with `b`, and v names an order for one of the two items.
        log.events[3].order = 7;
        log.events[4].order = 7;
        let expected = [(0, 0, vec![0, 1]), (0, 3, vec![1]), u_later, (1, 5, vec![0]), (1, 4, vec![2])];
        assert_eq!(items(&log), expected);
    }
}
