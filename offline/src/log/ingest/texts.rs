//! A column of texts, each distinct text once.
//!
//! Memory: 4 bytes for each value, and the distinct texts.

use hashbrown::HashMap;
use shared::contract::id::present;
use shared::engine::tabular::column::Column;

/// Stands for a missing value in [`Texts::rows`].
const MISSING: u32 = u32::MAX;

/// A column of texts.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    /// The distinct values, in the order in which they appear.
    pub values: Vec<String>,
    /// The value of each row, as a position in `values`; the largest number where it is missing.
    pub rows: Vec<u32>,
    places: HashMap<String, u32>,
}

impl Texts {
    /// Adds the value of one more row.
    ///
    /// * `missing`: texts that stand for a missing value, beside the usual ones.
    pub fn push(&mut self, text: Option<&str>, missing: &[String]) {
        let text = text.and_then(present).filter(|text| !missing.iter().any(|missing| missing == text));
        let place = match text {
            None => MISSING,
            Some(text) => match self.places.get(text) {
                Some(place) => *place,
                None => {
                    let place = self.values.len() as u32;
                    self.values.push(text.to_owned());
                    self.places.insert(text.to_owned(), place);
                    place
                }
            },
        };
        self.rows.push(place);
    }

    /// The text of a row; `None` where it is missing.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&str> {
        self.values.get(self.rows[row] as usize).map(String::as_str)
    }

    /// How many rows miss a value.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.rows.iter().filter(|row| **row == MISSING).count()
    }

    /// How many rows have each value.
    #[must_use]
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.values.len()];
        self.rows.iter().filter(|row| **row != MISSING).for_each(|row| counts[*row as usize] += 1);
        counts
    }

    /// Some of its rows, in the order that is given, with the values that they have.
    #[must_use]
    pub fn of_rows(&self, rows: &[usize]) -> Self {
        let mut some = Self::default();
        // Where each value is in the new column.
        let mut places = vec![MISSING; self.values.len()];
        for &row in rows {
            let place = match self.rows[row] as usize {
                value if value >= places.len() => MISSING,
                value => {
                    if places[value] == MISSING {
                        places[value] = some.values.len() as u32;
                        some.values.push(self.values[value].clone());
                    }
                    places[value]
                }
            };
            some.rows.push(place);
        }
        some
    }

    /// The column of all rows.
    ///
    /// * `distinct`: what was read of each distinct value.
    /// * `missing`: what a missing value is read as, alone.
    #[must_use]
    pub fn spread(&self, distinct: &Column, missing: &Column) -> Column {
        fn spread<T: Copy>(rows: &[u32], distinct: &[T], missing: &[T]) -> Vec<T> {
            rows.iter().map(|&row| distinct.get(row as usize).copied().unwrap_or(missing[0])).collect()
        }
        match (distinct, missing) {
            (Column::Numbers(distinct), Column::Numbers(missing)) => {
                Column::Numbers(spread(&self.rows, distinct, missing))
            }
            (Column::Levels(distinct), Column::Levels(missing)) => {
                Column::Levels(spread(&self.rows, distinct, missing))
            }
            _ => distinct.clone(),
        }
    }
}
