//! Makes one version from one log: fits blend and ranker on windows cut from its end, fits every source on all of it, and
//! writes the artifact into a folder with checksums.
//!
//! ```text
//! log ─▶ [before the window] ─▶ sources ─▶ blend weights ─▶ ranker
//!     ─▶ [all of it]         ─▶ sources ─▶ user tables ─▶ graph ─▶ sealed folder
//! ```

use std::path::Path;

use shared::ann::graph::build_graph;
use shared::artifact::Manifest;
use shared::params::EngineParams;

use crate::config::Config;
use crate::ingest::Log;
use crate::progress::Progress;
use crate::ranker::{self, Fitted};
use crate::sources::{FitError, fit_sources};
use crate::user_tables;

/// Builds a version named `version` in `folder`, an empty one.
///
/// * `built_ms`: the time of the build, noted in the manifest.
///
/// # Errors
/// [`FitError`] when files can't be written.
pub fn train(
    log: &Log,
    config: &Config,
    version: &str,
    built_ms: i64,
    folder: &Path,
    progress: &mut Progress,
) -> Result<Manifest, FitError> {
    let fitted = if config.blend.fit { ranker::fit(log, config, progress)? } else { Fitted::of_config(config) };
    let snapshot = fit_sources(log, config, folder, progress)?;
    let mut manifest = snapshot.manifest().clone();
    let users = progress.counted("user tables", log.users.len() as u64, |done| {
        let all: Vec<usize> = (0..log.users.len()).collect();
        user_tables::build(log, &all, &snapshot, &fitted.long_term, &config.users, done)
    });
    users.write(folder)?;
    if log.items.len() >= config.ann.graph_from_items {
        let als = snapshot.als();
        progress.stage("ann graph", || build_graph(&als.item_factors, als.factors, folder))?;
    }
    manifest.version = version.to_owned();
    manifest.built_ms = built_ms;
    let ranker = fitted.model.map(|model| ranker::write(&model, config.ranker.candidates, folder)).transpose()?;
    if let Some(report) = &fitted.report {
        manifest.metrics = serde_json::json!({ "fit": report });
    }
    manifest.engine = EngineParams { weights: fitted.served, ranker, ..config.engine_params() };
    Ok(progress.stage("seal", || manifest.seal(folder))?)
}
