//! The counts of one measurement: a histogram of latencies, and failures by kind.
//!
//! Latencies are kept in microseconds with three significant digits (Tene's HdrHistogram), about 150 kB per tally. Each
//! connection has a tally of its own; they are added at the end.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use hyper::StatusCode;
use serde::Serialize;

use crate::client::ClientError;

/// Why a request has no good answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// Answered with a status other than 2xx.
    Status(u16),
    /// Answered with success, but without a body.
    EmptyBody,
    /// The connection could not be opened.
    Connect,
    /// The connection broke before the answer was complete.
    Broken,
    /// No complete answer in time.
    Timeout,
    /// Due, but still waiting for a free connection when the measurement was closed.
    Unsent,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(formatter, "status {status}"),
            Self::EmptyBody => formatter.write_str("empty body"),
            Self::Connect => formatter.write_str("no connection"),
            Self::Broken => formatter.write_str("broken connection"),
            Self::Timeout => formatter.write_str("timeout"),
            Self::Unsent => formatter.write_str("unsent"),
        }
    }
}

/// Checks that an answer is good: a 2xx status with a body.
///
/// # Errors
/// The kind of [`Failure`].
pub fn judge(answer: &Result<(StatusCode, usize), ClientError>) -> Result<(), Failure> {
    match answer {
        Ok((status, _)) if !status.is_success() => Err(Failure::Status(status.as_u16())),
        Ok((_, 0)) => Err(Failure::EmptyBody),
        Ok(_) => Ok(()),
        Err(ClientError::Connect { .. }) => Err(Failure::Connect),
        Err(ClientError::Timeout(_)) => Err(Failure::Timeout),
        Err(_) => Err(Failure::Broken),
    }
}

/// Latencies and failures of one connection, or of all of them.
#[derive(Debug, Clone)]
pub struct Tally {
    latency_us: Histogram<u64>,
    start_delay_us: Histogram<u64>,
    failures: BTreeMap<Failure, u64>,
    good_in_window: u64,
}

impl Default for Tally {
    fn default() -> Self {
        let three_digits = || Histogram::new(3).expect("3 is between 0 and 5");
        Self {
            latency_us: three_digits(),
            start_delay_us: three_digits(),
            failures: BTreeMap::new(),
            good_in_window: 0,
        }
    }
}

/// Whether an answer came within the measured window, or afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrived {
    /// It counts for the rate.
    InWindow,
    /// It only counts for the latency.
    Later,
}

impl Tally {
    /// Counts a request, good or failed. `latency` runs from the scheduled start, `start_delay` is the part of it
    /// before the request was sent.
    pub fn count(&mut self, outcome: Result<(), Failure>, latency: Duration, start_delay: Duration, arrived: Arrived) {
        let fits = "a histogram that resizes itself takes any time that a run can last";
        self.latency_us.record(micros(latency)).expect(fits);
        self.start_delay_us.record(micros(start_delay)).expect(fits);
        match outcome {
            Ok(()) if arrived == Arrived::InWindow => self.good_in_window += 1,
            Ok(()) => (),
            Err(failure) => *self.failures.entry(failure).or_default() += 1,
        }
    }

    /// Adds the counts of another connection.
    pub fn add(&mut self, other: &Self) {
        let fits = "a histogram that resizes itself takes any other";
        self.latency_us.add(&other.latency_us).expect(fits);
        self.start_delay_us.add(&other.start_delay_us).expect(fits);
        for (&failure, count) in &other.failures {
            *self.failures.entry(failure).or_default() += count;
        }
        self.good_in_window += other.good_in_window;
    }

    /// The figures of a measurement whose window was this long.
    #[must_use]
    pub fn figures(&self, window: Duration) -> Figures {
        let requests = self.latency_us.len();
        let failed: u64 = self.failures.values().sum();
        let ms = |histogram: &Histogram<u64>, quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        Figures {
            rate: self.good_in_window as f64 / window.as_secs_f64(),
            requests,
            failed,
            error_share: if requests == 0 { f64::NAN } else { failed as f64 / requests as f64 },
            errors: self.failures.iter().map(|(failure, &count)| (failure.to_string(), count)).collect(),
            p50_ms: ms(&self.latency_us, 0.5),
            p95_ms: ms(&self.latency_us, 0.95),
            p99_ms: ms(&self.latency_us, 0.99),
            max_ms: self.latency_us.max() as f64 / 1000.0,
            start_delay_p99_ms: ms(&self.start_delay_us, 0.99),
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).expect("a run lasts less than 500,000 years")
}

/// The figures of one measurement. Latencies are of all requests, the failed ones with the time until they failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Good answers per second.
    pub rate: f64,
    /// Requests measured.
    pub requests: u64,
    /// Those without a good answer.
    pub failed: u64,
    /// The share of failed requests; NaN without requests.
    pub error_share: f64,
    /// Failures by kind.
    pub errors: BTreeMap<String, u64>,
    /// The median latency, in milliseconds.
    pub p50_ms: f64,
    /// The 95th percentile of the latency, in milliseconds.
    pub p95_ms: f64,
    /// The 99th percentile of the latency, in milliseconds.
    pub p99_ms: f64,
    /// The largest latency, in milliseconds.
    pub max_ms: f64,
    /// The 99th percentile of the delay between when a request was due and when it was sent, in milliseconds.
    pub start_delay_p99_ms: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn quantiles_come_from_all_requests_and_the_rate_from_good_answers_in_the_window() {
        let (mut one, mut other) = (Tally::default(), Tally::default());
        for ms in 1..=99 {
            one.count(Ok(()), Duration::from_millis(ms), NOW, Arrived::InWindow);
        }
        other.count(Err(Failure::Timeout), Duration::from_secs(10), NOW, Arrived::InWindow);
        other.count(Ok(()), Duration::from_millis(50), Duration::from_millis(2), Arrived::Later);
        one.add(&other);
        let figures = one.figures(Duration::from_secs(11));
        assert_eq!((figures.requests, figures.failed), (101, 1));
        assert!((figures.rate - 9.0).abs() < 1e-9);
        assert!((figures.p50_ms - 50.0).abs() <= 0.05, "{}", figures.p50_ms);
        assert!((figures.p99_ms - 99.0).abs() <= 0.1, "{}", figures.p99_ms);
        assert!((figures.max_ms - 10_000.0).abs() <= 10.0, "{}", figures.max_ms);
        assert!((figures.error_share - 1.0 / 101.0).abs() < 1e-9);
        assert_eq!(figures.errors, BTreeMap::from([("timeout".to_owned(), 1)]));
    }

    #[test]
    fn answers_are_judged_by_status_and_body() {
        assert_eq!(judge(&Ok((StatusCode::OK, 2))), Ok(()));
        assert_eq!(judge(&Ok((StatusCode::OK, 0))), Err(Failure::EmptyBody));
        assert_eq!(judge(&Ok((StatusCode::SERVICE_UNAVAILABLE, 9))), Err(Failure::Status(503)));
        assert_eq!(judge(&Err(ClientError::Timeout(NOW))), Err(Failure::Timeout));
    }

    #[test]
    fn nothing_measured_has_no_error_share() {
        assert!(Tally::default().figures(Duration::from_secs(1)).error_share.is_nan());
    }
}
