//! Stage one, retrieval: each source proposes candidates; every candidate of their union gets the scores of all
//! sources.
//!
//! ```text
//! history  ─▶ recent items ─▶ neighbours (item_knn_*, embedding, slim, content, looks_like) ┐
//!                          ─▶ similar sessions (session_knn)                                 │
//!                          ─▶ repeat, category_popularity                                    ├─▶ union: a row per
//!          ─▶ folded-in factors (als)                                                        │   candidate
//! record   ─▶ cached                                                                         │
//! profile  ─▶ profile                                                                        │
//! snapshot ─▶ popularity, trending                                                           ┘
//! ```
//!
//! A source with weight 0 is skipped. A candidate that one source proposed gets the scores of the others too, so that
//! the blend compares like with like.

pub mod als;
pub mod neighbours;
pub mod popularity;
pub mod profile;
pub mod repeat;
pub mod session_knn;

use crate::contract::id::ItemIdx;
use crate::contract::params::{EngineParams, Weights};
use crate::contract::source::{Kind, Source, SourceSet};
use crate::engine::dense::{Accumulator, Marks};
use crate::engine::filter::Filter;
use crate::engine::profiles::Profiles;
use crate::engine::question::Question;
use crate::engine::topk::{Scored, top_k};
use popularity::Categories;

/// An item that at least one source proposed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The item.
    pub item: ItemIdx,
    /// The score of every source, 0 if it has none.
    pub scores: [f32; Source::COUNT],
    /// The rank in each source's list, from 1; 0 if the source did not propose it.
    pub ranks: [u16; Source::COUNT],
    /// The largest contribution of one history item to each of [`Source::SUMMED`].
    pub strongest: [f32; Source::SUMMED.len()],
    /// How many contributions there were to each of [`Source::SUMMED`].
    pub support: [u32; Source::SUMMED.len()],
    /// The sources that proposed it.
    pub sources: SourceSet,
    /// The history item that contributed most to its score; else the item itself, if it is in the history.
    pub because: Option<ItemIdx>,
}

/// Buffers of one thread, to be reused between requests: per item of the catalogue 16 bytes for each of
/// [`Source::SUMMED`] and 4 for the marks, and what the similar sessions of a request take.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The summed contributions of the history's items, by the position of the source in [`Source::SUMMED`].
    sums: [Accumulator; Source::SUMMED.len()],
    matches: session_knn::Matches,
    /// Items that are candidates already.
    chosen: Marks,
    fold_in: als::FoldIn,
    repeat: repeat::Rows,
    profile: profile::Sums,
}

/// How many candidates each source may propose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The limit of a source that depends on the user.
    pub per_source: usize,
    /// The limit of a popularity source.
    pub popular: usize,
}

impl Limits {
    /// The limits of a version, which hold for every query.
    #[must_use]
    pub fn of(params: &EngineParams) -> Self {
        Self { per_source: params.per_source, popular: params.per_source / 4 }
    }

    /// The next larger limits.
    #[must_use]
    pub fn larger(self) -> Self {
        Self { per_source: 4 * self.per_source, popular: 4 * self.popular.max(1) }
    }
}

/// The union of what the sources proposed.
#[derive(Debug, Default)]
pub struct Candidates {
    /// One row per item, in the order in which the items were proposed.
    pub rows: Vec<Candidate>,
    /// The best score of each source, 0 if it proposed nothing.
    pub best: [f32; Source::COUNT],
    /// How many candidates each source proposed.
    pub proposed: [u32; Source::COUNT],
    /// [`repeat::OwnItems::chance`]; missing without the source `repeat` or its model.
    pub repeat_chance: f32,
    /// The total weight of the nearest past sessions of `session_knn`.
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

/// Retrieves the candidates of every source that has a weight, and joins them.
///
/// * `own`: the items of the history, see [`Question::new`].
pub fn retrieve(
    question: &Question<'_>,
    weights: &Weights,
    limits: Limits,
    filter: &Filter,
    own: &Marks,
    scratch: &mut Scratch,
) -> Candidates {
    let Scratch { sums, matches, chosen, fold_in, repeat, profile: profile_sums } = scratch;
    let Question { snapshot, cached, ref history, ref recent, ref past, .. } = *question;
    let by_profile = snapshot.profiles().map(Profiles::table).zip(question.profile);
    let (items, params, popularity) = (snapshot.items(), snapshot.params(), snapshot.popularity());
    let admit = |item: ItemIdx| filter.admits(snapshot, item);
    let category = filter.category();
    let Limits { per_source, popular } = limits;
    chosen.reset(items.len());
    let mut candidates = Candidates { repeat_chance: f32::NAN, ..Candidates::default() };
    let (mut categories, mut folded) = (Categories::default(), false);
    sums.iter_mut().for_each(|sums| sums.reset(items.len()));

    for source in Source::ALL.into_iter().filter(|&source| weights.get(source) > 0.0) {
        let proposed = match source.kind() {
            Kind::Cached => top_k(per_source, cached.iter().copied().filter(|scored| admit(scored.item))),
            Kind::Neighbours(_, order) => {
                let sums = &mut sums[summed(source)];
                if let Some(table) = snapshot.neighbours(source) {
                    neighbours::accumulate(table, recent, order, sums);
                }
                sums.best(per_source, admit)
            }
            Kind::Sessions => {
                let sums = &mut sums[summed(source)];
                let nearest = session_knn::accumulate(snapshot.sessions(), &params.session_knn, recent, matches, sums);
                candidates.nearest = nearest.max(f32::MIN_POSITIVE);
                sums.best(per_source, admit)
            }
            Kind::Factors => {
                folded = fold_in.fold(snapshot.als(), params, history);
                let restricted = category.map(|wanted| popularity.order(Some(wanted)));
                let nearest =
                    || fold_in.nearest(snapshot.als(), params, per_source, filter.refused(snapshot), restricted, admit);
                if folded { nearest() } else { Vec::new() }
            }
            Kind::History => {
                let found = repeat::own_items(snapshot, recent, past, per_source, admit, repeat);
                candidates.repeat_chance = found.chance;
                found.list
            }
            Kind::CategoryPopularity => {
                categories = Categories::of(items, recent);
                categories.best(items, popularity, popular, admit)
            }
            Kind::Trending => {
                // Trends are not sorted by category: within one, its popular items take their place.
                let order = if category.is_some() { popularity.order(category) } else { popularity.trending() };
                popularity::first(order, popular, |item| popularity.trend(item), admit)
            }
            Kind::Popularity => {
                popularity::first(popularity.order(category), popular, |item| popularity.score(item), admit)
            }
            Kind::Profile => by_profile.map_or_else(Vec::new, |(table, profile)| {
                profile::best(table, profile, items.len(), per_source, admit, profile_sums)
            }),
        };
        candidates.add(source, &proposed, chosen);
    }
    let best = candidates.best;
    for candidate in &mut candidates.rows {
        let item = candidate.item;
        let mut because = (0.0, None);
        for source in Source::ALL.into_iter().filter(|&source| weights.get(source) > 0.0) {
            let score = &mut candidate.scores[source.column()];
            match source.kind() {
                // These sources have no score for an item that they did not propose.
                Kind::Cached | Kind::History => {}
                Kind::Neighbours(..) | Kind::Sessions => {
                    let at = summed(source);
                    let cell = sums[at].cell(item);
                    *score = cell.score;
                    candidate.strongest[at] = cell.strongest;
                    candidate.support[at] = cell.count;
                    let share = weights.get(source) * cell.strongest / best[source.column()].max(1e-30);
                    if share > because.0 {
                        because = (share, Some(cell.from));
                    }
                }
                Kind::Factors if folded => *score = fold_in.score(snapshot.als(), item),
                Kind::Factors => {}
                Kind::CategoryPopularity => *score = categories.score(items, popularity, item),
                Kind::Trending => *score = popularity.trend(item),
                Kind::Popularity => *score = popularity.score(item),
                Kind::Profile => {
                    *score = by_profile.map_or(0.0, |(table, profile)| table.score(profile, item));
                }
            }
        }
        candidate.because = match because.1 {
            Some(from) => Some(recent[from as usize].item),
            None => own.contains(item).then_some(item),
        };
    }
    candidates
}

/// The position of each source in [`Source::SUMMED`], by its column; past the end for a source that sums nothing.
const POSITIONS: [usize; Source::COUNT] = {
    let (mut positions, mut at) = ([usize::MAX; Source::COUNT], 0);
    while at < Source::SUMMED.len() {
        positions[Source::SUMMED[at] as usize] = at;
        at += 1;
    }
    positions
};

/// The position of a source in [`Source::SUMMED`].
fn summed(source: Source) -> usize {
    POSITIONS[source.column()]
}
