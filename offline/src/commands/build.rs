//! A version trained and put in its place.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use shared::artifact::Manifest;

use crate::config::Config;
use crate::ingest::Log;
use crate::progress::Progress;
use crate::publish::{Artifacts, Complete, versions};
use crate::train::train;

/// Trains a version and places it beside the others.
///
/// * `metrics`: what its manifest says of how good it was found to be; null where nobody looked.
pub fn build(
    artifacts: &Artifacts,
    log: &Log,
    config: &Config,
    metrics: Value,
    progress: &mut Progress,
) -> anyhow::Result<Complete> {
    let working = versions::working_folder(artifacts)?;
    let version = versions::next(artifacts.path(), &log.fingerprint())?;
    let manifest = seal(log, config, &version, metrics, &working, progress)?;
    Ok(Complete::place(artifacts, &working, manifest)?)
}

/// Trains a version into a folder that is empty.
pub fn seal(
    log: &Log,
    config: &Config,
    version: &str,
    metrics: Value,
    folder: &Path,
    progress: &mut Progress,
) -> anyhow::Result<Manifest> {
    let mut manifest = train(log, config, version, now_ms(), folder, progress)?;
    if !metrics.is_null() {
        // The files are as they were sealed: only the manifest is written anew.
        manifest.metrics = metrics;
        manifest.write(folder)?;
    }
    Ok(manifest)
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
