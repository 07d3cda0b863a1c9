//! The rows of a shop's front page for a user: several slates, no item of which stands in two.
//!
//! ```text
//! rows that are asked for, in order ─▶ each answered by the engine without what stands above it ─▶ rows that have enough
//! ```
//!
//! A row is left out if it has fewer than [`ENOUGH`] items of its own kind: nothing is filled up with what it does not
//! promise. Cost: about a slate a row.

use std::sync::Arc;

use crate::contract::api::Seen;
use crate::contract::id::ItemIdx;
use crate::contract::params::Weights;
use crate::contract::source::Source;
use crate::engine::item_set::ItemSet;
use crate::engine::recommend::{Scratch, recommend, recommend_with};
use crate::engine::seen::SeenRule;
use crate::engine::segments::segments;
use crate::engine::slate::{Pick, Query};
use crate::engine::snapshot::Snapshot;
use crate::engine::state::UserState;
use crate::engine::values::{CATEGORY, Values};
use crate::tables::CategoryIdx;

/// How many items a row has at least, if it is asked for as many.
pub const ENOUGH: usize = 3;
/// How many items or categories are tried as what a row is about.
const TRIED: usize = 8;
/// The size of the slate whose categories are the user's.
const SAMPLE: usize = 100;

/// What a row shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The user's slate.
    ForYou,
    /// What is like an item of the user's history; the newest that no row above is about.
    Because,
    /// What is popular in a category; the best for the user that no row above is about. Of the whole catalogue where
    /// nothing is known of the user.
    PopularIn,
    /// What has become popular lately.
    Trending,
    /// The best of few items for the user, of which the query says which: new ones.
    New,
    /// The user's own items that they may want again.
    Again,
}

/// A row that is asked for.
#[derive(Debug, Clone)]
pub struct Row {
    /// What it shows.
    pub kind: Kind,
    /// How many items.
    pub k: usize,
    /// Only these items, the query's own filter included.
    pub only: Option<Arc<ItemSet>>,
}

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// An item of the user's history.
    Item(ItemIdx),
    /// A category.
    Category(CategoryIdx),
}

/// A row of the page.
#[derive(Debug, Clone, PartialEq)]
pub struct Shelf {
    /// Which of the rows that were asked for.
    pub row: usize,
    /// What it is about, if it is about anything.
    pub about: Option<About>,
    /// Best first.
    pub picks: Vec<Pick>,
}

/// The page while it is being made.
struct Page<'a> {
    snapshot: &'a Snapshot,
    state: &'a UserState,
    query: &'a Query,
    now_ms: i64,
    /// What stands in a row already, and what the query excludes.
    shown: Vec<ItemIdx>,
    /// What the user's past keeps out too.
    refused: Vec<ItemIdx>,
    /// What rows are about.
    about: Vec<About>,
}

/// The rows of a page, in the order in which they are asked for.
///
/// * `query`: what holds for all rows; its `k` and `only` are those of the rows.
#[must_use]
pub fn home(
    snapshot: &Snapshot,
    state: &UserState,
    query: &Query,
    rows: &[Row],
    now_ms: i64,
    scratch: &mut Scratch,
) -> Vec<Shelf> {
    let (shown, refused) = (query.exclude.clone(), scratch.refused(snapshot, state, query, now_ms));
    let mut page = Page { snapshot, state, query, now_ms, shown, refused, about: Vec::new() };
    let mut shelves = Vec::with_capacity(rows.len());
    for (at, row) in rows.iter().enumerate() {
        let Some((about, picks)) = page.row(row, scratch) else { continue };
        page.shown.extend(picks.iter().map(|pick| pick.item));
        page.about.extend(about);
        shelves.push(Shelf { row: at, about, picks });
    }
    shelves
}

impl Page<'_> {
    fn row(&self, row: &Row, scratch: &mut Scratch) -> Option<(Option<About>, Vec<Pick>)> {
        let enough = |picks: &Vec<Pick>| picks.len() >= row.k.min(ENOUGH);
        let alone = |picks: Vec<Pick>| Some((None, picks)).filter(|(_, picks)| enough(picks));
        match row.kind {
            Kind::ForYou | Kind::New => alone(self.personal(row, scratch)),
            Kind::Again => alone(self.again(row, scratch)),
            Kind::Trending => alone(self.of_all(row, Source::Trending, None, scratch)),
            Kind::Because => {
                let tried = self.newest().into_iter().filter(|item| !self.about.contains(&About::Item(*item)));
                let mut rows =
                    tried.take(TRIED).map(|item| (Some(About::Item(item)), self.because(row, item, scratch)));
                rows.find(|(_, picks)| enough(picks))
            }
            Kind::PopularIn => {
                let own = self.categories(scratch);
                if own.is_empty() {
                    return alone(self.of_all(row, Source::Popularity, None, scratch));
                }
                let tried = own.into_iter().filter(|of| !self.about.contains(&About::Category(*of))).take(TRIED);
                let mut rows = tried
                    .map(|of| (Some(About::Category(of)), self.of_all(row, Source::Popularity, Some(of), scratch)));
                rows.find(|(_, picks)| enough(picks))
            }
        }
    }

    fn personal(&self, row: &Row, scratch: &mut Scratch) -> Vec<Pick> {
        let Page { snapshot, state, now_ms, .. } = *self;
        let query = Query { k: row.k, only: row.only.clone(), exclude: self.shown.clone(), ..self.query.clone() };
        recommend(snapshot, state, &query, now_ms, scratch).picks
    }

    /// What the user's own items propose of themselves, also where the query keeps the past out.
    fn again(&self, row: &Row, scratch: &mut Scratch) -> Vec<Pick> {
        let query = self.plain(row, &self.shown);
        let (weights, source) = (Weights::only(Source::Repeat), Source::Repeat);
        let slate = recommend_with(self.snapshot, &weights, self.state, &query, self.now_ms, scratch);
        proposed_by(source, slate.picks)
    }

    /// What a source that depends on no user proposes, without what the user's past keeps out.
    fn of_all(&self, row: &Row, source: Source, category: Option<CategoryIdx>, scratch: &mut Scratch) -> Vec<Pick> {
        let query = Query { category, ..self.plain(row, &self.refused) };
        let weights = Weights::only(source);
        let nobody = UserState::default();
        let slate = recommend_with(self.snapshot, &weights, &nobody, &query, self.now_ms, scratch);
        proposed_by(source, slate.picks)
    }

    /// What is like an item, without what is only popular.
    fn because(&self, row: &Row, item: ItemIdx, scratch: &mut Scratch) -> Vec<Pick> {
        let query = Query { context: Some(item), ..self.plain(row, &self.refused) };
        let (weights, nobody) = (&self.snapshot.params().weights, UserState::default());
        let mut picks = recommend_with(self.snapshot, weights, &nobody, &query, self.now_ms, scratch).picks;
        picks.retain(|pick| pick.because == Some(item));
        picks
    }

    /// A query for a row, by no rules but its filter, without some items and what stands above.
    fn plain(&self, row: &Row, without: &[ItemIdx]) -> Query {
        let exclude = without.iter().chain(&self.shown).copied().collect();
        Query { only: row.only.clone(), exclude, seen: SeenRule::Word(Seen::Allow), ..Query::of(row.k, Seen::Allow) }
    }

    /// The distinct items of the history, newest first.
    fn newest(&self) -> Vec<ItemIdx> {
        let mut items: Vec<ItemIdx> = Vec::new();
        for event in self.state.history.iter().rev() {
            if items.len() < TRIED + self.about.len() && !items.contains(&event.item) {
                items.push(event.item);
            }
        }
        items
    }

    /// The user's categories, best first; none of a user of whom nothing is known.
    fn categories(&self, scratch: &mut Scratch) -> Vec<CategoryIdx> {
        if self.state.history.is_empty() && self.state.cached.is_empty() {
            return Vec::new();
        }
        let Page { snapshot, state, now_ms, .. } = *self;
        let query = Query::of(SAMPLE, Seen::Allow);
        let slate = recommend(snapshot, state, &query, now_ms, scratch);
        let Some(values) = Values::new(CATEGORY, snapshot) else { return Vec::new() };
        let best = segments(values, &slate.picks, TRIED + self.about.len());
        best.iter().map(|segment| segment.value.category()).collect()
    }
}

/// What a source proposed, and not what only fills the slate.
fn proposed_by(source: Source, mut picks: Vec<Pick>) -> Vec<Pick> {
    picks.retain(|pick| pick.sources.contains(source) && pick.score > 0.0);
    picks
}
