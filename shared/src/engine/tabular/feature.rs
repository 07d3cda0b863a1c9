//! What the trees of a model look at, and the one function that computes it, for training and for a request.

use serde::{Deserialize, Serialize};

use super::column::{Column, Level, NamedLevel};
use super::encoding::Sums;
use crate::engine::rank::matrix::Matrix;
use crate::tables::EncodingTable;

/// A column of the matrix that the trees score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Feature {
    /// The number in a column.
    Number {
        /// The column.
        column: usize,
    },
    /// 1 in rows of a level, else 0.
    Is {
        /// The column.
        column: usize,
        /// The level.
        level: NamedLevel,
    },
    /// The mean label of the rows of a level, see [`super::encoding`].
    Mean {
        /// The encoding.
        encoding: usize,
        /// The output whose labels are meant.
        #[serde(default, skip_serializing_if = "is_first")]
        output: usize,
    },
    /// The share of the rows of a level.
    Count {
        /// The encoding.
        encoding: usize,
    },
}

/// Whether an output is the first, which goes without saying.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_first(output: &usize) -> bool {
    *output == 0
}

/// Which columns an encoding is of, one or two.
pub type Encoded = Vec<usize>;

impl Feature {
    /// The columns that it is computed from.
    #[must_use]
    pub fn columns<'a>(&'a self, encoded: &'a [Encoded]) -> &'a [usize] {
        match self {
            Self::Number { column } | Self::Is { column, .. } => std::slice::from_ref(column),
            Self::Mean { encoding, .. } | Self::Count { encoding } => &encoded[*encoding],
        }
    }
}

/// The levels of a row in the columns of an encoding, as one.
#[must_use]
pub fn level_of(columns: &[Column], encoded: &[usize], row: usize) -> Level {
    let of = |column: usize| match &columns[column] {
        Column::Levels(levels) => levels[row],
        Column::Numbers(numbers) => Level::of_number(numbers[row]),
    };
    match encoded {
        [one] => of(*one),
        [one, other] => of(*one).and(of(*other)),
        _ => Level::MISSING,
    }
}

/// What all features are computed from.
#[derive(Debug, Clone, Copy)]
pub struct Features<'a> {
    /// The features, in the order of the matrix.
    pub features: &'a [Feature],
    /// The columns of each encoding.
    pub encoded: &'a [Encoded],
    /// What was learnt of each.
    pub encodings: &'a EncodingTable,
    /// All training rows, with the labels of each output.
    pub totals: &'a [Sums],
    /// The weight, in rows, of the mean of all rows.
    pub smoothing: f64,
}

impl Features<'_> {
    /// Computes the features of all rows.
    pub fn fill(&self, columns: &[Column], matrix: &mut Matrix) {
        let rows = columns.first().map_or(0, Column::len);
        matrix.reset(rows, self.features.len());
        for (at, feature) in self.features.iter().enumerate() {
            let out = matrix.column_mut(at);
            match feature {
                Feature::Number { column } => {
                    if let Column::Numbers(numbers) = &columns[*column] {
                        out.iter_mut().zip(numbers).for_each(|(out, number)| *out = *number as f32);
                    }
                }
                Feature::Is { column, level } => {
                    for (row, out) in out.iter_mut().enumerate() {
                        *out = f32::from(u8::from(level_of(columns, &[*column], row) == level.level));
                    }
                }
                Feature::Mean { encoding, output } => {
                    let total = self.totals[*output];
                    self.encode(columns, (*encoding, *output), out, |sums| sums.mean(total, self.smoothing));
                }
                Feature::Count { encoding } => {
                    self.encode(columns, (*encoding, 0), out, |sums| sums.count(self.totals[0]));
                }
            }
        }
    }

    fn encode(
        &self,
        columns: &[Column],
        (encoding, output): (usize, usize),
        out: &mut [f32],
        value: impl Fn(Sums) -> f32,
    ) {
        let learnt = self.encodings.get(encoding, output);
        for (row, out) in out.iter_mut().enumerate() {
            *out = value(learnt.of(level_of(columns, &self.encoded[encoding], row)));
        }
    }
}
