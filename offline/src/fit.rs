//! Fits the candidate sources on a log with the settings of a config.

use std::path::Path;

use shared::contract::artifact::ArtifactError;
use shared::contract::source::Source;
use shared::engine::snapshot::Snapshot;
use shared::tables::Tables;

use crate::config::Config;
use crate::log::cuts::validation_cuts;
use crate::log::ingest::Log;
use crate::measure::evaluate::Task;
use crate::progress::Progress;
use crate::sources::repeat::Questions;
use crate::sources::{self, FitError, SourceSettings};

/// The maximum number of windows that `repeat` learns from; together they hold at most half of the log.
const MOST_WINDOWS: usize = 4;

/// Fits every source on the log. The snapshot has no users and no ranker.
///
/// # Errors
/// [`FitError`] for tables that don't fit each other.
pub fn fit_sources(log: &Log, config: &Config, progress: &mut Progress) -> Result<Snapshot, FitError> {
    sources::fit_sources(log, &settings(log, config), progress)
}

/// The same snapshot with one source fitted again, with the settings of another config.
///
/// # Errors
/// As [`fit_sources`].
pub fn refit(source: Source, snapshot: &Snapshot, log: &Log, config: &Config) -> Result<Snapshot, FitError> {
    sources::refit(source, snapshot, log, &settings(log, config))
}

/// Fits one source and writes its table into a folder.
///
/// # Errors
/// [`ArtifactError`] when it can't be written.
pub fn fit_alone(source: Source, log: &Log, config: &Config, folder: &Path) -> Result<(), ArtifactError> {
    let mut tables = Tables::default();
    sources::fit_source(source, log, &settings(log, config), &mut tables);
    tables.write_of(source, folder)
}

fn settings<'a>(log: &Log, config: &'a Config) -> SourceSettings<'a> {
    SourceSettings {
        sources: &config.sources,
        kinds: &config.kinds,
        gap_ms: config.gap_ms(),
        engine: config.engine_params(),
        returns: returns(log, config),
    }
}

/// The questions that `repeat` learns from; `None` if slates hold only items that are new to the user.
fn returns(log: &Log, config: &Config) -> Option<Questions> {
    if !config.asks_for_returns() {
        return None;
    }
    let windows = ((0.5 / config.blend.validation_share) as usize).clamp(1, MOST_WINDOWS);
    Some(match config.blend.objective {
        Task::NextItem | Task::Basket => Questions::NextEvent,
        Task::TopK | Task::LastItem => Questions::Windows(validation_cuts(log, config, windows)),
    })
}
