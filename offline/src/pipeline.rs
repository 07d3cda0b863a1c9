//! The order of the stages.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use shared::api::Seen;
use shared::artifact::manifest::read_champion;
use serde_json::json;
use shared::schema;
use shared::snapshot::Snapshot;

use crate::arguments::{Format, HeldOutInput, Input, Output};
use crate::config::Config;
use crate::evaluate::{self, Setting, Task, report};
use crate::export;
use crate::ranker;
use crate::rows;
use crate::ingest::{Catalogue, Log, ingest, read_catalogue};
use crate::progress::Progress;
use crate::publish::{self, versions};
use crate::train::train;
use crate::trees::{self, TreesConfig};
use crate::tune;

/// The share of the events that is held out where no split is given.
const HELD_OUT_SHARE: f64 = 0.1;

/// Reads logs and item table.
pub fn read(
    events: &[std::path::PathBuf],
    items: Option<&Path>,
    config: &Config,
    rejects: &Path,
    progress: &mut Progress,
) -> anyhow::Result<Log> {
    let log = progress.counted("ingest", 0, |done| {
        let catalogue = items.map(|path| read_catalogue(path, &config.items)).transpose()?;
        ingest(events, catalogue.unwrap_or_else(Catalogue::default), &config.ingest, rejects, done)
    })?;
    let report = &log.report;
    eprintln!(
        "{} rows: {} events of {} users and {} items",
        report.rows,
        report.accepted,
        log.users.len(),
        log.items.len()
    );
    for (what, reasons) in [("skipped", &report.skipped), ("rejected", &report.rejected)] {
        for (reason, count) in reasons {
            eprintln!("  {what} {count}: {reason}");
        }
    }
    if report.rejected_rows() > 0 {
        eprintln!("  rejected rows are in {}", rejects.display());
    }
    Ok(log)
}

/// What becomes of a version that was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It becomes the champion.
    Promote,
    /// It stands beside the champion.
    Keep,
}

/// Ingests, trains, and publishes where `then` says so. Returns the version.
pub fn run(
    config: &Config,
    input: &Input,
    output: &Output,
    until_ms: Option<i64>,
    then: Then,
    progress: &mut Progress,
) -> anyhow::Result<String> {
    fs::create_dir_all(&output.artifacts).with_context(|| output.artifacts.display().to_string())?;
    let rejects = output.artifacts.join("rejects.jsonl");
    let log = until(read(&input.events, input.items.as_deref(), config, &rejects, progress)?, until_ms)?;
    build(&log, config, output, then, progress)
}

/// The part of a log before a time, where one is given.
fn until(log: Log, until_ms: Option<i64>) -> anyhow::Result<Log> {
    let Some(until_ms) = until_ms else { return Ok(log) };
    let (part, first_ms) = (log.before(until_ms), log.first_ms());
    anyhow::ensure!(
        !part.events.is_empty(),
        "--until {until_ms}: the log has no events before; it begins at {first_ms} (milliseconds since the epoch)"
    );
    Ok(part)
}

/// Searches for better settings and prints the best trial of each study.
pub fn tune(
    config: &Config,
    input: &Input,
    minutes: f64,
    until_ms: Option<i64>,
    out: &Path,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let rejects = out.join("rejects.jsonl");
    let log = until(read(&input.events, input.items.as_deref(), config, &rejects, progress)?, until_ms)?;
    let trials = tune::tune(&log, config, minutes, out, progress)?;
    print!("{}", trials.table());
    println!("settings: {}", out.join("tuned.toml").display());
    Ok(())
}

fn build(log: &Log, config: &Config, output: &Output, then: Then, progress: &mut Progress) -> anyhow::Result<String> {
    let working = versions::working_folder(&output.artifacts)?;
    let version = versions::next(&output.artifacts, &log.fingerprint())?;
    train(log, config, &version, now_ms(), &working, progress)?;
    publish::place(&working, &output.artifacts, &version)?;
    if then == Then::Promote {
        let to = with_redis(config, output.redis.as_deref());
        progress.group("publish", |progress| publish::promote(&output.artifacts, &version, &to, progress))?;
    }
    Ok(version)
}

/// The settings of publishing, with the Redis of the command line where it names one.
#[must_use]
pub fn with_redis(config: &Config, redis: Option<&str>) -> publish::PublishConfig {
    let mut publish = config.publish.clone();
    if let Some(url) = redis {
        url.clone_into(&mut publish.redis_url);
    }
    publish
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// What an evaluation is asked for besides its input.
pub struct Wanted<'a> {
    /// The task.
    pub task: Task,
    /// Cut-offs.
    pub ks: &'a [usize],
    /// The seen policy.
    pub seen: Option<Seen>,
    /// Table or JSON.
    pub format: Format,
    /// Where to keep the version.
    pub artifacts: Option<&'a Path>,
    /// Redis to copy its user records to.
    pub redis: Option<String>,
    /// Where to write the slates.
    pub slates: Option<&'a Path>,
    /// Where to write the held-out events.
    pub test_events: Option<&'a Path>,
}

/// Trains on one part, measures on the other, prints the figures.
pub fn evaluate(
    config: &Config,
    input: &HeldOutInput,
    wanted: &Wanted<'_>,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let mut ks = wanted.ks.to_vec();
    ks.sort_unstable();
    ks.dedup();
    anyhow::ensure!(ks.first().is_some_and(|&k| k > 0), "--k: cut-offs must be at least 1");
    let temporary = tempfile::tempdir()?;
    let artifacts = wanted.artifacts.unwrap_or(temporary.path());
    fs::create_dir_all(artifacts).with_context(|| artifacts.display().to_string())?;
    let (train_log, test_log) = split(config, input, artifacts, progress)?;
    let output = Output { artifacts: artifacts.to_owned(), redis: wanted.redis.clone() };
    let version = build(&train_log, config, &output, Then::Promote, progress)?;
    let snapshot = Snapshot::load(&artifacts.join(&version))?;
    if let Some(path) = wanted.test_events {
        let mut out = create(path)?;
        export::events(&test_log, &mut out)?;
        out.flush()?;
    }
    let default_seen = if wanted.task == Task::NextItem { Seen::Allow } else { Seen::ExcludeAll };
    let setting = Setting {
        task: wanted.task,
        ks: &ks,
        seen: wanted.seen.unwrap_or(default_seen),
        gap_ms: config.ingest.session_gap_minutes * 60_000,
        asked_ms: test_log.first_ms().max(train_log.last_ms()),
        windows_days: &config.popularity.windows_days,
    };
    let mut slates = wanted.slates.map(create).transpose()?;
    let mut failed = None;
    let users = test_log.users.len() as u64;
    let evaluation = progress.counted("evaluate", users, |done| {
        let mut write = |slate: &evaluate::ServedSlate| {
            if let Some(out) = &mut slates {
                let written = serde_json::to_writer(&mut *out, slate).map_err(std::io::Error::from);
                failed = written.and_then(|()| writeln!(out)).err().or(failed.take());
            }
        };
        evaluate::evaluate(&snapshot, &train_log, &test_log, &setting, &mut write, &|users| done(users))
    });
    if let Some(out) = &mut slates {
        out.flush()?;
    }
    if let Some(error) = failed {
        return Err(error).context("writing slates");
    }
    match wanted.format {
        Format::Text => print!("{}", report::table(&evaluation, &ks)),
        Format::Json => println!("{}", serde_json::to_string_pretty(&evaluation)?),
    }
    Ok(())
}

/// Writes the rows that the ranker learns from, and those of the held-out questions, as the engine describes them.
pub fn rows(config: &Config, input: &HeldOutInput, out: &Path, progress: &mut Progress) -> anyhow::Result<()> {
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let (train, test) = split(config, input, out, progress)?;
    let (fitted, slates) = ranker::slates(&train, config, progress)?;
    let names = schema::names();
    rows::write(&slates.early, &names, &out.join("learn.parquet"))?;
    rows::write(&slates.late, &names, &out.join("stop.parquet"))?;
    drop(slates);
    let test = ranker::held_out(train, test, config, &fitted, progress)?;
    rows::write(&test, &names, &out.join("test.parquet"))
}

/// Grows trees on rows, measures them on others, and prints what came out as JSON.
pub fn trees(
    config: &Config,
    learn: &Path,
    stop: Option<&Path>,
    test: &Path,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let (names, learn) = rows::read(learn)?;
    let (_, test) = rows::read(test)?;
    let (stop, config) = match stop {
        Some(path) => (&rows::read(path)?.1, config.trees.clone()),
        None => (&test, TreesConfig { patience: usize::MAX, ..config.trees.clone() }),
    };
    let begin = Instant::now();
    let ensemble = progress.counted("trees", config.trees as u64, |done| trees::fit(&learn, stop, &config, &|tree| done(tree)));
    let seconds = begin.elapsed().as_secs_f64();
    let scores = trees::scores(&ensemble, &test);
    let importance: BTreeMap<&str, f64> = names.iter().map(String::as_str).zip(ensemble.importance.iter().copied()).collect();
    let figures = json!({
        "rows": learn.len(), "trees": ensemble.leaves.len() >> ensemble.depth, "seconds": seconds,
        "metric": config.objective.metric(&test, &scores), "importance": importance,
    });
    println!("{figures:#}");
    Ok(())
}

fn split(
    config: &Config,
    input: &HeldOutInput,
    artifacts: &Path,
    progress: &mut Progress,
) -> anyhow::Result<(Log, Log)> {
    let rejects = artifacts.join("rejects.jsonl");
    let items = input.items.as_deref();
    if !input.train.is_empty() {
        let train = read(&input.train, items, config, &rejects, progress)?;
        let test = read(&input.test, None, config, &artifacts.join("rejects_test.jsonl"), progress)?;
        return Ok((train, test));
    }
    let log = read(&input.events, items, config, &rejects, progress)?;
    let split_ms = input.split.unwrap_or_else(|| {
        let at = (log.events.len() as f64 * (1.0 - HELD_OUT_SHARE)) as usize;
        log.events[at.min(log.events.len() - 1)].timestamp_ms
    });
    let at = log.events.partition_point(|event| event.timestamp_ms < split_ms);
    anyhow::ensure!(
        at > 0 && at < log.events.len(),
        "--split {split_ms}: no events on one side; the log reaches from {} to {} (milliseconds since the epoch)",
        log.first_ms(),
        log.last_ms()
    );
    Ok((log.part(0..at), log.part(at..log.events.len())))
}

/// Loads a version, or the champion.
pub fn load(artifacts: &Path, version: Option<&str>) -> anyhow::Result<Snapshot> {
    let version = match version {
        Some(version) => version.to_owned(),
        None => read_champion(artifacts)?,
    };
    Ok(Snapshot::load(&artifacts.join(version))?)
}

/// Creates a file to write to.
pub fn create(path: &Path) -> anyhow::Result<BufWriter<File>> {
    Ok(BufWriter::new(File::create(path).with_context(|| path.display().to_string())?))
}
