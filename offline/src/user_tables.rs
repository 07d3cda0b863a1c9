//! Makes the record of each user that the service reads: cached candidates, the last events, and all items of their past.
//!
//! In: a log, and the snapshot that was fitted on it. Out: packed records. Cached candidates are the engine's answer under
//! the long-term blend to the user's whole past, without the user's own items, which the service knows from the history.
//! Users without an event for `users.active_days` get none: they are answered from their history. Cost: an answer a user.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use shared::api::Seen;
use shared::event::EventKind;
use shared::keys::pack_user;
use shared::params::Weights;
use shared::recommend::{Query, Scratch, recommend_with};
use shared::snapshot::Snapshot;
use shared::state::{BatchUser, Interaction, SeenItem, UserState};
use shared::tables::Users;
use shared::topk::Scored;

use crate::ingest::{DAY_MS, Log};
use crate::interactions::Pasts;

/// What is kept of users. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct UsersConfig {
    pub cached: usize,
    pub active_days: i64,
    pub history: usize,
}

/// Users whose records are made at a time.
const BLOCK: usize = 4096;

/// Makes the records of some users of the log that `snapshot` was fitted on.
///
/// * `users`: rows of `log.users`, ascending.
/// * `long_term`: the blend that cached candidates come from.
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
    let active_from_ms = log.last_ms() - config.active_days * DAY_MS;
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

/// The long-term model's answer for a user with this past.
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
    // What only fills the slate is not the model's answer.
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
    // Of an item that was bought, the purchase stays: it is the greater one.
    seen.dedup_by(|later, kept| {
        let same = later.item == kept.item;
        kept.purchased |= same && later.purchased;
        same
    });
    seen
}

#[cfg(test)]
mod tests {
    use shared::id::ItemIdx;

    use super::*;

    #[test]
    fn an_item_viewed_and_bought_is_seen_once_and_bought() {
        let event = |item, kind| Interaction { item: ItemIdx(item), kind, timestamp_ms: 0, event_key: 0 };
        let past = [event(2, EventKind::Transaction), event(1, EventKind::View), event(2, EventKind::View)];
        let expected = [(1, false), (2, true)].map(|(item, purchased)| SeenItem { item: ItemIdx(item), purchased });
        assert_eq!(seen(&past), expected);
    }
}
