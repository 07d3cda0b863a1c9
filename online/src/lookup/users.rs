//! What is known of users, and which there are.
//!
//! In: the served snapshot, and what the store has of a user. Out: the types of [`shared::contract::known`]. Users are those of
//! whom the version knows events or a profile, and those of whom something was said since; one who has but live events is
//! shown, and listed from the next version on.

use std::collections::BTreeSet;
use std::ops::Bound;

use shared::contract::artifact::strings::Strings;
use shared::contract::known::{KnownUser, SaidField};
use shared::engine::packed::unpack_user;
use shared::engine::record;
use shared::engine::snapshot::Snapshot;
use shared::engine::state::{BatchUser, LiveHistory};

use super::Cursor;

/// What is known of a user; `None` if that is nothing.
#[must_use]
pub fn describe_user(snapshot: &Snapshot, user: &str, live: &LiveHistory) -> Option<KnownUser> {
    let (covered, is_hidden) = (snapshot.covered(), live.hides(snapshot.covered()));
    // What was merged into another user is known of that one.
    let record = snapshot.users().record(user).filter(|_| !is_hidden && !live.gave_record(covered));
    let profiles = snapshot.profiles().filter(|_| !is_hidden);
    let profile = profiles.and_then(|profiles| Some((profiles, profiles.table().of_user(user)?)));
    let past = record::whole(snapshot, live, || record.and_then(|record| unpack_user(record).ok()).unwrap_or_default());
    let has_past = record.is_some() || past != BatchUser::default();
    if !has_past && profile.is_none() && live.recent.is_empty() && live.older.is_empty() && live.said.is_empty() {
        return None;
    }
    let live_times = live.recent.iter().map(|event| event.timestamp_ms);
    let times = || past.history.iter().map(|event| event.timestamp_ms).chain(live_times.clone());
    let said = live.said.iter().map(|(field, latest)| {
        (field.to_string(), SaidField { value: latest.value.clone(), timestamp: latest.stamp.timestamp_ms })
    });
    Some(KnownUser {
        user_id: user.to_owned(),
        in_version: record.is_some(),
        profile: profile.map_or_else(Default::default, |(profiles, profile)| {
            profiles.told(&profile).map(|(name, value)| (name.to_owned(), value)).collect()
        }),
        said: said.collect(),
        live_events: live.recent.len(),
        first_event: times().min(),
        last_event: times().max(),
    })
}

/// Which users are wanted.
#[derive(Debug, Clone, Copy)]
pub struct WantedUsers<'a> {
    /// Where the page before ended.
    pub after: Option<&'a Cursor>,
    /// How many.
    pub limit: usize,
    /// Only those whose id begins so.
    pub begin: &'a str,
}

impl<'a> WantedUsers<'a> {
    /// From where on ids are wanted.
    #[must_use]
    pub fn from(&self) -> Bound<&'a str> {
        match self.after.map(Cursor::id) {
            Some(after) if after >= self.begin => Bound::Excluded(after),
            _ => Bound::Included(self.begin),
        }
    }

    /// How many ids have to be looked at in each list of them: one more tells whether there are others.
    #[must_use]
    pub fn most(&self) -> usize {
        self.limit + 1
    }
}

/// The ids of a page, ascending, and where it ended if there are more.
///
/// * `named`: the first [`WantedUsers::most`] users from [`WantedUsers::from`] on of whom something was said.
#[must_use]
pub fn page_of_users(
    snapshot: &Snapshot,
    wanted: WantedUsers<'_>,
    named: Vec<String>,
) -> (Vec<String>, Option<Cursor>) {
    let users = &snapshot.users().ids;
    let profiles = snapshot.profiles().map(|profiles| &profiles.table().ids);
    let mut found: BTreeSet<String> = named.into_iter().filter(|id| id.starts_with(wanted.begin)).collect();
    for ids in [Some(users), profiles].into_iter().flatten() {
        found.extend(ids_of(ids, wanted).map(str::to_owned));
    }
    let mut page: Vec<String> = found.into_iter().take(wanted.most()).collect();
    if page.len() <= wanted.limit {
        return (page, None);
    }
    page.pop();
    let last = page.last().map(|id| Cursor::after(id));
    (page, last)
}

/// The first ids that are wanted of a sorted list.
fn ids_of<'a>(ids: &'a Strings, wanted: WantedUsers<'a>) -> impl Iterator<Item = &'a str> {
    let (first, before) = match wanted.from() {
        Bound::Excluded(before) => (before, Some(before)),
        Bound::Included(first) => (first, None),
        Bound::Unbounded => ("", None),
    };
    let rows = ids.first_from(first)..ids.len();
    let own = rows.map(|row| ids.get(row)).skip_while(move |id| Some(*id) == before);
    own.take_while(move |id| id.starts_with(wanted.begin)).take(wanted.most())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_list_begin_behind_the_cursor_and_as_is_wanted() {
        let ids: Strings = ["a", "b1", "b2", "b3", "c"].into_iter().collect();
        let all = |after: Option<&str>, begin: &str| {
            let after = after.map(Cursor::after);
            let wanted = WantedUsers { after: after.as_ref(), limit: 1, begin };
            ids_of(&ids, wanted).map(str::to_owned).collect::<Vec<_>>().join(" ")
        };
        assert_eq!([all(None, ""), all(Some("b1"), ""), all(Some("c"), "")], ["a b1", "b2 b3", ""]);
        assert_eq!(
            [all(None, "b"), all(Some("a"), "b"), all(Some("b2"), "b"), all(Some("c"), "b")],
            ["b1 b2", "b1 b2", "b3", ""]
        );
    }
}
