//! Makes the user table: for each user the record that the service reads, with cached candidates, the last events, and
//! all items of their past.
//!
//! In: a log, and the snapshot that was fitted on it. Out: packed records. Cached candidates are the engine's slate for
//! the user's whole past with the weights of the long-term blend, without the user's own items, which the service has
//! in the history, and without those that the user blocked. Users without an event for `users.active_days` get none: their slates come from their history. Cost:
//! one slate per user.

use std::collections::HashMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use shared::contract::api::Seen;
use shared::contract::id::{ItemIdx, UserIdx};
use shared::contract::kind::{KindIdx, Kinds};
use shared::contract::params::Weights;
use shared::engine::packed::pack_user;
use shared::engine::recommend::{Query, Scratch, recommend_with};
use shared::engine::snapshot::Snapshot;
use shared::engine::state::{BatchUser, Interaction, SeenItem, UserState};
use shared::engine::topk::Scored;
use shared::tables::Users;

use crate::log::ingest::{DAY_MS, Log, Reason, TakenBack};
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
    let (pasts, aside) = (Pasts::of(log), aside(log));
    let active_from_ms = log.now_ms().saturating_sub(config.active_days.saturating_mul(DAY_MS));
    let mut records: Vec<(&str, Vec<u8>)> = Vec::with_capacity(users.len());
    for (block, rows) in users.chunks(BLOCK).enumerate() {
        let record = |scratch: &mut Scratch, &user: &usize| {
            let past = pasts.of_user(log, user);
            let nothing = Vec::new();
            let aside = aside.get(&UserIdx(user as u32)).unwrap_or(&nothing);
            let all = past.iter().map(|event| (event.item, event.kind)).chain(aside.iter().copied());
            let seen = seen(all, &log.kinds);
            let active = past.last().is_some_and(|event| event.timestamp_ms >= active_from_ms);
            let cached =
                if active { cached(snapshot, long_term, &past, &seen, config.cached, scratch) } else { Vec::new() };
            let history = past[past.len().saturating_sub(config.history)..].to_vec();
            pack_user(&BatchUser { cached, history, seen })
        };
        let made: Vec<Vec<u8>> = rows.par_iter().map_init(Scratch::default, record).collect();
        records.extend(rows.iter().map(|&user| &*log.users[user]).zip(made));
        progress((block * BLOCK + rows.len()) as u64);
    }
    records.into_iter().collect()
}

/// The cached candidates of a user with this past, in which these items are seen.
pub fn cached(
    snapshot: &Snapshot,
    long_term: &Weights,
    past: &[Interaction],
    seen: &[SeenItem],
    count: usize,
    scratch: &mut Scratch,
) -> Vec<Scored> {
    let state = UserState { history: past.to_vec(), seen: seen.to_vec(), ..UserState::default() };
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

/// What each user's record lists besides the interactions: items that are blocked, and what happened to them before. A
/// purchase of theirs counts again once the block is undone.
fn aside(log: &Log) -> HashMap<UserIdx, Vec<(ItemIdx, KindIdx)>> {
    let mut aside: HashMap<UserIdx, Vec<(ItemIdx, KindIdx)>> = HashMap::new();
    let hidden = log.taken_back.iter().filter(|taken| matches!(taken.reason, Reason::Blocked(_)));
    let hidden = hidden.map(|TakenBack { event, .. }| (event.user, event.item, event.kind));
    let blocks = log.blocked.iter().map(|blocked| (blocked.user, blocked.item, blocked.kind));
    for (user, item, kind) in hidden.chain(blocks) {
        aside.entry(user).or_default().push((item, kind));
    }
    aside
}

/// The distinct items of a past, by item: once for each kind that buys or blocks it, else once.
fn seen(past: impl Iterator<Item = (ItemIdx, KindIdx)>, kinds: &Kinds) -> Vec<SeenItem> {
    let deciding = |kind: KindIdx| if kinds.buys(kind) || kinds.blocks(kind) { kind } else { KindIdx::VIEW };
    let mut seen: Vec<SeenItem> = past.map(|(item, kind)| SeenItem { item, kind: deciding(kind) }).collect();
    // Views come first; one is kept only if nothing else is known of the item.
    seen.sort_unstable_by(|a, b| b.cmp(a));
    seen.dedup_by(|earlier, kept| earlier.item == kept.item && [KindIdx::VIEW, kept.kind].contains(&earlier.kind));
    seen.reverse();
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_viewed_and_bought_is_seen_once_and_bought_and_a_blocked_one_is_listed_beside_its_purchase() {
        let (view, bought, hidden) = (KindIdx::VIEW, KindIdx::TRANSACTION, KindIdx(4));
        let past = [(2, bought), (1, view), (2, view), (3, hidden), (3, view), (3, bought), (1, KindIdx::ADD_TO_CART)];
        let expected = [(1, view), (2, bought), (3, bought), (3, hidden)];
        let expected = expected.map(|(item, kind)| SeenItem { item: ItemIdx(item), kind });
        let past = past.into_iter().map(|(item, kind)| (ItemIdx(item), kind));
        assert_eq!(seen(past, &Kinds::default()), expected);
    }

    #[test]
    fn records_list_what_is_blocked_and_forget_what_was_taken_back() {
        let log = Log::of_rows(&[
            (0, "u", "transaction", "rope"),
            (1, "u", "transaction", "pear"),
            (2, "u", "refund", "rope"),
            (3, "u", "dislike", "pear"),
        ]);
        let dislike = log.kinds.index("dislike").expect("built in");
        let pear = ItemIdx(0);
        assert_eq!(aside(&log), HashMap::from([(UserIdx(0), vec![(pear, KindIdx::TRANSACTION), (pear, dislike)])]));
    }
}
