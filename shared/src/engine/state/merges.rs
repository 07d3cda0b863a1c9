//! What merges do to live histories: a user's past becomes another's, and is given back by an undo.
//!
//! ```text
//! events of a ──▶ a: recent                       after the last merge of a
//!                 a: moves[a → b at 5].held ──▶ b: taken[a at 5].held ──▶ (b: moves[b → c at 7]) ──▶ c: taken[b at 7]
//! ```
//!
//! A history keeps every event of its own: in `recent`, or with the first merge that stands and was accepted with it or
//! after it ([`crate::contract::merge`] has the rule). What such a move holds, and what was taken from others and moves on
//! with it, is handed to the other user whole, with a version that grows with every change: there the highest version
//! counts. So histories of two users need no transaction, messages may be lost, doubled or late as long as one is sent
//! again, and an undo is a move that holds nothing.
//!
//! What was said of a user beside events moves nowhere: it is of the user, not of what they did.

use super::older::{remember, shorten};
use super::{Applied, BatchUser, HistoryBounds, LiveEvent, LiveHistory, LiveSeen, SeenItem};
use crate::contract::event_log::{Coverage, Place};
use crate::contract::id::UserId;
use crate::contract::merge::{Merge, Merging};

/// Most merges of one user that are remembered: of an earlier one, what it moved stays where it is for good, and what would
/// have gone with it and comes later is left to the versions.
pub const MAX_MOVES: usize = 256;
/// Most merges into one user whose events are in their live history; of earlier ones the versions know.
pub const MAX_TAKEN: usize = 512;

/// A merge of the user into another one, or its undo, on its way into the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveMerge {
    /// Whose the past is from now on.
    pub into: UserId,
    /// When the service accepted the merge, milliseconds since the epoch.
    pub received_ms: i64,
    /// The position of the merge's line in the event log; `None` for an undo.
    pub place: Option<Place>,
    /// Whether it is the undo.
    pub undone: bool,
}

impl LiveMerge {
    /// The merge or undo of a line at a place, and whose past it was.
    #[must_use]
    pub fn of(merging: &Merging, place: Place) -> (UserId, Self) {
        let Merge { from, into, received_ms } = merging.merge();
        let undone = matches!(merging, Merging::Undo(_));
        (from, Self { into, received_ms, place: (!undone).then_some(place), undone })
    }
}

/// A merge of the user into another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Move {
    /// Whose the past is.
    pub into: UserId,
    /// When the service accepted the merge, milliseconds since the epoch.
    pub received_ms: i64,
    /// The position of its line in the event log.
    pub place: Option<Place>,
    /// Whether it was undone: then it holds nothing.
    pub undone: bool,
    /// The last erasure of the user before it, milliseconds since the epoch.
    pub erased_ms: Option<i64>,
    /// Grows whenever what it moves changes.
    pub version: u64,
    /// What it moves of the user's own events.
    pub held: LiveHistory,
}

/// What came to the user by a merge.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// Whose past it was.
    pub from: UserId,
    /// When the service accepted the merge, milliseconds since the epoch.
    pub received_ms: i64,
    /// Of several, the highest counts.
    pub version: u64,
    /// The events and items.
    pub held: LiveHistory,
    /// Whose records of the batch count, each until a version covers the line at the place.
    pub records: Vec<(UserId, Option<Place>)>,
}

/// Merges of a user, and into them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Merges {
    /// Those of the user, by time.
    pub moves: Vec<Move>,
    /// Those into the user, by time.
    pub taken: Vec<Taken>,
}

impl Merges {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.moves.is_empty() && self.taken.is_empty()
    }

    /// When the last of them was accepted, milliseconds since the epoch.
    #[must_use]
    pub fn newest_ms(&self) -> Option<i64> {
        let moves = self.moves.iter().map(|of| of.received_ms);
        moves.chain(self.taken.iter().map(|of| of.received_ms)).max()
    }

    /// The last merge of the user into another one.
    #[must_use]
    pub fn last_into(&self, into: &UserId) -> Option<&Move> {
        self.moves.iter().rev().find(|of| of.into == *into && !of.undone).or_else(|| {
            // That of which an undo is told.
            self.moves.iter().rev().find(|of| of.into == *into)
        })
    }

    /// Whether anything in them was received before a time.
    #[must_use]
    pub fn is_stale(&self, oldest_ms: i64) -> bool {
        let is_old = |received_ms: i64, held: &LiveHistory| {
            received_ms < oldest_ms || held.recent.first().is_some_and(|event| event.received_ms < oldest_ms)
        };
        self.moves.iter().any(|of| is_old(of.received_ms, &of.held))
            || self.taken.iter().any(|of| is_old(of.received_ms, &of.held))
    }

    /// Drops what was received before a time.
    pub fn forget(&mut self, oldest_ms: i64) {
        self.moves.retain(|of| of.received_ms >= oldest_ms);
        self.taken.retain(|of| of.received_ms >= oldest_ms);
        let held = self.moves.iter_mut().map(|of| &mut of.held);
        for held in held.chain(self.taken.iter_mut().map(|of| &mut of.held)) {
            held.recent.retain(|event| event.received_ms >= oldest_ms);
            held.older.retain(|seen| seen.received_ms >= oldest_ms);
        }
    }

    /// The first move that stands, from a time on: what was the user's at that time went with it.
    pub(super) fn first(&self, earliest_ms: i64) -> Option<usize> {
        self.moves.iter().position(|of| !of.undone && of.received_ms >= earliest_ms)
    }

    /// The move that something went with that came by a merge: one at the same time does not take it on.
    fn next(&self, taken: &Taken) -> Option<usize> {
        self.first(taken.received_ms.saturating_add(1))
    }
}

impl LiveHistory {
    /// Whether the batch's record of the user is another's: a version that covers this much of the log lacks the merge.
    #[must_use]
    pub fn gave_record(&self, covered: &Coverage) -> bool {
        self.merges.moves.iter().any(|of| !of.undone && !covered.covers(of.place))
    }

    /// The users whose records of the batch count for this one, in a version that covers this much of the log.
    pub fn records<'a>(&'a self, covered: &'a Coverage) -> impl Iterator<Item = &'a UserId> {
        let here = self.merges.taken.iter().filter(|taken| self.merges.next(taken).is_none());
        let records = here.flat_map(|taken| &taken.records);
        records.filter(|(_, place)| !covered.covers(*place)).map(|(user, _)| user)
    }

    /// The history as it is asked for: with what came by merges, each event once.
    #[must_use]
    pub fn with_taken(&self, bounds: HistoryBounds<'_>) -> Self {
        let mut whole = self.clone();
        for taken in self.merges.taken.iter().filter(|taken| self.merges.next(taken).is_none()) {
            whole.add(&taken.held, bounds);
        }
        whole
    }

    /// Adds a merge of the user into another one, or its undo. In whatever order they and events are applied, the history
    /// is the same.
    pub fn merge(&mut self, merge: LiveMerge, bounds: HistoryBounds<'_>) {
        let LiveMerge { into, received_ms, place, undone } = merge;
        let erased = self.erased.iter().map(|erased| erased.received_ms);
        let erased = erased.chain(self.merges.moves.iter().filter_map(|of| of.erased_ms));
        let erased_ms = erased.filter(|at_ms| *at_ms < received_ms).max();
        let held = Self::default();
        self.add_move(Move { into, received_ms, place, undone, erased_ms, version: 0, held });
        self.sort_out(bounds);
    }

    fn add_move(&mut self, new: Move) {
        let moves = &mut self.merges.moves;
        match moves.binary_search_by(|of| (of.received_ms, &of.into).cmp(&(new.received_ms, &new.into))) {
            Ok(at) => {
                let known = &mut moves[at];
                known.place = known.place.or(new.place);
                known.undone |= new.undone;
                known.erased_ms = known.erased_ms.max(new.erased_ms);
                known.version = known.version.max(new.version);
            }
            Err(at) => {
                moves.insert(at, new);
                let surplus = moves.len().saturating_sub(MAX_MOVES);
                let last_ms = moves.drain(..surplus).next_back().map(|of| of.received_ms);
                if let Some(last_ms) = last_ms {
                    // It must not go with the next one, which may be into somebody else.
                    moves.iter_mut().for_each(|of| of.erased_ms = of.erased_ms.max(Some(last_ms)));
                }
            }
        }
    }

    /// Takes what came by a merge, unless a later version of it is here.
    pub fn take(&mut self, taken: Taken) {
        let all = &mut self.merges.taken;
        match all.binary_search_by(|of| (of.received_ms, &of.from).cmp(&(taken.received_ms, &taken.from))) {
            Ok(at) if all[at].version >= taken.version => return,
            Ok(at) => all[at] = taken,
            Err(at) => {
                all.insert(at, taken);
                let surplus = all.len().saturating_sub(MAX_TAKEN);
                all.drain(..surplus);
            }
        }
        self.drop_erased();
    }

    /// What the user's merges from a time on move, by the user whom it is for: these are all that may have changed with what
    /// was accepted at that time.
    #[must_use]
    pub fn flows(&self, user: &UserId, since_ms: i64, bounds: HistoryBounds<'_>) -> Vec<(UserId, Taken)> {
        let flow = |(at, of): (usize, &Move)| {
            let (held, records) = self.moved(at, user, bounds);
            let (from, received_ms, version) = (user.clone(), of.received_ms, of.version);
            (of.into.clone(), Taken { from, received_ms, version, held, records })
        };
        let moves = self.merges.moves.iter().enumerate();
        moves.filter(|(_, of)| of.received_ms >= since_ms).map(flow).collect()
    }

    /// Changes the history, and gives what its merges move another version where that changes.
    ///
    /// * `now_ms`: the time, milliseconds since the epoch; a history that was lost begins with later versions by it.
    pub fn changing<T>(
        &mut self,
        user: &UserId,
        now_ms: i64,
        bounds: HistoryBounds<'_>,
        change: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let content = |history: &Self| -> Vec<(UserId, Taken)> {
            if history.merges.moves.is_empty() { Vec::new() } else { history.flows(user, i64::MIN, bounds) }
        };
        let before = content(self);
        let result = change(self);
        for ((into, flow), of) in content(self).into_iter().zip(&mut self.merges.moves) {
            let known = before.iter().find(|(other, known)| *other == into && known.received_ms == flow.received_ms);
            if known.is_none_or(|(_, known)| (&known.held, &known.records) != (&flow.held, &flow.records)) {
                of.version = of.version.saturating_add(1).max(now_ms.unsigned_abs());
            }
        }
        result
    }

    /// What a move takes with it: of the user's own, and of what came to them before.
    fn moved(&self, at: usize, user: &UserId, bounds: HistoryBounds<'_>) -> (Self, Vec<(UserId, Option<Place>)>) {
        let of = &self.merges.moves[at];
        if of.undone {
            return (Self::default(), Vec::new());
        }
        // Who was erased has no record, whatever a version still has of them.
        let own = of.erased_ms.is_none().then(|| (user.clone(), of.place));
        let (mut held, mut records) = (of.held.clone(), Vec::from_iter(own));
        for taken in self.merges.taken.iter().filter(|taken| self.merges.next(taken) == Some(at)) {
            held.add(&taken.held, bounds);
            // In a cycle the own record comes back.
            records.extend(taken.records.iter().filter(|(record, _)| record != user).cloned());
        }
        (held, records)
    }

    /// Adds events and items that are in place already.
    fn add(&mut self, other: &Self, bounds: HistoryBounds<'_>) {
        other.older.iter().for_each(|seen| remember(&mut self.older, seen.clone()));
        for event in &other.recent {
            self.insert(event.clone(), bounds);
        }
        shorten(&mut self.older, bounds.max_older);
    }

    /// Whether the user was erased while something was theirs.
    ///
    /// * `at`: the move that it went with.
    pub(super) fn is_erased(&self, since_ms: i64, at: Option<usize>) -> bool {
        let erased_ms = match at {
            Some(at) => self.merges.moves[at].erased_ms,
            None => self.erased.map(|erased| erased.received_ms),
        };
        erased_ms.is_some_and(|erased_ms| since_ms <= erased_ms)
    }

    /// Erases what the moves after an erasure hold, and what came by merges before it and was still here.
    pub(super) fn erase_merged(&mut self, erased_ms: i64) {
        for of in self.merges.moves.iter_mut().filter(|of| of.received_ms > erased_ms) {
            of.erased_ms = of.erased_ms.max(Some(erased_ms));
            of.held.recent.retain(|event| event.received_ms > erased_ms);
            of.held.older.retain(|seen| seen.received_ms > erased_ms);
        }
        self.drop_erased();
    }

    /// Drops what came by merges and was erased since.
    fn drop_erased(&mut self) {
        let erased: Vec<bool> =
            self.merges.taken.iter().map(|taken| self.is_erased(taken.received_ms, self.merges.next(taken))).collect();
        for (taken, _) in self.merges.taken.iter_mut().zip(erased).filter(|(_, erased)| *erased) {
            (taken.held, taken.records) = (Self::default(), Vec::new());
        }
    }

    /// Puts every own event where it belongs, after the moves have changed.
    fn sort_out(&mut self, bounds: HistoryBounds<'_>) {
        let (mut events, mut items) = (std::mem::take(&mut self.recent), std::mem::take(&mut self.older));
        for of in &mut self.merges.moves {
            let Self { recent, older, .. } = std::mem::take(&mut of.held);
            events.extend(recent);
            items.extend(older);
        }
        items.into_iter().for_each(|seen| self.put_item(seen));
        for event in events {
            self.put(event, bounds);
        }
        shorten(&mut self.older, bounds.max_older);
        self.drop_erased();
    }

    /// Puts an own event where it belongs.
    pub(super) fn put(&mut self, event: LiveEvent, bounds: HistoryBounds<'_>) -> Applied {
        let at = self.merges.first(event.received_ms);
        if self.is_erased(event.received_ms, at) {
            return Applied::Duplicate;
        }
        match at {
            Some(at) => self.merges.moves[at].held.insert(event, bounds),
            None => self.insert(event, bounds),
        }
    }

    /// Puts the item of an own event where it belongs.
    fn put_item(&mut self, seen: LiveSeen) {
        let at = self.merges.first(seen.received_ms);
        if !self.is_erased(seen.received_ms, at) {
            remember(at.map_or(&mut self.older, |at| &mut self.merges.moves[at].held.older), seen);
        }
    }

    /// Adds the merges of another history of the same user, and what it keeps of their own.
    pub(super) fn absorb_merges(&mut self, other: Merges, bounds: HistoryBounds<'_>) {
        let Merges { moves, taken } = other;
        for mut of in moves {
            let Self { recent, older, .. } = std::mem::take(&mut of.held);
            self.recent.extend(recent);
            self.older.extend(older);
            self.add_move(of);
        }
        self.sort_out(bounds);
        taken.into_iter().for_each(|taken| self.take(taken));
    }
}

impl BatchUser {
    /// This record and another's, whose past was merged into it. The cached candidates are the own ones, if there are any.
    ///
    /// Of both histories stays what is not before what one of them has only seen, since what is seen is before the history.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        let start =
            |record: &Self| record.history.first().filter(|_| !record.seen.is_empty()).map(|of| of.timestamp_ms);
        let from_ms = start(&self).max(start(&other));
        if self.cached.is_empty() {
            self.cached = other.cached;
        }
        let is_known = |key: u64| key != 0 && self.history.iter().any(|event| event.event_key == key);
        let new: Vec<_> = other.history.into_iter().filter(|event| !is_known(event.event_key)).collect();
        self.history.extend(new);
        self.history.sort_by_key(|event| event.timestamp_ms);
        let before = self.history.partition_point(|event| from_ms.is_some_and(|from_ms| event.timestamp_ms < from_ms));
        self.seen.extend(other.seen);
        self.seen.extend(self.history.drain(..before).map(|event| SeenItem { item: event.item, kind: event.kind }));
        self.seen.sort_unstable();
        self.seen.dedup();
        self
    }
}

#[cfg(test)]
mod tests;
