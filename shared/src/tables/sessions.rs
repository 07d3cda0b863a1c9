//! Past sessions, and in which of them each item occurs, the latest first.

use super::{Misfit, check_items, check_length, check_starts, table};
use crate::artifact::columns::Column;
use crate::id::ItemIdx;

/// An occurrence of an item in a past session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// The session's row.
    pub session: u32,
    /// Where the item last stands in it.
    pub place: u32,
}

table! {
    /// Past sessions and their inverted index.
    pub struct Sessions {
        /// Where each session begins, and the end of the last: sessions + 1.
        starts: Column<u64> = "starts",
        /// The items of the sessions, in order.
        items: Column<ItemIdx> = "items",
        /// What a match with each session counts, greater than 0: less for long and for old ones.
        weights: Column<f32> = "weights",
        /// Where each item's postings begin, and the end of the last: items + 1.
        posting_starts: Column<u64> = "posting.starts",
        /// The sessions each item occurs in, the latest first.
        posting_sessions: Column<u32> = "posting.sessions",
        /// Where the item last stands in them.
        posting_places: Column<u32> = "posting.places",
        /// What each item counts in a match: more for a rare one.
        rarity: Column<f32> = "rarity",
        /// What a candidate's score is multiplied with: less for a frequent item.
        damping: Column<f32> = "damping",
    }
}

impl Sessions {
    pub(super) fn check(&self, items: usize) -> Result<(), Misfit> {
        check_items("items", &self.items, items)?;
        check_starts("starts", &self.starts, self.len(), self.items.len())?;
        check_starts("posting.starts", &self.posting_starts, items, self.posting_sessions.len())?;
        check_length("posting.places", &self.posting_places, self.posting_sessions.len())?;
        if self.posting_sessions.iter().any(|&session| session as usize >= self.len()) {
            return Err("`posting.sessions` names sessions that are not there".to_owned());
        }
        check_length("rarity", &self.rarity, items)?;
        check_length("damping", &self.damping, items)
    }

    /// How many sessions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the table.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let of_four = self.items.len() + self.weights.len() + 2 * self.posting_sessions.len() + 2 * self.rarity.len();
        4 * of_four + 8 * (self.starts.len() + self.posting_starts.len())
    }

    /// The items of a session in order.
    #[must_use]
    pub fn session(&self, session: u32) -> &[ItemIdx] {
        &self.items[self.starts[session as usize] as usize..self.starts[session as usize + 1] as usize]
    }

    /// What a match with a session counts: less for long and for old ones.
    #[must_use]
    pub fn weight(&self, session: u32) -> f32 {
        self.weights[session as usize]
    }

    /// The sessions an item occurs in, the latest first, at most as many as the index keeps.
    pub fn postings(&self, item: ItemIdx) -> impl Iterator<Item = Posting> {
        let range = self.posting_starts[item.at()] as usize..self.posting_starts[item.at() + 1] as usize;
        let places = self.posting_places[range.clone()].iter();
        self.posting_sessions[range].iter().zip(places).map(|(&session, &place)| Posting { session, place })
    }

    /// What an item counts in a match: more for a rare one.
    #[must_use]
    pub fn rarity(&self, item: ItemIdx) -> f32 {
        self.rarity[item.at()]
    }

    /// What a candidate's score is multiplied with: less for a frequent one.
    #[must_use]
    pub fn damping(&self, item: ItemIdx) -> f32 {
        self.damping[item.at()]
    }
}
