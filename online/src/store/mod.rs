//! The user side: one trait, [`embedded`] in memory and [`redis`] shared by replicas.
//!
//! ```text
//! read   (request)   user, version ─▶ live history, the batch's record            one round trip
//! apply  (applier)   events        ─▶ histories, idempotent by event_key
//! advance (applier)  how far the event log is applied, compare-and-set
//! ```
//!
//! A history is derived from the event log, so a store may lose everything: it is refilled.

pub mod embedded;
pub mod redis;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;

use shared::event::{Event, event_key};
use shared::event_log::Coverage;
use shared::id::UserId;
use shared::keys::PackedError;
use shared::state::{Applied, HistoryBounds, LiveEvent, LiveHistory};

pub use embedded::Embedded;
pub use redis::Redis;

/// A store call under way.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Where the user side is kept.
pub trait UserStore: Send + Sync {
    /// Reads what is known of a user, in one round trip: the live history, and the batch's record in `version` where
    /// the store holds it.
    fn read<'a>(&'a self, user: &'a UserId, version: &'a str, now_ms: i64) -> Answer<'a, Stored>;

    /// Adds events to the histories of their users. Applying one twice changes nothing. All are applied, or an error
    /// leaves some applied.
    fn apply<'a>(&'a self, arrivals: &'a [Arrival], bounds: Bounds<'a>) -> Answer<'a, ()>;

    /// How far a replica's event log is applied; nothing in an empty store.
    fn applied(&self) -> Answer<'_, Option<Position>>;

    /// Moves that mark from `from` to `to`, unless it is elsewhere: then the store went back in time, or came back
    /// empty.
    fn advance(&self, from: Option<Position>, to: Position) -> Answer<'_, Mark>;
}

/// What a store knows of a user.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// The real-time history.
    pub history: Arc<LiveHistory>,
    /// The packed record of the batch, if the store holds those and has one.
    pub record: Option<Vec<u8>>,
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
        Self {
            user,
            event: LiveEvent { received_ms, event_key: event_key(&event_id), timestamp_ms, kind, item, place: None },
        }
    }
}

/// How long a store remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Most events of a history.
    pub max_events: usize,
    /// Most items remembered of older events, see [`HistoryBounds`].
    pub max_older: usize,
    /// Milliseconds from arrival after which an event is forgotten.
    pub ttl_ms: i64,
}

/// What an apply goes by besides the [`Retention`].
#[derive(Debug, Clone, Copy)]
pub struct Bounds<'a> {
    /// What of the event log is in the artifacts, see [`HistoryBounds`].
    pub covered: &'a Coverage,
    /// The time.
    pub now_ms: i64,
}

/// A place in a replica's event log: everything before it is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The number of the file.
    pub file: u64,
    /// Bytes from its start.
    pub offset: u64,
}

impl Position {
    /// Before the first event.
    pub const START: Self = Self { file: 0, offset: 0 };
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file, self.offset)
    }
}

impl FromStr for Position {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let parse = || {
            let (file, offset) = text.split_once(':')?;
            Some(Self { file: file.parse().ok()?, offset: offset.parse().ok()? })
        };
        parse().ok_or_else(|| StoreError::Mark(text.to_owned()))
    }
}

/// What became of the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It is where it was asked to be.
    Moved,
    /// It was found here instead, and left there.
    Found(Option<Position>),
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
    /// A value can't be read.
    #[error("{key}: {source}; delete the key, histories are refilled from the event log at the next start")]
    Packed {
        /// The store key.
        key: String,
        /// What is wrong with its value.
        source: PackedError,
    },
    /// The mark is not a place in a log.
    #[error("mark of the applied event log is {0:?}; delete it and the log is applied again")]
    Mark(String),
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
            Self::Answer(_) | Self::Packed { .. } | Self::Mark(_) => "answer",
            Self::Contended(_) => "contended",
        }
    }
}

/// Whether an apply changed a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// There is something to write.
    Some,
    /// It was all there already, or is too old.
    None,
}

impl Retention {
    /// Events received before this time are forgotten.
    #[must_use]
    pub fn oldest_ms(self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.ttl_ms)
    }

    /// Applies events to a history: the one function behind every store.
    fn merge<'a>(
        self,
        history: &mut LiveHistory,
        events: impl IntoIterator<Item = &'a LiveEvent>,
        bounds: Bounds<'_>,
    ) -> Change {
        let oldest_ms = self.oldest_ms(bounds.now_ms);
        let Self { max_events, max_older, .. } = self;
        let within = HistoryBounds { max_events, max_older, covered: bounds.covered };
        let mut change = Change::None;
        for event in events.into_iter().filter(|event| event.received_ms >= oldest_ms) {
            if history.apply(event.clone(), within) == Applied::New {
                change = Change::Some;
            }
        }
        if change == Change::Some {
            forget(history, oldest_ms);
        }
        change
    }

    /// When a history as a whole may be forgotten, milliseconds since the epoch.
    fn expires_ms(self, history: &LiveHistory) -> i64 {
        newest_ms(history).saturating_add(self.ttl_ms)
    }
}

/// When the last event of a history arrived.
fn newest_ms(history: &LiveHistory) -> i64 {
    let recent = history.recent.last().map(|event| event.received_ms);
    recent.into_iter().chain(history.older.iter().map(|seen| seen.received_ms)).max().unwrap_or(i64::MIN)
}

/// Whether a history remembers something received before `oldest_ms`.
fn is_stale(history: &LiveHistory, oldest_ms: i64) -> bool {
    history.recent.first().is_some_and(|event| event.received_ms < oldest_ms)
        || history.older.iter().any(|seen| seen.received_ms < oldest_ms)
}

/// Drops from a history what was received before `oldest_ms`.
fn forget(history: &mut LiveHistory, oldest_ms: i64) {
    let expired = history.recent.partition_point(|event| event.received_ms < oldest_ms);
    history.recent.drain(..expired);
    history.older.retain(|seen| seen.received_ms >= oldest_ms);
}

/// The events by user, each user's in the order given.
fn by_user(arrivals: &[Arrival]) -> BTreeMap<&UserId, Vec<&LiveEvent>> {
    let mut users: BTreeMap<&UserId, Vec<&LiveEvent>> = BTreeMap::new();
    for arrival in arrivals {
        users.entry(&arrival.user).or_default().push(&arrival.event);
    }
    users
}

#[cfg(test)]
pub(crate) mod tests {
    use shared::event::EventKind;
    use shared::id::ItemId;

    use super::*;

    /// An event of a user that arrived at a time.
    pub(crate) fn arrival(user: &str, key: u64, received_ms: i64) -> Arrival {
        let item = ItemId::new(format!("i{key}")).expect("valid id");
        let event = LiveEvent {
            received_ms,
            event_key: key,
            timestamp_ms: received_ms,
            kind: EventKind::View,
            item,
            place: None,
        };
        Arrival { user: UserId::new(user).expect("valid id"), event }
    }

    #[test]
    fn a_position_reads_back_from_its_text() {
        let position = Position { file: 3, offset: 41 };
        assert_eq!(position.to_string().parse::<Position>().expect("reads"), position);
        assert!("3".parse::<Position>().is_err());
    }

    #[test]
    fn an_event_is_forgotten_when_its_own_time_is_up() {
        let retention = Retention { max_events: 10, max_older: 10, ttl_ms: 100 };
        let mut history = LiveHistory::default();
        let (first, second) = (arrival("u", 1, 0), arrival("u", 2, 90));
        let covered = Coverage::default();
        let bounds = Bounds { covered: &covered, now_ms: 90 };
        assert_eq!(retention.merge(&mut history, [&first.event, &second.event], bounds), Change::Some);
        assert_eq!(history.recent.len(), 2);
        assert!(is_stale(&history, retention.oldest_ms(101)));
        forget(&mut history, retention.oldest_ms(101));
        assert_eq!(history.recent, [second.event]);
        assert_eq!(retention.expires_ms(&history), 190);
        let late = Bounds { covered: &covered, now_ms: 101 };
        assert_eq!(retention.merge(&mut history, [&first.event], late), Change::None);
    }
}
