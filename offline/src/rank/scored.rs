//! Questions whose candidates have been scored once by every source and are kept in memory: trying other blend weights
//! is then only a sum over columns.
//!
//! In: a question and the scores of its candidates. Out: the figure that weights are fitted for. The sums are those of
//! [`shared::engine::retrieve::Candidates::blended`] to the bit: the same products in the same order, without those that
//! are 0.
//! Cost of a figure: candidates × (sources + targets).

use shared::contract::api::Seen;
use shared::contract::id::ItemIdx;
use shared::contract::params::Weights;
use shared::contract::source::{Source, SourceSet};
use shared::engine::recommend::{Query, Scratch, candidates};
use shared::engine::snapshot::Snapshot;
use shared::engine::state::UserState;

use crate::measure::evaluate::cases::Case;
use crate::measure::metrics::discounted_gain;

/// The cut-off of NDCG.
pub const CUT_OFF: usize = 20;

/// A question whose candidates have been scored.
pub struct ScoredCase {
    /// The user.
    pub user: Box<str>,
    items: Vec<ItemIdx>,
    /// The sources that proposed each candidate.
    proposed_by: Vec<SourceSet>,
    /// The scores of each source that has one for any candidate.
    columns: Vec<SourceScores>,
    /// The positions of the targets among the candidates.
    targets: Vec<usize>,
    /// The number of targets, whether they are candidates or not.
    total: usize,
}

/// The scores of one source for all candidates.
struct SourceScores {
    source: Source,
    best: f32,
    scores: Vec<f32>,
}

/// The figure that weights are fitted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// NDCG@20, if the blend itself is served.
    Slate,
    /// NDCG@20 plus the share of the targets among this many first candidates, which are all that a ranker sees.
    Ranked(usize),
}

impl ScoredCase {
    /// Retrieves the candidates of the `sources` once.
    pub fn of(
        snapshot: &Snapshot,
        sources: &Weights,
        state: &UserState,
        seen: Seen,
        case: &Case<'_>,
        scratch: &mut Scratch,
    ) -> Self {
        let query = Query::of(CUT_OFF, seen);
        let (_, found) = candidates(snapshot, sources, state, &query, case.now_ms, scratch);
        let of_row = found.proposed_by();
        let rows: Vec<usize> = (0..found.items.len()).filter(|&row| !of_row[row].is_empty()).collect();
        let column = |source: Source| {
            let (best, scores) = (found.best[source.column()], found.scores(source));
            let scores: Vec<f32> = rows.iter().map(|&row| scores.get(row).copied().unwrap_or(0.0)).collect();
            let says_something = best > 0.0 && scores.iter().any(|&score| score != 0.0);
            says_something.then_some(SourceScores { source, best, scores })
        };
        let items: Vec<ItemIdx> = rows.iter().map(|&row| found.items[row]).collect();
        Self {
            user: case.user.into(),
            targets: (0..items.len()).filter(|&at| case.targets.contains(&items[at])).collect(),
            proposed_by: rows.iter().map(|&row| of_row[row]).collect(),
            columns: Source::ALL.into_iter().filter_map(column).collect(),
            items,
            total: case.total(),
        }
    }

    /// The figure of the weights on this question; higher is better. `scores` is a buffer.
    pub fn figure(&self, weights: &Weights, goal: Goal, scores: &mut Vec<f32>) -> f64 {
        if self.targets.is_empty() {
            return 0.0;
        }
        scores.clear();
        scores.resize(self.items.len(), 0.0);
        for SourceScores { source, best, scores: of_source } in &self.columns {
            let weight = weights.get(*source);
            scores.iter_mut().zip(of_source).for_each(|(sum, score)| *sum += weight * score / best);
        }
        let weighted: SourceSet = Source::ALL.into_iter().filter(|&source| weights.get(source) > 0.0).collect();
        let on = |proposed_by: SourceSet| proposed_by.meets(weighted);
        let (mut gain, mut among) = (0.0, 0);
        for &target in self.targets.iter().filter(|&&target| on(self.proposed_by[target])) {
            let (own, own_item) = (scores[target], self.items[target]);
            let candidates = scores.iter().zip(&self.items).zip(&self.proposed_by);
            let before = |&((&score, &item), &proposed_by): &((&f32, &ItemIdx), &SourceSet)| {
                (score > own || score == own && item < own_item) && on(proposed_by)
            };
            let rank = candidates.filter(before).count();
            if rank < CUT_OFF {
                gain += discounted_gain(rank);
            }
            among += usize::from(matches!(goal, Goal::Ranked(first) if rank < first));
        }
        let ideal = (0..self.total.min(CUT_OFF)).map(discounted_gain).sum::<f64>();
        gain / ideal.max(f64::MIN_POSITIVE) + among as f64 / self.total.max(1) as f64
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A question of candidates 0, 1, 2, … about one of them, with the scores of some sources; the best of each is 1.
    pub fn scored(user: &str, target: usize, columns: &[(Source, &[f32])]) -> ScoredCase {
        let count = columns.iter().map(|(_, scores)| scores.len()).max().unwrap_or(0);
        let proposed =
            |at: usize| columns.iter().filter(move |(_, scores)| scores[at] > 0.0).map(|(source, _)| *source);
        ScoredCase {
            user: user.into(),
            items: (0..count as u32).map(ItemIdx).collect(),
            proposed_by: (0..count).map(|at| proposed(at).collect()).collect(),
            columns: columns
                .iter()
                .map(|&(source, scores)| SourceScores { source, best: 1.0, scores: scores.to_vec() })
                .collect(),
            targets: vec![target],
            total: 1,
        }
    }

    #[test]
    fn a_target_in_the_second_place_is_worth_1_over_log2_3_and_one_among_the_ranked_1_more() {
        let case = scored("a", 1, &[(Source::Als, &[1.0, 0.5, 0.0]), (Source::Slim, &[0.0, 0.8, 1.0])]);
        let (second, mut buffer) = (Weights::only(Source::Als).with(Source::Slim, 0.1), Vec::new());
        assert_eq!(case.figure(&second, Goal::Slate, &mut buffer), 1.0 / 3f64.log2());
        assert_eq!(case.figure(&second, Goal::Ranked(2), &mut buffer), 1.0 / 3f64.log2() + 1.0);
        assert_eq!(case.figure(&second, Goal::Ranked(1), &mut buffer), 1.0 / 3f64.log2());
        let first = second.with(Source::Slim, 1.0);
        assert_eq!(case.figure(&first, Goal::Ranked(1), &mut buffer), 2.0);
    }

    #[test]
    fn what_only_sources_without_a_weight_propose_is_no_candidate() {
        let case = scored("a", 1, &[(Source::Als, &[1.0, 0.0]), (Source::Slim, &[0.0, 1.0])]);
        assert_eq!(case.figure(&Weights::only(Source::Als), Goal::Ranked(9), &mut Vec::new()), 0.0);
        assert_eq!(case.figure(&Weights::only(Source::Slim), Goal::Ranked(9), &mut Vec::new()), 2.0);
    }
}
