//! The order of the stages, command by command.

pub mod held_out;
pub mod learn;

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use serde_json::Value;
use shared::artifact::Manifest;
use shared::artifact::manifest::read_champion;
use shared::snapshot::Snapshot;

use crate::arguments::{Input, Output};
use crate::config::Config;
use crate::gate;
use crate::ingest::{Catalogue, Log, ingest, read_catalogue};
use crate::progress::Progress;
use crate::publish::{self, versions};
use crate::train::{train, write};

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
    /// It becomes the champion; where the gate keeps its configuration out, one with the champion's does.
    Contest,
    /// It becomes the champion.
    Promote,
    /// It stands beside the champion.
    Keep,
}

/// Ingests, holds the contest, trains, and publishes, as far as `then` says so. Returns the version.
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
    if then != Then::Contest {
        return build(&log, config, output, then, progress);
    }
    let outcome = progress.group("gate", |progress| gate::contest(&log, config, &output.artifacts, progress))?;
    println!("{outcome}");
    let winner = outcome.winner(config);
    let version = build_noting(&log, winner, output, outcome.metrics(), progress)?;
    promote(&version, winner, output, progress)?;
    Ok(version)
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

fn build(log: &Log, config: &Config, output: &Output, then: Then, progress: &mut Progress) -> anyhow::Result<String> {
    let version = build_noting(log, config, output, Value::Null, progress)?;
    if then != Then::Keep {
        promote(&version, config, output, progress)?;
    }
    Ok(version)
}

/// Trains a version and places it beside the others.
///
/// * `metrics`: what its manifest says, besides how it was fitted, of how good it was found to be; null where nobody looked.
fn build_noting(
    log: &Log,
    config: &Config,
    output: &Output,
    metrics: Value,
    progress: &mut Progress,
) -> anyhow::Result<String> {
    let working = versions::working_folder(&output.artifacts)?;
    let version = versions::next(&output.artifacts, &log.fingerprint())?;
    let snapshot = train(log, config, progress)?;
    let mut manifest = Manifest {
        version: version.clone(),
        built_ms: now_ms(),
        data_fingerprint: log.fingerprint(),
        config: serde_json::to_value(config)?,
        ..snapshot.manifest().clone()
    };
    if let Value::Object(metrics) = metrics {
        for (name, found) in metrics {
            manifest.metrics[name] = found;
        }
    }
    write(&snapshot, manifest, config, &working, progress)?;
    publish::place(&working, &output.artifacts, &version)?;
    Ok(version)
}

fn promote(version: &str, config: &Config, output: &Output, progress: &mut Progress) -> anyhow::Result<()> {
    let to = with_redis(config, output.redis.as_deref());
    Ok(progress.group("publish", |progress| publish::promote(&output.artifacts, version, &to, progress))?)
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
