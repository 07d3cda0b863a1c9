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
//! the blend compares like with like. `als` scores what the others name, and searches all items only where that is little.
//! Cost: a random read or two for each neighbour and each past session that is added up, then passes over columns.

pub mod als;
pub mod candidates;
pub mod neighbours;
pub mod popularity;
pub mod profile;
pub mod repeat;
pub mod session_knn;

use crate::contract::id::ItemIdx;
use crate::contract::params::{EngineParams, Weights};
use crate::contract::source::{Kind, Source};
use crate::engine::filter::Filter;
use crate::engine::profiles::Profiles;
use crate::engine::question::Question;
use crate::engine::snapshot::Snapshot;
use crate::engine::stages::Stopwatch;
use crate::engine::topk::top_k;
pub use candidates::Candidates;
use candidates::Places;
use popularity::Categories;

/// Buffers of one thread, to be reused between requests: 4 bytes per item of the catalogue, and what the candidates and
/// the similar sessions of a request take.
#[derive(Debug, Default)]
pub struct Scratch {
    places: Places,
    matches: session_knn::Matches,
    fold_in: als::FoldIn,
    repeat: repeat::Rows,
    profile: profile::Sums,
    /// Times the sources, by [`Source::column`], while it runs.
    pub stopwatch: Stopwatch<{ Source::COUNT }>,
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

/// Retrieves the candidates of every source that has a weight, and joins them in `candidates`.
pub fn retrieve(
    question: &Question<'_>,
    weights: &Weights,
    limits: Limits,
    filter: &Filter,
    scratch: &mut Scratch,
    candidates: &mut Candidates,
) {
    let Scratch { places, matches, fold_in, repeat, profile: profile_sums, stopwatch } = scratch;
    let Question { snapshot, cached, ref history, ref recent, ref past, .. } = *question;
    let by_profile = snapshot.profiles().map(Profiles::table).zip(question.profile);
    let (items, params, popularity) = (snapshot.items(), snapshot.params(), snapshot.popularity());
    let admit = |item: ItemIdx| filter.admits(snapshot, item);
    let admit_other = |item: ItemIdx| filter.admits_other(snapshot, item);
    let restricted = filter.restricted(snapshot);
    let popular_items = restricted.unwrap_or(popularity.order(None));
    let Limits { per_source, popular } = limits;
    let on = |source: &Source| weights.get(*source) > 0.0;
    places.reset(items.len(), filter.refused_items());
    candidates.clear();
    stopwatch.skip();

    for source in Source::ALL.into_iter().filter(on) {
        let list = match source.kind() {
            Kind::Neighbours(_, order) => {
                if let Some(table) = snapshot.neighbours(source) {
                    let (mut pool, sums) = candidates.pool(source, places, admit_other);
                    neighbours::accumulate(|item| table.list(item), recent, order, &mut pool, sums);
                    if let Some(lists) = snapshot.likeness(source) {
                        neighbours::accumulate(|item| lists.list(item), recent, order, &mut pool, sums);
                    }
                }
                stopwatch.lap_at(source.column());
                continue;
            }
            Kind::Sessions => {
                let (mut pool, sums) = candidates.pool(source, places, admit_other);
                let nearest =
                    session_knn::accumulate(snapshot.sessions(), &params.session_knn, recent, matches, &mut pool, sums);
                candidates.nearest = nearest.max(f32::MIN_POSITIVE);
                stopwatch.lap_at(source.column());
                continue;
            }
            Kind::Cached => top_k(per_source, cached.iter().copied().filter(|scored| admit(scored.item))),
            Kind::Factors => {
                let by_history = candidates.items.len();
                let folded = fold_in.fold(snapshot.als(), params, history);
                // Its own search is dear, and finds little where other sources name enough by the history.
                if folded && by_history < per_source {
                    let refused = filter.refused(snapshot);
                    fold_in.nearest(snapshot.als(), params, per_source, refused, restricted, admit)
                } else {
                    Vec::new()
                }
            }
            Kind::History => {
                let found = repeat::own_items(snapshot, recent, past, per_source, admit, repeat);
                candidates.repeat_chance = found.chance;
                found.list
            }
            Kind::CategoryPopularity => Categories::of(items, recent).best(items, popularity, popular, admit),
            Kind::Trending => {
                // Trends are not sorted by category or filter: within one, its popular items take their place.
                let order = restricted.unwrap_or(popularity.trending());
                popularity::first(order, popular, |item| popularity.trend(item), admit)
            }
            Kind::Popularity => popularity::first(popular_items, popular, |item| popularity.score(item), admit),
            Kind::Profile => by_profile.map_or_else(Vec::new, |(table, profile)| {
                profile::best(table, profile, items.len(), per_source, admit, profile_sums)
            }),
        };
        candidates.list(source, &list, places, admit_other);
        stopwatch.lap_at(source.column());
    }
    candidates.close(weights);
    stopwatch.skip();
    let searched = candidates.proposed[Source::Als.column()] > 0;
    for source in Source::ALL.into_iter().filter(on) {
        match source.kind() {
            // They have no score for an item that they did not name.
            Kind::Cached | Kind::History => {}
            Kind::Neighbours(..) | Kind::Sessions => candidates.propose(source, per_source),
            Kind::Factors => {
                candidates.score(source, |items, scores| fold_in.scores(snapshot.als(), items, scores));
                if !searched {
                    candidates.propose(source, per_source);
                }
            }
            Kind::CategoryPopularity => {
                let categories = Categories::of(items, recent);
                if !categories.is_empty() {
                    candidates.score(source, each(|item| categories.score(items, popularity, item)));
                }
            }
            Kind::Trending => candidates.score(source, each(|item| popularity.trend(item))),
            Kind::Popularity => candidates.score(source, each(|item| popularity.score(item))),
            Kind::Profile => {
                if let Some((table, profile)) = by_profile {
                    candidates.score(source, each(|item| table.score(profile, item)));
                }
            }
        }
        stopwatch.lap_at(source.column());
    }
}

/// Gives the items of a list that no source named a row, with scores of 0. Only right where limits cut nothing: else a
/// source may have a score for such an item.
///
/// Returns the rows of the admitted items, in the order of the list.
pub fn name_all(
    snapshot: &Snapshot,
    list: &[ItemIdx],
    weights: &Weights,
    filter: &Filter,
    scratch: &mut Scratch,
    candidates: &mut Candidates,
) -> Vec<u32> {
    let mut pool = candidates.names(&mut scratch.places, |item| filter.admits_other(snapshot, item));
    let rows = list.iter().filter_map(|&item| pool.row(item)).map(|row| row as u32).collect();
    candidates.close(weights);
    rows
}

/// Scores items one by one.
fn each(score: impl Fn(ItemIdx) -> f32) -> impl FnOnce(&[ItemIdx], &mut Vec<f32>) {
    move |items, scores| {
        scores.clear();
        scores.extend(items.iter().map(|&item| score(item)));
    }
}
