//! Stage one: each source proposes candidates; their union carries every source's score.
//!
//! ```text
//! history ─▶ recent items ─▶ item_knn (session, user, walk, embedding), slim, content ┐
//!                         ─▶ session_knn                                   │
//!                         ─▶ repeat, category_popularity                   ├─▶ union: one row of scores per candidate
//!         ─▶ folded-in factors ─▶ als                                      │
//! record  ─▶ cached                                                        │
//! snapshot ─▶ popularity, trending                                         ┘
//! ```
//!
//! A source with weight 0 is not asked. A candidate that one source proposed gets the scores of all others too, so
//! that the blend compares like with like.

pub mod accumulator;
pub mod als;
pub mod item_knn;
pub mod past;
pub mod popularity;
pub mod recent;
pub mod repeat;
pub mod session_knn;

use accumulator::{Accumulator, Marks};
use past::Past;
use popularity::Categories;
use recent::Recent;

use crate::id::ItemIdx;
use crate::params::{Relation, Source, Weights};
use crate::snapshot::{CategoryIdx, Snapshot};
use crate::state::Interaction;
use crate::topk::{Scored, top_k};

/// A set of sources.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceSet(u16);

impl SourceSet {
    /// The set with one more source.
    #[must_use]
    pub fn with(self, source: Source) -> Self {
        Self(self.0 | 1 << source.column())
    }

    /// Whether a source is in the set.
    #[must_use]
    pub fn contains(self, source: Source) -> bool {
        self.0 >> source.column() & 1 == 1
    }

    /// The sources, in the order of their columns.
    pub fn iter(self) -> impl Iterator<Item = Source> {
        Source::ALL.into_iter().filter(move |&source| self.contains(source))
    }
}

/// An item that at least one source proposed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The item.
    pub item: ItemIdx,
    /// The score of every source, 0 where it has none.
    pub scores: [f32; Source::COUNT],
    /// The place each source gave it, from 1; 0 where it did not propose it.
    pub ranks: [u16; Source::COUNT],
    /// The largest contribution of one history item to each of [`Source::SUMMED`].
    pub strongest: [f32; Source::SUMMED.len()],
    /// How many contributions there were to each of [`Source::SUMMED`].
    pub support: [u32; Source::SUMMED.len()],
    /// The sources that proposed it.
    pub sources: SourceSet,
    /// The history item that contributed most to it, where neighbours did.
    pub because: Option<ItemIdx>,
}

/// Buffers of one thread, to be reused between requests: a few dense arrays of the catalogue's length.
#[derive(Debug, Default)]
pub struct Scratch {
    /// What the history's neighbours add up to, by the place in [`Source::SUMMED`].
    sums: [Accumulator; Source::SUMMED.len()],
    matches: session_knn::Matches,
    /// Items that must not be in the answer.
    pub(crate) blocked: Marks,
    /// Items that are candidates already.
    chosen: Marks,
    /// The user's own items.
    own: Marks,
    fold_in: als::FoldIn,
    repeat: repeat::Rows,
}

/// What is asked of the sources.
#[derive(Clone, Copy)]
pub struct Retrieval<'a> {
    /// The tables.
    pub snapshot: &'a Snapshot,
    /// The user's list from the batch.
    pub cached: &'a [Scored],
    /// The user's history, oldest first, with the page they are on.
    pub history: &'a [Interaction],
    /// Only this category.
    pub category: Option<CategoryIdx>,
    /// Candidates from each source.
    pub limit: usize,
    /// Candidates from those that hardly know the user.
    pub few: usize,
    /// The time of the question, milliseconds since the epoch.
    pub now_ms: i64,
}

/// The union of what the sources proposed.
#[derive(Debug, Default)]
pub struct Candidates {
    /// One row an item, in the order in which they were proposed.
    pub rows: Vec<Candidate>,
    /// The best score of each source, 0 where it proposed nothing.
    pub best: [f32; Source::COUNT],
    /// How many candidates each source proposed.
    pub proposed: [u32; Source::COUNT],
    /// The distinct items of the history, newest first.
    pub recent: Vec<Recent>,
    /// The history as it is.
    pub past: Past,
    /// The sum of the chances of [`repeat::OwnItems`]; missing where nothing says so.
    pub repeat_chance: f32,
    /// How near the nearest past sessions are, all together.
    pub nearest: f32,
}

impl Candidates {
    fn add(&mut self, source: Source, proposed: &[Scored], chosen: &mut Marks) {
        for (rank, scored) in (1..).zip(proposed) {
            let row = chosen.position(scored.item).unwrap_or_else(|| {
                chosen.insert(scored.item, self.rows.len());
                self.rows.push(Candidate {
                    item: scored.item,
                    scores: [0.0; Source::COUNT],
                    ranks: [0; Source::COUNT],
                    strongest: [0.0; Source::SUMMED.len()],
                    support: [0; Source::SUMMED.len()],
                    sources: SourceSet::default(),
                    because: None,
                });
                self.rows.len() - 1
            });
            let candidate = &mut self.rows[row];
            candidate.sources = candidate.sources.with(source);
            candidate.scores[source.column()] = scored.score;
            candidate.ranks[source.column()] = rank;
        }
        self.proposed[source.column()] = proposed.len() as u32;
        self.best[source.column()] = proposed.first().map_or(0.0, |first| first.score);
    }
}

/// Asks every source that has a weight, and joins what they propose.
///
/// `scratch.blocked` must hold the items that are not wanted.
pub fn retrieve(query: Retrieval<'_>, weights: &Weights, scratch: &mut Scratch) -> Candidates {
    let Scratch { sums, matches, blocked, chosen, own, fold_in, repeat } = scratch;
    let Retrieval { snapshot, cached, history, category, limit, few, now_ms } = query;
    let (items, params) = (snapshot.items(), snapshot.params());
    chosen.reset(items.len());
    own.reset(items.len());
    let admit = |item: ItemIdx| {
        !blocked.contains(item) && category.is_none_or(|wanted| items.category_of(item) == Some(wanted))
    };
    let on = |source: Source| weights.get(source) > 0.0;
    let recent = recent::recent(history, params, now_ms, own);
    let past = Past::of(history, &recent, own, params.session, now_ms);
    let mut candidates = Candidates { repeat_chance: f32::NAN, ..Candidates::default() };

    if on(Source::Cached) {
        let list = top_k(limit, cached.iter().copied().filter(|scored| admit(scored.item)));
        candidates.add(Source::Cached, &list, chosen);
    }
    for (source, sums) in Source::SUMMED.into_iter().zip(&mut *sums) {
        sums.reset(items.len());
        if !on(source) {
            continue;
        }
        let (in_session, in_past) = (recent.iter().map(Recent::in_session), recent.iter().map(Recent::in_past));
        match source {
            Source::ItemKnnSession => item_knn::accumulate(snapshot.neighbours(Relation::Session), in_session, sums),
            Source::ItemKnnWalk => item_knn::accumulate(snapshot.neighbours(Relation::Walk), in_session, sums),
            Source::Embedding => item_knn::accumulate(snapshot.neighbours(Relation::Embedding), in_session, sums),
            Source::Slim => item_knn::accumulate(snapshot.neighbours(Relation::Slim), in_past, sums),
            Source::Content => item_knn::accumulate(snapshot.neighbours(Relation::Content), in_session, sums),
            Source::ItemKnnUser => item_knn::accumulate(snapshot.neighbours(Relation::User), in_past, sums),
            _ => {
                let index = snapshot.session_knn();
                candidates.nearest =
                    session_knn::accumulate(index, &params.session_knn, &recent, matches, sums).max(f32::MIN_POSITIVE);
            }
        }
        candidates.add(source, &sums.best(limit, admit), chosen);
    }
    let folded = on(Source::Als) && fold_in.fold(snapshot.als(), params, history);
    if folded {
        let restricted = category.map(|wanted| snapshot.popularity().order(Some(wanted)));
        let list = fold_in.nearest(snapshot.als(), params, limit, blocked.len(), restricted, admit);
        candidates.add(Source::Als, &list, chosen);
    }
    if on(Source::Repeat) {
        let found = repeat::own_items(snapshot, &recent, &past, limit, admit, repeat);
        candidates.repeat_chance = found.chance;
        candidates.add(Source::Repeat, &found.list, chosen);
    }
    let table = snapshot.popularity();
    let mut categories = Categories::default();
    if on(Source::CategoryPopularity) {
        categories = Categories::of(items, &recent);
        candidates.add(Source::CategoryPopularity, &categories.best(items, table, few, admit), chosen);
    }
    if on(Source::Trending) {
        // Within a category its popular items stand for those in fashion.
        let order = if category.is_some() { table.order(category) } else { table.trending() };
        let list = popularity::first(order, few, |item| table.trend(item), admit);
        candidates.add(Source::Trending, &list, chosen);
    }
    if on(Source::Popularity) {
        let list = popularity::first(table.order(category), few, |item| table.score(item), admit);
        candidates.add(Source::Popularity, &list, chosen);
    }

    let best_of = candidates.best;
    for candidate in &mut candidates.rows {
        let mut because = (0.0, 0);
        for (at, (source, sums)) in Source::SUMMED.into_iter().zip(&*sums).enumerate() {
            let cell = sums.cell(candidate.item);
            candidate.scores[source.column()] = cell.score;
            candidate.strongest[at] = cell.strongest;
            candidate.support[at] = cell.count;
            let share = weights.get(source) * cell.strongest / best_of[source.column()].max(1e-30);
            if share > because.0 {
                because = (share, cell.from);
            }
        }
        if folded {
            candidate.scores[Source::Als.column()] = fold_in.score(snapshot.als(), candidate.item);
        }
        for (source, score) in [
            (Source::CategoryPopularity, categories.score(items, table, candidate.item)),
            (Source::Trending, table.trend(candidate.item)),
            (Source::Popularity, table.score(candidate.item)),
        ] {
            if on(source) {
                candidate.scores[source.column()] = score;
            }
        }
        candidate.because = match because {
            (share, from) if share > 0.0 => Some(recent[from as usize].item),
            _ => own.contains(candidate.item).then_some(candidate.item),
        };
    }
    Candidates { recent, past, ..candidates }
}
