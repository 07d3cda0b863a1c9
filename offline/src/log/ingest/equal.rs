//! Finds rows that are equal in user, item, kind and time: an export that overlaps another, or a file that was read twice.
//! Rows with different event ids, or different order numbers, are not equal: they are two events.
//!
//! Of rows that are equal as many are events as the file with the most of them has. Memory: a copy of the largest group of
//! events of one time.

use super::raw::RawEvent;
use super::settings::EqualRows;

/// What was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Rows beyond those of the file with the most of them.
    pub across_files: u64,
    /// Rows equal to an earlier one of their own file.
    pub within_file: u64,
    /// Rows taken out.
    pub dropped: u64,
}

/// Takes out rows that are equal to an earlier one, as the setting says.
///
/// * `events`: in time order; those that stay keep their order.
pub fn drop_equal(events: &mut Vec<RawEvent>, setting: EqualRows) -> Found {
    let mut found = Found::default();
    let mut drops: Vec<bool> = Vec::new();
    let mut order: Vec<u32> = Vec::new();
    for (start, group) in groups(events) {
        if group.len() < 2 {
            continue;
        }
        order.clear();
        order.extend(0..group.len() as u32);
        let what = |at: u32| {
            let event = &group[at as usize];
            (event.user, event.item, event.kind, event.transaction)
        };
        order.sort_by_key(|&at| (what(at), at));
        for equal in order.chunk_by(|&a, &b| what(a) == what(b)).filter(|equal| equal.len() > 1) {
            let (rows, with_id) = of_files(equal.iter().map(|&at| &group[at as usize]));
            // Rows with an id are events each: those with the same id were left out before.
            let (most, once) = (rows.max(with_id), with_id.max(1));
            let of_all = equal.len() as u64;
            found.across_files += of_all - most;
            found.within_file += most - once;
            let kept = match setting {
                EqualRows::All => once,
                EqualRows::AcrossFiles => most,
                EqualRows::None => of_all,
            };
            let mut left = kept - with_id.min(kept);
            for &at in equal.iter().filter(|&&at| group[at as usize].event_key == 0) {
                if left > 0 {
                    left -= 1;
                    continue;
                }
                found.dropped += 1;
                drops.resize(events.len(), false);
                drops[start + at as usize] = true;
            }
        }
    }
    if found.dropped > 0 {
        let mut drops = drops.into_iter();
        events.retain(|_| drops.next() != Some(true));
    }
    found
}

/// The most of some rows that one file has, and how many of all have an event id.
fn of_files<'e>(rows: impl Iterator<Item = &'e RawEvent>) -> (u64, u64) {
    let (mut files, mut with_id) = (Vec::new(), 0);
    for row in rows {
        with_id += u64::from(row.event_key != 0);
        match files.iter_mut().find(|(file, _)| *file == row.file) {
            Some((_, rows)) => *rows += 1,
            None => files.push((row.file, 1)),
        }
    }
    (files.into_iter().map(|(_, rows)| rows).max().unwrap_or(0), with_id)
}

/// Runs of events of one time, each with its start.
fn groups(events: &[RawEvent]) -> impl Iterator<Item = (usize, &[RawEvent])> {
    events.chunk_by(|a, b| a.timestamp_ms == b.timestamp_ms).scan(0, |start, group| {
        let at = *start;
        *start += group.len();
        Some((at, group))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events of one user, `(time, item, file)`.
    fn events(rows: &[(i64, u32, u32)]) -> Vec<RawEvent> {
        let event = |&(time_ms, item, file): &(i64, u32, u32)| RawEvent::view(0, item, time_ms, file);
        rows.iter().map(event).collect()
    }

    fn items(events: &[RawEvent]) -> Vec<(u32, u32)> {
        events.iter().map(|event| (event.item, event.file)).collect()
    }

    #[test]
    fn an_overlap_of_two_files_counts_once_and_equal_lines_of_one_file_each() {
        let rows = [(1, 7, 0), (1, 7, 0), (1, 8, 0), (1, 7, 1), (2, 7, 1), (2, 9, 1)];
        let mut log = events(&rows);
        let found = drop_equal(&mut log, EqualRows::AcrossFiles);
        assert_eq!(found, Found { across_files: 1, within_file: 1, dropped: 1 });
        assert_eq!(items(&log), [(7, 0), (7, 0), (8, 0), (7, 1), (9, 1)]);
        let mut log = events(&rows);
        assert_eq!(drop_equal(&mut log, EqualRows::All).dropped, 2);
        assert_eq!(items(&log), [(7, 0), (8, 0), (7, 1), (9, 1)]);
        let with_ids =
            [(1, 7, 0), (1, 7, 1)].map(|row| RawEvent { event_key: 1 + u64::from(row.2), ..events(&[row])[0] });
        assert_eq!(drop_equal(&mut with_ids.to_vec(), EqualRows::AcrossFiles), Found::default());
        let mut log = events(&rows);
        assert_eq!(drop_equal(&mut log, EqualRows::None), Found { across_files: 1, within_file: 1, dropped: 0 });
        assert_eq!(log.len(), 6);
        // A file that has more of them than the first one.
        let mut log = events(&[(1, 7, 0), (1, 7, 1), (1, 7, 1)]);
        assert_eq!(drop_equal(&mut log, EqualRows::AcrossFiles).dropped, 1);
    }

    #[test]
    fn rows_of_different_orders_are_not_equal() {
        let rows = [(1, 7, 0), (1, 7, 1)];
        let of_orders = |orders: [u16; 2]| -> Vec<RawEvent> {
            events(&rows).into_iter().zip(orders).map(|(row, transaction)| RawEvent { transaction, ..row }).collect()
        };
        assert_eq!(drop_equal(&mut of_orders([1, 2]), EqualRows::All), Found::default());
        assert_eq!(drop_equal(&mut of_orders([2, 2]), EqualRows::AcrossFiles).dropped, 1);
    }
}
