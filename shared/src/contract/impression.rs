//! The line of the event log that says which items of a slate were seen.
//!
//! ```text
//! {"impression":["i1","i2"],"visitorid":"u1","recommendation_id":"…","timestamp":1764223441000,"received":1764223441000}
//! ```
//!
//! Nothing is learnt of it: it is for the rates by which slates are judged. To releases that do not know these lines they
//! are no events: they are counted, reported and passed over.

use serde::{Deserialize, Serialize};

use crate::contract::id::{ItemId, UserId};

/// How the line of an impression begins.
const IMPRESSION: &[u8] = br#"{"impression":"#;

/// The items of one slate that somebody saw, as a line of the event log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impression {
    /// The items.
    #[serde(rename = "impression")]
    pub items: Vec<ItemId>,
    /// Who saw them.
    #[serde(rename = "visitorid")]
    pub user: UserId,
    /// The slate.
    pub recommendation_id: String,
    /// When they were seen, milliseconds since the epoch; not after `received_ms`.
    #[serde(rename = "timestamp")]
    pub timestamp_ms: i64,
    /// When the service accepted it, milliseconds since the epoch.
    #[serde(rename = "received")]
    pub received_ms: i64,
}

impl Impression {
    /// Reads a line of the log; `None` if it is no impression.
    #[must_use]
    pub fn read(line: &[u8]) -> Option<Self> {
        if !line.starts_with(IMPRESSION) {
            return None;
        }
        serde_json::from_slice(line).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impression_reads_back_and_is_no_event() {
        let line = r#"{"impression":["i1","i2"],"visitorid":"u1","recommendation_id":"r","timestamp":5,"received":6}"#;
        let impression = Impression::read(line.as_bytes()).expect("an impression");
        assert_eq!(impression.items.len(), 2);
        assert_eq!(serde_json::to_string(&impression).expect("serialises"), line);
        assert!(serde_json::from_str::<crate::contract::event::Event>(line).is_err());
        assert_eq!(Impression::read(br#"{"visitorid":"u1","impression":[]}"#), None);
    }
}
