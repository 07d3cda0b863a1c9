//! The bytes of live histories in the memory of a service with the embedded store.
//!
//! ```text
//! slot      id and pointer, and a byte of the table; tables have 2^n slots, at most 7/8 of them full
//! id        allocated(bytes of the id)
//! history   allocated(counters + LiveHistory)
//! events    allocated(2^n · LiveEvent), and allocated(bytes of the id) for the item of each
//! ```
//!
//! The store has 64 tables of equal sizes. Sizes of types are the compiler's, so that they follow the code.

use std::mem::size_of;
use std::sync::Arc;

use shared::contract::id::UserId;
use shared::engine::state::{LiveEvent, LiveHistory};

use super::Shop;
use super::redis::allocated;

/// The tables of the store.
const SHARDS: u64 = 64;
/// The counters of references beside a history.
const COUNTERS: usize = 16;
/// The fewest events that memory is taken for.
const FEWEST: usize = 4;

/// The bytes of the live histories of all users.
#[must_use]
pub fn histories(shop: &Shop) -> u64 {
    let events = shop.live_events.next_power_of_two().max(FEWEST) * size_of::<LiveEvent>();
    let user = allocated(shop.user_id_bytes)
        + allocated(COUNTERS + size_of::<LiveHistory>())
        + allocated(events)
        + shop.live_events * allocated(shop.item_id_bytes);
    let slots = SHARDS * (shop.users.div_ceil(SHARDS) * 8 / 7).next_power_of_two();
    shop.users * user as u64 + slots * (size_of::<(UserId, Arc<LiveHistory>)>() as u64 + 1)
}
