//! The trainers of the candidate sources, one file each: settings with their ranges, the fit, and the settings that
//! `tune` may change.
//!
//! ```text
//! log ─▶ sessions, counts ─▶ each trainer ─▶ its table ─▶ Tables ─▶ Snapshot
//! ```
//!
//! A new source needs a file here, a row in [`TRAINERS`], and, if it has settings, a section in [`SourcesConfig`]. The
//! batch scans item factors instead of searching a graph, so that its results do not depend on the order in which
//! threads insert into a graph.

pub mod als;
pub mod content;
pub mod days;
pub mod embedding;
pub mod item_knn_session;
pub mod item_knn_user;
pub mod item_knn_walk;
pub mod looks_like;
pub mod neighbours;
pub mod popularity;
pub mod profile;
pub mod repeat;
pub mod session_knn;
pub mod slim;
pub mod statistics;
pub mod together;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::contract::artifact::columns::Column;
use shared::contract::artifact::manifest::FORMAT_VERSION;
use shared::contract::artifact::{ArtifactError, Manifest};
use shared::contract::kind::Kinds;
use shared::contract::params::EngineParams;
use shared::contract::source::Source;
use shared::engine::snapshot::Snapshot;
use shared::tables::{CategoryIdx, ItemTable, PropertyTable, Tables, Values};

use crate::config::knobs::Knob;
use crate::config::ranges::OutOfRange;
use crate::log::baskets::baskets;
use crate::log::ingest::items::availability::Validity;
use crate::log::ingest::items::catalogue::BRAND;
use crate::log::ingest::{Catalogue, Log};
use crate::log::interactions::{Sessions, sessions};
use crate::log::with_events::WithEvents;
use crate::progress::Progress;

/// The settings of the sources, one section of the config each.
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
    pub looks_like: looks_like::LooksLikeConfig,
    pub session_knn: session_knn::SessionKnnConfig,
    pub als: als::AlsConfig,
    pub repeat: repeat::RepeatConfig,
    pub profile: profile::ProfileConfig,
    pub together: together::TogetherConfig,
}

/// A trainer: how the table of one or several sources is fitted.
pub struct Trainer {
    /// The sources that are served from the table; the first one names it.
    pub sources: &'static [Source],
    /// Fits the table and sets it in the tables.
    pub fit: fn(&Inputs<'_>, &mut Tables, &(dyn Fn(u64) + Sync)),
    /// The number of steps that its progress is counted in; 0 if the fit is too fast to be counted.
    pub steps: fn(&SourcesConfig) -> u64,
    /// Checks the ranges of its settings.
    pub check: fn(&SourcesConfig) -> Result<(), OutOfRange>,
    /// The settings that `tune` may change, with the source that it measures alone for them.
    pub studies: &'static [SourceStudy],
}

/// Settings that are searched together, by the figure of one source alone.
#[derive(Debug)]
pub struct SourceStudy {
    /// The source.
    pub source: Source,
    /// The study's share of the time budget, relative to the shares of the others.
    pub share: f64,
    /// The settings that are searched.
    pub knobs: &'static [Knob],
}

/// All trainers. `tune` searches in this order, each study with the best settings of the earlier ones.
pub const TRAINERS: [Trainer; 12] = [
    session_knn::TRAINER,
    item_knn_session::TRAINER,
    item_knn_walk::TRAINER,
    embedding::TRAINER,
    item_knn_user::TRAINER,
    slim::TRAINER,
    content::TRAINER,
    looks_like::TRAINER,
    als::TRAINER,
    popularity::TRAINER,
    repeat::TRAINER,
    profile::TRAINER,
];

/// The input of the trainers.
pub struct Inputs<'a> {
    /// The log.
    pub log: &'a Log,
    /// Its items with events; what is fitted on events is fitted over their rows.
    pub items: &'a WithEvents,
    /// Its sessions, as rows of `items`.
    pub sessions: &'a Sessions,
    /// The settings.
    pub settings: &'a SourceSettings<'a>,
}

/// The settings that the trainers read.
pub struct SourceSettings<'a> {
    /// The sections of the sources.
    pub sources: &'a SourcesConfig,
    /// The kinds of events with their weights.
    pub kinds: &'a Kinds,
    /// The pause that ends a session, milliseconds.
    pub gap_ms: i64,
    /// The parameters of the engine.
    pub engine: EngineParams,
    /// The questions that `repeat` learns from; `None` if slates hold only items that are new to the user.
    pub returns: Option<repeat::Questions>,
}

/// Fits every source on the log. The snapshot has no users.
///
/// # Errors
/// [`FitError`] for tables that don't fit each other: a defect of a source.
pub fn fit_sources(log: &Log, settings: &SourceSettings<'_>, progress: &mut Progress) -> Result<Snapshot, FitError> {
    let items = WithEvents::of(log);
    let sessions = progress.stage("sessions", || sessions(log, settings.gap_ms).in_rows(&items));
    let inputs = Inputs { log, items: &items, sessions: &sessions, settings };
    let properties = properties(&log.items);
    let mut tables = Tables { items: item_table(log), properties, ..Tables::default() };
    for trainer in &TRAINERS {
        let steps = (trainer.steps)(settings.sources);
        progress.counted(trainer.sources[0].as_str(), steps, |done| (trainer.fit)(&inputs, &mut tables, done));
    }
    tables.statistics = progress.stage("statistics", || statistics::fit(log, &items, &sessions));
    tables.days = days::fit(log);
    tables.together = progress
        .stage("bought together", || together::fit(&baskets(log, settings.gap_ms), &items, &settings.sources.together));
    let mut manifest = manifest(log, sessions.last_ms.len(), settings.engine.clone());
    if !tables.profiles.is_empty() {
        manifest.counts.insert("profiles".to_owned(), tables.profiles.users() as u64);
    }
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
    let items = WithEvents::of(log);
    let sessions = sessions(log, settings.gap_ms).in_rows(&items);
    let inputs = Inputs { log, items: &items, sessions: &sessions, settings };
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
    /// A table can't be written.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

/// The manifest of a version before it has a name: the facts about its log, and the engine's parameters.
fn manifest(log: &Log, sessions: usize, engine: EngineParams) -> Manifest {
    let mut counts = BTreeMap::from([
        ("events".to_owned(), log.events.len() as u64),
        ("users".to_owned(), log.users.len() as u64),
        ("items".to_owned(), log.items.len() as u64),
        ("sessions".to_owned(), sessions as u64),
    ]);
    for (name, count) in [("taken_back", log.taken_back_by_users()), ("blocked", log.blocked.len())] {
        if count > 0 {
            counts.insert(name.to_owned(), count as u64);
        }
    }
    Manifest {
        format_version: FORMAT_VERSION,
        version: "unpublished".to_owned(),
        built_ms: 0,
        data_fingerprint: String::new(),
        counts,
        first_event_ms: log.first_ms(),
        last_event_ms: log.now_ms(),
        covered: log.covered(),
        engine,
        config: serde_json::Value::Null,
        metrics: serde_json::Value::Null,
        files: BTreeMap::new(),
    }
}

fn item_table(log: &Log) -> ItemTable {
    let items = &log.items;
    let (categories_starts, categories) = categories(items);
    let (available_from, available_until) = availability(items);
    ItemTable {
        id: items.ids.iter().collect(),
        name: items.names.iter().collect(),
        category_name: items.categories.iter().collect(),
        category: items.category_of.clone().into(),
        categories_starts,
        categories,
        price: items.prices.clone().into(),
        available_from,
        available_until,
    }
}

/// What items can be filtered by. The brand is what the item table, or else the log, says.
fn properties(items: &Catalogue) -> PropertyTable {
    let of_item = |words: &Vec<Box<str>>| -> Vec<Box<str>> {
        words.iter().filter_map(|word| word.strip_prefix(BRAND)).map(Into::into).collect()
    };
    let of_items: Vec<Vec<Box<str>>> = items.properties.iter().map(of_item).collect();
    let brand = of_items.iter().any(|own| !own.is_empty()).then(|| ("brand".into(), Values::of_texts(&of_items)));
    brand.into_iter().chain(items.facts.iter().map(|fact| (fact.name.clone(), fact.values.clone()))).collect()
}

/// The categories of all items, those of each ascending; empty if none has more than one.
fn categories(items: &Catalogue) -> (Column<u64>, Column<CategoryIdx>) {
    if items.more_categories.is_empty() {
        return Default::default();
    }
    let (mut starts, mut rows) = (vec![0], Vec::new());
    for item in 0..items.len() {
        let mut own: Vec<CategoryIdx> = items.categories_of(item).map(CategoryIdx).collect();
        own.sort_unstable();
        rows.append(&mut own);
        starts.push(rows.len() as u64);
    }
    (starts.into(), rows.into())
}

/// When each item may be recommended; empty if all always may.
fn availability(items: &Catalogue) -> (Column<i64>, Column<i64>) {
    if items.validity.is_empty() && !items.withdrawn.contains(&true) {
        return Default::default();
    }
    let validity = |item: usize| match items.withdrawn.get(item) {
        Some(true) => Validity::NEVER,
        _ => items.validity.get(item).copied().unwrap_or(Validity::ALWAYS),
    };
    let times: Vec<Validity> = (0..items.len()).map(validity).collect();
    (times.iter().map(|times| times.from_ms).collect(), times.iter().map(|times| times.until_ms).collect())
}
