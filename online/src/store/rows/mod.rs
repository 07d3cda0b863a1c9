//! What is kept of the rows of keys, for models that go on with their histories: the trait of a store, with two
//! implementations, [`embedded`] in memory and [`super::Redis`] shared by replicas.
//!
//! ```text
//! read   (request) history, keys   ─▶ their rows                                    one round trip
//! add    (follower) history, rows   ─▶ added, and the mark moved, in one step, unless the mark is elsewhere
//! ```
//!
//! Rows are derived from logs, one for each model and origin. The mark says up to where a log is in a history, and is
//! moved together with the rows, so that each row counts once: after a crash, after an answer that was lost, and after a
//! store came back empty or in an earlier state.

pub mod embedded;

use std::collections::BTreeMap;

use shared::engine::tabular::column::Level;
use shared::engine::tabular::live::{HistoryId, Live, LiveRow};

use super::{Answer, Mark, Position};

/// How many times of a key are kept: of older ones, counts go to the oldest that is kept, and values are dropped.
pub const TIMES_PER_KEY: usize = 64;

/// A store of the rows of keys.
pub trait RowStore: Send + Sync {
    /// Reads the rows of keys, of each history.
    fn rows<'a>(&'a self, keys: &'a BTreeMap<HistoryId, Vec<Level>>) -> Answer<'a, Live>;

    /// The mark: the position up to which this replica's log is in a history; `None` if none of it is.
    fn mark(&self, history: HistoryId) -> Answer<'_, Option<Position>>;

    /// Adds rows to a history and moves the mark, unless the mark is not where the step begins; then nothing is added.
    fn add<'a>(&'a self, to: &'a Target, rows: &'a [(Level, LiveRow)], step: Step) -> Answer<'a, Mark>;
}

/// Where rows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The history.
    pub history: HistoryId,
    /// What becomes of two rows of one key and time.
    pub merge: Merge,
}

/// What becomes of two rows of one key and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// They are added up.
    Sum,
    /// The last one counts.
    Last,
}

/// A part of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Where it begins; `None` at the first step.
    pub from: Option<Position>,
    /// Where it ends.
    pub to: Position,
}

/// Rows by key and time, those of one key and time merged.
#[must_use]
pub fn merged(rows: &[(Level, LiveRow)], merge: Merge) -> BTreeMap<Level, BTreeMap<i64, Vec<f32>>> {
    let mut merged: BTreeMap<Level, BTreeMap<i64, Vec<f32>>> = BTreeMap::new();
    for (key, row) in rows {
        put(merged.entry(*key).or_default(), row.time_ms, &row.values, merge);
    }
    merged
}

/// Adds a row to those of its key.
fn put(times: &mut BTreeMap<i64, Vec<f32>>, time_ms: i64, values: &[f32], merge: Merge) {
    match (times.get_mut(&time_ms), merge) {
        (Some(known), Merge::Sum) => known.iter_mut().zip(values).for_each(|(known, value)| *known += value),
        _ => drop(times.insert(time_ms, values.to_vec())),
    }
}
