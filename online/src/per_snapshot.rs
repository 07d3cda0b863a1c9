//! What was made for the served snapshot; it is forgotten when it is asked for by another one.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use shared::engine::snapshot::Snapshot;

/// Something that holds for one snapshot at a time, and begins as its default.
#[derive(Debug, Default)]
pub struct PerSnapshot<T>(Mutex<Made<T>>);

#[derive(Debug, Default)]
struct Made<T> {
    of: Weak<Snapshot>,
    what: T,
}

impl<T: Default> PerSnapshot<T> {
    /// Looks into what was made for a snapshot; what was made for another one is forgotten. Nobody else looks meanwhile.
    pub fn with<R>(&self, snapshot: &Arc<Snapshot>, look: impl FnOnce(&mut T) -> R) -> R {
        // Whatever panicked, what is kept is whole: it is changed by single insertions.
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::ptr::eq(made.of.as_ptr(), Arc::as_ptr(snapshot)) {
            *made = Made { of: Arc::downgrade(snapshot), what: T::default() };
        }
        look(&mut made.what)
    }
}
