//! Remembers the rows of keys, so that a row can be told what its key had before it, and how many rows.

use shared::contract::artifact::columns::Column as Stored;
use shared::engine::tabular::column::Level;
use shared::engine::tabular::history::milliseconds;
use shared::tables::HistoryTable;

/// The values of the rows of keys. Of rows of one key and time the last counts; a row that says what the one before it
/// said is not kept.
///
/// * `values`: the columns that are remembered.
#[must_use]
pub fn values(keys: &[Level], times: &[f64], values: &[Vec<f32>]) -> HistoryTable {
    let mut kept = Kept::default();
    for rows in ordered(keys, times).chunk_by(|a, b| a.place == b.place) {
        let Some(last) = rows.last() else { continue };
        kept.push(last.place, values.iter().map(|column| column[last.row]));
    }
    kept.table(values.len())
}

/// The number of rows of each key, up to each of its times.
#[must_use]
pub fn counts(keys: &[Level], times: &[f64]) -> HistoryTable {
    let mut kept = Kept::default();
    for of_key in ordered(keys, times).chunk_by(|a, b| a.place.0 == b.place.0) {
        let mut count = 0;
        for rows in of_key.chunk_by(|a, b| a.place == b.place) {
            count += rows.len();
            kept.push(rows[0].place, [count as f32].into_iter());
        }
    }
    kept.table(1)
}

/// A key and a time, in milliseconds.
type Place = (Level, i64);

struct At {
    place: Place,
    row: usize,
}

/// The rows that have a key and a time, by both, and as they stand among equals.
fn ordered(keys: &[Level], times: &[f64]) -> Vec<At> {
    let rows = keys.iter().zip(times).enumerate();
    let known = rows.filter(|(_, (key, time))| **key != Level::MISSING && !time.is_nan());
    let mut rows: Vec<At> = known.map(|(row, (key, time))| At { place: (*key, milliseconds(*time)), row }).collect();
    rows.sort_by_key(|at| at.place);
    rows
}

#[derive(Default)]
struct Kept {
    places: Vec<Place>,
    values: Vec<f32>,
}

impl Kept {
    /// Adds a row, unless it says what the one before it said.
    fn push(&mut self, place: Place, values: impl Iterator<Item = f32>) {
        let begin = self.values.len();
        self.values.extend(values);
        let (before, own) = self.values.split_at(begin);
        let same_key = self.places.last().is_some_and(|last| last.0 == place.0);
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        if same_key && bits(&before[begin - own.len()..]) == bits(own) {
            self.values.truncate(begin);
        } else {
            self.places.push(place);
        }
    }

    fn table(self, width: usize) -> HistoryTable {
        HistoryTable {
            keys: self.places.iter().map(|(key, _)| *key).collect(),
            times: self.places.iter().map(|(_, time)| *time).collect(),
            values: Stored::matrix(self.values, width),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Level = Level(1);
    const B: Level = Level(2);

    #[test]
    fn rows_that_say_nothing_new_are_not_kept() {
        let keys = [B, A, A, A, Level::MISSING];
        let table = values(&keys, &[5.0, 3.0, 1.0, 2.0, 1.0], &[vec![7.0, 9.0, 8.0, 8.0, 1.0]]);
        assert_eq!(
            (&*table.keys, &*table.times, &*table.values),
            (&[A, A, B][..], &[1000, 3000, 5000][..], &[8.0, 9.0, 7.0][..])
        );
        assert_eq!(table.get().before(A, 2.5).last(0), Some(8.0));
    }

    #[test]
    fn counts_are_of_the_rows_before() {
        let table = counts(&[A, A, B, A], &[1.0, 1.0, 1.0, 4.0]);
        let before = |key, time| table.get().before(key, time).last(0);
        assert_eq!(
            (before(A, 1.0), before(A, 2.0), before(A, 9.0), before(B, 2.0)),
            (None, Some(2.0), Some(3.0), Some(1.0))
        );
    }
}
