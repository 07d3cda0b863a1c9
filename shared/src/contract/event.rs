//! One interaction of a user with an item, and the record of it in the event log.

use serde::{Deserialize, Serialize};

use crate::contract::id::{ItemId, UserId};
use crate::contract::kind::KindName;

/// One line of the event log, in the native schema.
///
/// The service appends it as one line of JSON; the batch reads it as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The time of the event, milliseconds since the epoch; not after `received_ms` (a day at most in older lines).
    #[serde(rename = "timestamp")]
    pub timestamp_ms: i64,
    /// The user.
    #[serde(rename = "visitorid")]
    pub user: UserId,
    /// What the user did.
    #[serde(rename = "event")]
    pub kind: KindName,
    /// The item.
    #[serde(rename = "itemid")]
    pub item: ItemId,
    /// The shop's order number, if it was bought.
    #[serde(rename = "transactionid", default)]
    pub transaction_id: Option<String>,
    /// Identifies the event among those of its user: a second event with the same id is a duplicate.
    pub event_id: String,
    /// When the service accepted it, milliseconds since the epoch.
    #[serde(rename = "received")]
    pub received_ms: i64,
    /// The slate that led to it, if the client says so. Older releases pass over it, and it is no part of the identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommendation_id: Option<String>,
}

/// The 64-bit key of an event among those of its user: the first 8 bytes of the SHA-256 of its id.
#[cfg(feature = "engine")]
#[must_use]
pub fn event_key(event_id: &str) -> u64 {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(event_id.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_reads_back_as_it_was_written() {
        let line = r#"{"timestamp":5,"visitorid":"u1","event":"addtocart","itemid":"7","transactionid":null,"event_id":"e1","received":6}"#;
        let event: Event = serde_json::from_str(line).expect("native schema");
        assert_eq!(event.kind, KindName::ADD_TO_CART);
        assert_eq!(
            (event.recommendation_id.as_deref(), serde_json::to_string(&event).expect("serialises")),
            (None, line.into())
        );
        let named = line.replace('}', r#","recommendation_id":"r1"}"#);
        let event: Event = serde_json::from_str(&named).expect("native schema");
        assert_eq!(event.recommendation_id.as_deref(), Some("r1"));
        assert_eq!(serde_json::to_string(&event).expect("serialises"), named);
    }
}
