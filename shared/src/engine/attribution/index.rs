//! Which slates showed an item to a user, by time.

use std::collections::{HashMap, VecDeque};

use crate::contract::id::{ItemId, UserId};
use crate::contract::slate_log::LoggedSlate;

/// A slate that showed an item: when it was answered, and its number, which decides where times are equal.
type Spot = (i64, u64);

/// The slates that showed an item, in order; about all of them come and go at the ends.
type Spots = VecDeque<Spot>;

/// The slates that showed each item, by user.
#[derive(Debug, Default)]
pub(super) struct Index(HashMap<UserId, HashMap<ItemId, Spots>>);

impl Index {
    /// Adds the slate of this number for one of its items.
    pub fn add(&mut self, slate: &LoggedSlate, number: u64, position: usize) {
        if !self.0.contains_key(&slate.user) {
            self.0.insert(slate.user.clone(), HashMap::new());
        }
        let Some(items) = self.0.get_mut(&slate.user) else { return };
        let spots = items.entry(slate.items[position].item.clone()).or_default();
        let spot = (slate.timestamp_ms, number);
        // A slate may have an item twice.
        if let Err(at) = spots.binary_search(&spot) {
            spots.insert(at, spot);
        }
    }

    /// The number of the last slate up to a time that showed an item.
    pub fn last(&self, user: &UserId, item: &ItemId, at_ms: i64) -> Option<u64> {
        let spots = self.0.get(user)?.get(item)?;
        let before = spots.partition_point(|(time_ms, _)| *time_ms <= at_ms);
        before.checked_sub(1).map(|last| spots[last].1)
    }

    /// Removes a slate for one of its items, and what is empty then.
    pub fn remove(&mut self, slate: &LoggedSlate, number: u64, position: usize) {
        let Some(items) = self.0.get_mut(&slate.user) else { return };
        let item = &slate.items[position].item;
        if let Some(spots) = items.get_mut(item) {
            if let Ok(at) = spots.binary_search(&(slate.timestamp_ms, number)) {
                spots.remove(at);
            }
            if spots.is_empty() {
                items.remove(item);
            }
        }
        if items.is_empty() {
            self.0.remove(&slate.user);
        }
    }

    /// Removes all of a user.
    pub fn forget(&mut self, user: &UserId) {
        self.0.remove(user);
    }

    /// Whether nothing is in it.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
