//! Events of each item by day, for the people who look at an item.
//!
//! In: a log. Out: for each item the number of its events on each of the last [`DAYS`] days up to [`Log::now_ms`], in UTC.
//! Cost: a pass over the events, and 56 bytes per item.

use shared::contract::artifact::columns::Column;
use shared::tables::Days;

use crate::log::ingest::{DAY_MS, Log};

/// So many days: a week shows its days, and four of them a course.
pub const DAYS: usize = 28;

/// Counts the events.
#[must_use]
pub fn fit(log: &Log) -> Days {
    let last = log.now_ms().div_euclid(DAY_MS);
    let Ok(day) = u32::try_from(last) else { return Days::default() };
    if log.items.is_empty() {
        return Days::default();
    }
    let mut counts = vec![0u16; log.items.len() * DAYS];
    for event in &log.events {
        let age = last - event.timestamp_ms.div_euclid(DAY_MS);
        if let Some(back) = usize::try_from(age).ok().filter(|age| *age < DAYS) {
            let count = &mut counts[event.item.at() * DAYS + DAYS - 1 - back];
            *count = count.saturating_add(1);
        }
    }
    Days { events: Column::matrix(counts, DAYS), last: vec![day].into() }
}

#[cfg(test)]
mod tests {
    use shared::contract::id::ItemIdx;

    use super::*;

    #[test]
    fn events_are_counted_on_their_days_the_last_of_which_is_now() {
        let noon = |day: i64| day * DAY_MS + DAY_MS / 2;
        let log = Log::of_views(&[
            (noon(72), "u", "old"),
            (noon(73), "u", "lamp"),
            (noon(99), "u", "lamp"),
            (noon(99) + 1, "v", "lamp"),
            (noon(100), "v", "old"),
        ]);
        let days = fit(&log);
        let of = |name: &str| {
            let at = log.items.ids.iter().position(|id| **id == *name).expect("an item");
            days.of(ItemIdx(at as u32)).expect("its days").to_vec()
        };
        assert_eq!(days.last_ms(), Some(100 * DAY_MS));
        let mut lamp = [0; DAYS];
        (lamp[0], lamp[26]) = (1, 2);
        assert_eq!(of("lamp"), lamp);
        let mut old = [0; DAYS];
        old[27] = 1;
        assert_eq!(of("old"), old, "what is older is not counted");
        assert_eq!(days.of(ItemIdx(2)), None, "it came after the version");
        assert!(fit(&Log::of_views(&[])).is_empty());
    }
}
