//! A column-major matrix of feature rows: the input of the rankers.

/// Columns are padded to a multiple of this many rows, so that each is a whole number of vectors.
pub const LANES: usize = 16;

/// A dense matrix; missing values are NaN.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matrix {
    rows: usize,
    stride: usize,
    values: Vec<f32>,
}

impl Matrix {
    /// Makes room for `rows` × `columns`, all missing.
    pub fn reset(&mut self, rows: usize, columns: usize) {
        self.rows = rows;
        self.stride = rows.next_multiple_of(LANES);
        self.values.clear();
        self.values.resize(self.stride * columns, f32::NAN);
    }

    /// Takes over some rows of another matrix, with some of its columns; the others are missing.
    pub fn select(
        &mut self,
        other: &Matrix,
        columns: impl Iterator<Item = usize>,
        rows: impl ExactSizeIterator<Item = usize> + Clone,
    ) {
        self.reset(rows.len(), other.columns());
        for column in columns {
            let from = other.column(column);
            self.column_mut(column).iter_mut().zip(rows.clone()).for_each(|(to, row)| *to = from[row]);
        }
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns there are.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.values.len().checked_div(self.stride).unwrap_or(0)
    }

    /// The values of a column.
    #[must_use]
    pub fn column(&self, column: usize) -> &[f32] {
        &self.values[column * self.stride..][..self.rows]
    }

    /// The values of a column with its padding, as vectors.
    #[must_use]
    pub fn padded(&self, column: usize) -> &[[f32; LANES]] {
        self.values[column * self.stride..][..self.stride].as_chunks().0
    }

    /// Mutable access to the values of a column.
    pub fn column_mut(&mut self, column: usize) -> &mut [f32] {
        &mut self.values[column * self.stride..][..self.rows]
    }
}
