//! What rows of a key were before: the values that a customer had the month before, by the customer and the month.
//!
//! A row that says nothing new is not kept, so that memory grows with the changes. Cost: a binary search per row.

use super::column::Level;

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
    /// The values of the last row of a key before a time; nothing where there is none.
    ///
    /// * `time`: seconds since the epoch; NaN is before no row.
    #[must_use]
    pub fn before(&self, key: Level, time: f64) -> Option<&'a [f32]> {
        if time.is_nan() || key == Level::MISSING {
            return None;
        }
        let first = self.keys.partition_point(|own| *own < key);
        let own = self.keys[first..].partition_point(|own| *own == key);
        let before = self.times[first..first + own].partition_point(|own| *own < milliseconds(time));
        let row = (first + before).checked_sub(1).filter(|row| *row >= first)?;
        Some(&self.values[row * self.width..(row + 1) * self.width])
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
        let found = |key: u64, time: f64| history.before(Level(key), time);
        assert_eq!(
            (found(3, 1.0), found(3, 1.5), found(3, 2.0)),
            (None, Some(&[1.0, 10.0][..]), Some(&[1.0, 10.0][..]))
        );
        assert_eq!((found(3, 99.0), found(8, 99.0)), (Some(&[2.0, 20.0][..]), Some(&[3.0, 30.0][..])));
        assert_eq!((found(8, 1.5), found(5, 99.0), found(9, 99.0), found(3, f64::NAN)), (None, None, None, None));
    }
}
