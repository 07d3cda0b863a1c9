//! Lines of the service's event log that are no events, and why they are passed over.

use serde::Deserialize;
use shared::contract::event_log::line::Line;
use shared::contract::id::UserId;

use super::erased::{ERASED, ERASURE};
use super::items::changed::CHANGE;
use super::pasts::{MERGING, Pasts};
use super::users::SAID;

/// The reason for lines that say what was seen of a slate.
pub const IMPRESSION: &str = "what was seen of a slate, of which nothing is learnt";

/// A line that is no event, or none that counts.
pub struct NoEvent {
    /// Why it is passed over.
    pub reason: &'static str,
    /// The time of what it says, milliseconds since the epoch, if a version has that.
    pub timestamp_ms: Option<i64>,
    /// What it is about, for people.
    pub example: String,
}

impl NoEvent {
    /// Tells why a line of the service's log is no event that counts; `None` for one that may be.
    #[must_use]
    pub fn of(line: &[u8], pasts: &Pasts) -> Option<Self> {
        let silent = |reason| Some(Self { reason, timestamp_ms: None, example: String::new() });
        match Line::read(line) {
            Line::Blank | Line::Erasure(_) => silent(ERASURE),
            Line::Merging(_) => silent(MERGING),
            Line::Impression(seen) if pasts.erased.holds(seen.user.as_str(), seen.received_ms) => silent(ERASED),
            Line::Impression(_) => silent(IMPRESSION),
            Line::Change(change) => {
                let (timestamp_ms, example) = (Some(change.timestamp_ms), change.item.to_string());
                Some(Self { reason: CHANGE, timestamp_ms, example })
            }
            Line::User(change) if !pasts.says(change.user.as_str(), change.received_ms) => silent(ERASED),
            Line::User(change) => {
                Some(Self { reason: SAID, timestamp_ms: Some(change.timestamp_ms), example: String::new() })
            }
            Line::Other if was_erased(line, pasts) => silent(ERASED),
            Line::Other => None,
        }
    }
}

/// When the service accepted an event, and of whom.
#[derive(Deserialize)]
struct Accepted {
    visitorid: UserId,
    received: i64,
}

/// Whether an event was accepted before its user was erased.
fn was_erased(line: &[u8], pasts: &Pasts) -> bool {
    let accepted = || serde_json::from_slice::<Accepted>(line).ok();
    let is_held = |accepted: Accepted| pasts.whose(accepted.visitorid.as_str(), accepted.received).is_none();
    !pasts.erased.is_empty() && accepted().is_some_and(is_held)
}

/// When the service accepted the event of a line, milliseconds since the epoch.
pub fn accepted_ms(line: &[u8]) -> Option<i64> {
    serde_json::from_slice(line).ok().map(|Accepted { received, .. }| received)
}
