//! The rows of keys in the memory of a single process, filled from the logs at the start.
//!
//! Memory: about 100 bytes a key, and 40 and the values for each of its times.

use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use shared::engine::tabular::column::Level;
use shared::engine::tabular::live::{HistoryId, Live, LiveRow};

use super::super::{Answer, Mark, Position};
use super::{LogName, RowStore, Step, Target, put, shorten};

type Times = BTreeMap<i64, Vec<f32>>;

/// The rows of a key.
#[derive(Debug)]
struct Rows {
    times: Times,
    /// When the last one came.
    came: Instant,
}

/// Rows in memory.
#[derive(Debug, Default)]
pub struct EmbeddedRows {
    histories: RwLock<HashMap<HistoryId, Known>>,
}

/// A history.
#[derive(Debug, Default)]
struct Known {
    keys: HashMap<Level, Rows>,
    /// Of each log.
    marks: HashMap<LogName, Position>,
}

impl EmbeddedRows {
    /// Drops keys of which no row came for so long; returns how many remain.
    pub fn sweep(&self, kept: Duration) -> usize {
        let mut histories = self.histories.write().unwrap_or_else(PoisonError::into_inner);
        let sweep = |known: &mut Known| {
            known.keys.retain(|_, rows| rows.came.elapsed() < kept);
            known.keys.len()
        };
        histories.values_mut().map(sweep).sum()
    }

    fn get(&self, keys: &BTreeMap<HistoryId, Vec<Level>>) -> Live {
        let histories = self.histories.read().unwrap_or_else(PoisonError::into_inner);
        let row = |(time_ms, values): (&i64, &Vec<f32>)| LiveRow { time_ms: *time_ms, values: values.clone() };
        let of = |(id, keys): (&HistoryId, &Vec<Level>)| {
            let known = histories.get(id)?;
            let rows = |key: &Level| Some((*key, known.keys.get(key)?.times.iter().map(row).collect()));
            Some((*id, keys.iter().filter_map(rows).collect()))
        };
        keys.iter().filter_map(of).collect()
    }

    fn put(&self, to: &Target, rows: &[(Level, LiveRow)], step: Step) -> Mark {
        let came = Instant::now();
        let mut histories = self.histories.write().unwrap_or_else(PoisonError::into_inner);
        let known = histories.entry(to.history).or_default();
        let mark = known.marks.get(&to.log).copied();
        if mark != step.from {
            return Mark::Found(mark);
        }
        for (key, row) in rows {
            let rows = known.keys.entry(*key).or_insert_with(|| Rows { times: Times::new(), came });
            rows.came = came;
            put(&mut rows.times, row.time_ms, &row.values, to.merge);
            shorten(&mut rows.times, to.merge);
        }
        known.marks.insert(to.log.clone(), step.to);
        Mark::Moved
    }
}

impl RowStore for EmbeddedRows {
    fn rows<'a>(&'a self, keys: &'a BTreeMap<HistoryId, Vec<Level>>) -> Answer<'a, Live> {
        let live = self.get(keys);
        Box::pin(async { Ok(live) })
    }

    fn mark<'a>(&'a self, history: HistoryId, log: &'a LogName) -> Answer<'a, Option<Position>> {
        let histories = self.histories.read().unwrap_or_else(PoisonError::into_inner);
        let mark = histories.get(&history).and_then(|known| known.marks.get(log).copied());
        Box::pin(async move { Ok(mark) })
    }

    fn add<'a>(&'a self, to: &'a Target, rows: &'a [(Level, LiveRow)], step: Step) -> Answer<'a, Mark> {
        let mark = self.put(to, rows, step);
        Box::pin(async move { Ok(mark) })
    }
}
