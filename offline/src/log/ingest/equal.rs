//! Finds rows that are equal in user, item, kind and time: an export that overlaps another, or a file that was read twice.
//! Rows of two files that have different event ids are not equal: they are two events.
//!
//! Memory: a copy of the largest group of events of one time.

use super::raw::RawEvent;
use super::settings::EqualRows;

/// What was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Rows equal to an earlier one of another file.
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
            (event.user, event.item, event.kind)
        };
        order.sort_by_key(|&at| (what(at), at));
        for equal in order.chunk_by(|&a, &b| what(a) == what(b)).filter(|equal| equal.len() > 1) {
            let first = &group[equal[0] as usize];
            for &at in &equal[1..] {
                let event = &group[at as usize];
                let across = event.file != first.file;
                if across && event.event_key != first.event_key && event.event_key != 0 && first.event_key != 0 {
                    continue;
                }
                let drop = match setting {
                    EqualRows::All => true,
                    EqualRows::AcrossFiles => across,
                    EqualRows::None => false,
                };
                *(if across { &mut found.across_files } else { &mut found.within_file }) += 1;
                if drop {
                    found.dropped += 1;
                    drops.resize(events.len(), false);
                    drops[start + at as usize] = true;
                }
            }
        }
    }
    if found.dropped > 0 {
        let mut drops = drops.into_iter();
        events.retain(|_| drops.next() != Some(true));
    }
    found
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
    }
}
