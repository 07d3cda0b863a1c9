//! Puts arrivals in the order of their users.

use std::collections::BTreeMap;

use shared::contract::id::UserId;
use shared::engine::state::LiveEvent;

use super::Arrival;

/// The events by user, those of each user in the order given, with their positions in that order.
pub(super) fn by_user(arrivals: &[Arrival]) -> BTreeMap<&UserId, Vec<(usize, &LiveEvent)>> {
    let mut users: BTreeMap<&UserId, Vec<(usize, &LiveEvent)>> = BTreeMap::new();
    for (at, arrival) in arrivals.iter().enumerate() {
        users.entry(&arrival.user).or_default().push((at, &arrival.event));
    }
    users
}
