//! Trains a version on a log: fits blend and ranker on windows at the end of the log, then every source on the whole
//! log.
//!
//! ```text
//! log ─▶ [before a window]   ─▶ sources ─▶ blend weights ─▶ ranker
//!     ─▶ [all of it]         ─▶ sources ─▶ user tables ─▶ snapshot ─▶ (graph) ─▶ sealed folder
//! ```

use std::path::Path;

use shared::contract::artifact::Manifest;
use shared::contract::params::EngineParams;
use shared::contract::source::Source;
use shared::engine::ann::graph::build_graph;
use shared::engine::snapshot::Snapshot;

use crate::config::Config;
use crate::fit::fit_sources;
use crate::log::ingest::Log;
use crate::progress::Progress;
use crate::rank::{self, Fitted};
use crate::sources::FitError;
use crate::user_tables;

/// Builds a version in memory. It gives the same slates as when it is served from its folder, except that a large
/// catalogue is scanned and not searched in a graph.
///
/// # Errors
/// [`FitError`] for tables that don't fit each other.
pub fn train(log: &Log, config: &Config, progress: &mut Progress) -> Result<Snapshot, FitError> {
    let fitted = if config.blend.fit { rank::fit(log, config, progress)? } else { Fitted::of_config(config) };
    let snapshot = fit_sources(log, config, progress)?;
    let users = progress.counted("user tables", log.users.len() as u64, |done| {
        let all: Vec<usize> = (0..log.users.len()).collect();
        user_tables::build(log, &all, &snapshot, &fitted.long_term, &config.users, done)
    });
    let (mut tables, mut manifest) = (snapshot.tables().clone(), snapshot.manifest().clone());
    drop(snapshot);
    tables.users = users;
    let (params, ranker) = fitted.ranker.unzip();
    tables.ranker = ranker;
    if let Some(report) = &fitted.report {
        manifest.metrics = serde_json::json!({ "fit": report });
    }
    let has_profiles = !tables.profiles.is_empty();
    let served = if has_profiles { fitted.served } else { fitted.served.with(Source::Profile, 0.0) };
    manifest.engine = EngineParams { weights: served, ranker: params, ..config.engine_params() };
    Snapshot::new(manifest, tables).map_err(FitError::Misfit)
}

/// Writes a version into `folder`, which must be empty, with a graph over the item factors if many items have some.
///
/// # Errors
/// [`FitError`] when files can't be written.
pub fn write(
    snapshot: &Snapshot,
    manifest: Manifest,
    config: &Config,
    folder: &Path,
    progress: &mut Progress,
) -> Result<Manifest, FitError> {
    progress.stage("write", || snapshot.tables().write(folder))?;
    let als = snapshot.als();
    if als.known() >= config.ann.graph_from_items {
        progress.stage("ann graph", || build_graph(&als.item_factors, als.factors, folder))?;
    }
    Ok(progress.stage("seal", || manifest.seal(folder))?)
}
