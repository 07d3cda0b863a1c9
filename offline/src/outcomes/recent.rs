//! Which events were there before: a client that got no answer sends an event again.
//!
//! Without a time of its own it gets that of its arrival, and may be due to another slate then. Two sets take turns, each for
//! some hours, so that memory is that of the events of twice as many.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::take;

use shared::contract::event::Event;

/// The events of the last hours.
pub struct Recent {
    /// How long an event is known at least.
    known_ms: i64,
    /// When the newer set began.
    since_ms: i64,
    newer: HashSet<u64>,
    older: HashSet<u64>,
}

impl Recent {
    /// Begins without events.
    pub fn new(known_ms: i64) -> Self {
        Self { known_ms, since_ms: i64::MIN, newer: HashSet::new(), older: HashSet::new() }
    }

    /// Whether an event that was written at a time was not there before, by its user and id.
    pub fn is_new(&mut self, event: &Event, now_ms: i64) -> bool {
        if now_ms.saturating_sub(self.since_ms) > self.known_ms {
            (self.older, self.since_ms) = (take(&mut self.newer), now_ms);
        }
        let mut hasher = DefaultHasher::new();
        (&event.user, &event.event_id).hash(&mut hasher);
        let key = hasher.finish();
        !self.older.contains(&key) && self.newer.insert(key)
    }
}

#[cfg(test)]
mod tests {
    use shared::contract::id::{ItemId, UserId};
    use shared::contract::kind::KindName;

    use super::*;

    #[test]
    fn an_event_is_known_by_user_and_id_for_so_long_at_least() {
        let event = |user: &str, id: &str| Event {
            timestamp_ms: 0,
            user: UserId::new(user).expect("an id"),
            kind: KindName::VIEW,
            item: ItemId::new("i").expect("an id"),
            transaction_id: None,
            event_id: id.to_owned(),
            received_ms: 0,
            recommendation_id: None,
        };
        let mut recent = Recent::new(10);
        assert!(recent.is_new(&event("a", "1"), 0) && recent.is_new(&event("b", "1"), 5));
        assert!(!recent.is_new(&event("a", "1"), 10) && recent.is_new(&event("a", "2"), 11));
        assert!(!recent.is_new(&event("b", "1"), 15));
        assert!(recent.is_new(&event("c", "1"), 22) && recent.is_new(&event("b", "1"), 23));
    }
}
