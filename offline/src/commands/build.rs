//! Trains a version and moves it into the artifacts folder: the part that `run` and `train` share.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use shared::contract::artifact::Manifest;

use crate::config::Config;
use crate::log::ingest::Log;
use crate::progress::Progress;
use crate::publish::{Artifacts, Complete, versions};
use crate::train::{train, write};

/// Trains a version and moves it into the artifacts folder, beside the other versions.
///
/// * `fingerprint`: that of the log, which takes a pass over all events.
/// * `metrics`: measurements to add to the metrics in its manifest; null if there are none.
pub fn build(
    artifacts: &Artifacts,
    log: &Log,
    fingerprint: &str,
    config: &Config,
    metrics: Value,
    progress: &mut Progress,
) -> anyhow::Result<Complete> {
    let working = versions::working_folder(artifacts)?;
    let version = versions::next(artifacts.path(), fingerprint)?;
    let manifest = seal(log, fingerprint, config, &version, metrics, &working, progress)?;
    Ok(Complete::place(artifacts, &working, manifest)?)
}

/// Trains a version and writes it into an empty folder; see [`build`].
pub fn seal(
    log: &Log,
    fingerprint: &str,
    config: &Config,
    version: &str,
    metrics: Value,
    folder: &Path,
    progress: &mut Progress,
) -> anyhow::Result<Manifest> {
    let snapshot = train(log, config, progress)?;
    let mut manifest = Manifest {
        version: version.to_owned(),
        built_ms: now_ms(),
        data_fingerprint: fingerprint.to_owned(),
        config: serde_json::to_value(config)?,
        ..snapshot.manifest().clone()
    };
    if let Value::Object(metrics) = metrics {
        for (name, found) in metrics {
            manifest.metrics[name] = found;
        }
    }
    Ok(write(&snapshot, manifest, config, folder, progress)?)
}

/// The time, milliseconds since the epoch.
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
