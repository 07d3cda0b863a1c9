//! Users whose erasure is on its way to the thread: what comes to it before is from before the erasure, and is passed
//! over.
//!
//! Else a slate that waits while the disk is slow would be written when `offline erase` is through with the log.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use shared::contract::id::UserId;

/// These users, with how many erasures of each are on their way.
#[derive(Debug, Default)]
pub struct Erasing(Mutex<HashMap<UserId, usize>>);

impl Erasing {
    /// An erasure is about to be passed on.
    pub fn begin(&self, user: UserId) {
        *self.users().entry(user).or_default() += 1;
    }

    /// An erasure has come.
    pub fn end(&self, user: &UserId) {
        if let Entry::Occupied(mut left) = self.users().entry(user.clone()) {
            *left.get_mut() -= 1;
            if *left.get() == 0 {
                left.remove();
            }
        }
    }

    /// Whether an erasure of a user is on its way.
    pub fn has(&self, user: &UserId) -> bool {
        self.users().contains_key(user)
    }

    fn users(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_who_is_erased_twice_is_in_it_until_both_have_come() {
        let (erasing, user) = (Erasing::default(), UserId::new("u").expect("an id"));
        erasing.end(&user);
        erasing.begin(user.clone());
        erasing.begin(user.clone());
        erasing.end(&user);
        assert!(erasing.has(&user) && !erasing.has(&UserId::new("v").expect("an id")));
        erasing.end(&user);
        assert!(!erasing.has(&user));
    }
}
