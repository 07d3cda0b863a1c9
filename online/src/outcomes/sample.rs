//! Whose slates are logged and counted: of a user all or none, since the last slate before an event is known only where
//! all slates of its user are.

use std::num::NonZeroU32;

use shared::contract::id::UserId;
use shared::contract::slate_log::is_sampled;

/// A sample of the users; on each replica the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample(Option<NonZeroU32>);

impl Sample {
    /// One user of so many; nobody for 0.
    #[must_use]
    pub fn one_of(every: u32) -> Self {
        Self(NonZeroU32::new(every))
    }

    /// Whether nobody is in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0.is_none()
    }

    /// Whether a user is in it.
    #[must_use]
    pub fn has(self, user: &UserId) -> bool {
        self.0.is_some_and(|every| is_sampled(user, every))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_of_so_many_is_in_the_sample_and_always_the_same() {
        let count = |every: u32| {
            let sample = Sample::one_of(every);
            let users = (0..10_000).map(|number| UserId::new(format!("u{number}")).expect("an id"));
            users.filter(|user| sample.has(user) && sample.has(user)).count()
        };
        assert_eq!((count(0), count(1)), (0, 10_000));
        assert!((900..1100).contains(&count(10)), "{}", count(10));
    }
}
