//! Remembers the rows of keys, so that a row can be told what its key had before it, and how many rows.

use shared::engine::tabular::column::Level;
use shared::engine::tabular::history::milliseconds;
use shared::tables::{HistoryBuilder, HistoryTable};

/// The values of the rows of keys. Of rows of one key and time the last counts; a row that says what the one before it
/// said is not kept.
///
/// * `values`: the columns that are remembered.
#[must_use]
pub fn values(keys: &[Level], times: &[f64], values: &[Vec<f32>]) -> HistoryTable {
    let mut kept = HistoryBuilder::default();
    for rows in ordered(keys, times).chunk_by(|a, b| a.place == b.place) {
        let Some(last) = rows.last() else { continue };
        kept.push(last.place.0, last.place.1, values.iter().map(|column| column[last.row]));
    }
    kept.table(values.len())
}

/// The number of rows of each key, up to each of its times.
#[must_use]
pub fn counts(keys: &[Level], times: &[f64]) -> HistoryTable {
    let mut kept = HistoryBuilder::default();
    for of_key in ordered(keys, times).chunk_by(|a, b| a.place.0 == b.place.0) {
        let mut count = 0;
        for rows in of_key.chunk_by(|a, b| a.place == b.place) {
            count += rows.len();
            kept.push(rows[0].place.0, rows[0].place.1, [count as f32].into_iter());
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

#[cfg(test)]
mod tests {
    use shared::engine::tabular::live::{Followed, HistoryId, Kept, LiveRow, LiveRows, Origin};

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

    /// Keys, times and values of rows, of which those of a later time come last.
    fn drawn(rows: u64) -> (Vec<Level>, Vec<f64>, Vec<f32>) {
        let mut state = 7_u64;
        let mut draw = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        let rows: Vec<_> = (0..rows).map(|row| (Level(1 + draw(9)), (row / 5) as f64, draw(3) as f32)).collect();
        (
            rows.iter().map(|row| row.0).collect(),
            rows.iter().map(|row| row.1).collect(),
            rows.iter().map(|row| row.2).collect(),
        )
    }

    #[test]
    fn what_the_service_goes_on_with_is_what_training_on_all_rows_would_know() {
        let (keys, times, own) = drawn(400);
        for kept in [Kept::Count, Kept::Values(vec!["x".to_owned()])] {
            let table = |rows: std::ops::Range<usize>| match kept {
                Kept::Count => counts(&keys[rows.clone()], &times[rows]),
                Kept::Values(_) => values(&keys[rows.clone()], &times[rows.clone()], &[own[rows].to_vec()]),
            };
            let (version, all) = (table(0..250), table(0..400));
            let (id, end_ms) = (HistoryId::of("m", Origin::Sent, "k", "x"), *version.times.iter().max().expect("rows"));
            let followed =
                Followed { id, history: 0, columns: [0, 1], origin: Origin::Sent, kept: kept.clone(), end_ms };
            let mut live = LiveRows::new();
            for row in 250..400 {
                let (time_ms, counts) = (milliseconds(times[row]), kept == Kept::Count);
                let rows = live.entry(keys[row]).or_default();
                match rows.last_mut().filter(|last| last.time_ms == time_ms) {
                    Some(last) if counts => last.values[0] += 1.0,
                    Some(last) => last.values = vec![own[row]],
                    None => rows.push(LiveRow { time_ms, values: vec![if counts { 1.0 } else { own[row] }] }),
                }
            }
            let joined = followed.join(version.get(), &live);
            for key in live.keys() {
                assert!(all.get().of(*key).rows().eq(joined.get().of(*key).rows()), "{kept:?} {key:?}");
            }
            assert!(live.len() > 5);
        }
    }
}
