//! The open-loop arrival schedule: when requests are due, whatever the service does.
//!
//! In: a rate, a duration and a seed. Out: an iterator of due times since the start, O(1) each and the same for the
//! same seed. Since the schedule does not wait for answers, a slow answer does not keep later requests from being sent
//! and measured (Tene, "How NOT to Measure Latency", 2013: coordinated omission).

use std::time::Duration;

use clap::ValueEnum;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The distribution of gaps between requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Spacing {
    /// Independent arrivals, as of many users: exponential gaps.
    Poisson,
    /// Equal gaps.
    Uniform,
}

/// The due times of a schedule, since its start, ascending.
#[derive(Debug, Clone)]
pub struct Arrivals {
    spacing: Spacing,
    rate: f64,
    made: u64,
    next_secs: f64,
    end_secs: f64,
    rng: ChaCha8Rng,
}

/// Plans arrivals at `rate` requests a second (above 0) until `duration`.
#[must_use]
pub fn arrivals(spacing: Spacing, rate: f64, duration: Duration, seed: u64) -> Arrivals {
    debug_assert!(rate > 0.0, "a schedule needs a rate");
    let end_secs = duration.as_secs_f64();
    Arrivals { spacing, rate, made: 0, next_secs: 0.0, end_secs, rng: ChaCha8Rng::seed_from_u64(seed) }
}

impl Iterator for Arrivals {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let due = self.next_secs;
        if due >= self.end_secs {
            return None;
        }
        self.made += 1;
        self.next_secs = match self.spacing {
            // Inverse of the exponential distribution; 1 - u is never 0.
            Spacing::Poisson => due - (1.0 - self.rng.random::<f64>()).ln() / self.rate,
            // Not a sum of gaps, whose rounding errors would add up.
            Spacing::Uniform => self.made as f64 / self.rate,
        };
        Some(Duration::from_secs_f64(due))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn uniform_arrivals_have_equal_gaps() {
        let due: Vec<u128> =
            arrivals(Spacing::Uniform, 4.0, Duration::from_secs(1), 1).map(|due| due.as_millis()).collect();
        assert_eq!(due, [0, 250, 500, 750]);
    }

    #[test]
    fn poisson_arrivals_keep_the_rate_and_vary_as_much_as_their_mean() {
        let due: Vec<f64> = arrivals(Spacing::Poisson, 500.0, MINUTE, 7).map(|due| due.as_secs_f64()).collect();
        // The count of a Poisson process with mean 30,000 has a standard deviation of 173.
        assert!((due.len() as f64 - 30_000.0).abs() < 4.0 * 173.0, "{} arrivals", due.len());
        let gaps: Vec<f64> = due.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let deviation = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt();
        assert!((deviation / mean - 1.0).abs() < 0.05, "coefficient of variation {}", deviation / mean);
    }

    #[test]
    fn a_seed_names_a_schedule() {
        let plan = |seed| arrivals(Spacing::Poisson, 100.0, MINUTE, seed).collect::<Vec<_>>();
        assert_eq!(plan(1), plan(1));
        assert_ne!(plan(1), plan(2));
    }

    #[test]
    fn nothing_is_due_at_or_after_the_end() {
        assert!(arrivals(Spacing::Poisson, 1000.0, MINUTE, 3).all(|due| due < MINUTE));
        assert_eq!(arrivals(Spacing::Uniform, 1000.0, Duration::ZERO, 3).count(), 0);
    }
}
