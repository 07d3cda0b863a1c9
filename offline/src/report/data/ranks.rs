//! The items that are looked at most, beside those that are put into a cart most, and their places in the other order.

use serde::Serialize;
use shared::contract::kind::Stage;

use super::times::Steps;
use crate::log::ingest::{Catalogue, Log};

/// How many items are told of.
const SHOWN: usize = 10;

/// An item and its places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RankedItem {
    /// Its id.
    pub id: String,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its events.
    pub events: Steps,
    /// Its place by views, by carts and by purchases, from 1; none where it has no such event.
    pub ranks: [Option<usize>; 3],
}

impl RankedItem {
    /// What it is called.
    #[must_use]
    pub fn called(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}

/// The first items by each step, empty where the log lacks it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ranks {
    /// By views.
    pub viewed: Vec<RankedItem>,
    /// By carts.
    pub carted: Vec<RankedItem>,
    /// By purchases.
    pub bought: Vec<RankedItem>,
}

/// The events of each item.
#[must_use]
pub fn by_item(log: &Log) -> Vec<Steps> {
    let mut items = vec![Steps::default(); log.items.len()];
    for event in &log.events {
        items[event.item.at()] += Steps::one(log.kinds.stage(event.kind));
    }
    items
}

/// The first items by each step; of equal ones the first by id.
///
/// * `events`: those of each item.
#[must_use]
pub fn ranks(items: &Catalogue, events: &[Steps]) -> Ranks {
    let orders = Stage::ALL.map(|stage| {
        let count = |item: &usize| events[*item].by_stage()[stage as usize];
        let mut order: Vec<usize> = (0..events.len()).filter(|item| count(item) > 0).collect();
        order.sort_by_key(|item| (std::cmp::Reverse(count(item)), *item));
        order
    });
    let first: [Vec<usize>; 3] = orders.each_ref().map(|order| order.iter().take(SHOWN).copied().collect());
    let ranks = orders.map(|order| {
        let mut ranks = vec![None; events.len()];
        order.iter().enumerate().for_each(|(rank, &item)| ranks[item] = Some(rank + 1));
        ranks
    });
    let ranked = |&item: &usize| RankedItem {
        id: items.ids[item].to_string(),
        name: Some(items.names[item].to_string()).filter(|name| !name.is_empty()),
        events: events[item],
        ranks: ranks.each_ref().map(|ranks| ranks[item]),
    };
    let [viewed, carted, bought] = first.map(|first| first.iter().map(ranked).collect());
    Ranks { viewed, carted, bought }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_has_a_place_in_each_order() {
        let log = Log::of_rows(&[
            (0, "u", "view", "a"),
            (1, "u", "view", "a"),
            (2, "u", "view", "b"),
            (3, "u", "addtocart", "b"),
            (4, "u", "view", "c"),
        ]);
        let found = ranks(&log.items, &by_item(&log));
        let places = |items: &[RankedItem]| items.iter().map(|item| (item.id.clone(), item.ranks)).collect::<Vec<_>>();
        let viewed = [("a", [Some(1), None, None]), ("b", [Some(2), Some(1), None]), ("c", [Some(3), None, None])];
        assert_eq!(places(&found.viewed), viewed.map(|(id, ranks)| (id.to_owned(), ranks)));
        assert_eq!(places(&found.carted), [("b".to_owned(), [Some(2), Some(1), None])]);
        assert!(found.bought.is_empty() && found.viewed[0].name.is_none());
    }
}
