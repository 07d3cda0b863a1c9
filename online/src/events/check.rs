//! Checks an event that a client posts and turns it into an event of the log, or names the wrong field.

use shared::contract::api::NewEvent;
use shared::contract::event::Event;
use shared::contract::id::MAX_ID_BYTES;
use uuid::Uuid;

/// How far in the future the time of an event may be, since clocks differ.
pub const MAX_AHEAD_MS: i64 = 24 * 3600 * 1000;

/// Why an event is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The time is out of range.
    #[error("timestamp {0} is not a time in milliseconds since the epoch at most a day ahead")]
    Timestamp(i64),
    /// The text is empty, too long or has control characters.
    #[error("{0} must have 1 to {MAX_ID_BYTES} bytes and no control characters")]
    Text(&'static str),
}

impl Refusal {
    /// The field that is wrong.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Timestamp(_) => "timestamp",
            Self::Text(field) => field,
        }
    }
}

/// Checks an event that arrived at `now_ms` and fills in what is absent: time and id.
///
/// # Errors
/// [`Refusal`] names the field.
pub fn check(event: NewEvent, now_ms: i64) -> Result<Event, Refusal> {
    let NewEvent { user, item, kind, timestamp_ms, transaction_id, event_id } = event;
    let timestamp_ms = timestamp_ms.unwrap_or(now_ms);
    if !(0..=now_ms.saturating_add(MAX_AHEAD_MS)).contains(&timestamp_ms) {
        return Err(Refusal::Timestamp(timestamp_ms));
    }
    check_text("transactionid", transaction_id.as_deref())?;
    check_text("event_id", event_id.as_deref())?;
    let event_id = event_id.unwrap_or_else(|| Uuid::now_v7().to_string());
    Ok(Event { timestamp_ms, user, kind, item, transaction_id, event_id, received_ms: now_ms })
}

fn check_text(field: &'static str, text: Option<&str>) -> Result<(), Refusal> {
    let fits = |text: &str| (1..=MAX_ID_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
    if text.is_none_or(fits) { Ok(()) } else { Err(Refusal::Text(field)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posted(rest: &str) -> NewEvent {
        let text = format!(r#"{{"visitorid":"u","itemid":"i","event":"view"{rest}}}"#);
        serde_json::from_str(&text).expect("an event")
    }

    #[test]
    fn time_and_id_are_filled_in() {
        let event = check(posted(""), 77).expect("valid");
        assert_eq!((event.timestamp_ms, event.received_ms), (77, 77));
        assert_eq!(event.event_id.len(), 36);
        let event = check(posted(r#","timestamp":5,"event_id":"e""#), 77).expect("valid");
        assert_eq!((event.timestamp_ms, event.event_id.as_str()), (5, "e"));
    }

    #[test]
    fn the_wrong_field_is_named() {
        let field = |rest| check(posted(rest), 77).expect_err("refused").field();
        assert_eq!(field(r#","timestamp":-1"#), "timestamp");
        assert_eq!(field(r#","timestamp":86400078"#), "timestamp");
        assert_eq!(field(r#","event_id":"""#), "event_id");
        assert_eq!(field(r#","transactionid":"a\nb""#), "transactionid");
    }
}
