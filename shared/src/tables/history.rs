//! What was seen of each key, as stored in a file.

use super::{Misfit, check_length, table};
use crate::contract::artifact::columns::Column;
use crate::engine::tabular::column::Level;
use crate::engine::tabular::history::History;

/// Collects the rows of keys, by key and time.
#[derive(Debug, Default)]
pub struct HistoryBuilder {
    keys: Vec<Level>,
    times: Vec<i64>,
    values: Vec<f32>,
}

impl HistoryBuilder {
    /// Adds a row behind all others, unless it says what the one of its key before it said.
    pub fn push(&mut self, key: Level, time: i64, values: impl Iterator<Item = f32>) {
        let begin = self.values.len();
        self.values.extend(values);
        let (before, own) = self.values.split_at(begin);
        let same =
            |before: &[f32]| before.iter().map(|value| value.to_bits()).eq(own.iter().map(|value| value.to_bits()));
        if self.keys.last() == Some(&key) && same(&before[begin - own.len()..]) {
            self.values.truncate(begin);
        } else {
            self.keys.push(key);
            self.times.push(time);
        }
    }

    /// The rows that were added.
    ///
    /// * `width`: how many values a row has.
    #[must_use]
    pub fn table(self, width: usize) -> HistoryTable {
        let Self { keys, times, values } = self;
        HistoryTable { keys: keys.into(), times: times.into(), values: Column::matrix(values, width) }
    }
}

table! {
    /// The rows of keys, see [`History`].
    pub struct HistoryTable {
        /// The key of each row, ascending.
        keys: Column<Level> = "keys",
        /// Its time, milliseconds since the epoch, ascending within a key.
        times: Column<i64> = "times",
        /// Its values: of each row, one for each column that is remembered.
        values: Column<f32> = "values",
    }
}

impl HistoryTable {
    /// The rows.
    #[must_use]
    pub fn get(&self) -> History<'_> {
        History { keys: &self.keys, times: &self.times, values: &self.values, width: self.values.width() }
    }

    /// Checks that rows are whole and ascend, and remember so many columns.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self, width: usize) -> Result<(), Misfit> {
        check_length("times", &self.times, self.keys.len())?;
        check_length("values", &self.values, self.keys.len() * width)?;
        let ascend = (1..self.keys.len())
            .all(|row| (self.keys[row - 1], self.times[row - 1]) < (self.keys[row], self.times[row]));
        if ascend { Ok(()) } else { Err("`keys` and `times` do not ascend".to_owned()) }
    }
}
