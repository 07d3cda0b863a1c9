//! `load-test run`: measures the maximum rate and the latency of the service.
//!
//! The maximum rate is measured in a closed loop; the latency in an open loop, at a given rate or at a share of the
//! maximum just found. With a baseline, `/health` is measured alternately with the traffic, so that both have the same
//! conditions.

use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use shared::contract::api::NewEvents;

use crate::events::{self, EventsError, Record};
use crate::measure::{self, Schedule, Setup};
use crate::options::{self, Common, Load};
use crate::plan::Spacing;
use crate::report::{Baseline, Loop, Measurement, Report, Subject, median};
use crate::traffic::{self, Kind, Traffic};
use crate::verdict::{Bound, Objective};

/// The number of events per request of the preload.
const PRELOAD_BATCH: usize = 500;

/// Measures the maximum rate and the latency of the service
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    load: Load,
    /// The kind of requests
    #[arg(long, value_enum)]
    traffic: Kind,
    /// Events per request of the traffic `events`, 1 to 1000
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    batch: u16,
    /// Keep-alive connections
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: u16,
    /// Measures an open loop at this many requests per second; without it, the closed-loop maximum
    #[arg(long, value_name = "PER_SEC", value_parser = options::rate)]
    rate: Option<f64>,
    /// After the closed-loop maximum, measures an open loop at this share of it, such as 0.6
    #[arg(long, value_name = "SHARE", value_parser = options::share, conflicts_with = "rate")]
    at: Option<f64>,
    /// The distribution of gaps between the requests of an open loop
    #[arg(long, value_enum, default_value_t = Spacing::Poisson)]
    spacing: Spacing,
    /// Seconds of each measurement
    #[arg(long, value_name = "SECS", default_value = "10", value_parser = options::seconds)]
    duration: Duration,
    /// Seconds of load before each measurement
    #[arg(long, value_name = "SECS", default_value = "2", value_parser = options::seconds_or_none)]
    warm_up: Duration,
    /// Posts the first N events of the file before the measurements; known users are then taken from these, clicks from
    /// the rest
    #[arg(long, value_name = "N", default_value_t = 0, requires = "events")]
    preload: usize,
    /// Measures this baseline too, alternately with the traffic, and reports the ratio of the maxima
    #[arg(long, value_enum, conflicts_with = "rate")]
    baseline: Option<BaselineKind>,
    /// With a baseline: how often both maxima are measured
    #[arg(long, default_value_t = 3, requires = "baseline", value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
    /// Objective: the maximum p99 latency of the open loop, or else of the closed one
    #[arg(long, value_name = "MS")]
    max_p99_ms: Option<f64>,
    /// Objective: the maximum share of requests without a good answer
    #[arg(long, value_name = "SHARE", value_parser = options::share)]
    max_error_share: Option<f64>,
    /// Objective: the minimum of the closed-loop maximum, or else of the rate achieved in the open loop
    #[arg(long, value_name = "PER_SEC", value_parser = options::rate)]
    min_rate: Option<f64>,
}

/// The baseline that the traffic is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BaselineKind {
    /// `GET /health`.
    Health,
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The events cannot be read or posted.
    #[error(transparent)]
    Events(#[from] EventsError),
    /// Not one request got a good answer.
    #[error("none of {requests} requests was answered well ({errors}); is the service up and ready?")]
    NothingAnswered {
        /// How many were sent.
        requests: u64,
        /// What went wrong.
        errors: String,
    },
}

impl RunArgs {
    /// How the report is to be written.
    pub fn format(&self) -> crate::verdict::Format {
        self.common.format
    }
}

/// Preloads, measures and compares with the objectives.
///
/// # Errors
/// [`RunError`] if there is nothing to report.
pub async fn run(args: &RunArgs) -> Result<Report, RunError> {
    let records = if args.traffic == Kind::Health { Vec::new() } else { args.load.records()? };
    let (before, after) = records.split_at(args.preload.min(records.len()));
    preload(args, before).await?;
    let traffic = Arc::new(traffic_of(args, before, after));
    let mut report = empty_report(args, before.len());
    measure_all(args, &traffic, &mut report).await?;
    report.objectives = objectives(args, &report);
    Ok(report)
}

async fn preload(args: &RunArgs, records: &[Record]) -> Result<(), EventsError> {
    let mut connection = args.common.connection();
    for (batch, records) in records.chunks(PRELOAD_BATCH).enumerate() {
        let first = batch * PRELOAD_BATCH;
        let posted = records.iter().zip(first..).map(|(record, place)| record.to_event(place));
        events::post(&mut connection, &NewEvents::batch(posted)).await?;
    }
    Ok(())
}

/// The traffic: known users are those of the preloaded events, clicks are the events after them; if either would be
/// empty, all events are used.
fn traffic_of(args: &RunArgs, before: &[Record], after: &[Record]) -> Traffic {
    let shape = args.load.shape(args.batch);
    let (own, other) = if args.traffic == Kind::Known { (before, after) } else { (after, before) };
    Traffic::of(args.traffic, if own.is_empty() { other } else { own }, shape)
}

fn name(kind: Kind) -> String {
    kind.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned())
}

fn empty_report(args: &RunArgs, preloaded: usize) -> Report {
    Report {
        url: args.common.url.to_string(),
        traffic: name(args.traffic),
        k: usize::from(args.load.k),
        connections: usize::from(args.connections),
        duration_secs: args.duration.as_secs_f64(),
        warm_up_secs: args.warm_up.as_secs_f64(),
        seed: args.load.seed,
        preloaded,
        measurements: Vec::new(),
        max_rate: None,
        baseline: None,
        objectives: Vec::new(),
    }
}

async fn measure_all(args: &RunArgs, traffic: &Arc<Traffic>, report: &mut Report) -> Result<(), RunError> {
    let setup = Setup {
        target: args.common.target(),
        connections: usize::from(args.connections),
        timeout: args.common.timeout,
        warm_up: args.warm_up,
        window: args.duration,
    };
    let health = Arc::new(traffic::health());
    let mut subjects = vec![(Subject::Traffic, name(args.traffic), traffic)];
    if args.baseline.is_some() {
        subjects.insert(0, (Subject::Baseline, name(Kind::Health), &health));
    }
    let rounds = match (args.rate, args.baseline) {
        (Some(_), _) => 0,
        (None, None) => 1,
        (None, Some(_)) => args.rounds,
    };
    for _ in 0..rounds {
        for (subject, name, traffic) in &subjects {
            let figures = measure::closed_loop(&setup, traffic, name).await;
            let measurement = Measurement {
                subject: *subject,
                traffic: name.clone(),
                kind: Loop::Closed,
                scheduled_rate: None,
                figures,
            };
            report.measurements.push(answered(measurement)?);
        }
    }
    if rounds > 0 {
        summarise(report);
    }
    for (subject, name, traffic) in &subjects {
        let share_of_maximum = args.at.map(|share| share * closed_maximum(report, *subject));
        let Some(rate) = args.rate.or(share_of_maximum).filter(|&rate| rate > 0.0) else { continue };
        let schedule = Schedule { rate, spacing: args.spacing, seed: args.load.seed };
        let figures = measure::open_loop(&setup, traffic, schedule, name).await;
        let (kind, scheduled_rate) = (Loop::Open, Some(rate));
        let measurement = Measurement { subject: *subject, traffic: name.clone(), kind, scheduled_rate, figures };
        report.measurements.push(answered(measurement)?);
    }
    Ok(())
}

fn answered(measurement: Measurement) -> Result<Measurement, RunError> {
    let figures = &measurement.figures;
    if figures.failed < figures.requests {
        return Ok(measurement);
    }
    let errors: Vec<String> = figures.errors.iter().map(|(failure, count)| format!("{count} × {failure}")).collect();
    Err(RunError::NothingAnswered { requests: figures.requests, errors: errors.join(", ") })
}

fn closed_maximum(report: &Report, subject: Subject) -> f64 {
    let closed = |measurement: &&Measurement| measurement.subject == subject && measurement.kind == Loop::Closed;
    let rates: Vec<f64> =
        report.measurements.iter().filter(closed).map(|measurement| measurement.figures.rate).collect();
    median(&rates)
}

fn summarise(report: &mut Report) {
    let (rate, health_rate) = (closed_maximum(report, Subject::Traffic), closed_maximum(report, Subject::Baseline));
    report.max_rate = Some(rate);
    report.baseline = (!health_rate.is_nan()).then_some(Baseline { health_rate, rate, ratio: rate / health_rate });
}

fn objectives(args: &RunArgs, report: &Report) -> Vec<Objective> {
    [
        (args.max_p99_ms, "p99 ms", Bound::AtMost, report.p99_ms()),
        (args.max_error_share, "error share", Bound::AtMost, report.error_share()),
        (args.min_rate, "answers/s", Bound::AtLeast, report.rate()),
    ]
    .into_iter()
    .filter_map(|(limit, name, bound, found)| Some(Objective::new(name, bound, limit?, found)))
    .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use clap::Parser;

    use super::*;
    use crate::stub;
    use crate::verdict::{Verdict, verdict};

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        run: RunArgs,
    }

    fn args(line: &str) -> Result<RunArgs, clap::Error> {
        Cli::try_parse_from(format!("run {line}").split_whitespace()).map(|cli| cli.run)
    }

    fn events() -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let line = |n: u32| format!("{{\"timestamp\":{n},\"visitorid\":\"u{}\",\"itemid\":\"i{n}\"}}\n", n % 3);
        std::fs::write(file.path(), (0..6).map(line).collect::<String>()).expect("written");
        file
    }

    #[test]
    fn options_that_cannot_go_together_are_refused() {
        assert!(args("--traffic health").is_ok());
        assert!(args("--traffic known").is_err(), "users come from a file");
        assert!(args("--traffic health --rate 5 --at 0.5").is_err());
        assert!(args("--traffic health --rate 5 --baseline health").is_err());
        assert!(args("--traffic health --k 501").is_err());
        assert!(args("--traffic health --url http://192.168.0.1:80").is_err());
    }

    #[tokio::test]
    async fn latency_is_measured_at_a_share_of_the_maximum_and_beside_the_baseline() {
        let stub = stub::serve(|_| stub::ok("{}")).await;
        let (file, url) = (events(), stub.url());
        let args = args(&format!(
            "--url {url} --traffic known --events {} --at 0.5 --duration 0.1 --warm-up 0 --connections 2 \
             --baseline health --rounds 2 --max-error-share 0 --min-rate 1 --max-p99-ms 0",
            file.path().display()
        ));
        let report = run(&args.expect("good options")).await.expect("measured");
        let kinds: Vec<(Subject, Loop)> = report.measurements.iter().map(|m| (m.subject, m.kind)).collect();
        let pair = |kind| [(Subject::Baseline, kind), (Subject::Traffic, kind)];
        assert_eq!(kinds, [pair(Loop::Closed), pair(Loop::Closed), pair(Loop::Open)].concat());
        let scheduled = report.measurements[5].scheduled_rate.expect("open loop");
        assert!((scheduled - 0.5 * report.max_rate.expect("measured")).abs() < 1e-9);
        let kept: Vec<bool> = report.objectives.iter().map(|objective| objective.kept).collect();
        assert_eq!(kept, [false, true, true]);
        assert_eq!(verdict(&report.objectives), Verdict::Broken);
    }

    #[tokio::test]
    async fn preloaded_users_ask_and_the_clicks_after_them_are_asked_for() {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = asked.clone();
        let stub = stub::serve(move |request| {
            if request.path == "/events" {
                return stub::ok(r#"{"accepted":2,"applied":true,"event_ids":[]}"#);
            }
            seen.lock().expect("no panic").push(request.parameter("item_id").expect("a click").to_owned());
            stub::ok("{}")
        })
        .await;
        let file = events();
        let args = args(&format!(
            "--url {} --traffic click-then-ask --events {} --preload 4 --rate 60 --spacing uniform --duration 0.1 \
             --warm-up 0 --connections 1",
            stub.url(),
            file.path().display()
        ));
        let report = run(&args.expect("good options")).await.expect("measured");
        assert_eq!((report.preloaded, report.max_rate), (4, None));
        assert_eq!(*asked.lock().expect("no panic"), ["i4", "i5", "i4", "i5", "i4", "i5"]);
    }

    #[tokio::test]
    async fn a_service_that_answers_nothing_well_is_an_error() {
        let stub = stub::serve(|_| stub::refuse(503, "not ready", "none")).await;
        let args = args(&format!(
            "--url {} --traffic health --rate 20 --spacing uniform --duration 0.1 --warm-up 0",
            stub.url()
        ));
        let error = run(&args.expect("good options")).await.expect_err("nothing measured");
        assert!(error.to_string().contains("2 × status 503"), "{error}");
    }
}
