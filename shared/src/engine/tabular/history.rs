//! What rows of a key were before: the values that a customer had the month before, by the customer and the month.
//!
//! A row that says nothing new is not kept, so that memory grows with the changes. Cost: a binary search per row; what
//! changed is sought among the rows of the key.

use std::ops::Range;

use super::column::{Column, Level};

/// Rows by key, and by time within a key.
#[derive(Debug, Clone, Copy)]
pub struct History<'a> {
    /// The key of each row, ascending.
    pub keys: &'a [Level],
    /// Its time, milliseconds since the epoch, ascending within a key.
    pub times: &'a [i64],
    /// Its values: of each row, one for each column that is remembered; a missing one is NaN.
    pub values: &'a [f32],
    /// How many columns are remembered.
    pub width: usize,
}

impl<'a> History<'a> {
    /// The rows of a key before a time.
    ///
    /// * `time`: seconds since the epoch; NaN is before no row.
    #[must_use]
    pub fn before(&self, key: Level, time: f64) -> Past<'a> {
        let own = if time.is_nan() || key == Level::MISSING { 0..0 } else { self.range(key) };
        let before = self.times[own.clone()].partition_point(|own| *own < milliseconds(time));
        self.past(own.start..own.start + before)
    }

    /// All rows of a key.
    #[must_use]
    pub fn of(&self, key: Level) -> Past<'a> {
        self.past(self.range(key))
    }

    fn range(&self, key: Level) -> Range<usize> {
        let first = self.keys.partition_point(|own| *own < key);
        first..first + self.keys[first..].partition_point(|own| *own == key)
    }

    fn past(&self, rows: Range<usize>) -> Past<'a> {
        let values = &self.values[rows.start * self.width..rows.end * self.width];
        Past { times: &self.times[rows], values, width: self.width }
    }
}

/// What is known of keys: by a version, and by the service, which knows all of the keys that it knows.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// By the version.
    pub version: History<'a>,
    /// By the service, see [`super::live`].
    pub live: Option<History<'a>>,
}

impl<'a> Known<'a> {
    /// The rows of a key before a time, see [`History::before`].
    #[must_use]
    pub fn before(&self, key: Level, time: f64) -> Past<'a> {
        let live = self.live.filter(|live| live.keys.binary_search(&key).is_ok());
        live.unwrap_or(self.version).before(key, time)
    }
}

/// What each row is told of its key: the rows of the key before it.
///
/// * `columns`: of keys and of times.
#[must_use]
pub fn pasts<'a>(known: Known<'a>, [keys, times]: [&Column; 2]) -> Vec<Past<'a>> {
    match (keys, times) {
        (Column::Levels(keys), Column::Numbers(times)) => {
            keys.iter().zip(times).map(|(key, time)| known.before(*key, *time)).collect()
        }
        _ => Vec::new(),
    }
}

/// The rows of one key up to a time, the last of them last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Past<'a> {
    times: &'a [i64],
    values: &'a [f32],
    width: usize,
}

impl<'a> Past<'a> {
    /// The times and values of the rows.
    pub fn rows(&self) -> impl Iterator<Item = (i64, &'a [f32])> {
        self.times.iter().copied().zip(self.values.chunks_exact(self.width.max(1)))
    }

    /// What the last row had in a column; nothing where there was no row.
    #[must_use]
    pub fn last(&self, column: usize) -> Option<f32> {
        self.of(column).next_back()
    }

    /// The days from the last row with another value in a column than the one before it to a time; nothing where all rows
    /// had the same.
    ///
    /// * `time`: seconds since the epoch.
    #[must_use]
    pub fn days_since_change(&self, column: usize, time: f64) -> Option<f64> {
        const DAY_MS: f64 = 86_400_000.0;
        let row = self.changed(column).next_back()?;
        Some((milliseconds(time) - self.times[row]) as f64 / DAY_MS)
    }

    /// How often a column changed from a row to the next; nothing where there was no row.
    #[must_use]
    pub fn changes(&self, column: usize) -> Option<usize> {
        (!self.times.is_empty()).then(|| self.changed(column).count())
    }

    fn of(&self, column: usize) -> impl DoubleEndedIterator<Item = f32> + ExactSizeIterator {
        self.values.chunks_exact(self.width.max(1)).map(move |row| row[column])
    }

    /// The rows that have another value than the one before them.
    fn changed(&self, column: usize) -> impl DoubleEndedIterator<Item = usize> {
        let differ = |(before, own): (f32, f32)| before.to_bits() != own.to_bits();
        let pairs = self.of(column).zip(self.of(column).skip(1)).map(differ);
        pairs.enumerate().filter_map(|(before, differ)| differ.then_some(before + 1))
    }
}

/// Seconds as whole milliseconds.
#[must_use]
pub fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_sees_the_last_one_of_its_key_before_it() {
        let history = History {
            keys: &[Level(3), Level(3), Level(8)],
            times: &[1000, 2000, 1500],
            values: &[1.0, 10.0, 2.0, 20.0, 3.0, 30.0],
            width: 2,
        };
        let found = |key: u64, time: f64| history.before(Level(key), time).last(1);
        assert_eq!((found(3, 1.0), found(3, 1.5), found(3, 2.0)), (None, Some(10.0), Some(10.0)));
        assert_eq!((found(3, 99.0), found(8, 99.0)), (Some(20.0), Some(30.0)));
        assert_eq!((found(8, 1.5), found(5, 99.0), found(9, 99.0), found(3, f64::NAN)), (None, None, None, None));
    }

    #[test]
    fn a_row_is_told_when_its_key_last_changed_and_how_often() {
        let day = 86_400_000;
        let history = History {
            keys: &[Level(3); 4],
            times: &[0, day, 2 * day, 3 * day],
            values: &[0.0, 5.0, 1.0, 5.0, 0.0, 5.0, 0.0, 6.0],
            width: 2,
        };
        let past = |days: f64| history.before(Level(3), days * 86_400.0);
        let told = |days: f64| (past(days).days_since_change(0, days * 86_400.0), past(days).changes(0));
        assert_eq!(told(0.0), (None, None));
        assert_eq!(told(1.0), (None, Some(0)), "one row has not changed");
        assert_eq!((told(1.5), told(4.0)), ((Some(0.5), Some(1)), (Some(2.0), Some(2))));
        assert_eq!((past(3.0).changes(1), past(4.0).days_since_change(1, 4.0 * 86_400.0)), (Some(0), Some(1.0)));
    }
}
