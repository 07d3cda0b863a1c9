//! How many requests a key may send: so many a second, and so many at once after a pause.
//!
//! In: the time of a request, by the system's clock. Out: whether it is answered, else how long to wait. Costs one
//! atomic step. Source: the generic cell rate algorithm (ITU-T I.371), by the crate `governor`.

use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota};

/// The most requests a second that a limit may name.
pub const HIGHEST: u32 = 1_000_000;

/// The limit of a key, with what is left of it.
#[derive(Debug)]
pub struct Limit {
    quota: Quota,
    limiter: DefaultDirectRateLimiter,
}

impl Limit {
    /// Allows `rate` requests a second, and `burst` at once, by default those of a second.
    #[must_use]
    pub fn new(rate: NonZeroU32, burst: Option<NonZeroU32>) -> Self {
        let quota = Quota::per_second(rate).allow_burst(burst.unwrap_or(rate));
        Self { quota, limiter: DefaultDirectRateLimiter::direct(quota) }
    }

    /// Whether another limit allows the same.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.quota == other.quota
    }

    /// Takes a request.
    ///
    /// # Errors
    /// The whole seconds, one at least, after which one will be answered.
    pub fn take(&self) -> Result<(), u64> {
        self.limiter.check().map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            wait.as_secs() + 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).expect("not zero")
    }

    #[test]
    fn after_the_burst_a_request_waits_for_its_share_of_a_second() {
        let limit = Limit::new(number(1), Some(number(3)));
        assert_eq!([(); 3].map(|()| limit.take()), [Ok(()); 3]);
        assert_eq!(limit.take(), Err(1));
        let limit = Limit::new(number(5), None);
        assert_eq!([(); 5].map(|()| limit.take()), [Ok(()); 5]);
        assert_eq!(limit.take(), Err(1));
    }
}
