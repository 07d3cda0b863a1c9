//! 95% intervals of figures by a bootstrap over users: in each of a thousand replicates every user is drawn 0, 1, 2, …
//! times, and the interval holds the middle 95% of the replicates' means.
//!
//! How often a user is drawn follows a Poisson distribution with mean 1, from a generator seeded with the user's id. So
//! all models and all runs see the same replicates, differences between models are paired, and only sums are kept in
//! memory.
//!
//! Source: Chamandy, Muralidharan, Najmi, Naidu, "Estimating Uncertainty for Massive Data Streams", Google 2012
//! (Poisson bootstrap); Efron, Tibshirani, "An Introduction to the Bootstrap", 1993 (percentile intervals).

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The number of replicates.
pub const REPLICATES: usize = 1000;

/// How often a user is drawn in each replicate.
pub type Counts = [f32; REPLICATES];

/// The counts of a user.
#[must_use]
pub fn counts(user: &str) -> Counts {
    let poisson = Poisson::new(1.0f32).expect("a mean greater than 0");
    let mut random = ChaCha8Rng::from_seed(Sha256::digest(user.as_bytes()).into());
    std::array::from_fn(|_| poisson.sample(&mut random))
}

/// Sums of figures over the cases of each replicate.
#[derive(Debug, Clone)]
pub struct Replicates {
    cases: Vec<f32>,
    /// A vector of sums, by replicate, for each figure.
    sums: Vec<Vec<f32>>,
}

/// The 95% interval of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// 2.5% of the replicates are below.
    pub low: f64,
    /// 2.5% of the replicates are above.
    pub high: f64,
}

/// The difference between two models on the same cases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The second model's figure minus the first one's.
    pub mean: f64,
    /// Its 95% interval.
    pub interval: Interval,
    /// The two-sided p-value: twice the share of the replicates on the rarer side of 0.
    pub p: f64,
}

impl Replicates {
    /// Empty sums of this many figures.
    #[must_use]
    pub fn new(figures: usize) -> Self {
        Self { cases: vec![0.0; REPLICATES], sums: vec![vec![0.0; REPLICATES]; figures] }
    }

    /// Adds a user's cases and the sums of their figures.
    pub fn add(&mut self, counts: &Counts, cases: usize, sums: &[f64]) {
        let add = |target: &mut [f32], value: f32| {
            for (target, count) in target.iter_mut().zip(counts) {
                *target += count * value;
            }
        };
        add(&mut self.cases, cases as f32);
        self.sums.iter_mut().zip(sums).for_each(|(target, &sum)| add(target, sum as f32));
    }

    /// A figure's mean over the cases, replicate by replicate.
    pub fn means(&self, figure: usize) -> impl Iterator<Item = f64> {
        self.sums[figure].iter().zip(&self.cases).map(|(&sum, &cases)| f64::from(sum) / f64::from(cases.max(1.0)))
    }

    /// The interval of a figure.
    #[must_use]
    pub fn interval(&self, figure: usize) -> Interval {
        interval(self.means(figure).collect())
    }

    /// How much higher a figure of `other` is; `means` are the figures themselves.
    #[must_use]
    pub fn difference(&self, other: &Self, figure: usize, means: [f64; 2]) -> Difference {
        let differences: Vec<f64> =
            self.means(figure).zip(other.means(figure)).map(|(first, second)| second - first).collect();
        Difference::of(means[1] - means[0], differences)
    }
}

impl Difference {
    /// A difference, and what it is in each replicate.
    #[must_use]
    pub fn of(mean: f64, differences: Vec<f64>) -> Self {
        let share = |on_side: fn(&f64) -> bool| {
            let count = differences.iter().filter(|difference| on_side(difference)).count();
            count as f64 / differences.len() as f64
        };
        let p = 2.0 * share(|difference| *difference <= 0.0).min(share(|difference| *difference >= 0.0));
        Self { mean, interval: interval(differences), p: p.min(1.0) }
    }
}

/// The middle 95% of some values.
#[must_use]
pub fn interval(mut values: Vec<f64>) -> Interval {
    values.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    Interval { low: at(0.025), high: at(0.975) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_poisson_and_belong_to_the_user() {
        let all: Vec<f32> = (0..200).flat_map(|user| counts(&user.to_string())).collect();
        let mean = all.iter().sum::<f32>() / all.len() as f32;
        let variance = all.iter().map(|count| (count - mean).powi(2)).sum::<f32>() / all.len() as f32;
        assert!((mean - 1.0).abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
        assert_eq!(counts("a"), counts("a"));
        assert_ne!(counts("a"), counts("b"));
    }

    #[test]
    fn the_interval_of_a_coin_is_two_standard_errors_wide_and_a_constant_shift_is_certain() {
        let (mut coin, mut shifted) = (Replicates::new(1), Replicates::new(1));
        for user in 0..1000 {
            let counts = counts(&user.to_string());
            let side = f64::from(user % 2);
            coin.add(&counts, 1, &[side]);
            shifted.add(&counts, 1, &[side + 0.1]);
        }
        let Interval { low, high } = coin.interval(0);
        assert!((0.5 - low - 0.031).abs() < 0.006 && (high - 0.5 - 0.031).abs() < 0.006, "{low} {high}");
        let difference = coin.difference(&shifted, 0, [0.5, 0.6]);
        assert!(difference.p < 1e-9 && (difference.interval.high - difference.interval.low) < 1e-4, "{difference:?}");
    }
}
