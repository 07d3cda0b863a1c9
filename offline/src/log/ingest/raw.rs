//! Events as they were read, with users, items and sessions as numbers.

use compact_str::CompactString;
use hashbrown::HashMap;
use shared::contract::kind::KindIdx;

use super::items::told::Notes;
use super::settings::Role;

/// Strings numbered in the order in which they were first seen. Memory: 33 bytes a place of the table for strings of up to
/// 24 bytes.
#[derive(Default)]
pub struct Interner {
    rows: HashMap<CompactString, u32>,
}

impl Interner {
    /// The number of a string; a new one gets the next.
    pub fn row(&mut self, text: &str) -> u32 {
        if let Some(&row) = self.rows.get(text) {
            return row;
        }
        let row = self.rows.len() as u32;
        self.rows.insert(text.into(), row);
        row
    }

    /// How many strings there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The strings with their numbers, in no order.
    pub fn into_rows(self) -> impl Iterator<Item = (CompactString, u32)> {
        self.rows.into_iter()
    }

    /// The strings by number.
    #[must_use]
    pub fn texts(&self) -> Vec<&str> {
        let mut texts = vec![""; self.rows.len()];
        self.rows.iter().for_each(|(text, row)| texts[*row as usize] = text);
        texts
    }

    /// The string of a number. O(strings).
    #[must_use]
    pub fn text(&self, number: u32) -> &str {
        self.rows.iter().find(|(_, row)| **row == number).map_or("", |(text, _)| text)
    }
}

/// Sessions numbered in the order in which they were first seen. A name is that of a session of one user: some logs count
/// them anew for each.
#[derive(Default)]
pub struct Sessions {
    names: Interner,
    rows: HashMap<(u32, u32), u32>,
}

impl Sessions {
    /// The number of a user's session; a new one gets the next.
    pub fn row(&mut self, user: u32, name: &str) -> u32 {
        let next = self.rows.len() as u32;
        *self.rows.entry((user, self.names.row(name))).or_insert(next)
    }
}

/// An event as it was read, with users, items and sessions as numbers of their [`Interner`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RawEvent {
    pub user: u32,
    pub item: u32,
    /// The number of the session plus 1; 0 if it has no name.
    pub session: u32,
    /// The number of the event among those that were read.
    pub line: u32,
    pub timestamp_ms: i64,
    pub event_key: u64,
    pub file: u32,
    /// Which order it belongs to: told apart but for one in 32,768 pairs; 0 for none.
    pub transaction: u16,
    pub kind: KindIdx,
}

#[cfg(test)]
impl RawEvent {
    /// A view, for tests.
    pub fn view(user: u32, item: u32, timestamp_ms: i64, file: u32) -> Self {
        Self { user, item, session: 0, line: 0, timestamp_ms, event_key: 0, file, transaction: 0, kind: KindIdx::VIEW }
    }
}

/// Fields of an event that nothing is learnt from; they are kept for the events that are written out.
pub type Extra = Vec<(Role, Box<str>)>;

/// Which fields of events are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Those that something is learnt from.
    Learnt,
    /// All, to write them out. Memory: several strings an event.
    All,
}

/// Events as they were read, in the order of the input.
#[derive(Default)]
#[allow(missing_docs)]
pub struct RawLog {
    pub users: Interner,
    pub items: Interner,
    pub sessions: Sessions,
    pub events: Vec<RawEvent>,
    /// The order of events of equal times by line, if a column says it.
    pub orders: Vec<i64>,
    /// Fields to write out by line, if they are kept.
    pub extras: Vec<Extra>,
    /// What the log says about items.
    pub told: Notes,
    /// How many events are another user's than the row says, by merges.
    pub merged: u64,
}

impl RawLog {
    /// Sorts the events by time; equal times by the order column, if there is one, then as they were read.
    pub fn sort(&mut self) {
        let orders = std::mem::take(&mut self.orders);
        if orders.is_empty() {
            self.events.sort_by_key(|event| event.timestamp_ms);
        } else {
            self.events.sort_by_key(|event| (event.timestamp_ms, orders[event.line as usize]));
        }
    }
}
