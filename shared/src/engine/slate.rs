//! The engine's query and slate.

use std::sync::Arc;

use crate::contract::id::ItemIdx;
use crate::contract::seen::Seen;
use crate::contract::source::{Source, SourceSet};
use crate::engine::item_set::ItemSet;
use crate::engine::rules::Rules;
use crate::engine::seen::SeenRule;
use crate::engine::state::Interaction;
use crate::tables::CategoryIdx;

/// A query to the engine, in the indices of one snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The number of items.
    pub k: usize,
    /// The items that the answer is to go on from, as if the user had looked at them just now, the last one last: that of
    /// the page, and what else the shop names.
    pub context: Vec<ItemIdx>,
    /// Only this category.
    pub category: Option<CategoryIdx>,
    /// Not these items.
    pub exclude: Vec<ItemIdx>,
    /// Which items of the user's past may be recommended.
    pub seen: SeenRule,
    /// Only these items.
    pub only: Option<Arc<ItemSet>>,
    /// The rules of the shop.
    pub rules: Option<Arc<Rules>>,
    /// What draws the places and items that the rules explore.
    pub seed: u64,
}

impl Query {
    /// A query for `k` items of the whole catalogue, without a page.
    #[must_use]
    pub fn of(k: usize, seen: Seen) -> Self {
        let seen = SeenRule::Word(seen);
        Self { k, context: Vec::new(), category: None, exclude: Vec::new(), seen, only: None, rules: None, seed: 0 }
    }
}

/// One item of a slate, and why it is there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pick {
    /// The item.
    pub item: ItemIdx,
    /// The score of the ranker (0 to 1) or of the blend; never higher than that of the item before. An item that only
    /// fills the slate has 0.
    pub score: f32,
    /// The sources that proposed it.
    pub sources: SourceSet,
    /// The history item that contributed most.
    pub because: Option<ItemIdx>,
    /// How it came to its place.
    pub placed: Placed,
    /// Where the rules explore: the probability that this item is at this place, see [`super::rerank::explore`].
    pub propensity: Option<f32>,
}

/// How an item came to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// By its score, or since the slate had to be filled.
    Ranked,
    /// A rule gave it the place.
    Pinned,
    /// It was drawn from the new items.
    Explored,
}

impl Pick {
    /// An item that is there because it is popular.
    #[must_use]
    pub fn popular(item: ItemIdx, score: f32) -> Self {
        let sources = SourceSet::default().with(Source::Popularity);
        Self { sources, ..Self::unexplained(item, score) }
    }

    /// An item that no source proposed.
    #[must_use]
    pub fn unexplained(item: ItemIdx, score: f32) -> Self {
        Self { item, score, sources: SourceSet::default(), because: None, placed: Placed::Ranked, propensity: None }
    }
}

/// Whether a slate is personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Personal {
    /// The user's past, page or profile shaped it.
    Yes,
    /// Any user would have got it.
    No,
}

/// The engine's answer.
#[derive(Debug)]
pub struct Slate {
    /// Best first; `k` of them whenever the catalogue has as many that are admissible.
    pub picks: Vec<Pick>,
    /// How many candidates each source proposed, by [`Source::column`].
    pub candidates: [u32; Source::COUNT],
    /// The history that was used, oldest first, the page included.
    pub history: Vec<Interaction>,
    /// Whether it is personal.
    pub personal: Personal,
}
