//! The user side: one trait, [`embedded`] in memory and [`redis`] shared by replicas.
//!
//! ```text
//! read    (request)  user, version ─▶ live history, the batch's record            one round trip
//! apply   (applier)  events        ─▶ histories, idempotent by event_key
//! rebuild (applier)  histories     ─▶ in the place of those that can't be read
//! advance (applier)  how far the event log is applied, compare-and-set
//! ```
//!
//! A history is derived from the event log, so a store may lose everything: it is refilled. A history that is there but
//! can't be read counts as none to a reader, and is left alone by `apply`, until one made anew from the log replaces it
//! in one write.

pub mod embedded;
pub mod position;
pub mod redis;
pub mod retention;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use shared::event::{Event, event_key};
use shared::id::UserId;
use shared::state::{Applied, LiveEvent, LiveHistory};

pub use embedded::Embedded;
pub use position::{Mark, Position};
pub use redis::Redis;
pub use retention::{Bounds, Retention};

/// A store call under way.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Where the user side is kept.
pub trait UserStore: Send + Sync {
    /// Reads what is known of a user, in one round trip: the live history, and the batch's record in `version` where
    /// the store holds it.
    fn read<'a>(&'a self, user: &'a UserId, version: &'a str, now_ms: i64) -> Answer<'a, Stored>;

    /// Adds events to the histories of their users, and tells what became of each. Applying one twice changes nothing.
    /// After an error some of them may be applied.
    fn apply<'a>(&'a self, arrivals: &'a [Arrival], bounds: Bounds<'a>) -> Answer<'a, Vec<Added>>;

    /// Up to `most` of the users whose histories were found to be unreadable and are not rebuilt yet.
    fn damaged(&self, most: usize) -> Vec<UserId>;

    /// Writes histories made anew from the event log over those of `damaged` users; adds them to one that others have
    /// made readable meanwhile.
    fn rebuild<'a>(&'a self, histories: &'a BTreeMap<UserId, LiveHistory>, bounds: Bounds<'a>) -> Answer<'a, ()>;

    /// How far a replica's event log is applied; nothing in an empty store, or where the mark can't be read.
    fn applied(&self) -> Answer<'_, Option<Position>>;

    /// Moves that mark from `from` to `to`, unless it is elsewhere: then the store went back in time, or came back
    /// empty.
    fn advance(&self, from: Option<Position>, to: Position) -> Answer<'_, Mark>;
}

/// What a store knows of a user.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// The real-time history; empty where it can't be read.
    pub history: Arc<LiveHistory>,
    /// Whether the history could be read.
    pub state: State,
    /// The packed record of the batch, if the store holds those and has one.
    pub record: Option<Vec<u8>>,
}

/// Whether a history could be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum State {
    /// It could, or there is none.
    #[default]
    Whole,
    /// It could not, and is being made anew from the event log.
    Damaged,
}

/// An event on its way into a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Whose history.
    pub user: UserId,
    /// What is remembered.
    pub event: LiveEvent,
}

impl From<Event> for Arrival {
    /// What a history gets of an event; the log says where it stands.
    fn from(event: Event) -> Self {
        let Event { timestamp_ms, user, kind, item, event_id, received_ms, .. } = event;
        let event_key = event_key(&event_id);
        Self { user, event: LiveEvent { received_ms, event_key, timestamp_ms, kind, item, place: None } }
    }
}

/// What became of an event that was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// The history has it now.
    New,
    /// The history had it, or it is past its time.
    Known,
    /// The history can't be read; it gets the event when it is rebuilt.
    Waits,
}

impl From<Applied> for Added {
    fn from(applied: Applied) -> Self {
        match applied {
            Applied::New => Self::New,
            Applied::Duplicate => Self::Known,
        }
    }
}

/// Why a store can't answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no connection; another is being tried.
    #[error("store is away: {0}")]
    Away(String),
    /// No answer in time.
    #[error("store did not answer within {0} ms")]
    Late(u128),
    /// The server answered with an error, or not what was asked.
    #[error("store answered: {0}")]
    Answer(String),
    /// A history is there but can't be read.
    #[error("a history can't be read and is being rebuilt from the event log")]
    Damaged,
    /// Other writers kept getting in between.
    #[error("a history was written by others {0} times in a row")]
    Contended(usize),
}

impl StoreError {
    /// The reason as a metric label.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Away(_) => "away",
            Self::Late(_) => "timeout",
            Self::Answer(_) | Self::Damaged => "answer",
            Self::Contended(_) => "contended",
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use shared::event::EventKind;
    use shared::id::ItemId;

    use super::*;

    /// An event of a user that arrived at a time.
    pub(crate) fn arrival(user: &str, key: u64, received_ms: i64) -> Arrival {
        let (item, kind) = (ItemId::new(format!("i{key}")).expect("valid id"), EventKind::View);
        let event = LiveEvent { received_ms, event_key: key, timestamp_ms: received_ms, kind, item, place: None };
        Arrival { user: UserId::new(user).expect("valid id"), event }
    }
}
