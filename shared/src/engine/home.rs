//! The rows of a shop's front page for a user: several slates, no item of which stands in two.
//!
//! ```text
//! rows that are asked for, in order ─▶ each answered by the engine without what stands above it ─▶ rows that have enough
//! ```
//!
//! A row is left out if it has fewer than [`ENOUGH`] items of its own kind: nothing is filled up with what it does not
//! promise. Cost: about a slate a row.

use std::sync::LazyLock;

use crate::contract::api::Seen;
pub use crate::contract::home::RowKind as Kind;
use crate::contract::id::ItemIdx;
use crate::contract::params::Weights;
use crate::contract::source::Source;
use crate::engine::recommend::{Scratch, recommend, recommend_with};
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

/// A row that is asked for.
#[derive(Debug, Clone)]
pub struct Row {
    /// What it shows.
    pub kind: Kind,
    /// How many items, and which; its rules hold for [`Kind::ForYou`] and [`Kind::New`], which are slates.
    pub query: Query,
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
    now_ms: i64,
    scratch: &'a mut Scratch,
    /// What stands in a row already.
    shown: Vec<ItemIdx>,
    /// What rows are about.
    about: Vec<About>,
}

/// The rows of a page that have enough, in the order in which they are asked for.
#[must_use]
pub fn home(snapshot: &Snapshot, state: &UserState, rows: &[Row], now_ms: i64, scratch: &mut Scratch) -> Vec<Shelf> {
    let mut page = Page { snapshot, state, now_ms, scratch, shown: Vec::new(), about: Vec::new() };
    let mut shelves = Vec::with_capacity(rows.len());
    for (at, row) in rows.iter().enumerate() {
        let Some((about, picks)) = page.row(row) else { continue };
        page.shown.extend(picks.iter().map(|pick| pick.item));
        page.about.extend(about);
        shelves.push(Shelf { row: at, about, picks });
    }
    shelves
}

/// A user of whom nothing is known.
static NOBODY: LazyLock<UserState> = LazyLock::new(UserState::default);

impl Page<'_> {
    fn row(&mut self, Row { kind, query }: &Row) -> Option<(Option<About>, Vec<Pick>)> {
        let has_enough = |picks: &Vec<Pick>| picks.len() >= query.k.min(ENOUGH);
        let picks = match kind {
            Kind::ForYou | Kind::New => self.personal(query),
            Kind::Again => self.again(query),
            Kind::Trending => self.of_all(query, Source::Trending, None),
            Kind::Because => {
                let own = self.newest().into_iter().map(About::Item);
                return self.first(own.collect(), |page, item| page.because(query, item), has_enough);
            }
            Kind::PopularIn => match self.categories() {
                own if own.is_empty() => self.of_all(query, Source::Popularity, None),
                own => return self.first(own, |page, of| page.of_all(query, Source::Popularity, Some(of)), has_enough),
            },
        };
        Some((None, picks)).filter(|(_, picks)| has_enough(picks))
    }

    /// The first row that has enough, of those about something that no row above is about.
    fn first(
        &mut self,
        about: Vec<About>,
        picks: impl Fn(&mut Self, About) -> Vec<Pick>,
        has_enough: impl Fn(&Vec<Pick>) -> bool,
    ) -> Option<(Option<About>, Vec<Pick>)> {
        let about: Vec<About> = about.into_iter().filter(|about| !self.about.contains(about)).take(TRIED).collect();
        about.into_iter().map(|about| (Some(about), picks(self, about))).find(|(_, picks)| has_enough(picks))
    }

    fn personal(&mut self, query: &Query) -> Vec<Pick> {
        let exclude = query.exclude.iter().chain(&self.shown).copied().collect();
        recommend(self.snapshot, self.state, &Query { exclude, ..query.clone() }, self.now_ms, self.scratch).picks
    }

    /// What the user's own items propose of themselves, also where the query keeps the past out.
    fn again(&mut self, query: &Query) -> Vec<Pick> {
        let query = self.plain(query, &query.exclude);
        let weights = Weights::only(Source::Repeat);
        let slate = recommend_with(self.snapshot, &weights, self.state, &query, self.now_ms, self.scratch);
        proposed_by(Source::Repeat, slate.picks)
    }

    /// What a source that depends on no user proposes, without what the user's past keeps out.
    fn of_all(&mut self, query: &Query, source: Source, about: Option<About>) -> Vec<Pick> {
        let category = match about {
            Some(About::Category(category)) => Some(category),
            _ => query.category,
        };
        let query = Query { category, ..self.without_past(query) };
        let weights = Weights::only(source);
        let slate = recommend_with(self.snapshot, &weights, &NOBODY, &query, self.now_ms, self.scratch);
        proposed_by(source, slate.picks)
    }

    /// What is like an item, without what is only popular.
    fn because(&mut self, query: &Query, about: About) -> Vec<Pick> {
        let About::Item(item) = about else { return Vec::new() };
        let query = Query { context: vec![item], ..self.without_past(query) };
        let weights = &self.snapshot.params().weights;
        let slate = recommend_with(self.snapshot, weights, &NOBODY, &query, self.now_ms, self.scratch);
        slate.picks.into_iter().filter(|pick| pick.because == Some(item)).collect()
    }

    /// A query for nobody, without what the user's past and the query keep out.
    fn without_past(&mut self, query: &Query) -> Query {
        let refused = self.scratch.refused(self.snapshot, self.state, query, self.now_ms);
        self.plain(query, &refused)
    }

    /// A query for a row by no rules but its filters, without some items and what stands above.
    fn plain(&self, query: &Query, without: &[ItemIdx]) -> Query {
        let exclude = without.iter().chain(&self.shown).copied().collect();
        let (category, only) = (query.category, query.only.clone());
        Query { category, only, exclude, ..Query::of(query.k, Seen::Allow) }
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
    fn categories(&mut self) -> Vec<About> {
        if self.state.history.is_empty() && self.state.cached.is_empty() {
            return Vec::new();
        }
        let Some(values) = Values::new(CATEGORY, self.snapshot) else { return Vec::new() };
        let query = Query::of(SAMPLE, Seen::Allow);
        let slate = recommend(self.snapshot, self.state, &query, self.now_ms, self.scratch);
        let best = segments(values, &slate.picks, TRIED + self.about.len());
        best.iter().map(|segment| About::Category(segment.value.category())).collect()
    }
}

/// What a source proposed, and not what only fills the slate.
fn proposed_by(source: Source, mut picks: Vec<Pick>) -> Vec<Pick> {
    picks.retain(|pick| pick.sources.contains(source) && pick.score > 0.0);
    picks
}
