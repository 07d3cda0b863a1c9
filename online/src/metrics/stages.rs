//! Where the time of a request for recommendations goes: a histogram for each stage, of every so many requests.
//!
//! ```text
//! read ▶ join ▶ the engine's stages (shared::engine::stages) ▶ write
//! ```

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use prometheus::{Histogram, HistogramOpts, HistogramVec, Registry};
use shared::engine::stages::Stage;

use super::register;

/// One of so many requests is timed: the clock is read a dozen times for it.
const EVERY: u64 = 16;
/// Bucket bounds, in seconds: stages take microseconds, a store's answer milliseconds.
const SECONDS: [f64; 13] = [1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2];

/// The histograms of the stages.
pub struct StageMetrics {
    requests: AtomicU64,
    read: Histogram,
    join: Histogram,
    engine: [Histogram; Stage::COUNT],
    write: Histogram,
}

/// The time at which the last stage of a request that is timed ended.
#[derive(Debug, Clone, Copy)]
pub struct Timed(Instant);

impl Timed {
    fn lap(&mut self, histogram: &Histogram) {
        let now = Instant::now();
        histogram.observe((now - self.0).as_secs_f64());
        self.0 = now;
    }
}

impl StageMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let help = "Duration of the stages of a request for recommendations, of every 16th request";
        let options = HistogramOpts::new("tandem_stage_duration_seconds", help).buckets(SECONDS.to_vec());
        let stages = register(registry, HistogramVec::new(options, &["stage"]));
        let of = |stage: &str| stages.with_label_values(&[stage]);
        let engine = std::array::from_fn(|at| of(Stage::ALL[at].1));
        Self { requests: AtomicU64::new(0), read: of("read"), join: of("join"), engine, write: of("write") }
    }

    /// Begins a request; `None` if it is not timed.
    #[must_use]
    pub fn begin(&self) -> Option<Timed> {
        let timed = self.requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(EVERY);
        timed.then(|| Timed(Instant::now()))
    }

    /// The store has answered.
    pub fn read(&self, timed: &mut Option<Timed>) {
        timed.iter_mut().for_each(|timed| timed.lap(&self.read));
    }

    /// The record and the live history are joined.
    pub fn joined(&self, timed: &mut Option<Timed>) {
        timed.iter_mut().for_each(|timed| timed.lap(&self.join));
    }

    /// The engine has answered; `spent` on each of its stages, in their order.
    pub fn answered(&self, timed: &mut Option<Timed>, spent: &[Duration]) {
        if let Some(timed) = timed {
            let passed = self.engine.iter().zip(spent).filter(|(_, spent)| !spent.is_zero());
            passed.for_each(|(histogram, spent)| histogram.observe(spent.as_secs_f64()));
            timed.0 = Instant::now();
        }
    }

    /// The answer is written.
    pub fn written(&self, mut timed: Option<Timed>) {
        timed.iter_mut().for_each(|timed| timed.lap(&self.write));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_so_many_requests_is_timed_and_only_in_the_stages_that_it_passed() {
        let stages = StageMetrics::new(&Registry::new());
        for _ in 0..2 * EVERY {
            let mut timed = stages.begin();
            stages.read(&mut timed);
            stages.answered(&mut timed, &[Duration::from_micros(3), Duration::ZERO]);
            stages.written(timed);
        }
        let counts = [&stages.read, &stages.join, &stages.engine[0], &stages.engine[1], &stages.write];
        assert_eq!(counts.map(Histogram::get_sample_count), [2, 0, 2, 0, 2]);
    }
}
