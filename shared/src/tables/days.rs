//! How many events each item had on each of the last days before a version: for people to look at, no source reads it.

use super::{Misfit, table};
use crate::contract::artifact::columns::Column;
use crate::contract::id::ItemIdx;

/// The milliseconds of a day.
const DAY_MS: i64 = 24 * 3600 * 1000;

table! {
    /// Events by day, in UTC; empty if the version has none.
    pub struct Days {
        /// Items × days, row-major, the earliest day first; 65535 stands for more, too.
        events: Column<u16> = "events",
        /// One value: the last of the days, in days since the epoch.
        last: Column<u32> = "last",
    }
}

impl Days {
    pub(super) fn check(&self, items: usize) -> Result<(), Misfit> {
        let (events, width) = (self.events.len(), self.events.width());
        match (events, self.last.len()) {
            (0, 0) => Ok(()),
            (_, 1) if events == items * width => Ok(()),
            (_, last) => Err(format!("{events} counts of {width} days, and {last} last days, for {items} items")),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The events of an item by day, the earliest first; `None` if the version has none, or the item came after it.
    #[must_use]
    pub fn of(&self, item: ItemIdx) -> Option<&[u16]> {
        let width = self.events.width();
        self.events.get(item.at() * width..).and_then(|rest| rest.get(..width)).filter(|days| !days.is_empty())
    }

    /// When the last of the days began, milliseconds since the epoch.
    #[must_use]
    pub fn last_ms(&self) -> Option<i64> {
        self.last.first().map(|&day| i64::from(day) * DAY_MS)
    }
}
