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
//! store came back empty or in an earlier state. (A store that drops single keys, as Redis does where its policy is not
//! `noeviction`, may lose a mark and count rows again.)

pub mod embedded;

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::engine::tabular::column::Level;
use shared::engine::tabular::live::{HistoryId, Live, LiveRow};

use super::{Answer, Mark, Position};

/// How many times of a key are kept: of more, values that say nothing new are dropped, then the oldest, and counts of neighbours are added up, those
/// that span the least for their age.
pub const TIMES_PER_KEY: usize = 64;

/// Which log it is: the replica and an id, so that a mark is never taken for one of another log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LogName(Arc<str>);

impl LogName {
    /// The log of a replica with an id.
    #[must_use]
    pub fn new(replica: &str, id: &str) -> Self {
        Self(format!("{replica}:{id}").into())
    }

    /// The name as a part of a key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A store of the rows of keys.
pub trait RowStore: Send + Sync {
    /// Reads the rows of keys, of each history.
    fn rows<'a>(&'a self, keys: &'a BTreeMap<HistoryId, Vec<Level>>) -> Answer<'a, Live>;

    /// The mark: the position up to which a log is in a history; `None` if none of it is.
    fn mark<'a>(&'a self, history: HistoryId, log: &'a LogName) -> Answer<'a, Option<Position>>;

    /// Adds rows to a history and moves the mark, unless the mark is not where the step begins; then nothing is added.
    fn add<'a>(&'a self, to: &'a Target, rows: &'a [(Level, LiveRow)], step: Step) -> Answer<'a, Mark>;
}

/// Where rows go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The history.
    pub history: HistoryId,
    /// The log that they are from.
    pub log: LogName,
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

/// Keeps [`TIMES_PER_KEY`] times.
fn shorten(times: &mut BTreeMap<i64, Vec<f32>>, merge: Merge) {
    while times.len() > TIMES_PER_KEY {
        let Some((at, next)) = (match merge {
            Merge::Last => {
                nothing_new(times).or_else(|| times.first_key_value().map(|(at, _)| *at)).map(|at| (at, None))
            }
            Merge::Sum => nearest(times).map(|(one, next)| (one, Some(next))),
        }) else {
            return;
        };
        let values = times.remove(&at);
        if let (Some(values), Some(next)) = (values, next) {
            put(times, next, &values, merge);
        }
    }
}

/// The first row that says what the one before it said.
fn nothing_new(times: &BTreeMap<i64, Vec<f32>>) -> Option<i64> {
    let same = |(one, other): &(&Vec<f32>, &Vec<f32>)| {
        one.iter().map(|own| own.to_bits()).eq(other.iter().map(|own| own.to_bits()))
    };
    let at = times.values().zip(times.values().skip(1)).position(|(one, other)| same(&(one, other)))?;
    times.keys().nth(at + 1).copied()
}

/// The two neighbours that together span the least for their age: so the latest times stay apart, and older ones come
/// together. What a time spans begins at the one before it, so that the first is in none.
fn nearest(times: &BTreeMap<i64, Vec<f32>>) -> Option<(i64, i64)> {
    let last = *times.last_key_value()?.0;
    let all: Vec<i64> = times.keys().copied().collect();
    let span = |three: &&[i64]| (three[2] - three[0]) as f64 / (last - three[0] + 1) as f64;
    let least = all.windows(3).min_by(|a, b| span(a).total_cmp(&span(b)))?;
    Some((least[1], least[2]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_times_the_latest_stay_apart_and_no_count_is_lost() {
        let mut times = BTreeMap::new();
        for second in 0..10_000 {
            put(&mut times, second * 1000, &[1.0], Merge::Sum);
            shorten(&mut times, Merge::Sum);
        }
        let count = |from: i64| times.range(from..).map(|(_, values)| values[0]).sum::<f32>();
        assert_eq!((times.len(), count(0)), (TIMES_PER_KEY, 10_000.0));
        assert_eq!(times.keys().rev().take(3).copied().collect::<Vec<_>>(), [9_999_000, 9_998_000, 9_997_000]);
        // The rows of the last 1,000 s, and of the last 5,000, within a fifth.
        for rows in [1000.0, 5000.0] {
            let told = count(10_000_000 - rows as i64 * 1000);
            assert!((told / rows - 1.0).abs() < 0.2, "{told} of {rows}");
        }
    }

    #[test]
    fn of_many_values_those_that_say_nothing_new_are_dropped_first() {
        let mut times = BTreeMap::new();
        for (time, value) in
            [(0, 1.0), (1, 2.0)].into_iter().chain((2..500).map(|time| (time, 2.0))).chain([(500, 3.0)])
        {
            put(&mut times, time, &[value], Merge::Last);
            shorten(&mut times, Merge::Last);
        }
        let changes: Vec<i64> = [0, 1, 500].into_iter().filter(|time| times.contains_key(time)).collect();
        assert_eq!((times.len(), changes), (TIMES_PER_KEY, vec![0, 1, 500]));
    }

    #[test]
    fn of_many_values_the_latest_are_kept() {
        let mut times = BTreeMap::new();
        for time in 0..100 {
            put(&mut times, time, &[time as f32], Merge::Last);
            shorten(&mut times, Merge::Last);
        }
        assert_eq!((times.len(), times.keys().next()), (TIMES_PER_KEY, Some(&36)));
    }
}
