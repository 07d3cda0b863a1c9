//! Which users were erased, by the lines of the service's event log that say so.
//!
//! In: the lines that say so, see `service_log`. Out: the users with the time of their last erasure. Their events
//! up to it do not count, whichever file they are in, nor does a row of a user table unless an event came after it.

use hashbrown::HashMap;
use shared::contract::erasure::Erasure;

/// The reason for lines that say that somebody was erased, or that were erased themselves.
pub const ERASURE: &str = "the erasure of a user, or a line that one left";
/// The reason for events from before the erasure of their user.
pub const ERASED: &str = "before the erasure of its user";

/// The users who were erased, with the times of their erasures, ascending, milliseconds since the epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erased(HashMap<Box<str>, Vec<i64>>);

impl Erased {
    /// Adds an erasure.
    pub fn add(&mut self, erasure: &Erasure) {
        let times = self.0.entry(erasure.user.as_str().into()).or_default();
        if let Err(at) = times.binary_search(&erasure.received_ms) {
            times.insert(at, erasure.received_ms);
        }
    }

    /// Whether an event of a user is from before their erasure.
    ///
    /// * `time_ms`: when it was accepted, or else when it happened, milliseconds since the epoch.
    #[must_use]
    pub fn holds(&self, user: &str, time_ms: i64) -> bool {
        self.during(user, time_ms, None)
    }

    /// Whether a user was erased in a time.
    ///
    /// * `until_ms`: when it ended, if it did.
    #[must_use]
    pub fn during(&self, user: &str, since_ms: i64, until_ms: Option<i64>) -> bool {
        let is_in = |&erased_ms: &i64| since_ms <= erased_ms && until_ms.is_none_or(|until_ms| erased_ms < until_ms);
        !self.0.is_empty() && self.0.get(user).is_some_and(|times| times.iter().any(is_in))
    }

    /// Whether a user was ever erased.
    #[must_use]
    pub fn has(&self, user: &str) -> bool {
        self.0.contains_key(user)
    }

    /// Whether nobody was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
