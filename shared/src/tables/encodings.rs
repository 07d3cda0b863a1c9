//! What was learnt of the levels of categories, as stored in a file.

use super::{Misfit, check_length, check_starts, table};
use crate::contract::artifact::columns::Column;
use crate::engine::tabular::column::Level;
use crate::engine::tabular::encoding::Encoding;

table! {
    /// Encodings of categories, one behind the other, see [`Encoding`].
    pub struct EncodingTable {
        /// Where the levels of each encoding begin, and the end of the last.
        starts: Column<u64> = "starts",
        /// The levels that training rows had, ascending within an encoding.
        levels: Column<Level> = "levels",
        /// How many rows had each.
        rows: Column<f32> = "rows",
        /// The sums of the labels of these rows: a column for each output.
        labels: Column<f32> = "labels",
    }
}

impl EncodingTable {
    /// The encoding at a place, with the labels of an output.
    #[must_use]
    pub fn get(&self, place: usize, output: usize) -> Encoding<'_> {
        let range = self.starts[place] as usize..self.starts[place + 1] as usize;
        let Self { levels, rows, labels, .. } = self;
        let outputs = labels.width();
        let labels = &labels[range.start * outputs..range.end * outputs];
        Encoding { levels: &levels[range.clone()], rows: &rows[range], labels, outputs, output }
    }

    /// Checks that there are so many encodings, each of ascending levels, and labels of so many outputs.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self, encodings: usize, outputs: usize) -> Result<(), Misfit> {
        check_starts("starts", &self.starts, encodings, self.levels.len())?;
        check_length("rows", &self.rows, self.levels.len())?;
        check_length("labels", &self.labels, self.levels.len() * outputs)?;
        if self.labels.width() != outputs {
            return Err(format!("`labels` are of {} outputs, not {outputs}", self.labels.width()));
        }
        let ascend = |place: usize| self.get(place, 0).levels.windows(2).all(|pair| pair[0] < pair[1]);
        if (0..encodings).all(ascend) { Ok(()) } else { Err("`levels` do not ascend".to_owned()) }
    }
}
