//! A paired significance test: whether a richer model is worse than a simpler one on the same questions.
//!
//! In: both figures of each question. Out: the means, and the interval of their difference, by a bootstrap over users.
//! The richer model is worse if the whole 95% interval of the difference lies below 0: the rule of the gate, without
//! its tolerance. In doubt the richer model stays, since it is the better one on most logs; a handful of questions
//! can't tell the two apart and changes nothing. The questions must be ones that neither model was fitted on.

use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

use crate::measure::evaluate::bootstrap::{Difference, Replicates, counts};

/// The figures of both models for one question.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The user; the questions of one user are consecutive.
    pub user: &'a str,
    /// The figure of the richer model.
    pub richer: f64,
    /// The figure of the simpler one.
    pub simpler: f64,
}

/// The comparison of a richer model with a simpler one, as a manifest keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairedTest {
    /// The richer model: `blend` or `ranker`.
    pub richer: String,
    /// The simpler one: a source, or the blend without a ranker.
    pub simpler: String,
    /// The name of the figure that is compared.
    pub figure: String,
    /// The number of questions.
    pub questions: usize,
    /// The mean figure of the richer model.
    pub richer_mean: f64,
    /// The mean figure of the simpler one.
    pub simpler_mean: f64,
    /// The richer model's figure minus the simpler one's.
    pub difference: Difference,
    /// Whether the simpler one is served instead.
    pub stepped_back: bool,
}

impl PairedTest {
    /// Compares the figures of both models on some questions.
    pub fn of(richer: &str, simpler: String, figure: String, pairs: &[Pair<'_>]) -> Self {
        let mut sides = [Replicates::new(1), Replicates::new(1)];
        let mut sums = [0.0; 2];
        for of_user in pairs.chunk_by(|a, b| a.user == b.user) {
            let counts = counts(of_user[0].user);
            let own = [|pair: &Pair<'_>| pair.simpler, |pair: &Pair<'_>| pair.richer]
                .map(|figure| of_user.iter().map(figure).sum::<f64>());
            for ((side, sum), own) in sides.iter_mut().zip(&mut sums).zip(own) {
                side.add(&counts, of_user.len(), &[own]);
                *sum += own;
            }
        }
        let means = sums.map(|sum| sum / pairs.len().max(1) as f64);
        let difference = sides[0].difference(&sides[1], 0, means);
        Self {
            richer: richer.to_owned(),
            simpler,
            figure,
            questions: pairs.len(),
            richer_mean: means[1],
            simpler_mean: means[0],
            stepped_back: difference.mean < 0.0 && difference.interval.high < 0.0,
            difference,
        }
    }
}

impl Display for PairedTest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { richer, simpler, figure, questions, richer_mean, simpler_mean, difference, stepped_back } = self;
        let becomes =
            if *stepped_back { format!("{richer}: steps back to {simpler}") } else { format!("{richer}: stays") };
        write!(
            f,
            "{becomes}: {figure} {richer_mean:.4} beside {simpler_mean:.4} of {simpler}, {:+.4} (95% {:+.4} to {:+.4}) on \
             {questions} questions",
            difference.mean, difference.interval.low, difference.interval.high
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(users: usize, of: impl Fn(usize) -> [f64; 2]) -> PairedTest {
        let names: Vec<String> = (0..users).map(|user| format!("u{user}")).collect();
        let pair = |(user, name): (usize, &'_ String)| (name.clone(), of(user));
        let pairs: Vec<(String, [f64; 2])> = names.iter().enumerate().map(pair).collect();
        let pairs: Vec<Pair<'_>> =
            pairs.iter().map(|(user, [richer, simpler])| Pair { user, richer: *richer, simpler: *simpler }).collect();
        PairedTest::of("blend", "popularity".to_owned(), "NDCG@20".to_owned(), &pairs)
    }

    #[test]
    fn behind_on_most_questions_trails_and_reads_its_figures() {
        let test = test(100, |user| if user % 4 == 0 { [1.0, 0.0] } else { [0.0, 1.0] });
        assert!(test.stepped_back, "{test:?}");
        let told = test.to_string();
        let begins = "blend: steps back to popularity: NDCG@20 0.2500 beside 0.7500 of popularity, -0.5000 (95% -0.";
        assert!(told.starts_with(begins) && told.ends_with("on 100 questions"), "{told}");
    }

    #[test]
    fn a_tie_and_what_may_be_chance_stay_with_the_richer_model() {
        assert!(!test(100, |_| [0.3, 0.3]).stepped_back);
        // 49 won, 51 lost.
        assert!(!test(100, |user| if user < 49 { [1.0, 0.0] } else { [0.0, 1.0] }).stepped_back);
        // All lost, but by two users.
        assert!(!test(2, |_| [0.0, 1.0]).stepped_back);
        assert!(!test(100, |user| if user % 4 == 0 { [0.0, 1.0] } else { [1.0, 0.0] }).stepped_back);
    }

    #[test]
    fn the_questions_of_one_user_are_one_observation() {
        let alike: Vec<Pair<'_>> = vec![Pair { user: "a", richer: 0.0, simpler: 1.0 }; 1000];
        let test = PairedTest::of("blend", "als".to_owned(), "NDCG@20".to_owned(), &alike);
        assert!(test.difference.mean < 0.0 && !test.stepped_back, "{test:?}");
    }
}
