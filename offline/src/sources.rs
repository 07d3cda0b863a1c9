//! Every source fitted on one log and written into a folder, as a version without users and without a graph: the batch
//! scans exactly, so that what it makes does not depend on the order in which threads insert into a graph.

use std::collections::BTreeMap;
use std::path::Path;

use shared::artifact::manifest::FORMAT_VERSION;
use shared::artifact::strings::StringColumn;
use shared::artifact::tables::TableWriter;
use shared::artifact::{ArtifactError, Manifest};
use shared::snapshot::{ITEM_KNN_SESSION, ITEM_KNN_USER, ITEM_KNN_WALK, ITEMS, Snapshot};

use crate::als;
use crate::config::Config;
use crate::ingest::Log;
use crate::interactions::{sessions, user_items};
use crate::item_knn;
use crate::popularity;
use crate::progress::Progress;
use crate::session_knn;
use crate::statistics;
use crate::user_tables::UserTables;

/// Neighbours of an item that a walk may step to.
const WALK_STEPS: usize = 200;

/// Why a version can't be built.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// An artifact can't be written or read back.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The working folder can't be made.
    #[error("temporary folder: {0}; point TMPDIR to a writable folder")]
    Temporary(#[from] std::io::Error),
}

/// Fits every source on the log and writes it into `folder` as a version without users, and loads that.
///
/// # Errors
/// [`FitError::Artifact`] when it can't be written.
pub fn fit_sources(log: &Log, config: &Config, folder: &Path, progress: &mut Progress) -> Result<Snapshot, FitError> {
    let item_count = log.items.len();
    progress.stage("popularity", || popularity::fit(log, &config.popularity).write(folder))?;
    let sessions = progress.stage("sessions", || sessions(log, config.ingest.session_gap_minutes * 60_000));
    progress.stage("item_knn session", || {
        item_knn::session::fit(&sessions, item_count, &config.item_knn_session).write(folder, ITEM_KNN_SESSION)
    })?;
    progress.stage("item_knn user", || {
        let windows = item_knn::user::windows(log, config.item_knn_user.window);
        item_knn::user::fit(&windows, &config.item_knn_user).write(folder, ITEM_KNN_USER)
    })?;
    progress.stage("item_knn walk", || {
        let steps = item_knn::session::steps(&sessions, item_count, &config.item_knn_session, WALK_STEPS);
        let mut counts = vec![0u32; item_count];
        log.events.iter().for_each(|event| counts[event.item.at()] += 1);
        item_knn::walk::fit(&steps, &counts, &config.item_knn_walk).write(folder, ITEM_KNN_WALK)
    })?;
    let bytes =
        progress.stage("session_knn", || session_knn::fit(&sessions, item_count, &config.session_knn).write(folder))?;
    tracing::info!(bytes, "session index");
    progress.stage("statistics", || statistics::fit(log, &sessions).write(folder))?;
    let factors = progress.counted("als", config.als.sweeps as u64, |done| {
        als::fit(&user_items(log, &config.interactions), &config.als, &|sweep| done(sweep as u64))
    });
    factors.write(folder)?;
    write_items(log, folder)?;
    UserTables::default().write(folder)?;
    let counts = BTreeMap::from([
        ("events".to_owned(), log.events.len() as u64),
        ("users".to_owned(), log.users.len() as u64),
        ("items".to_owned(), item_count as u64),
        ("sessions".to_owned(), sessions.last_ms.len() as u64),
    ]);
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        version: "unpublished".to_owned(),
        built_ms: 0,
        data_fingerprint: log.fingerprint(),
        counts,
        first_event_ms: log.first_ms(),
        last_event_ms: log.last_ms(),
        covered_ms: log.events.iter().map(|event| event.received_ms).max().unwrap_or(0),
        engine: config.engine_params(),
        config: serde_json::to_value(config).unwrap_or_default(),
        metrics: serde_json::Value::Null,
        files: BTreeMap::new(),
    };
    manifest.seal(folder)?;
    Ok(Snapshot::load(folder)?)
}

fn write_items(log: &Log, folder: &Path) -> Result<(), ArtifactError> {
    let items = &log.items;
    let ids: StringColumn = items.ids.iter().collect();
    let names: StringColumn = items.names.iter().collect();
    let categories: StringColumn = items.categories.iter().collect();
    let table = TableWriter::default().column("category", &items.category_of);
    let table = categories.add_to(names.add_to(ids.add_to(table, "id"), "name"), "category_name");
    table.write(folder, ITEMS)
}
