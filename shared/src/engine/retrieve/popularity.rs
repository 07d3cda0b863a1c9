//! `popularity`, `trending` and `category_popularity`: the most popular items overall, those whose popularity grew
//! lately, and the most popular of the history's categories.

use crate::contract::id::ItemIdx;
use crate::engine::history::Recent;
use crate::engine::topk::{Scored, top_k};
use crate::tables::{CategoryIdx, Items, Popularity};

/// How many of the history's latest items may add their categories to those that are used.
const ADDING: usize = 4;

/// The first `limit` admitted items of an order.
pub fn first(
    order: &[ItemIdx],
    limit: usize,
    score: impl Fn(ItemIdx) -> f32,
    admit: impl Fn(ItemIdx) -> bool,
) -> Vec<Scored> {
    let admitted = order.iter().copied().filter(|&item| admit(item)).take(limit);
    admitted.map(|item| Scored { item, score: score(item) }).collect()
}

/// The latest categories of the history, each with the summed weight of its history items.
#[derive(Debug, Default)]
pub struct Categories(Vec<(CategoryIdx, f32)>);

impl Categories {
    /// Collects the categories of the history's distinct items, newest first.
    pub fn of(items: &Items, recent: &[Recent]) -> Self {
        let mut categories: Vec<(CategoryIdx, f32)> = Vec::new();
        let mut adding = 0;
        for own in recent {
            let before = categories.len();
            for &category in items.categories_of(own.item) {
                match categories.iter().position(|(known, _)| *known == category) {
                    Some(at) => categories[at].1 += own.session_weight,
                    None if adding < ADDING => categories.push((category, own.session_weight)),
                    None => {}
                }
            }
            adding += usize::from(categories.len() > before);
        }
        Self(categories)
    }

    /// Whether no item of the history has a category.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// An item's popularity, multiplied by the weights of its categories.
    pub fn score(&self, items: &Items, popularity: &Popularity, item: ItemIdx) -> f32 {
        let own = items.categories_of(item);
        let weight: f32 = self.0.iter().filter(|(category, _)| own.contains(category)).map(|(_, weight)| weight).sum();
        weight * popularity.score(item)
    }

    /// The `limit` best of the admitted items that are among the `limit` most popular ones of a category.
    pub fn best(
        &self,
        items: &Items,
        popularity: &Popularity,
        limit: usize,
        admit: impl Fn(ItemIdx) -> bool,
    ) -> Vec<Scored> {
        let of_category = |(category, _): &(CategoryIdx, f32)| {
            popularity.order(Some(*category)).iter().copied().filter(|&item| admit(item)).take(limit)
        };
        let mut found: Vec<ItemIdx> = self.0.iter().flat_map(of_category).collect();
        // An item of several categories is found in each.
        found.sort_unstable();
        found.dedup();
        let scored = |item| Scored { item, score: self.score(items, popularity, item) };
        top_k(limit, found.into_iter().map(scored).filter(|scored| scored.score > 0.0))
    }
}
