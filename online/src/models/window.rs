//! Counts the bins that the latest rows fell into, in bounded memory.
//!
//! Rows are counted in a half that is being filled; when it has as many rows as a half may have, it replaces the half
//! before it. Both together are the window: of the latest `half` to `2 · half` rows, or all that there were.
//!
//! Cost: a request counts its rows by itself, and adds the counts under the lock: some hundred additions, whatever the
//! number of rows.

use std::sync::{Mutex, PoisonError};

use shared::engine::tabular::drift::Bins;

/// The latest rows, as counts of bins.
pub struct Window {
    /// Where the bins of each column begin, and where the last ones end.
    starts: Vec<usize>,
    /// How many rows a half has.
    half: u64,
    halves: Mutex<Halves>,
}

#[derive(Default)]
struct Halves {
    /// The rows of the half that is being filled.
    rows: u64,
    filling: Vec<u64>,
    /// The half before it.
    filled: Vec<u64>,
}

/// The counts of the bins of some columns.
pub struct Counts<'a> {
    starts: &'a [usize],
    rows: Vec<u64>,
}

impl Counts<'_> {
    /// Those of a column.
    pub fn of(&mut self, column: usize) -> &mut [u64] {
        &mut self.rows[self.starts[column]..self.starts[column + 1]]
    }

    /// Those of each column.
    pub fn columns(&self) -> impl Iterator<Item = &[u64]> {
        self.starts.windows(2).map(|ends| &self.rows[ends[0]..ends[1]])
    }
}

impl Window {
    /// A window without rows.
    ///
    /// * `columns`: the bins of each.
    /// * `half`: how many rows half of it has.
    pub fn new<'a>(columns: impl Iterator<Item = &'a Bins>, half: u64) -> Self {
        let mut starts = vec![0];
        starts.extend(columns.scan(0, |end, bins| {
            *end += bins.rows.len();
            Some(*end)
        }));
        let none = vec![0; starts.last().copied().unwrap_or_default()];
        let halves = Halves { rows: 0, filling: none.clone(), filled: none };
        Self { starts, half, halves: Mutex::new(halves) }
    }

    /// Adds rows.
    ///
    /// * `count`: adds them to the counts of each column.
    pub fn add(&self, rows: usize, count: impl FnOnce(&mut Counts<'_>)) {
        let bins = self.starts.last().copied().unwrap_or_default();
        let mut counts = Counts { starts: &self.starts, rows: vec![0; bins] };
        count(&mut counts);
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        halves.filling.iter_mut().zip(&counts.rows).for_each(|(all, own)| *all += own);
        halves.rows += rows as u64;
        if halves.rows >= self.half {
            halves.rows = 0;
            halves.filled = std::mem::replace(&mut halves.filling, vec![0; bins]);
        }
    }

    /// The counts of both halves.
    pub fn counts(&self) -> Counts<'_> {
        let halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = halves.filling.iter().zip(&halves.filled).map(|(one, other)| one + other).collect();
        Counts { starts: &self.starts, rows }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_rows_are_counted_and_older_ones_leave() {
        let bins = [Bins::of_numbers(&[0.0, 1.0]), Bins::of_numbers(&[0.0, 1.0])];
        let window = Window::new(bins.iter(), 100);
        let add = |rows: usize, number: f64| {
            window.add(rows, |counts| {
                bins[1].count_numbers(std::iter::repeat_n(number, rows), counts.of(1));
            });
        };
        let counts = || window.counts().columns().map(<[u64]>::to_vec).collect::<Vec<_>>();
        add(60, -1.0);
        assert_eq!(counts()[1].iter().sum::<u64>(), 60);
        add(60, -1.0);
        add(30, 9.0);
        // The first 120 filled a half, and are still there.
        assert_eq!((counts()[1].first(), counts()[1][1], counts()[1].last()), (Some(&0), 120, Some(&30)));
        add(70, 9.0);
        assert_eq!((counts()[1][1], counts()[1].last()), (0, Some(&100)), "the half before is gone");
        assert_eq!(counts()[0].iter().sum::<u64>(), 0, "each column has counts of its own");
    }
}
