//! Event files: reads them into memory, and posts their events to the service.
//!
//! In: JSON lines in the native schema, of which only time, user and item matter here. Out: about 100 bytes of memory
//! for each event. Events of equal times keep the order of the file.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use hyper::StatusCode;
use serde::Deserialize;
use shared::contract::api::{Accepted, GivenTime, NewEvent, NewEvents};
use shared::contract::id::{self, ItemId, UserId};
use shared::contract::kind::{KindIdx, KindName, Kinds};

use crate::client::{Call, ClientError, Connection};
use crate::json_lines::{self, LinesError};

/// The kinds that are built in: what those that a shop adds mean is not known here, and they count as views.
pub static KINDS: LazyLock<Kinds> = LazyLock::new(Kinds::default);

/// Why events cannot be used or posted.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// The file cannot be read, or a line of it is not an event.
    #[error("{0}; give JSON lines with timestamp, visitorid and itemid")]
    Lines(#[from] LinesError),
    /// A line has no time, although the order of the events matters.
    #[error("{path}, line {line}: no timestamp, and events are needed in time order")]
    NoTime {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// The file has no events.
    #[error("{0} has no events")]
    Empty(PathBuf),
    /// The service did not accept the events.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The events are on the service's disk, but its answers do not know them yet.
    #[error("the service took events but could not apply them (status {0}); its store is away")]
    NotApplied(StatusCode),
}

/// One line of an event file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Record {
    /// The time of the event, milliseconds since the epoch.
    #[serde(rename = "timestamp", default)]
    time: Option<i64>,
    /// The user.
    #[serde(rename = "visitorid", deserialize_with = "id::given")]
    pub user: UserId,
    /// The item.
    #[serde(rename = "itemid", deserialize_with = "id::given")]
    pub item: ItemId,
    #[serde(rename = "event", default)]
    kind: Option<KindName>,
    #[serde(default)]
    event_id: Option<String>,
}

impl Record {
    /// The time of the event, milliseconds since the epoch; 0 in a file without times.
    #[must_use]
    pub fn timestamp_ms(&self) -> i64 {
        self.time.unwrap_or(0)
    }

    /// What the user did; a view if absent.
    #[must_use]
    pub fn kind(&self) -> KindName {
        self.kind.clone().unwrap_or(KindName::VIEW)
    }

    /// The row of its kind in [`KINDS`].
    #[must_use]
    pub fn built_in_kind(&self) -> KindIdx {
        let name = self.kind.as_ref().map_or("view", KindName::as_str);
        KINDS.index(name).unwrap_or(KindIdx::VIEW)
    }

    /// Whether it is an interaction: not if it only takes back another event, or blocks the item.
    #[must_use]
    pub fn is_interaction(&self) -> bool {
        !KINDS.get(self.built_in_kind()).only_acts()
    }

    /// The event to post. An event without an id gets one made from its content and its position in the file, so that
    /// posting a file twice has the effect of posting it once.
    #[must_use]
    pub fn to_event(&self, place: usize) -> NewEvent {
        let event_id = self.event_id.clone().unwrap_or_else(|| {
            let content = [self.user.as_str(), self.item.as_str()].join("\n");
            format!("load-{}-{place}-{:016x}", self.timestamp_ms(), fnv1a(content.as_bytes()))
        });
        NewEvent {
            user: Some(self.user.clone()),
            session: None,
            item: self.item.clone(),
            kind: self.kind(),
            timestamp: self.time.map(GivenTime::ms),
            transaction_id: None,
            recommendation_id: None,
            event_id: Some(event_id),
        }
    }
}

/// FNV-1a, 64 bits: stable over releases and machines.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Reads a file whose events all have a time, and sorts them by it.
///
/// # Errors
/// [`EventsError::Lines`], [`EventsError::NoTime`], [`EventsError::Empty`].
pub fn read_in_time_order(path: &Path) -> Result<Vec<Record>, EventsError> {
    let mut records = read(path)?;
    if let Some((line, _)) = records.iter().find(|(_, record)| record.time.is_none()) {
        return Err(EventsError::NoTime { path: path.to_owned(), line: *line });
    }
    records.sort_by_key(|(_, record)| record.time);
    Ok(records.into_iter().map(|(_, record)| record).collect())
}

/// Reads a file in its own order; times may be absent.
///
/// # Errors
/// [`EventsError::Lines`], [`EventsError::Empty`].
pub fn read_in_file_order(path: &Path) -> Result<Vec<Record>, EventsError> {
    Ok(read(path)?.into_iter().map(|(_, record)| record).collect())
}

/// The records with the numbers of their lines.
fn read(path: &Path) -> Result<Vec<(usize, Record)>, EventsError> {
    let records = json_lines::read(path)?.collect::<Result<Vec<_>, _>>()?;
    if records.is_empty() { Err(EventsError::Empty(path.to_owned())) } else { Ok(records) }
}

/// Posts one event or a batch; an error if the service accepts but does not apply it yet.
///
/// # Errors
/// [`EventsError::Client`], [`EventsError::NotApplied`].
pub async fn post(connection: &mut Connection, events: &NewEvents) -> Result<(), EventsError> {
    let (status, accepted) = connection.fetch_json::<Accepted>(&post_call(events)).await?;
    if status == StatusCode::OK && accepted.applied { Ok(()) } else { Err(EventsError::NotApplied(status)) }
}

/// The `POST /events` of one event or a batch.
#[must_use]
pub fn post_call(events: &NewEvents) -> Call {
    Call::post("/events", serde_json::to_vec(events).expect("ids, numbers and texts always serialise"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(lines: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), lines).expect("written");
        file
    }

    const LINES: &str = r#"
{"timestamp":9,"visitorid":1,"itemid":5,"event":"addtocart","transactionid":7,"extra":true}
{"timestamp":3,"visitorid":"b","itemid":"6","event_id":"e1","received":8}
{"timestamp":9,"visitorid":"c","itemid":"7"}
"#;

    #[test]
    fn events_are_sorted_by_time_and_equal_times_keep_their_order() {
        let records = read_in_time_order(file(LINES).path()).expect("readable");
        let users: Vec<&str> = records.iter().map(|record| record.user.as_str()).collect();
        assert_eq!(users, ["b", "1", "c"]);
        let event = records[1].to_event(1);
        assert_eq!((event.kind, event.item.as_str()), (KindName::ADD_TO_CART, "5"));
        assert_eq!(event.timestamp, Some(GivenTime::ms(9)));
    }

    #[test]
    fn an_event_keeps_its_id_or_gets_the_same_one_each_time() {
        let records = read_in_file_order(file(LINES).path()).expect("readable");
        assert_eq!(records[1].to_event(4).event_id.as_deref(), Some("e1"));
        let made = |record: usize, place| records[record].to_event(place).event_id.expect("made");
        assert_eq!(made(0, 0), made(0, 0));
        assert_ne!(made(0, 0), made(2, 0));
        assert_ne!(made(0, 0), made(0, 1));
    }

    #[test]
    fn a_bad_line_is_named() {
        let wrong = file("{\"timestamp\":1,\"visitorid\":\"a\",\"itemid\":\"b\"}\n{\"visitorid\":\"a\"}\n");
        let text = read_in_file_order(wrong.path()).expect_err("line 2 has no item").to_string();
        assert!(text.contains("line 2: missing field `itemid`"), "{text}");
        let timeless = file("{\"visitorid\":\"a\",\"itemid\":\"b\"}\n");
        assert_eq!(read_in_file_order(timeless.path()).expect("no time needed")[0].timestamp_ms(), 0);
        assert!(matches!(read_in_time_order(timeless.path()), Err(EventsError::NoTime { line: 1, .. })));
        assert!(matches!(read_in_file_order(file("\n").path()), Err(EventsError::Empty(_))));
    }
}
