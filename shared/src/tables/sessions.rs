//! Past sessions and their inverted index: for each item the sessions it occurs in, the latest first.

use super::{Misfit, check_items, check_length, check_starts, table};
use crate::contract::artifact::columns::Column;
use crate::contract::id::ItemIdx;

/// An occurrence of an item in a past session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// The session's row.
    pub session: u32,
    /// The last position of the item in the session.
    pub place: u32,
}

table! {
    /// Past sessions and their inverted index.
    pub struct Sessions {
        /// The offset where each session begins, and the end of the last: sessions + 1.
        starts: Column<u64> = "starts",
        /// The items of the sessions, in order.
        items: Column<ItemIdx> = "items",
        /// The weight of a match with each session, greater than 0: less for long and for old sessions.
        weights: Column<f32> = "weights",
        /// The offset where each item's postings begin, and the end of the last: items + 1.
        posting_starts: Column<u64> = "posting.starts",
        /// The sessions each item occurs in, the latest first.
        posting_sessions: Column<u32> = "posting.sessions",
        /// The last position of the item in each of them.
        posting_places: Column<u32> = "posting.places",
        /// The weight of each item in a match: more for a rare item.
        rarity: Column<f32> = "rarity",
        /// The factor of a candidate's score: less for a frequent item.
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
        let length = |session: u32| self.starts[session as usize + 1] - self.starts[session as usize];
        let mut postings = self.posting_sessions.iter().zip(&*self.posting_places);
        if postings.any(|(&session, &place)| u64::from(place) >= length(session)) {
            return Err("`posting.places` names positions beyond the ends of their sessions".to_owned());
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

    /// The weight of a match with a session: less for long and for old sessions.
    #[must_use]
    pub fn weight(&self, session: u32) -> f32 {
        self.weights[session as usize]
    }

    /// The sessions an item occurs in, the latest first, at most as many as the index keeps; none for an item that came
    /// after the version.
    pub fn postings(&self, item: ItemIdx) -> impl Iterator<Item = Posting> {
        let bounds = self.posting_starts.get(item.at()..item.at() + 2).unwrap_or(&[0, 0]);
        let range = bounds[0] as usize..bounds[1] as usize;
        let places = self.posting_places[range.clone()].iter();
        self.posting_sessions[range].iter().zip(places).map(|(&session, &place)| Posting { session, place })
    }

    /// The weight of an item in a match: more for a rare item.
    #[must_use]
    pub fn rarity(&self, item: ItemIdx) -> f32 {
        self.rarity.get(item.at()).copied().unwrap_or(1.0)
    }

    /// The factor of a candidate's score: less for a frequent item.
    #[must_use]
    pub fn damping(&self, item: ItemIdx) -> f32 {
        self.damping.get(item.at()).copied().unwrap_or(1.0)
    }
}
