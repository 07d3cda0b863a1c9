//! Makes the user table: for each user the record that the service reads, with cached candidates, the last events, and
//! all items of their past.
//!
//! In: a log, and the snapshot that was fitted on it. Out: packed records. Cached candidates are the engine's slate for
//! the user's whole past with the weights of the long-term blend, without the user's own items, which the service has
//! in the history. Users without an event for `users.active_days` get none: their slates come from their history. Cost:
//! one slate per user.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use shared::contract::api::Seen;
use shared::contract::event::EventKind;
use shared::contract::params::Weights;
use shared::engine::packed::pack_user;
use shared::engine::recommend::{Query, Scratch, recommend_with};
use shared::engine::snapshot::Snapshot;
use shared::engine::state::{BatchUser, Interaction, SeenItem, UserState};
use shared::engine::topk::Scored;
use shared::tables::Users;

use crate::log::ingest::{DAY_MS, Log};
use crate::log::interactions::Pasts;

/// The sizes of user records. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct UsersConfig {
    pub cached: usize,
    pub active_days: i64,
    pub history: usize,
}

/// The number of users whose records are made at a time.
const BLOCK: usize = 4096;

/// Makes the records of some users of the log that `snapshot` was fitted on.
///
/// * `users`: rows of `log.users`, ascending.
/// * `long_term`: the weights of the long-term blend, which makes the cached candidates.
/// * `progress`: called with the number of users done so far.
#[must_use]
pub fn build(
    log: &Log,
    users: &[usize],
    snapshot: &Snapshot,
    long_term: &Weights,
    config: &UsersConfig,
    progress: &(dyn Fn(u64) + Sync),
) -> Users {
    let pasts = Pasts::of(log);
    let active_from_ms = log.now_ms().saturating_sub(config.active_days.saturating_mul(DAY_MS));
    let mut records: Vec<(&str, Vec<u8>)> = Vec::with_capacity(users.len());
    for (block, rows) in users.chunks(BLOCK).enumerate() {
        let record = |scratch: &mut Scratch, &user: &usize| {
            let past = pasts.of_user(log, user);
            let active = past.last().is_some_and(|event| event.timestamp_ms >= active_from_ms);
            let cached = if active { cached(snapshot, long_term, &past, config.cached, scratch) } else { Vec::new() };
            let history = past[past.len().saturating_sub(config.history)..].to_vec();
            pack_user(&BatchUser { cached, history, seen: seen(&past) })
        };
        let made: Vec<Vec<u8>> = rows.par_iter().map_init(Scratch::default, record).collect();
        records.extend(rows.iter().map(|&user| &*log.users[user]).zip(made));
        progress((block * BLOCK + rows.len()) as u64);
    }
    records.into_iter().collect()
}

/// The cached candidates of a user with this past.
pub fn cached(
    snapshot: &Snapshot,
    long_term: &Weights,
    past: &[Interaction],
    count: usize,
    scratch: &mut Scratch,
) -> Vec<Scored> {
    let state = UserState { history: past.to_vec(), ..UserState::default() };
    let query = Query::of(count, Seen::ExcludeAll);
    let now_ms = past.last().map_or(0, |event| event.timestamp_ms);
    let slate = recommend_with(snapshot, long_term, &state, &query, now_ms, scratch);
    // Items that only fill the slate have score 0.
    slate
        .picks
        .iter()
        .filter(|pick| pick.score > 0.0)
        .map(|pick| Scored { item: pick.item, score: pick.score })
        .collect()
}

/// The distinct items of a past, by item.
fn seen(past: &[Interaction]) -> Vec<SeenItem> {
    let mut seen: Vec<SeenItem> = past
        .iter()
        .map(|event| SeenItem { item: event.item, purchased: event.kind == EventKind::Transaction })
        .collect();
    seen.sort_unstable();
    // A purchase is the greater one and comes last; it is kept.
    seen.dedup_by(|later, kept| {
        let same = later.item == kept.item;
        kept.purchased |= same && later.purchased;
        same
    });
    seen
}

#[cfg(test)]
mod tests {
    use shared::contract::id::ItemIdx;

    use super::*;

    #[test]
    fn an_item_viewed_and_bought_is_seen_once_and_bought() {
        let event = |item, kind| Interaction { item: ItemIdx(item), kind, timestamp_ms: 0, event_key: 0 };
        let past = [event(2, EventKind::Transaction), event(1, EventKind::View), event(2, EventKind::View)];
        let expected = [(1, false), (2, true)].map(|(item, purchased)| SeenItem { item: ItemIdx(item), purchased });
        assert_eq!(seen(&past), expected);
    }
}
