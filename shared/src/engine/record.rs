//! Reads the batch's record of a user for a snapshot, and makes of record and live history what is known of the user: one
//! piece of code for the service and for the batch that answers as the service does.

use crate::engine::packed::{PackedError, unpack_user};
use crate::engine::snapshot::Snapshot;
use crate::engine::state::{BatchUser, LiveHistory, UserState};
use crate::tables::Profile;

/// Reads a packed record.
///
/// # Errors
/// [`PackedError`] for one that can't be read, or that is of another snapshot.
pub fn read(bytes: &[u8], snapshot: &Snapshot) -> Result<BatchUser, PackedError> {
    unpack_user(bytes).and_then(|record| if fits(&record, snapshot) { Ok(record) } else { Err(PackedError::Damaged) })
}

/// The record that the snapshot's version has of a user; `None` if it has none that can be read.
#[must_use]
pub fn of_version(snapshot: &Snapshot, user: &str) -> Option<BatchUser> {
    snapshot.users().record(user).and_then(|bytes| read(bytes, snapshot).ok())
}

/// Whether a record refers only to items and kinds of the snapshot; a record of another shop's artifact may not.
#[must_use]
pub fn fits(record: &BatchUser, snapshot: &Snapshot) -> bool {
    let (items, kinds) = (snapshot.items().len(), &snapshot.params().kinds);
    record.cached.iter().all(|candidate| candidate.item.at() < items)
        && record.history.iter().all(|event| event.item.at() < items && kinds.has(event.kind))
        && record.seen.iter().all(|seen| seen.item.at() < items && kinds.has(seen.kind))
}

impl UserState {
    /// What is known of a user: record, live history and profile. Of somebody who was erased since the version was
    /// built, the live history is all that may be known.
    ///
    /// * `record`: reads the batch's record.
    #[must_use]
    pub fn of(snapshot: &Snapshot, user: &str, live: &LiveHistory, record: impl FnOnce() -> BatchUser) -> Self {
        let state = Self::join(snapshot, whole(snapshot, live, record), live);
        state.with_profile(profile(snapshot, user, live))
    }
}

/// The records of the version that count for a user: their own, unless they were erased or it is another's since, and those
/// of the users whose pasts came by merges that it does not cover.
///
/// * `record`: reads the user's own.
#[must_use]
pub fn whole(snapshot: &Snapshot, live: &LiveHistory, record: impl FnOnce() -> BatchUser) -> BatchUser {
    let covered = snapshot.covered();
    let own = if live.hides(covered) || live.gave_record(covered) { BatchUser::default() } else { record() };
    let others = live.records(covered).filter_map(|user| of_version(snapshot, user.as_str()));
    others.fold(own, BatchUser::with)
}

/// What is known of a user beside events: what the version has, and on top of it what was said since; of somebody who was
/// erased and whom the version still knows, what was said after that alone. No merge changes it.
#[must_use]
pub fn profile(snapshot: &Snapshot, user: &str, live: &LiveHistory) -> Option<Profile> {
    let profiles = snapshot.profiles()?;
    let covered = snapshot.covered();
    let is_hidden = live.hides(covered);
    let said = live.said.iter().filter(|(_, latest)| is_hidden || !covered.covers(Some(latest.stamp.place)));
    let said = said.map(|(name, latest)| (&**name, latest.value.as_ref()));
    let stored = if is_hidden { None } else { snapshot.profile_of(user) };
    profiles.with_said(stored, said)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::contract::id::ItemIdx;
    use crate::contract::kind::KindIdx;
    use crate::engine::packed::pack_user;
    use crate::engine::state::{LiveErasure, SeenItem};

    fn snapshot() -> Snapshot {
        Snapshot::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/format_2")).expect("loads")
    }

    fn seen(item: u32) -> BatchUser {
        BatchUser { seen: vec![SeenItem { item: ItemIdx(item), kind: KindIdx::VIEW }], ..BatchUser::default() }
    }

    #[test]
    fn a_record_of_another_shop_is_refused() {
        let snapshot = snapshot();
        assert_eq!(read(&pack_user(&seen(0)), &snapshot), Ok(seen(0)));
        assert_eq!(read(&pack_user(&seen(snapshot.items().len() as u32)), &snapshot), Err(PackedError::Damaged));
        assert_eq!(of_version(&snapshot, "nobody at all"), None);
    }

    #[test]
    fn of_somebody_erased_since_the_version_no_record_counts() {
        let snapshot = snapshot();
        let mut live = LiveHistory::default();
        assert_eq!(UserState::of(&snapshot, "u", &live, || seen(0)).seen, seen(0).seen);
        live.erase(LiveErasure { received_ms: 5, place: None });
        assert!(UserState::of(&snapshot, "u", &live, || seen(0)).seen.is_empty());
    }
}
