//! Past sessions, and in which of them each item occurs, the latest first.

use std::path::Path;

use super::{SESSION_KNN, check_starts, rows_within};
use crate::artifact::ArtifactError;
use crate::artifact::tables::{Column, Table};
use crate::id::ItemIdx;

/// An occurrence of an item in a past session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// The session's row.
    pub session: u32,
    /// Where the item last stands in it.
    pub place: u32,
}

/// Past sessions and their inverted index.
pub struct SessionIndex {
    starts: Column<u64>,
    items: Column<ItemIdx>,
    weights: Column<f32>,
    posting_starts: Column<u64>,
    posting_sessions: Column<u32>,
    posting_places: Column<u32>,
    rarity: Column<f32>,
    damping: Column<f32>,
}

impl SessionIndex {
    /// Opens the index in a folder.
    ///
    /// # Errors
    /// [`ArtifactError`] when it is absent or does not fit the items.
    pub fn open(folder: &Path, item_count: usize) -> Result<Self, ArtifactError> {
        let table = Table::open(folder, SESSION_KNN)?;
        let weights: Column<f32> = table.column("weights")?;
        let starts: Column<u64> = table.column_of("starts", weights.len() + 1)?;
        let items = rows_within(&table, "items", item_count)?;
        check_starts(&table, "starts", &starts, items.len())?;
        let posting_starts: Column<u64> = table.column_of("posting.starts", item_count + 1)?;
        let posting_sessions: Column<u32> = table.column("posting.sessions")?;
        let posting_places = table.column_of("posting.places", posting_sessions.len())?;
        check_starts(&table, "posting.starts", &posting_starts, posting_sessions.len())?;
        if posting_sessions.iter().any(|&session| session as usize >= weights.len()) {
            return Err(table.wrong("`posting.sessions` names sessions that are not there"));
        }
        let (rarity, damping) = (table.column_of("rarity", item_count)?, table.column_of("damping", item_count)?);
        Ok(Self { starts, items, weights, posting_starts, posting_sessions, posting_places, rarity, damping })
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
