//! Which columns of a delimited file have numbers in most rows, by which a row is told from a line of prose.

use super::fields::Field;

/// Which columns have numbers in most rows; learnt from the first lines.
#[derive(Debug, Default)]
pub struct Numbers {
    /// How many rows have a number, by column.
    columns: Vec<usize>,
    /// How many rows it was learnt from.
    pub rows: usize,
}

impl Numbers {
    /// How many lines it is learnt from.
    pub const LINES: usize = 200;
    /// How many bytes at most.
    pub const BYTES: usize = 1 << 22;

    /// Learns from a row.
    pub fn learn(&mut self, row: &[u8], fields: &[Field]) {
        self.columns.resize(fields.len(), 0);
        self.rows += 1;
        for (numbers, field) in self.columns.iter_mut().zip(fields) {
            *numbers += usize::from(begins_number(&row[field.start..field.end]));
        }
    }

    /// Whether a line has numbers in half of the columns in which most rows have them.
    pub fn fit(&self, line: &[u8], fields: &[Field]) -> bool {
        let columns = self.columns.iter().zip(fields).filter(|(numbers, _)| 5 * **numbers >= 3 * self.rows.max(1));
        let fits: Vec<bool> = columns.map(|(_, field)| begins_number(&line[field.start..field.end])).collect();
        2 * fits.iter().filter(|fits| **fits).count() >= fits.len()
    }
}

/// Whether a value begins as a number does.
fn begins_number(value: &[u8]) -> bool {
    let digits = value.trim_ascii_start();
    let digits = digits.strip_prefix(b"-").unwrap_or(digits);
    digits.first().is_some_and(u8::is_ascii_digit)
}
