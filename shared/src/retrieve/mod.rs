//! Stage one: each source proposes candidates; their union carries every source's score.
//!
//! ```text
//! history  ─▶ recent items ─▶ neighbours (item_knn_*, embedding, slim, content) ┐
//!                          ─▶ similar sessions (session_knn)                     │
//!                          ─▶ repeat, category_popularity                        ├─▶ union: a row of scores a candidate
//!          ─▶ folded-in factors (als)                                            │
//! record   ─▶ cached                                                             │
//! snapshot ─▶ popularity, trending                                               ┘
//! ```
//!
//! A source with weight 0 is not asked. A candidate that one source proposed gets the scores of all others too, so
//! that the blend compares like with like.

pub mod als;
pub mod neighbours;
pub mod popularity;
pub mod repeat;
pub mod session_knn;

use popularity::Categories;

use crate::dense::{Accumulator, Marks};
use crate::filter::Filter;
use crate::id::ItemIdx;
use crate::params::{EngineParams, Weights};
use crate::question::Question;
use crate::source::{Kind, Source, SourceSet};
use crate::topk::{Scored, top_k};

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

/// Buffers of one thread, to be reused between requests: 16 bytes an item of the catalogue for each of
/// [`Source::SUMMED`] and 4 for the marks, and what the similar sessions of a request take.
#[derive(Debug, Default)]
pub struct Scratch {
    /// What the history's items add up to, by the place in [`Source::SUMMED`].
    sums: [Accumulator; Source::SUMMED.len()],
    matches: session_knn::Matches,
    /// Items that are candidates already.
    chosen: Marks,
    fold_in: als::FoldIn,
    repeat: repeat::Rows,
}

/// How many candidates each source may propose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of those that know the user.
    pub per_source: usize,
    /// Of those that hardly do: the popular ones.
    pub popular: usize,
}

impl Limits {
    /// Those of a version, whatever is asked.
    #[must_use]
    pub fn of(params: &EngineParams) -> Self {
        Self { per_source: params.per_source, popular: params.per_source / 4 }
    }

    /// The next larger ones.
    #[must_use]
    pub fn larger(self) -> Self {
        Self { per_source: 4 * self.per_source, popular: 4 * self.popular.max(1) }
    }
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
/// * `own`: the items of the history, see [`Question::new`].
pub fn retrieve(
    question: &Question<'_>,
    weights: &Weights,
    limits: Limits,
    filter: &Filter,
    own: &Marks,
    scratch: &mut Scratch,
) -> Candidates {
    let Scratch { sums, matches, chosen, fold_in, repeat } = scratch;
    let Question { snapshot, cached, ref history, ref recent, ref past, .. } = *question;
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
                    || fold_in.nearest(snapshot.als(), params, per_source, filter.refused(), restricted, admit);
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
                // Within a category its popular items stand for those in fashion.
                let order = if category.is_some() { popularity.order(category) } else { popularity.trending() };
                popularity::first(order, popular, |item| popularity.trend(item), admit)
            }
            Kind::Popularity => {
                popularity::first(popularity.order(category), popular, |item| popularity.score(item), admit)
            }
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
                // They have no say on what they did not propose.
                Kind::Cached | Kind::History => {}
                Kind::Neighbours(..) | Kind::Sessions => {
                    let (at, cell) = (summed(source), sums[summed(source)].cell(item));
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
            }
        }
        candidate.because = match because.1 {
            Some(from) => Some(recent[from as usize].item),
            None => own.contains(item).then_some(item),
        };
    }
    candidates
}

/// The place of a source among [`Source::SUMMED`].
fn summed(source: Source) -> usize {
    Source::SUMMED.iter().position(|&other| other == source).expect("its scores are sums")
}
