//! Answers all users of a run, part by part; the users of a part are answered by all cores, and written in their order.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use shared::contract::id::UserId;
use shared::engine::recommend::{Personal, Query, Scratch, recommend};
use shared::engine::record;
use shared::engine::snapshot::Snapshot;
use shared::engine::state::{LiveHistory, UserState};

use super::BulkError;
use super::live::Since;
use super::rows::{Line, items};
use super::users::Users;

/// About how many rows a part has, and the bounds of its users: what is lost when a run is killed, and what is in memory.
const ROWS: usize = 1 << 16;
const USERS: (usize, usize) = (128, 4096);
/// How many users a core takes at least, since its buffers are made for each share.
pub(super) const SHARE: usize = 32;

/// What answers.
#[derive(Clone, Copy)]
pub struct Service<'a> {
    /// The version.
    pub snapshot: &'a Snapshot,
    /// The query of all users.
    pub query: &'a Query,
    /// What the logs say since the version was built, if they count.
    pub since: &'a Since,
    /// The time of the run, milliseconds since the epoch.
    pub now_ms: i64,
    /// Who is left out.
    pub erased: Erased,
}

/// What becomes of users who were erased since the version was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erased {
    /// They get what somebody unknown gets, as from the service.
    Answered,
    /// They are left out.
    LeftOut,
}

/// How many users got what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Users with a slate.
    pub users: u64,
    /// Those whose slate anybody would have got.
    pub non_personal: u64,
    /// Those of whom nothing is known: no record, no event since, no profile.
    pub unknown: u64,
    /// Users who were left out, since they were erased.
    pub erased: u64,
}

impl Counts {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            users: self.users + other.users,
            non_personal: self.non_personal + other.non_personal,
            unknown: self.unknown + other.unknown,
            erased: self.erased + other.erased,
        }
    }
}

/// What becomes of a user.
enum Fate {
    Answered { line: Line, personal: Personal, is_known: bool },
    Erased,
}

/// Takes the slates of a part, and what they count.
pub type Write<'a> = dyn FnMut(&[Line], Counts) -> Result<(), BulkError> + 'a;

/// How many users a part has.
#[must_use]
pub fn users_of_part(k: usize) -> usize {
    (ROWS / k.max(1)).clamp(USERS.0, USERS.1)
}

/// Answers the users behind the first `skip`, and gives `write` each part with its number of users.
///
/// # Errors
/// [`BulkError`] when the users can't be read, or a part can't be written.
pub fn answer(
    service: Service<'_>,
    users: &Users<'_>,
    skip: u64,
    write: &mut Write<'_>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(), BulkError> {
    let size = users_of_part(service.query.k);
    let (mut part, mut met): (Vec<UserId>, u64) = (Vec::with_capacity(size), 0);
    progress(skip);
    users.for_each(&mut |user| {
        met += 1;
        if met > skip {
            part.push(user);
        }
        if part.len() == size {
            answer_part(service, &mut part, write)?;
            progress(met);
        }
        Ok(())
    })?;
    if !part.is_empty() {
        answer_part(service, &mut part, write)?;
        progress(met);
    }
    Ok(())
}

fn answer_part(service: Service<'_>, part: &mut Vec<UserId>, write: &mut Write<'_>) -> Result<(), BulkError> {
    let one = |scratch: &mut Scratch, user: &UserId| service.answer(user, scratch);
    let fates: Vec<Fate> = part.par_iter().with_min_len(SHARE).map_init(Scratch::default, one).collect();
    let (mut lines, mut counts) = (Vec::with_capacity(fates.len()), Counts::default());
    for fate in fates {
        match fate {
            Fate::Erased => counts.erased += 1,
            Fate::Answered { line, personal, is_known } => {
                counts.users += 1;
                counts.non_personal += u64::from(personal == Personal::No);
                counts.unknown += u64::from(!is_known);
                lines.push(line);
            }
        }
    }
    part.clear();
    write(&lines, counts)
}

impl Service<'_> {
    fn answer(&self, user: &UserId, scratch: &mut Scratch) -> Fate {
        let nothing = LiveHistory::default();
        let live = self.since.histories.get(user).unwrap_or(&nothing);
        if self.erased == Erased::LeftOut && live.hides(self.snapshot.covered()) {
            return Fate::Erased;
        }
        let batch = record::of_version(self.snapshot, user.as_str());
        let has_record = batch.is_some();
        let state = UserState::of(self.snapshot, user.as_str(), live, || batch.unwrap_or_default());
        let is_known = has_record || !live.is_empty() || state.profile.is_some();
        let slate = recommend(self.snapshot, &state, self.query, self.now_ms, scratch);
        let line = Line { user: user.clone(), items: items(self.snapshot, &slate.picks) };
        Fate::Answered { line, personal: slate.personal, is_known }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_about_as_many_rows_whatever_the_slates_are() {
        assert_eq!([1, 20, 500].map(users_of_part), [4096, 3276, 131]);
    }
}
