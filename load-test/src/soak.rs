//! `load-test soak`: asks for a long time at one rate, and looks at whether memory and latency stay what they were.
//!
//! The time is cut into slices, each an open loop of its own. What the first slice takes to warm up does not count: the
//! drift is that of the last quarter of the slices against the quarter after the first slice. Histories fill up to their
//! bound while events are posted, which is no leak; let it run for longer than that takes.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::events::EventsError;
use crate::measure::{self, Schedule, Setup};
use crate::memory::{MemoryError, resident_bytes};
use crate::options::{self, Common, Load};
use crate::plan::Spacing;
use crate::traffic::{Kind, Traffic};
use crate::verdict::{self, Bound, Format, Objective};

/// Asks for a long time at one rate, and reports the drift of memory and latency
#[derive(Debug, Clone, Args)]
pub struct SoakArgs {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    load: Load,
    /// The kind of requests
    #[arg(long, value_enum, default_value = "mixed")]
    traffic: Kind,
    /// Requests per second
    #[arg(long, value_name = "PER_SEC", value_parser = options::rate)]
    rate: f64,
    /// Keep-alive connections
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: u16,
    /// Seconds of all slices together
    #[arg(long, value_name = "SECS", default_value = "1800", value_parser = options::seconds)]
    duration: Duration,
    /// How many slices the time is cut into
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(3..=10_000))]
    slices: u32,
    /// Objective: the maximum number of requests without a good answer
    #[arg(long, value_name = "N")]
    max_failed: Option<u32>,
    /// Objective: the maximum growth of the service's memory, as a share of what it was
    #[arg(long, value_name = "SHARE", value_parser = options::share)]
    max_growth: Option<f64>,
    /// Objective: the maximum p99 at the end, as a multiple of what it was
    #[arg(long, value_name = "TIMES")]
    max_p99_times: Option<f64>,
}

/// Why there is nothing to report.
#[derive(Debug, thiserror::Error)]
pub enum SoakError {
    /// The events can't be read.
    #[error(transparent)]
    Events(#[from] EventsError),
    /// The service's memory is not known.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// A slice of the time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Slice {
    /// Requests that were due.
    pub requests: u64,
    /// Those without a good answer.
    pub failed: u64,
    /// The median latency, in milliseconds.
    pub p50_ms: f64,
    /// The 99th percentile of the latency, in milliseconds.
    pub p99_ms: f64,
    /// The service's memory after it, in bytes.
    pub memory: f64,
}

/// The report of a soak.
#[derive(Debug, Clone, Serialize)]
pub struct SoakReport {
    /// The service.
    pub url: String,
    /// Requests per second.
    pub rate: f64,
    /// The length of a slice.
    pub slice_secs: f64,
    /// In their order.
    pub slices: Vec<Slice>,
    /// The memory of the last slices as a share of that of the first ones, less 1.
    pub growth: f64,
    /// The p99 of the last slices as a multiple of that of the first ones.
    pub p99_times: f64,
    /// Requests without a good answer, of all slices.
    pub failed: u64,
    /// The objectives.
    pub objectives: Vec<Objective>,
}

impl SoakArgs {
    /// How the report is to be written.
    pub fn format(&self) -> Format {
        self.common.format
    }
}

/// Asks slice by slice, and compares the last with the first.
///
/// # Errors
/// [`SoakError`] if there is nothing to report.
pub async fn soak(args: &SoakArgs) -> Result<SoakReport, SoakError> {
    let traffic = Arc::new(Traffic::of(args.traffic, &args.load.records()?, args.load.shape(1)));
    let window = args.duration / args.slices;
    let setup = Setup {
        target: args.common.target(),
        connections: usize::from(args.connections),
        timeout: args.common.timeout,
        warm_up: Duration::ZERO,
        window,
    };
    let mut slices = Vec::new();
    for number in 0..args.slices {
        let seed = args.load.seed.wrapping_add(u64::from(number));
        let schedule = Schedule { rate: args.rate, spacing: Spacing::Poisson, seed };
        let label = format!("soak, slice {} of {}", number + 1, args.slices);
        let figures = measure::open_loop(&setup, &traffic, schedule, &label).await;
        let memory = resident_bytes(&mut args.common.connection()).await?;
        let (requests, failed) = (figures.requests, figures.failed);
        slices.push(Slice { requests, failed, p50_ms: figures.p50_ms, p99_ms: figures.p99_ms, memory });
    }
    let mut report = SoakReport {
        url: args.common.url.to_string(),
        rate: args.rate,
        slice_secs: window.as_secs_f64(),
        growth: drift(&slices, |slice| slice.memory) - 1.0,
        p99_times: drift(&slices, |slice| slice.p99_ms),
        failed: slices.iter().map(|slice| slice.failed).sum(),
        slices,
        objectives: Vec::new(),
    };
    report.objectives = objectives(args, &report);
    Ok(report)
}

/// A figure of the last quarter of the slices as a multiple of that of the quarter after the first slice: medians, which
/// one slice with a hiccup does not change.
fn drift(slices: &[Slice], figure: fn(&Slice) -> f64) -> f64 {
    let Some((_, slices)) = slices.split_first() else { return f64::NAN };
    let quarter = slices.len().div_ceil(4);
    let median = |slices: &[Slice]| crate::report::median(&slices.iter().map(figure).collect::<Vec<_>>());
    median(&slices[slices.len() - quarter..]) / median(&slices[..quarter])
}

fn objectives(args: &SoakArgs, report: &SoakReport) -> Vec<Objective> {
    [
        (args.max_failed.map(f64::from), "failed requests", report.failed as f64),
        (args.max_growth, "growth of memory", report.growth),
        (args.max_p99_times, "p99 at the end by p99 at the start", report.p99_times),
    ]
    .into_iter()
    .filter_map(|(limit, name, found)| Some(Objective::new(name, Bound::AtMost, limit?, found)))
    .collect()
}

impl SoakReport {
    /// The report for people.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { url, rate, slice_secs, slices, growth, p99_times, .. } = self;
        let mut text = format!("{url}: {rate:.0} requests/s, slices of {slice_secs:.0} s\n");
        text.push_str("  slice  requests  failed    p50 ms    p99 ms  memory MB\n");
        for (number, slice) in (1..).zip(slices) {
            let Slice { requests, failed, p50_ms, p99_ms, memory } = slice;
            let memory = memory / 1e6;
            text.push_str(&format!(
                "{number:>7}  {requests:>8}  {failed:>6}  {p50_ms:>8.3}  {p99_ms:>8.3}  {memory:>9.1}\n"
            ));
        }
        let percent = 100.0 * growth;
        text.push_str(&format!("memory {percent:+.1}%, p99 × {p99_times:.2} from the first slices to the last\n"));
        text + &verdict::lines(&self.objectives)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use clap::Parser;

    use super::*;
    use crate::stub;
    use crate::verdict::{Verdict, verdict};

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        soak: SoakArgs,
    }

    fn args(line: &str) -> Result<SoakArgs, clap::Error> {
        Cli::try_parse_from(format!("s {line}").split_whitespace()).map(|cli| cli.soak)
    }

    #[test]
    fn drift_is_told_by_quarters_behind_the_first_slice() {
        let slice = |memory: f64| Slice { requests: 1, failed: 0, p50_ms: 1.0, p99_ms: 2.0, memory };
        let slices: Vec<Slice> = [1.0, 10.0, 10.0, 99.0, 50.0, 50.0, 12.0, 11.0, 13.0].map(slice).to_vec();
        assert!((drift(&slices, |slice| slice.memory) - 1.2).abs() < 1e-9);
        assert!((drift(&slices, |slice| slice.p99_ms) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_mixed_soak_needs_events() {
        assert!(args("--rate 10").is_err());
        assert!(args("--rate 10 --traffic known").is_err());
        assert!(args("--rate 10 --traffic health").is_ok());
    }

    #[tokio::test]
    async fn what_grows_breaks_its_objective() {
        let asked = AtomicUsize::new(0);
        let stub = stub::serve(move |request| match request.path.as_str() {
            "/metrics" => {
                let bytes = 1_000_000 * (1 + asked.fetch_add(1, Ordering::SeqCst));
                stub::ok(format!("process_resident_memory_bytes {bytes}\n"))
            }
            _ => stub::ok("{}"),
        })
        .await;
        let line = format!(
            "--url {} --traffic health --rate 100 --duration 0.4 --slices 4 --max-growth 0.5 --max-failed 0",
            stub.url()
        );
        let report = soak(&args(&line).expect("good options")).await.expect("measured");
        // 2 MB after the second slice, 4 MB after the fourth.
        assert!((report.growth - 1.0).abs() < 1e-9, "{report:?}");
        assert_eq!((report.failed, report.slices.len()), (0, 4));
        assert_eq!(verdict(&report.objectives), Verdict::Broken);
        assert!(report.text().contains("memory +100.0%"), "{}", report.text());
        assert!(report.text().contains("kept: failed requests at most 0, found 0"), "{}", report.text());
    }
}
