//! What a run is doing, found in its folder by whoever looks.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use rustix::process::Signal;

use super::process::{Process, boot};
use super::{BEGUN, CHILD, ENDED, Ended, How, LOCK, folder};
use crate::schedule::state::{Active, Phase};

/// What a run is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Nobody has begun it.
    NotBegun,
    /// It goes on.
    Running,
    /// It is over.
    Ended(Ended),
}

/// Looks at a run that was decided on.
///
/// * `shared`: whether the state folder may be that of several machines. A run of another one is taken to go on until it
///   is surely over: its lock says nothing here.
#[must_use]
pub fn look(state: &Path, active: &Active, shared: bool, now_ms: i64) -> Seen {
    let folder = folder(state, &active.id);
    let ended = || serde_json::from_slice(&fs::read(folder.join(ENDED)).ok()?).ok();
    if let Some(ended) = ended() {
        return Seen::Ended(ended);
    }
    let Phase::Running { since_ms, deadline_ms, boot: on } = &active.phase else { return Seen::Running };
    // Looked at before the lock, which is taken before it is made: one that is then free is free for good.
    let begun = folder.join(BEGUN).exists();
    let elsewhere = shared && *on != boot();
    if (elsewhere && now_ms < *deadline_ms) || (!elsewhere && is_held(&folder)) {
        if now_ms > *deadline_ms {
            // Its supervisor would have ended it: that was killed.
            end_orphan(&folder, Signal::KILL);
        }
        return Seen::Running;
    }
    if !begun {
        return Seen::NotBegun;
    }
    // It may have ended between the two looks.
    Seen::Ended(ended().unwrap_or(Ended { how: How::Vanished, begun_ms: *since_ms, ended_ms: now_ms }))
}

/// Whether the supervisor of a folder, or its job, lives.
fn is_held(folder: &Path) -> bool {
    let Ok(lock) = File::open(folder.join(LOCK)) else { return false };
    match lock.try_lock_shared() {
        Ok(()) => false,
        Err(TryLockError::WouldBlock) => true,
        Err(TryLockError::Error(_)) => false,
    }
}

fn end_orphan(folder: &Path, signal: Signal) {
    if let Some(child) = Process::read(folder, CHILD) {
        child.signal_group(signal);
    }
}

/// Ends a run at once.
pub fn kill(state: &Path, id: &str) {
    // The supervisor knows then that it was stopped, and did not fail.
    stop(state, id);
    end_orphan(&folder(state, id), Signal::KILL);
}

/// Asks the supervisor of a run to end it.
pub fn stop(state: &Path, id: &str) {
    let folder = folder(state, id);
    let supervisor = Process::read(&folder, BEGUN);
    if supervisor.is_some_and(|supervisor| !supervisor.signal(Signal::TERM)) {
        end_orphan(&folder, Signal::TERM);
    }
}
