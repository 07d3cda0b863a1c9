//! The pace at which a line moves: the mean time from one departure to the next while others wait.
//!
//! An exponentially weighted mean, in nanoseconds; threads that write at once may lose a step of each other, which a mean
//! bears. A step counts for no more than a few times the mean (Huber's bound), so that a machine that stood still once does
//! not pass for a slow line; a line that has become slow is known after some steps more.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The weight of a step in the mean.
const WEIGHT: f64 = 1.0 / 32.0;
/// How many times the mean a step may count for.
const LONGEST_STEP: f64 = 5.0;

/// The pace of a line; nothing is known of it at first, and [`Pace::time_of`] is zero.
#[derive(Debug)]
pub struct Pace {
    since: Instant,
    /// When the last one departed, in nanoseconds since `since`; 0: nobody was left to wait.
    last: AtomicU64,
    mean: AtomicU64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { since: Instant::now(), last: AtomicU64::new(0), mean: AtomicU64::new(0) }
    }
}

impl Pace {
    /// Someone departs.
    ///
    /// * `left`: how many still wait.
    pub fn step(&self, now: Instant, left: usize) {
        let now = nanoseconds(now.saturating_duration_since(self.since)).max(1);
        let last = self.last.swap(if left == 0 { 0 } else { now }, Ordering::Relaxed);
        // A line that was empty did not wait for the one who came next.
        if last == 0 {
            return;
        }
        let (took, mean) = (now.saturating_sub(last) as f64, self.mean.load(Ordering::Relaxed) as f64);
        let mean = if mean == 0.0 { took } else { mean + WEIGHT * (took.min(LONGEST_STEP * mean) - mean) };
        self.mean.store(mean as u64, Ordering::Relaxed);
    }

    /// How long a line of so many takes to depart.
    pub fn time_of(&self, line: usize) -> Duration {
        Duration::from_nanos(self.mean.load(Ordering::Relaxed).saturating_mul(line as u64))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(2);

    #[test]
    fn it_is_the_mean_time_between_departures() {
        let pace = Pace::default();
        assert_eq!(pace.time_of(1000), Duration::ZERO);
        let mut now = pace.since;
        for _ in 0..4 {
            now += STEP;
            pace.step(now, 5);
        }
        assert_eq!(pace.time_of(10), 10 * STEP);
        // Half as fast from now on: so is the mean after enough steps.
        for _ in 0..300 {
            now += 2 * STEP;
            pace.step(now, 5);
        }
        let found = pace.time_of(10).as_secs_f64() / (20 * STEP).as_secs_f64();
        assert!((0.99..=1.01).contains(&found), "{found}");
    }

    #[test]
    fn a_hiccup_is_no_pace_and_a_line_that_became_slow_is_known_after_some_steps() {
        let pace = Pace::default();
        let mut now = pace.since;
        let mut steps = |count: usize, step: Duration| {
            for _ in 0..count {
                now += step;
                pace.step(now, 5);
            }
            pace.time_of(1)
        };
        steps(9, STEP);
        assert!(steps(1, 100 * STEP) < STEP * 5 / 4);
        let slow = steps(100, 100 * STEP);
        assert!((50 * STEP..=100 * STEP).contains(&slow), "{slow:?}");
    }

    #[test]
    fn a_pause_with_nobody_in_line_does_not_count() {
        let pace = Pace::default();
        let mut now = pace.since;
        for left in [1, 1, 0] {
            now += STEP;
            pace.step(now, left);
        }
        now += Duration::from_secs(100);
        pace.step(now, 3);
        assert_eq!(pace.time_of(1), STEP);
    }
}
