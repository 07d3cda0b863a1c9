//! Notes what the engine says of some items while it answers: the sources, the blend, the ranker, and the order that
//! comes of it.

use crate::contract::id::ItemIdx;
use crate::contract::params::Weights;
use crate::contract::source::Source;
use crate::engine::rank::features::{self, Shortlist};
use crate::engine::rank::matrix::Matrix;
use crate::engine::recommend::{Moment, by_blend};
use crate::engine::retrieve::Candidates;
use crate::engine::slate::Pick;
use crate::tables::{Ranker, Step};

use super::{Feature, Ranking, SourceShare};

/// A feature that adds less adds nothing: such a number is left of rounding.
const NOTHING: f64 = 1e-9;

/// What was said of an item, as far as the answer came to it.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    pub sources: Vec<SourceShare>,
    pub blended: Option<f32>,
    pub by_blend: Option<usize>,
    pub ranking: Option<Ranking>,
    pub by_ranker: Option<usize>,
    pub because: Option<ItemIdx>,
    pub before_rules: Option<usize>,
}

/// Listens for some items.
pub(super) struct Witness<'a> {
    pub of: &'a [ItemIdx],
    pub weights: Weights,
    pub ranker: Option<&'a Ranker>,
    /// By the places of the items in `of`.
    pub said: Vec<Said>,
}

impl<'a> Witness<'a> {
    /// One that has heard nothing yet.
    pub fn new(of: &'a [ItemIdx], (weights, ranker): (Weights, Option<&'a Ranker>)) -> Self {
        Self { of, weights, ranker, said: vec![Said::default(); of.len()] }
    }

    /// Notes a moment.
    pub fn hear(&mut self, moment: Moment<'_>) {
        match moment {
            Moment::Retrieved(_, candidates, _) => self.blend(candidates),
            Moment::Ranked(shortlist, matrix, picks) => self.rank(shortlist, matrix, picks),
            Moment::Ordered(picks) => self.places(picks, |said| &mut said.by_ranker),
            Moment::Extended(candidates, picks) => {
                self.blend(candidates);
                self.places(picks, |said| &mut said.before_rules);
            }
            Moment::Together(_) | Moment::HeldBack(..) => {}
        }
    }

    /// Notes what the sources say, of items of which they said nothing before.
    fn blend(&mut self, candidates: &Candidates) {
        let order = by_blend(candidates, &self.weights, usize::MAX);
        for (&item, said) in self.of.iter().zip(&mut self.said).filter(|(_, said)| said.by_blend.is_none()) {
            let Some(row) = candidates.items.iter().position(|&other| other == item) else { continue };
            said.by_blend = order.iter().position(|ranked| ranked.item == item).map(|at| at + 1);
            said.sources = shares(candidates, &self.weights, row);
            said.blended = Some(said.sources.iter().map(|source| source.adds).sum());
        }
    }

    /// Notes what the ranker says.
    fn rank(&mut self, shortlist: &Shortlist<'_>, matrix: &Matrix, picks: &[Pick]) {
        let Some(ranker) = self.ranker else { return };
        let snapshot = shortlist.question.snapshot;
        let names = features::names(snapshot.statistics(), snapshot.profiles());
        let covers = ranker.covers(matrix);
        let kept = ranker.kept().unwrap_or(usize::MAX);
        for (&item, said) in self.of.iter().zip(&mut self.said) {
            let Some(row) = shortlist.ranked.iter().position(|ranked| ranked.item == item) else { continue };
            let Some(at) = picks.iter().position(|pick| pick.item == item) else { continue };
            let step = if at < kept { Step::All } else { Step::First };
            let values = ranker.contributions(step, &covers, matrix, row);
            let wanted = values.features.iter().zip(ranker.wanted()).enumerate().filter(|(_, (_, wanted))| **wanted);
            let feature = |(column, (&log_odds, _)): (usize, (&f64, &bool))| Feature {
                name: names[column].clone(),
                value: Some(matrix.column(column)[row]).filter(|value| !value.is_nan()),
                log_odds,
            };
            let mut features: Vec<Feature> = wanted.map(feature).collect();
            features.retain(|feature| feature.log_odds.abs() >= NOTHING);
            features.sort_by(|one, other| other.log_odds.abs().total_cmp(&one.log_odds.abs()));
            let score = values.base + values.features.iter().sum::<f64>();
            said.ranking = Some(Ranking { step, score, base: values.base, probability: picks[at].score, features });
        }
    }

    fn places(&mut self, picks: &[Pick], place: impl Fn(&mut Said) -> &mut Option<usize>) {
        for (&item, said) in self.of.iter().zip(&mut self.said) {
            let Some(at) = picks.iter().position(|pick| pick.item == item) else { continue };
            *place(said) = Some(at + 1);
            said.because = said.because.or(picks[at].because);
        }
    }
}

/// What each source says of a candidate, the most first.
fn shares(candidates: &Candidates, weights: &Weights, row: usize) -> Vec<SourceShare> {
    let proposed_by = candidates.proposed_by()[row];
    let said = Source::ALL.into_iter().filter_map(|source| {
        let (weight, best) = (weights.get(source), candidates.best[source.column()]);
        let score = *candidates.scores(source).get(row)?;
        let speaks = weight > 0.0 && best > 0.0 && (score != 0.0 || proposed_by.contains(source));
        let adds = weight * score / best;
        speaks.then_some(SourceShare {
            source,
            score,
            weight,
            adds,
            share: 0.0,
            proposed: proposed_by.contains(source),
        })
    });
    let mut shares: Vec<SourceShare> = said.collect();
    let whole: f32 = shares.iter().map(|source| source.adds.abs()).sum();
    shares.iter_mut().for_each(|source| source.share = if whole > 0.0 { source.adds / whole } else { 0.0 });
    shares.sort_by(|one, other| other.adds.total_cmp(&one.adds));
    shares
}
