//! Slates that a user was served, so far as they are remembered: what feeds are made of.
//!
//! A feed is a chain of slates, each asked for by the one before; it has the id of its first. A store keeps the last
//! slates of a user, whatever feeds they are of.

pub mod frame;

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::contract::id::ItemId;

/// Identifies a slate among those of its user, and the feed that it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SlateId(pub u64);

impl SlateId {
    /// The id of an answer, by its `recommendation_id`.
    #[must_use]
    pub fn of(recommendation_id: &str) -> Self {
        Self(xxh3_64(recommendation_id.as_bytes()))
    }
}

/// A slate as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedSlate {
    /// Its own id.
    pub id: SlateId,
    /// The feed that it is a page of.
    pub feed: SlateId,
    /// When it was served, milliseconds since the epoch.
    pub served_ms: i64,
    /// Best first.
    pub items: Vec<ItemId>,
}

/// Drops slates that count no more.
///
/// * `after_ms`: those that were served then or before have expired.
/// * `erased_ms`: the same of those that were served before their user was erased, if that was.
pub fn forget(slates: &mut Vec<Arc<ServedSlate>>, after_ms: i64, erased_ms: Option<i64>) {
    let after_ms = erased_ms.map_or(after_ms, |erased_ms| after_ms.max(erased_ms));
    slates.retain(|slate| slate.served_ms > after_ms);
}

/// How much of a score is left of an item that was served: 0 at once, and linearly up to 1 at the end of `window_ms`.
#[must_use]
pub fn left_of_score(age_ms: i64, window_ms: i64) -> f32 {
    // Clocks differ: what is ahead was served just now.
    (age_ms.max(0) as f64 / window_ms.max(1) as f64).min(1.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_comes_back_linearly_and_clocks_may_differ() {
        let left = [-5, 0, 25, 100, 900].map(|age_ms| left_of_score(age_ms, 100));
        assert_eq!(left, [0.0, 0.0, 0.25, 1.0, 1.0]);
    }

    #[test]
    fn what_has_expired_and_what_is_from_before_an_erasure_counts_no_more() {
        let slate =
            |served_ms| Arc::new(ServedSlate { id: SlateId(1), feed: SlateId(1), served_ms, items: Vec::new() });
        let left = |after_ms, erased_ms| {
            let mut slates: Vec<Arc<ServedSlate>> = [10, 20, 30].map(slate).into();
            forget(&mut slates, after_ms, erased_ms);
            slates.iter().map(|slate| slate.served_ms).collect::<Vec<_>>()
        };
        assert_eq!(left(9, None), [10, 20, 30]);
        assert_eq!(left(10, None), [20, 30]);
        assert_eq!(left(9, Some(20)), [30]);
        assert!(left(30, Some(5)).is_empty());
    }
}
