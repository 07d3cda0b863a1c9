//! Users that are made up: live histories and records as the service and the batch pack them.

use shared::contract::event::event_key;
use shared::contract::event_log::{FileId, Place};
use shared::contract::id::{ItemId, ItemIdx, UserId};
use shared::contract::kind::{KindIdx, Kinds};
use shared::engine::keys::{history_key, user_key};
use shared::engine::packed::{pack_history, pack_user};
use shared::engine::state::{BatchUser, Interaction, LiveEvent, LiveHistory, SeenItem};
use shared::engine::topk::Scored;

use super::Shop;
use crate::config::Config;

/// The name of a version, of the usual length.
const VERSION: &str = "v000001-0123abcd";
/// When everything began, milliseconds since the epoch.
const START_MS: i64 = 1_700_000_000_000;
/// The time between two events of a user, in milliseconds: some hours, never the same.
const PAUSE_MS: u64 = 30_000_000;

/// The keys of a user.
pub struct Keys {
    /// That of the live history.
    pub history: String,
    /// That of the record in one version.
    pub record: String,
}

impl Keys {
    /// The keys of a user with this number.
    ///
    /// # Panics
    /// Never: digits are a valid id.
    #[must_use]
    pub fn of(shop: &Shop, prefix: &str, number: u64) -> Self {
        let user = UserId::new(digits(number, shop.user_id_bytes)).expect("digits are a valid id");
        Self { history: history_key(prefix, &user), record: user_key(prefix, &user, VERSION) }
    }
}

fn digits(number: u64, length: usize) -> String {
    format!("{number:0>length$}")
}

/// A number that has nothing to do with others: the step of SplitMix64.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The events of a user: item and time, oldest first.
fn events(shop: &Shop, user: u64, count: usize) -> impl Iterator<Item = (u32, i64)> {
    let mut time_ms = START_MS;
    (0..count as u64).map(move |at| {
        let chance = mixed(user << 16 | at);
        time_ms += (chance % PAUSE_MS) as i64;
        ((chance >> 32) as u32 % shop.items.max(1), time_ms)
    })
}

/// The live history of a user, packed.
///
/// # Panics
/// Never: digits are a valid id.
#[must_use]
pub fn history(shop: &Shop, user: u64) -> Vec<u8> {
    pack_history(&live(shop, user))
}

/// The live history of a user.
///
/// # Panics
/// Never: digits are a valid id.
#[must_use]
pub fn live(shop: &Shop, user: u64) -> LiveHistory {
    let (kinds, file) = (Kinds::default(), FileId::of("0", 1, b"{}\n"));
    let event = |(at, (item, time_ms)): (usize, (u32, i64))| LiveEvent {
        received_ms: time_ms,
        event_key: event_key(&format!("{user}-{at}")),
        timestamp_ms: time_ms - 40,
        kind: kinds.get(KindIdx((at % shop.kinds.clamp(1, kinds.len())) as u8)).name.clone(),
        item: ItemId::new(digits(u64::from(item), shop.item_id_bytes)).expect("digits are a valid id"),
        place: Some(Place { file, end: mixed(user) % (64 << 20) }),
    };
    let recent = events(shop, user, shop.live_events).enumerate().map(event).collect();
    LiveHistory { recent, ..LiveHistory::default() }
}

/// The record of a user in a version with these settings, packed.
#[must_use]
pub fn record(shop: &Shop, config: &Config, user: u64) -> Vec<u8> {
    let kind = |at: usize| KindIdx((at % shop.kinds.max(1)) as u8);
    let past: Vec<(u32, i64)> = events(shop, user, shop.events).collect();
    let interaction = |(at, &(item, timestamp_ms)): (usize, &(u32, i64))| Interaction {
        item: ItemIdx(item),
        timestamp_ms,
        event_key: mixed(user << 16 | at as u64),
        kind: kind(at),
    };
    let cached = config.users.cached.min(shop.items as usize);
    let mut seen: Vec<SeenItem> =
        past.iter().enumerate().map(|(at, &(item, _))| SeenItem { item: ItemIdx(item), kind: kind(at) }).collect();
    seen.sort_unstable();
    seen.dedup_by_key(|seen| seen.item);
    pack_user(&BatchUser {
        cached: (0..cached).map(|at| Scored { item: ItemIdx(at as u32), score: 1.0 / (at + 1) as f32 }).collect(),
        history: past
            .iter()
            .enumerate()
            .skip(past.len().saturating_sub(config.users.history))
            .map(interaction)
            .collect(),
        seen,
    })
}
