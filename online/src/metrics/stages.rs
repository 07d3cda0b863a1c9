//! Where the time of a request for recommendations goes: a histogram for each stage, of every so many requests; and the
//! parts of the requests that are traced.
//!
//! ```text
//! read ▶ join ▶ the engine's stages (shared::engine::stages) ▶ remember (of feeds) ▶ write
//! ```

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use prometheus::{Histogram, HistogramOpts, HistogramVec, Registry};
use shared::engine::stages::Stage;

use super::register;
use crate::traces::Trace;

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
    remember: Histogram,
    write: Histogram,
}

/// A request that is timed.
#[derive(Debug, Clone)]
pub struct Timed {
    /// When the last stage ended.
    last: Instant,
    into: Into,
}

/// Where the times of a request go.
#[derive(Debug, Clone)]
enum Into {
    Histograms,
    /// Not into the histograms: which requests are traced is up to their callers.
    Trace(Trace),
    Both(Trace),
}

impl Timed {
    fn lap(&mut self, name: &'static str, histogram: &Histogram) {
        let now = Instant::now();
        if let Some(trace) = self.trace() {
            trace.add(name, self.last..now, Vec::new());
        }
        if self.is_counted() {
            histogram.observe((now - self.last).as_secs_f64());
        }
        self.last = now;
    }

    fn trace(&self) -> Option<&Trace> {
        match &self.into {
            Into::Histograms => None,
            Into::Trace(trace) | Into::Both(trace) => Some(trace),
        }
    }

    fn is_counted(&self) -> bool {
        !matches!(self.into, Into::Trace(_))
    }
}

impl StageMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let help = "Duration of the stages of a request for recommendations, of every 16th request";
        let options = HistogramOpts::new("tandem_stage_duration_seconds", help).buckets(SECONDS.to_vec());
        let stages = register(registry, HistogramVec::new(options, &["stage"]));
        let of = |stage: &str| stages.with_label_values(&[stage]);
        let engine = std::array::from_fn(|at| of(Stage::ALL[at].1));
        let (read, join, remember, write) = (of("read"), of("join"), of("remember"), of("write"));
        Self { requests: AtomicU64::new(0), read, join, engine, remember, write }
    }

    /// Begins a request; `None` if it is not timed: neither one of so many, nor traced.
    #[must_use]
    pub fn begin(&self, trace: Option<&Trace>) -> Option<Timed> {
        let counted = self.requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(EVERY);
        let into = match (counted, trace) {
            (false, None) => return None,
            (true, None) => Into::Histograms,
            (false, Some(trace)) => Into::Trace(trace.clone()),
            (true, Some(trace)) => Into::Both(trace.clone()),
        };
        Some(Timed { last: Instant::now(), into })
    }

    /// The store has answered.
    pub fn read(&self, timed: &mut Option<Timed>) {
        timed.iter_mut().for_each(|timed| timed.lap("read", &self.read));
    }

    /// The record and the live history are joined.
    pub fn joined(&self, timed: &mut Option<Timed>) {
        timed.iter_mut().for_each(|timed| timed.lap("join", &self.join));
    }

    /// The engine has answered; `spent` on each of its stages, in their order.
    pub fn answered(&self, timed: &mut Option<Timed>, spent: &[Duration]) {
        if let Some(timed) = timed {
            let now = Instant::now();
            let passed = || Stage::ALL.iter().zip(spent).zip(&self.engine).filter(|((_, spent), _)| !spent.is_zero());
            if timed.is_counted() {
                passed().for_each(|((_, spent), histogram)| histogram.observe(spent.as_secs_f64()));
            }
            if let Some(trace) = timed.trace() {
                // A stage that was passed more than once stands where it was first.
                let stages = passed().map(|(((_, name), spent), _)| (*name, *spent)).collect();
                trace.add("engine", timed.last..now, stages);
            }
            timed.last = now;
        }
    }

    /// The slate is remembered.
    pub fn remembered(&self, timed: &mut Option<Timed>) {
        timed.iter_mut().for_each(|timed| timed.lap("remember", &self.remember));
    }

    /// The answer is written.
    pub fn written(&self, mut timed: Option<Timed>) {
        timed.iter_mut().for_each(|timed| timed.lap("write", &self.write));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_so_many_requests_is_timed_and_only_in_the_stages_that_it_passed() {
        let stages = StageMetrics::new(&Registry::new());
        for _ in 0..2 * EVERY {
            let mut timed = stages.begin(None);
            stages.read(&mut timed);
            stages.answered(&mut timed, &[Duration::from_micros(3), Duration::ZERO]);
            stages.written(timed);
        }
        let counts = [&stages.read, &stages.join, &stages.engine[0], &stages.engine[1], &stages.write];
        assert_eq!(counts.map(Histogram::get_sample_count), [2, 0, 2, 0, 2]);
    }
}
