//! Fits the blend: one weight for each source. If the fitted blend is significantly worse than its best source alone,
//! that source is served instead.
//!
//! In: questions whose candidates have been scored. Out: the weights and their figures. The fit is a coordinate ascent:
//! it changes one weight at a time, as long as the mean figure of all questions grows. The blend is compared with its
//! best source by cross-validation: the users are split into two halves, and each half is answered with the weights and
//! the source that were found on the other. A source that is significantly ahead there gets the weight, and each other
//! source a hundredth of it, so that they still answer where the best one has no candidates. Cost: up to a thousand
//! figures per question.

use rayon::prelude::*;
use shared::contract::params::Weights;
use shared::contract::source::Source;

use super::paired::{Pair, PairedTest};
use super::scored::{CUT_OFF, Goal, ScoredCase};

/// The minimum number of questions to fit weights on.
pub const FEWEST_CASES: usize = 50;
/// The maximum number of passes over all sources.
const ROUNDS: usize = 4;
/// The factors that a weight is tried with.
const FACTORS: [f32; 8] = [0.1, 0.25, 0.5, 0.75, 1.33, 2.0, 4.0, 10.0];
/// The values that are tried for a weight of 0.
const FROM_ZERO: [f32; 4] = [0.02, 0.05, 0.15, 0.5];
/// No weight falls below this share of the largest: a source that adds nothing on the window still answers where the
/// others have no candidates.
const LEAST_SHARE: f32 = 0.01;
/// A weight changes only for a gain above this.
const LEAST_GAIN: f64 = 1e-5;

/// A fitted blend.
#[derive(Debug, Clone)]
pub struct Blend {
    /// The weights.
    pub weights: Weights,
    /// The number of questions that the weights were fitted on.
    pub questions: usize,
    /// The comparison with the best source alone; none if there were too few questions to fit weights.
    pub beside_best_source: Option<PairedTest>,
}

impl Blend {
    /// Weights that were not fitted.
    pub fn unfitted(weights: Weights) -> Self {
        Self { weights, questions: 0, beside_best_source: None }
    }
}

/// The start of a fit.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    /// The weights.
    pub weights: Weights,
    /// The sources that may get a weight: those with a weight greater than 0 here.
    pub sources: Weights,
    /// How a source that adds nothing is treated.
    pub useless: Useless,
}

/// How a source that adds nothing to the figure is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Useless {
    /// It keeps the least share of the largest weight.
    Kept,
    /// It may be left without a weight.
    LeftOut,
}

/// Every source with weight 1.
pub fn all_sources() -> Weights {
    Source::ALL.into_iter().fold(Weights::NONE, |mut weights, source| {
        *weights.get_mut(source) = 1.0;
        weights
    })
}

/// The sources of the long-term model, with weight 1: all but `cached`, which it makes, and `repeat`.
pub fn long_term_sources() -> Weights {
    all_sources().with(Source::Cached, 0.0).with(Source::Repeat, 0.0)
}

/// Fits weights for a goal, or falls back to the best source alone.
///
/// * `cases`: the questions; those of one user are consecutive.
pub fn fit(cases: &[ScoredCase], start: Start, goal: Goal) -> Blend {
    let all: Vec<&ScoredCase> = cases.iter().collect();
    let (questions, weights) = (cases.len(), start.ascend(&all, goal));
    if questions < FEWEST_CASES {
        return Blend { weights, questions, beside_best_source: None };
    }
    let test = start.beside_best_source(&all, goal);
    let weights = if test.stepped_back { start.alone(start.best_source(&all, goal)) } else { weights };
    Blend { weights, questions, beside_best_source: Some(test) }
}

impl Start {
    /// Sources that may have a weight.
    fn on(self) -> impl Iterator<Item = Source> {
        Source::ALL.into_iter().filter(move |&source| self.sources.get(source) > 0.0)
    }

    /// Changes one weight at a time as long as the mean over all questions grows.
    fn ascend(self, cases: &[&ScoredCase], goal: Goal) -> Weights {
        if cases.len() < FEWEST_CASES {
            return self.finished(self.weights);
        }
        let mut best = self.weights;
        let mut figure = mean(cases, &best, goal);
        for _ in 0..ROUNDS {
            let before = figure;
            for source in self.on() {
                let current = best.get(source);
                let tries: Vec<f32> = match current {
                    0.0 => FROM_ZERO.to_vec(),
                    current => FACTORS.iter().map(|factor| current * factor).collect(),
                };
                for weight in tries {
                    let mut tried = best;
                    *tried.get_mut(source) = weight;
                    let reached = mean(cases, &tried, goal);
                    if reached > figure + LEAST_GAIN {
                        (best, figure) = (tried, reached);
                    }
                }
            }
            if figure - before < LEAST_GAIN {
                break;
            }
        }
        tracing::debug!(cases = cases.len(), figure, weights = ?best, "weights fitted");
        self.finished(best)
    }

    fn finished(self, weights: Weights) -> Weights {
        match self.useless {
            Useless::Kept => self.with_least_shares(weights),
            Useless::LeftOut => weights,
        }
    }

    /// Raises the weight of every source to at least [`LEAST_SHARE`] of the largest.
    fn with_least_shares(self, weights: Weights) -> Weights {
        let largest = Source::ALL.into_iter().map(|source| weights.get(source)).fold(0.0, f32::max);
        self.on().fold(weights, |mut lifted, source| {
            *lifted.get_mut(source) = weights.get(source).max(LEAST_SHARE * largest);
            lifted
        })
    }

    /// The weights of one source alone; the others have the least share.
    fn alone(self, source: Source) -> Weights {
        self.with_least_shares(Weights::only(source))
    }

    /// The source with the highest mean figure alone; of equal ones the first.
    fn best_source(self, cases: &[&ScoredCase], goal: Goal) -> Source {
        let figures = self.on().map(|source| (source, mean(cases, &Weights::only(source), goal)));
        let best = figures.reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map_or(Source::Popularity, |(source, _)| source)
    }

    /// Compares the blend with its best source, each found on the questions of the other half of the users.
    fn beside_best_source(self, cases: &[&ScoredCase], goal: Goal) -> PairedTest {
        let mut halves = [Vec::new(), Vec::new()];
        for (user, of_user) in cases.chunk_by(|a, b| a.user == b.user).enumerate() {
            halves[user % 2].extend_from_slice(of_user);
        }
        let mut pairs = Vec::with_capacity(cases.len());
        for (asked, others) in [(&halves[0], &halves[1]), (&halves[1], &halves[0])] {
            let (blend, alone) = (self.ascend(others, goal), self.alone(self.best_source(others, goal)));
            let [richer, simpler] = [blend, alone].map(|weights| figures(asked, &weights, goal));
            let figures = asked.iter().zip(richer).zip(simpler);
            pairs.extend(figures.map(|((case, richer), simpler)| Pair { user: &case.user, richer, simpler }));
        }
        let figure = match goal {
            Goal::Slate => format!("NDCG@{CUT_OFF}"),
            Goal::Ranked(first) => format!("NDCG@{CUT_OFF} + Recall@{first}"),
        };
        PairedTest::of("blend", self.best_source(cases, goal).as_str().to_owned(), figure, &pairs)
    }
}

fn figures(cases: &[&ScoredCase], weights: &Weights, goal: Goal) -> Vec<f64> {
    cases.par_iter().map_init(Vec::new, |buffer, case| case.figure(weights, goal, buffer)).collect()
}

fn mean(cases: &[&ScoredCase], weights: &Weights, goal: Goal) -> f64 {
    // Collected before it is summed: the order of a parallel sum would depend on the threads.
    figures(cases, weights, goal).iter().sum::<f64>() / cases.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::super::scored::tests::scored;
    use super::*;

    fn start() -> Start {
        Start { weights: Weights::default(), sources: all_sources(), useless: Useless::Kept }
    }

    /// Questions of as many users, a case each.
    fn cases(count: usize, of: impl Fn(usize, &str) -> ScoredCase) -> Vec<ScoredCase> {
        (0..count).map(|user| of(user, &format!("u{user}"))).collect()
    }

    #[test]
    fn a_blend_of_two_sources_that_each_know_half_is_kept() {
        // Each source has the target first in every second question, and something else first in the others.
        let sources = [Source::Als, Source::Slim];
        let cases = cases(100, |user, name| {
            let (knows, other) = (sources[user % 2], sources[(user + 1) % 2]);
            scored(name, 0, &[(knows, &[1.0, 0.0, 0.0]), (other, &[0.6, 0.0, 1.0])])
        });
        let blend = fit(&cases, start(), Goal::Slate);
        let test = blend.beside_best_source.expect("questions enough");
        assert!(!test.stepped_back && test.richer_mean == 1.0, "{test:?}");
    }

    #[test]
    fn where_single_steps_lead_nowhere_the_blend_steps_back_to_its_best_source() {
        // Popularity has the target first in every question; two sources with twenty times its weight agree on another
        // item, so that no single step helps.
        let cases = cases(100, |_, name| {
            let wrong = [0.0, 1.0];
            scored(
                name,
                0,
                &[(Source::Popularity, &[1.0, 0.0]), (Source::ItemKnnSession, &wrong), (Source::SessionKnn, &wrong)],
            )
        });
        let blend = fit(&cases, start(), Goal::Slate);
        let test = blend.beside_best_source.expect("questions enough");
        assert!(test.stepped_back && test.simpler == "popularity", "{test:?}");
        assert_eq!((test.simpler_mean, test.questions), (1.0, 100));
        let weights = [Source::Popularity, Source::SessionKnn, Source::Als].map(|source| blend.weights.get(source));
        assert_eq!(weights, [1.0, 0.01, 0.01]);
    }

    #[test]
    fn sources_that_are_off_have_no_weight_whatever_comes_of_it() {
        let sources = all_sources().with(Source::Als, 0.0);
        let cases =
            cases(60, |_, name| scored(name, 0, &[(Source::Slim, &[1.0, 0.0]), (Source::SessionKnn, &[0.0, 1.0])]));
        for goal in [Goal::Slate, Goal::Ranked(1)] {
            let start = Start { weights: Weights::default().with(Source::Als, 0.0), sources, useless: Useless::Kept };
            assert_eq!(fit(&cases, start, goal).weights.get(Source::Als), 0.0);
        }
    }

    #[test]
    fn with_fewer_questions_than_fit_anything_the_weights_are_those_of_the_start() {
        let cases = cases(FEWEST_CASES - 1, |_, name| scored(name, 0, &[(Source::Popularity, &[1.0, 0.0])]));
        let blend = fit(&cases, start(), Goal::Slate);
        assert_eq!((blend.weights, blend.beside_best_source), (Weights::default(), None));
    }
}
