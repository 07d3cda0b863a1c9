//! `load-test overload`: offers a service several times what it can do, and looks at what becomes of the requests.
//!
//! A closed loop finds the maximum; an open loop at half of it says what latency is when all is well. Then one schedule
//! offers so many times the maximum for a time, and half of it after that. Latencies run from when a request was due.
//! Accepted requests are those answered well, shed ones those refused with 503; anything else is a failure.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use hyper::StatusCode;
use serde::Serialize;

use crate::events::EventsError;
use crate::measure::{self, Answered, Setup};
use crate::memory::{MemoryError, resident_bytes};
use crate::options::{self, Common, Load};
use crate::plan::{self, Spacing};
use crate::tally::Failure;
use crate::traffic::{Kind, Traffic};
use crate::verdict::{self, Bound, Format, Objective};

/// The share of the maximum that is offered before and after the overload.
const CALM: f64 = 0.5;
/// The span of time for which the latency after the overload is looked at as one.
const SLICE: Duration = Duration::from_millis(100);
/// So many slices in a row must be good before the service counts as recovered.
const GOOD_SLICES: usize = 3;
/// How long the load is calm afterwards.
const AFTER: Duration = Duration::from_secs(5);
/// A slice's p99 may be so many times that of the calm before, or this, and counts as good.
const GOOD_TIMES: f64 = 2.0;
const GOOD_MS: f64 = 10.0;
/// An answer that takes longer is good for nobody, and no part of the goodput.
const USEFUL: Duration = Duration::from_secs(1);

/// Offers several times the maximum load, and reports goodput, latency, memory and recovery
#[derive(Debug, Clone, Args)]
pub struct OverloadArgs {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    load: Load,
    /// The kind of requests
    #[arg(long, value_enum)]
    traffic: Kind,
    /// How many times the maximum is offered
    #[arg(long, default_value_t = 3.0, value_parser = times)]
    times: f64,
    /// Keep-alive connections while the maximum is measured
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: u16,
    /// Keep-alive connections of the open loops: so many clients, who do not wait for each other
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u16).range(1..=16384))]
    clients: u16,
    /// Seconds of the maximum, of the calm before, and of the overload
    #[arg(long, value_name = "SECS", default_value = "10", value_parser = options::seconds)]
    duration: Duration,
    /// Objective: the maximum p99 latency of accepted requests
    #[arg(long, value_name = "MS")]
    max_p99_ms: Option<f64>,
    /// Objective: the minimum of accepted requests per second, as a share of the maximum
    #[arg(long, value_name = "SHARE", value_parser = options::share)]
    min_goodput_share: Option<f64>,
    /// Objective: the maximum number of seconds until the latency is back after the load has fallen
    #[arg(long, value_name = "SECS")]
    max_recovery_secs: Option<f64>,
    /// Objective: the maximum growth of the service's memory by the overload, as a share of what it was
    #[arg(long, value_name = "SHARE", value_parser = options::share)]
    max_growth: Option<f64>,
}

fn times(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(times) if (1.0..=100.0).contains(&times) => Ok(times),
        _ => Err("give a number from 1 to 100".to_owned()),
    }
}

/// Why there is nothing to report.
#[derive(Debug, thiserror::Error)]
pub enum OverloadError {
    /// The events can't be read.
    #[error(transparent)]
    Events(#[from] EventsError),
    /// The service's memory is not known.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// Not one request got a good answer.
    #[error("no request was answered well; is the service up and ready?")]
    NothingAnswered,
}

/// The report of an overload. Latencies are of accepted requests, in milliseconds.
#[derive(Debug, Clone, Serialize)]
pub struct OverloadReport {
    /// The service.
    pub url: String,
    /// Good answers per second in the closed loop.
    pub maximum: f64,
    /// The 99th percentile at half of the maximum, before the overload.
    pub calm_p99_ms: f64,
    /// Requests per second that were due in the overload.
    pub offered_rate: f64,
    /// Requests that were due in it.
    pub offered: u64,
    /// Those answered well.
    pub accepted: u64,
    /// Those refused with 503.
    pub shed: u64,
    /// All others.
    pub failed: u64,
    /// Accepted requests per second that were answered within a second, as a share of the maximum.
    pub goodput_share: f64,
    /// The median.
    pub p50_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
    /// The 99.9th percentile.
    pub p999_ms: f64,
    /// The service's memory before the overload, in bytes.
    pub memory_before: f64,
    /// The same right after it.
    pub memory_after: f64,
    /// Seconds from the end of the overload until the latency was back; absent if it was not back in time.
    pub recovery_secs: Option<f64>,
    /// The objectives.
    pub objectives: Vec<Objective>,
}

impl OverloadArgs {
    /// How the report is to be written.
    pub fn format(&self) -> Format {
        self.common.format
    }
}

/// Measures the maximum, the calm, the overload and what comes after.
///
/// # Errors
/// [`OverloadError`] if there is nothing to report.
pub async fn overload(args: &OverloadArgs) -> Result<OverloadReport, OverloadError> {
    let traffic = Arc::new(Traffic::of(args.traffic, &args.load.records()?, args.load.shape(1)));
    let setup = |connections| Setup {
        target: args.common.target(),
        connections: usize::from(connections),
        timeout: args.common.timeout,
        warm_up: Duration::ZERO,
        window: args.duration,
    };
    let maximum = measure::closed_loop(&setup(args.connections), &traffic, "maximum").await.rate;
    if maximum <= 0.0 {
        return Err(OverloadError::NothingAnswered);
    }
    let plan = |rate, duration| plan::arrivals(Spacing::Poisson, rate, duration, args.load.seed);
    let clients = setup(args.clients);
    let calm = plan(CALM * maximum, args.duration);
    let calm = measure::scheduled(&clients, &traffic, calm, "calm").await;
    let calm_p99_ms = percentile(&accepted_ms(&calm), 0.99);
    let memory_before = resident_bytes(&mut args.common.connection()).await?;
    let fall = args.duration;
    let over = plan(args.times * maximum, fall).chain(plan(CALM * maximum, AFTER).map(move |due| fall + due));
    let answered = measure::scheduled(&clients, &traffic, over, "overload").await;
    let memory_after = resident_bytes(&mut args.common.connection()).await?;
    let (over, after): (Vec<Answered>, Vec<Answered>) = answered.into_iter().partition(|answered| answered.due < fall);
    let count = |is: fn(&Answered) -> bool| over.iter().filter(|answered| is(answered)).count() as u64;
    let accepted = count(|answered| answered.outcome.is_ok());
    let shed = count(|answered| answered.outcome == Err(Failure::Status(StatusCode::SERVICE_UNAVAILABLE.as_u16())));
    let in_time = count(|answered| answered.outcome.is_ok() && answered.latency <= USEFUL);
    let latencies = accepted_ms(&over);
    let mut report = OverloadReport {
        url: args.common.url.to_string(),
        maximum,
        calm_p99_ms,
        offered_rate: args.times * maximum,
        offered: over.len() as u64,
        accepted,
        shed,
        failed: over.len() as u64 - accepted - shed,
        goodput_share: in_time as f64 / fall.as_secs_f64() / maximum,
        p50_ms: percentile(&latencies, 0.5),
        p99_ms: percentile(&latencies, 0.99),
        p999_ms: percentile(&latencies, 0.999),
        memory_before,
        memory_after,
        recovery_secs: recovery(&after, fall, (GOOD_TIMES * calm_p99_ms).max(GOOD_MS)),
        objectives: Vec::new(),
    };
    report.objectives = objectives(args, &report);
    Ok(report)
}

/// The latencies of accepted requests in milliseconds, ascending.
fn accepted_ms(answered: &[Answered]) -> Vec<f64> {
    let accepted = answered.iter().filter(|answered| answered.outcome.is_ok());
    let mut latencies: Vec<f64> = accepted.map(|answered| answered.latency.as_secs_f64() * 1e3).collect();
    latencies.sort_by(f64::total_cmp);
    latencies
}

/// The nearest rank of ascending values; NaN without values.
fn percentile(ascending: &[f64], share: f64) -> f64 {
    let rank = (share * ascending.len() as f64).ceil() as usize;
    ascending.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// Seconds from `fall` until the first of several good slices in a row: all requests accepted, with a p99 of at most
/// `good_ms`.
fn recovery(after: &[Answered], fall: Duration, good_ms: f64) -> Option<f64> {
    let slices = AFTER.div_duration_f64(SLICE) as usize;
    let mut of_slice: Vec<Vec<Answered>> = vec![Vec::new(); slices];
    for answered in after {
        let slice = (answered.due - fall).div_duration_f64(SLICE) as usize;
        of_slice[slice.min(slices - 1)].push(*answered);
    }
    let is_good = |slice: &Vec<Answered>| {
        let p99_ms = percentile(&accepted_ms(slice), 0.99);
        slice.iter().all(|answered| answered.outcome.is_ok()) && (slice.is_empty() || p99_ms <= good_ms)
    };
    let good: Vec<bool> = of_slice.iter().map(is_good).collect();
    let first = good.windows(GOOD_SLICES).position(|slices| slices.iter().all(|&good| good))?;
    Some((SLICE * u32::try_from(first).unwrap_or(u32::MAX)).as_secs_f64())
}

fn objectives(args: &OverloadArgs, report: &OverloadReport) -> Vec<Objective> {
    let growth = report.memory_after / report.memory_before - 1.0;
    [
        (args.max_p99_ms, "p99 ms of accepted requests", Bound::AtMost, report.p99_ms),
        (args.min_goodput_share, "goodput share", Bound::AtLeast, report.goodput_share),
        (args.max_recovery_secs, "seconds to recover", Bound::AtMost, report.recovery_secs.unwrap_or(f64::NAN)),
        (args.max_growth, "growth of memory", Bound::AtMost, growth),
    ]
    .into_iter()
    .filter_map(|(limit, name, bound, found)| Some(Objective::new(name, bound, limit?, found)))
    .collect()
}

impl OverloadReport {
    /// The report for people.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { url, maximum, calm_p99_ms, offered_rate, offered, accepted, shed, failed, .. } = self;
        let Self { goodput_share, p50_ms, p99_ms, p999_ms, memory_before, memory_after, .. } = self;
        let (before, after) = (memory_before / 1e6, memory_after / 1e6);
        let recovery = match self.recovery_secs {
            Some(secs) => format!("{secs:.1} s"),
            None => format!("not within {} s", AFTER.as_secs()),
        };
        let text = format!(
            "{url}: maximum {maximum:.0} answers/s, p99 at half of it {calm_p99_ms:.1} ms\n\
             offered {offered_rate:.0}/s: {offered} requests, {accepted} accepted, {shed} shed, {failed} failed\n\
             goodput {goodput_share:.2} of the maximum; accepted p50 {p50_ms:.1} ms, p99 {p99_ms:.1} ms, p99.9 {p999_ms:.1} ms\n\
             memory {before:.1} MB before, {after:.1} MB after; latency back after {recovery}\n",
        );
        text + &verdict::lines(&self.objectives)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use clap::Parser;

    use super::*;
    use crate::stub;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        overload: OverloadArgs,
    }

    fn answered(due_ms: u64, latency_ms: u64, outcome: Result<(), Failure>) -> Answered {
        Answered { due: Duration::from_millis(due_ms), latency: Duration::from_millis(latency_ms), outcome }
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(
            (percentile(&hundred, 0.5), percentile(&hundred, 0.99), percentile(&hundred, 0.999)),
            (50.0, 99.0, 100.0)
        );
        assert!(percentile(&[], 0.5).is_nan());
    }

    #[test]
    fn recovery_begins_with_the_first_of_three_good_slices() {
        let fall = Duration::from_secs(1);
        let good = |slice: u64| answered(1000 + 100 * slice, 1, Ok(()));
        assert_eq!(recovery(&[good(0), good(1), good(2)], fall, 10.0), Some(0.0));
        let slow = answered(1250, 11, Ok(()));
        assert_eq!(recovery(&[good(0), slow, good(3)], fall, 10.0), Some(0.3));
        let shed = answered(1000, 1, Err(Failure::Status(503)));
        assert_eq!(recovery(&[shed, good(0), good(1)], fall, 10.0), Some(0.1));
        let never: Vec<Answered> = (0..50).map(|slice| answered(1000 + 100 * slice, 90, Ok(()))).collect();
        assert_eq!(recovery(&never, fall, 10.0), None);
    }

    #[tokio::test]
    async fn what_is_shed_is_told_from_what_is_accepted_and_from_failures() {
        let asked = AtomicUsize::new(0);
        let stub = stub::serve(move |request| match request.path.as_str() {
            "/metrics" => stub::ok("# HELP\nprocess_resident_memory_bytes 5000000\n"),
            _ => match asked.fetch_add(1, Ordering::SeqCst) % 4 {
                0 => stub::refuse(503, "busy", "none"),
                1 => stub::refuse(500, "broken", "none"),
                _ => stub::ok("{}"),
            },
        })
        .await;
        let line = format!(
            "o --url {} --traffic health --duration 0.1 --clients 4 --connections 1 --times 1 --min-goodput-share 0 \
             --max-recovery-secs 2 --max-growth 0",
            stub.url()
        );
        let args = Cli::try_parse_from(line.split_whitespace()).expect("good options").overload;
        let report = overload(&args).await.expect("measured");
        assert_eq!(report.offered, report.accepted + report.shed + report.failed);
        assert!(report.accepted > 0 && report.shed > 0 && report.failed > 0, "{report:?}");
        let kept: Vec<bool> = report.objectives.iter().map(|objective| objective.kept).collect();
        assert_eq!((kept, report.recovery_secs), (vec![true, false, true], None));
        assert!(report.text().contains("memory 5.0 MB before"), "{}", report.text());
    }
}
