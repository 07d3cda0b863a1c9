//! What was seen of each key, as stored in a file.

use super::{Misfit, check_length, table};
use crate::contract::artifact::columns::Column;
use crate::engine::tabular::column::Level;
use crate::engine::tabular::history::History;

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
