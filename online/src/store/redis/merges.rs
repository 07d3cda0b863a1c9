//! Merges in Redis: a history is changed, and what its merges move is written into those of the others, one after the
//! other.
//!
//! The histories lie in different slots, and no transaction spans them. The first is written first, so that whoever comes
//! later goes by the merge; after a crash in between the line of the log is applied again, and all that it moves is sent
//! again.

use std::sync::atomic::Ordering;

use shared::contract::id::UserId;
use shared::engine::retention::{Flow, Sent, first_taken_ms};
use shared::engine::state::LiveHistory;

use super::super::{Added, Bounds, Moved, StoreError};
use super::Redis;
use super::histories::Unreadable;

impl Redis {
    /// Merges the pasts of users into others', or undoes that. A damaged history gets its merges when it is rebuilt.
    pub(super) async fn move_out(&self, moved: &[Moved], bounds: Bounds<'_>) -> Result<Vec<Added>, StoreError> {
        let retention = self.settings.retention;
        let mut added = Vec::with_capacity(moved.len());
        for of in moved {
            let (mut flows, mut result) = (Vec::new(), Added::New);
            self.edit(&[&of.user], |_, history| {
                (flows, result) = (Vec::new(), Added::New);
                let Some(before) = self.readable(&of.user, history) else {
                    result = Added::Waits;
                    return None;
                };
                let mut after = before.clone();
                retention.move_out(&of.user, &mut after, of.merge.clone(), bounds);
                flows = retention.flows(&of.user, &after, of.merge.received_ms, bounds);
                (after != before).then_some(after)
            })
            .await?;
            let passed = self.pass_on(flows, bounds).await?;
            added.push(if passed == Added::Waits { passed } else { result });
        }
        Ok(added)
    }

    /// Passes on what merges move, from history to history; [`Added::Waits`] if one of them can't be read.
    pub(super) async fn pass_on(&self, mut flows: Vec<Flow>, bounds: Bounds<'_>) -> Result<Added, StoreError> {
        let retention = self.settings.retention;
        let (mut sent, mut result) = (Sent::default(), Added::New);
        while !flows.is_empty() {
            let open: Vec<_> = sent.new_ones(std::mem::take(&mut flows)).into_iter().collect();
            let users: Vec<&UserId> = open.iter().map(|(user, _)| user).collect();
            let mut next: Vec<Vec<Flow>> = vec![Vec::new(); users.len()];
            self.edit(&users, |at, history| {
                let (user, taken) = &open[at];
                next[at].clear();
                let Some(before) = self.readable(user, history) else {
                    result = Added::Waits;
                    return None;
                };
                let mut after = before.clone();
                retention.take(user, &mut after, taken.clone(), bounds);
                next[at] = retention.flows(user, &after, first_taken_ms(taken), bounds);
                (after != before).then_some(after)
            })
            .await?;
            flows = next.concat();
        }
        Ok(result)
    }

    /// The history if it can be read; else it is noted that it waits.
    fn readable(&self, user: &UserId, history: Result<LiveHistory, Unreadable>) -> Option<LiveHistory> {
        history
            .inspect_err(|reason| {
                self.note_unreadable(user, reason);
                if matches!(reason, Unreadable::Newer(_)) {
                    self.waits_for_upgrade.store(true, Ordering::Release);
                }
            })
            .ok()
    }
}
