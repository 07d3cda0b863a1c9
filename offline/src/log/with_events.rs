//! The items of a log that have events, numbered without gaps, so that what is fitted on events costs nothing for the
//! items that are only listed in the item table.
//!
//! Rows keep the order of the items, so that ties broken by row are ties broken by item: a fit over rows gives the same
//! bits whether the item table lists more items or not. What comes out of a fit is [spread](WithEvents::spread) over all
//! items, where an item without events has an empty row. Memory: 4 bytes per item, 8 per item with events.

use shared::contract::id::ItemIdx;
use shared::tables::Neighbours;

use crate::log::ingest::Log;

/// The row of an item without events.
const NONE: u32 = u32::MAX;

/// The items of a log that have events.
pub struct WithEvents {
    /// The item of each row, ascending.
    items: Vec<ItemIdx>,
    /// The number of events of each row's item.
    counts: Vec<u32>,
    /// The row of each item, or [`NONE`].
    rows: Vec<u32>,
}

impl WithEvents {
    /// Finds the items that have events.
    #[must_use]
    pub fn of(log: &Log) -> Self {
        let mut rows = vec![0u32; log.items.len()];
        log.events.iter().for_each(|event| rows[event.item.at()] += 1);
        let (mut items, mut counts) = (Vec::new(), Vec::new());
        for (item, count) in (0..).zip(&mut rows) {
            let row = if *count > 0 { items.len() as u32 } else { NONE };
            if *count > 0 {
                items.push(ItemIdx(item));
                counts.push(*count);
            }
            *count = row;
        }
        Self { items, counts, rows }
    }

    /// How many items have events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many items there are, with and without events.
    #[must_use]
    pub fn of_all(&self) -> usize {
        self.rows.len()
    }

    /// The items, by row.
    #[must_use]
    pub fn items(&self) -> &[ItemIdx] {
        &self.items
    }

    /// The number of events of the items, by row.
    #[must_use]
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// The row of an item; `None` if it has no events.
    #[must_use]
    pub fn row(&self, item: ItemIdx) -> Option<usize> {
        self.rows.get(item.at()).filter(|&&row| row != NONE).map(|&row| row as usize)
    }

    /// The row of an item of an event.
    #[must_use]
    pub fn row_of_event(&self, item: ItemIdx) -> u32 {
        self.rows[item.at()]
    }

    /// The number of events of an item.
    #[must_use]
    pub fn count(&self, item: ItemIdx) -> u32 {
        self.row(item).map_or(0, |row| self.counts[row])
    }

    /// A value for each of all items: that of its row, or `absent`.
    pub fn spread_values<T: Copy>(&self, of_row: &[T], absent: T) -> Vec<T> {
        match self.len() == self.of_all() {
            true => of_row.to_vec(),
            false => self.rows.iter().map(|&row| of_row.get(row as usize).copied().unwrap_or(absent)).collect(),
        }
    }

    /// The starts of each of all items' parts, given those of each row's; a part of an item without events is empty.
    pub fn spread_starts(&self, of_row: &[u64]) -> Vec<u64> {
        let mut starts = Vec::with_capacity(self.of_all() + 1);
        starts.push(0);
        let mut end = 0;
        for &row in &self.rows {
            if row != NONE {
                end = of_row[row as usize + 1];
            }
            starts.push(end);
        }
        starts
    }

    /// The neighbours of all items, given those of each row, which are rows as well.
    #[must_use]
    pub fn spread(&self, of_row: Neighbours) -> Neighbours {
        if self.len() == self.of_all() {
            return of_row;
        }
        Neighbours {
            starts: self.spread_starts(&of_row.starts).into(),
            items: of_row.items.iter().map(|row| self.items[row.at()]).collect(),
            scores: of_row.scores,
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::engine::topk::Scored;

    use super::*;
    use crate::log::ingest::Catalogue;

    /// Items a to e, of which b and d have events.
    fn log() -> Log {
        let mut log = Log::of_views(&[(0, "u", "b"), (1, "u", "d"), (2, "u", "b")]);
        let listed = ["a", "b", "c", "d", "e"].map(Into::into).to_vec();
        log.items = Catalogue::default().with_seen(listed).0;
        log.events.iter_mut().for_each(|event| event.item = ItemIdx(2 * event.item.0 + 1));
        log
    }

    #[test]
    fn rows_are_the_items_with_events_in_their_order() {
        let items = WithEvents::of(&log());
        assert_eq!((items.items(), items.counts()), (&[ItemIdx(1), ItemIdx(3)][..], &[2, 1][..]));
        assert_eq!([0, 1, 2, 3, 4].map(|item| items.row(ItemIdx(item))), [None, Some(0), None, Some(1), None]);
        assert_eq!([0, 1, 2, 3, 4].map(|item| items.count(ItemIdx(item))), [0, 2, 0, 1, 0]);
    }

    #[test]
    fn lists_of_rows_become_lists_of_items_and_items_without_events_have_none() {
        let items = WithEvents::of(&log());
        let to = |row: u32, score: f32| Scored { item: ItemIdx(row), score };
        let table = items.spread([vec![to(1, 2.0)], vec![to(0, 1.0), to(1, 0.5)]].into_iter().collect());
        let of = |item: u32| table.of(ItemIdx(item)).collect::<Vec<_>>();
        assert_eq!(of(1), [(ItemIdx(3), 2.0)]);
        assert_eq!(of(3), [(ItemIdx(1), 1.0), (ItemIdx(3), 0.5)]);
        assert!([0, 2, 4].iter().all(|&item| of(item).is_empty()) && table.starts.len() == 6);
        assert_eq!(items.spread_values(&[7, 8], 0), [0, 7, 0, 8, 0]);
    }
}
