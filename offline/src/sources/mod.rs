//! The candidate sources, a file each: settings with their ranges, the fit, and what `tune` may change.
//!
//! ```text
//! log ─▶ sessions, counts ─▶ each trainer ─▶ its table ─▶ Tables ─▶ Snapshot
//! ```
//!
//! A new source is a file here and its row in [`TRAINERS`]; where it has settings, a section in [`SourcesConfig`]. The batch
//! scans item factors exactly, so that what it makes does not depend on the order in which threads insert into a graph.

pub mod als;
pub mod content;
pub mod embedding;
pub mod item_knn_session;
pub mod item_knn_user;
pub mod item_knn_walk;
pub mod neighbours;
pub mod popularity;
pub mod repeat;
pub mod session_knn;
pub mod slim;
pub mod statistics;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::artifact::manifest::FORMAT_VERSION;
use shared::artifact::{ArtifactError, Manifest};
use shared::params::EngineParams;
use shared::snapshot::Snapshot;
use shared::source::Source;
use shared::tables::{ItemTable, Tables};

use crate::ingest::Log;
use crate::interactions::{KindWeights, Sessions};
use crate::knobs::Knob;
use crate::progress::Progress;
use crate::ranges::OutOfRange;

/// The settings of the sources, a section of the config each.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct SourcesConfig {
    pub popularity: popularity::PopularityConfig,
    pub item_knn_session: item_knn_session::ItemKnnSessionConfig,
    pub item_knn_user: item_knn_user::ItemKnnUserConfig,
    pub item_knn_walk: item_knn_walk::WalkConfig,
    pub embedding: embedding::EmbeddingConfig,
    pub slim: slim::SlimConfig,
    pub content: content::ContentConfig,
    pub session_knn: session_knn::SessionKnnConfig,
    pub als: als::AlsConfig,
    pub repeat: repeat::RepeatConfig,
}

/// How a table of candidates is made.
pub struct Trainer {
    /// The sources that are served from the table, the one that gives it its name first.
    pub sources: &'static [Source],
    /// Makes the table and puts it among the others.
    pub fit: fn(&Inputs<'_>, &mut Tables, &(dyn Fn(u64) + Sync)),
    /// The steps that its progress is counted in; 0 for those that take no time to speak of.
    pub steps: fn(&SourcesConfig) -> u64,
    /// Checks the ranges of its settings.
    pub check: fn(&SourcesConfig) -> Result<(), OutOfRange>,
    /// What `tune` may change of it, and which source it measures alone.
    pub studies: &'static [SourceStudy],
}

/// Settings that are searched together by what a source does alone.
#[derive(Debug)]
pub struct SourceStudy {
    /// The source.
    pub source: Source,
    /// The share of the budget, beside those of the other studies.
    pub share: f64,
    /// What is searched.
    pub knobs: &'static [Knob],
}

/// All trainers. `tune` searches in this order, and later ones build on what earlier ones found.
pub const TRAINERS: [Trainer; 10] = [
    session_knn::TRAINER,
    item_knn_session::TRAINER,
    item_knn_walk::TRAINER,
    embedding::TRAINER,
    item_knn_user::TRAINER,
    slim::TRAINER,
    content::TRAINER,
    als::TRAINER,
    popularity::TRAINER,
    repeat::TRAINER,
];

/// What the sources learn from.
pub struct Inputs<'a> {
    /// The log.
    pub log: &'a Log,
    /// Its sessions.
    pub sessions: &'a Sessions,
    /// How many events each item has.
    pub counts: &'a [u32],
    /// Everything that is set.
    pub settings: &'a SourceSettings<'a>,
}

/// What the settings say to the sources.
pub struct SourceSettings<'a> {
    /// Their own sections.
    pub sources: &'a SourcesConfig,
    /// What events weigh by their kind.
    pub kinds: &'a KindWeights,
    /// The pause that ends a session, milliseconds.
    pub gap_ms: i64,
    /// What the engine follows.
    pub engine: EngineParams,
    /// The questions that `repeat` learns from; none where users are asked for new items alone.
    pub returns: Option<repeat::Questions>,
}

/// Fits every source on the log. The snapshot has no users.
///
/// # Errors
/// [`FitError`] for tables that don't fit each other: a defect of a source.
pub fn fit_sources(log: &Log, settings: &SourceSettings<'_>, progress: &mut Progress) -> Result<Snapshot, FitError> {
    let sessions = progress.stage("sessions", || crate::interactions::sessions(log, settings.gap_ms));
    let counts = counts(log);
    let inputs = Inputs { log, sessions: &sessions, counts: &counts, settings };
    let mut tables = Tables { items: item_table(log), ..Tables::default() };
    for trainer in &TRAINERS {
        let steps = (trainer.steps)(settings.sources);
        progress.counted(trainer.sources[0].as_str(), steps, |done| (trainer.fit)(&inputs, &mut tables, done));
    }
    tables.statistics = progress.stage("statistics", || statistics::fit(log, &sessions));
    let manifest = manifest(log, sessions.last_ms.len(), settings.engine.clone());
    Snapshot::new(manifest, tables).map_err(FitError::Misfit)
}

/// Fits the table of one source again, with other settings, on the log that the others of `snapshot` were fitted on.
///
/// # Errors
/// As [`fit_sources`].
pub fn refit(
    source: Source,
    snapshot: &Snapshot,
    log: &Log,
    settings: &SourceSettings<'_>,
) -> Result<Snapshot, FitError> {
    let mut tables = snapshot.tables().clone();
    fit_source(source, log, settings, &mut tables);
    let manifest = Manifest { engine: settings.engine.clone(), ..snapshot.manifest().clone() };
    Snapshot::new(manifest, tables).map_err(FitError::Misfit)
}

/// Fits the table of one source on a log.
pub fn fit_source(source: Source, log: &Log, settings: &SourceSettings<'_>, tables: &mut Tables) {
    let sessions = crate::interactions::sessions(log, settings.gap_ms);
    let counts = counts(log);
    let inputs = Inputs { log, sessions: &sessions, counts: &counts, settings };
    for trainer in TRAINERS.iter().filter(|trainer| trainer.sources.contains(&source)) {
        (trainer.fit)(&inputs, tables, &|_| ());
    }
}

/// Why a version can't be built.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// Tables don't fit each other.
    #[error("{0}: a defect of this build; leave the source out with `blend.off`")]
    Misfit(String),
    /// They can't be written.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

/// What a version is made of, before it has a name and a place.
fn manifest(log: &Log, sessions: usize, engine: EngineParams) -> Manifest {
    let counts = BTreeMap::from([
        ("events".to_owned(), log.events.len() as u64),
        ("users".to_owned(), log.users.len() as u64),
        ("items".to_owned(), log.items.len() as u64),
        ("sessions".to_owned(), sessions as u64),
    ]);
    Manifest {
        format_version: FORMAT_VERSION,
        version: "unpublished".to_owned(),
        built_ms: 0,
        data_fingerprint: String::new(),
        counts,
        first_event_ms: log.first_ms(),
        last_event_ms: log.last_ms(),
        covered: log.covered(),
        engine,
        config: serde_json::Value::Null,
        metrics: serde_json::Value::Null,
        files: BTreeMap::new(),
    }
}

/// How many events each item has.
fn counts(log: &Log) -> Vec<u32> {
    let mut counts = vec![0u32; log.items.len()];
    log.events.iter().for_each(|event| counts[event.item.at()] += 1);
    counts
}

fn item_table(log: &Log) -> ItemTable {
    let items = &log.items;
    ItemTable {
        id: items.ids.iter().collect(),
        name: items.names.iter().collect(),
        category_name: items.categories.iter().collect(),
        category: items.category_of.clone().into(),
        price: items.prices.clone().into(),
    }
}
