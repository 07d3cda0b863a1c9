//! Every source fitted on one log and written into a folder, as a version without users and without a graph: the batch
//! scans exactly, so that what it makes does not depend on the order in which threads insert into a graph.

use std::collections::BTreeMap;
use std::path::Path;

use shared::artifact::manifest::FORMAT_VERSION;
use shared::artifact::strings::StringColumn;
use shared::artifact::tables::TableWriter;
use shared::artifact::{ArtifactError, Manifest};
use shared::params::Relation;
use shared::params::Source;
use shared::snapshot::{ITEMS, Snapshot};

use crate::als;
use crate::config::{Config, WindowsOf};
use crate::content;
use crate::evaluate::Task;
use crate::ingest::Log;
use crate::interactions::{Sessions, sessions, user_items};
use crate::item_knn;
use crate::popularity;
use crate::progress::Progress;
use crate::repeat;
use crate::session_knn;
use crate::slim;
use crate::split;
use crate::statistics;
use crate::user_tables::UserTables;

/// Neighbours of an item that a walk may step to.
const WALK_STEPS: usize = 200;
/// At most so many windows, at most half of the log together, say which of their items users come back to.
const MOST_WINDOWS: usize = 4;

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
    let sessions = progress.stage("sessions", || sessions_of(log, config));
    for source in Source::ALL {
        if fits(source) {
            let steps = steps(source, config);
            progress.counted(source.as_str(), steps, |done| fit_one(source, log, &sessions, config, folder, done))?;
        }
    }
    progress.stage("statistics", || statistics::fit(log, &sessions).write(folder))?;
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
        covered: log.covered(),
        engine: config.engine_params(),
        config: serde_json::to_value(config).unwrap_or_default(),
        metrics: serde_json::Value::Null,
        files: BTreeMap::new(),
    };
    manifest.seal(folder)?;
    Ok(Snapshot::load(folder)?)
}

/// Fits one source on the log that the others in `folder` were fitted on.
///
/// # Errors
/// [`ArtifactError`] when it can't be written.
pub fn fit_source(source: Source, log: &Log, config: &Config, folder: &Path) -> Result<(), ArtifactError> {
    fit_one(source, log, &sessions_of(log, config), config, folder, &|_| ())
}

fn sessions_of(log: &Log, config: &Config) -> Sessions {
    sessions(log, config.gap_ms())
}

/// Whether a source is fitted by itself, not from the records of users or with `popularity`.
fn fits(source: Source) -> bool {
    !matches!(source, Source::Cached | Source::CategoryPopularity | Source::Trending)
}

/// The steps that a source's progress is counted in; 0 for those that take no time to speak of.
fn steps(source: Source, config: &Config) -> u64 {
    match source {
        Source::Als => config.als.sweeps as u64,
        Source::Repeat => config.repeat.trees as u64,
        _ => 0,
    }
}

fn fit_one(
    source: Source,
    log: &Log,
    sessions: &Sessions,
    config: &Config,
    folder: &Path,
    done: &(dyn Fn(u64) + Sync),
) -> Result<(), ArtifactError> {
    let items = log.items.len();
    match source {
        Source::Cached => Ok(()),
        Source::Content => content::fit(&log.items, &counts(log), &config.content).write(folder, Relation::Content),
        Source::ItemKnnSession => {
            item_knn::session::fit(sessions, items, &config.item_knn_session).write(folder, Relation::Session)
        }
        Source::ItemKnnUser => {
            let windows = item_knn::user::windows(log, config.item_knn_user.window, &config.interactions);
            item_knn::user::fit(windows, &config.item_knn_user).write(folder, Relation::User)
        }
        Source::ItemKnnWalk => {
            let steps = item_knn::session::steps(sessions, items, &config.item_knn_session, WALK_STEPS);
            item_knn::walk::fit(&steps, &counts(log), &config.item_knn_walk).write(folder, Relation::Walk)
        }
        Source::Embedding => {
            item_knn::embedding::fit(sessions, items, &config.embedding).write(folder, Relation::Embedding)
        }
        Source::Slim => {
            let windows = item_knn::user::windows(log, config.slim.window, &config.interactions);
            slim::fit(windows, &config.slim).write(folder, Relation::Slim)
        }
        Source::SessionKnn => {
            let bytes = session_knn::fit(sessions, items, &config.session_knn).write(folder)?;
            tracing::info!(bytes, "session index");
            Ok(())
        }
        Source::Als => {
            let interactions = user_items(log, &config.interactions);
            als::fit(&interactions, &config.als, &|sweep| done(sweep as u64)).write(folder)
        }
        Source::Repeat => {
            let fit = |questions| {
                repeat::fit(log, &questions, &config.engine_params(), config.gap_ms(), &config.repeat, done)
            };
            repeat::write(returns(log, config).and_then(fit), folder)
        }
        Source::Popularity | Source::CategoryPopularity | Source::Trending => {
            popularity::fit(log, &config.popularity).write(folder)
        }
    }
}

/// The questions that `repeat` learns from; none where users are asked for new items alone.
fn returns(log: &Log, config: &Config) -> Option<repeat::Questions> {
    let (share, objective) = (config.blend.validation_share, config.blend.objective);
    let windows = ((0.5 / share) as usize).clamp(1, MOST_WINDOWS);
    match config.blend.windows {
        _ if !config.asks_for_returns() => None,
        _ if objective == Task::NextItem => Some(repeat::Questions::NextEvent),
        WindowsOf::Time => Some(repeat::Questions::Windows(split::in_time(log, share, windows))),
        WindowsOf::Users => Some(repeat::Questions::Windows(split::of_users(log, share, windows))),
    }
}

/// How many events each item has.
fn counts(log: &Log) -> Vec<u32> {
    let mut counts = vec![0u32; log.items.len()];
    log.events.iter().for_each(|event| counts[event.item.at()] += 1);
    counts
}

fn write_items(log: &Log, folder: &Path) -> Result<(), ArtifactError> {
    let items = &log.items;
    let ids: StringColumn = items.ids.iter().collect();
    let names: StringColumn = items.names.iter().collect();
    let categories: StringColumn = items.categories.iter().collect();
    let table = TableWriter::default().column("category", &items.category_of).column("price", &items.prices);
    let table = categories.add_to(names.add_to(ids.add_to(table, "id"), "name"), "category_name");
    table.write(folder, ITEMS)
}
