//! Popularity where items have other categories, or are new.
//!
//! A new item has no events to count. It is as popular as the median of its category (of several, the highest; of none,
//! that of all items): neither first, which would crowd the list with what nobody has seen, nor last, where nobody ever
//! would. It has no trend.

use super::Patch;
use crate::contract::id::ItemIdx;
use crate::tables::{Items, Popularity};

/// The table for these items.
pub(super) fn patched(base: &Popularity, items: &Items, patch: &Patch<'_>) -> Popularity {
    let mut table = base.clone();
    if patch.has_new() {
        let new = || (patch.known..patch.items).map(|item| ItemIdx(item as u32));
        let medians = medians(base, items, patch.known);
        let mut scores = base.scores.to_vec();
        scores.extend(new().map(|item| {
            let of_categories = items.categories_of(item).iter().map(|category| medians.of[category.0 as usize]);
            of_categories.max_by(f32::total_cmp).unwrap_or(medians.of_all)
        }));
        // A stable sort of what is sorted but for its end: ties go to the items of the version.
        let mut order: Vec<ItemIdx> = base.order.iter().copied().chain(new()).collect();
        order.sort_by(|one, other| scores[other.at()].total_cmp(&scores[one.at()]));
        let (mut trends, mut trending) = (base.trends.to_vec(), base.trending.to_vec());
        trends.resize(patch.items, 0.0);
        trending.extend(new());
        (table.scores, table.order) = (scores.into(), order.into());
        (table.trends, table.trending) = (trends.into(), trending.into());
    }
    let mut of_categories: Vec<Vec<ItemIdx>> = vec![Vec::new(); items.categories().count()];
    for &item in table.order.iter() {
        items.categories_of(item).iter().for_each(|category| of_categories[category.0 as usize].push(item));
    }
    let mut starts = vec![0];
    starts.extend(of_categories.iter().scan(0, |end, own| {
        *end += own.len() as u64;
        Some(*end)
    }));
    (table.category_starts, table.category_order) = (starts.into(), of_categories.concat().into());
    table
}

struct Medians {
    /// Of each category; 0 of one that only new items have.
    of: Vec<f32>,
    of_all: f32,
}

/// The medians among the items that the version knows.
fn medians(base: &Popularity, items: &Items, known: usize) -> Medians {
    let mut of_categories: Vec<Vec<f32>> = vec![Vec::new(); items.categories().count()];
    for &item in base.order.iter().filter(|item| item.at() < known) {
        let own = items.categories_of(item).iter();
        own.for_each(|category| of_categories[category.0 as usize].push(base.score(item)));
    }
    // Most popular first.
    let median = |scores: &Vec<f32>| scores.get(scores.len() / 2).copied().unwrap_or(0.0);
    let of_all = base.order.get(base.order.len() / 2).map_or(0.0, |&item| base.score(item));
    Medians { of: of_categories.iter().map(median).collect(), of_all }
}
