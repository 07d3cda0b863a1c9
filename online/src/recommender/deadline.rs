//! By when a request is answered, and how much of that time the store may take.

use std::time::{Duration, Instant};

/// By when a request is answered.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    arrived: Instant,
    within: Duration,
}

impl Deadline {
    /// The deadline of a request that is to be answered `within` this time after it arrived.
    #[must_use]
    pub fn of(arrived: Instant, within: Duration) -> Self {
        Self { arrived, within }
    }

    /// When the store is given up: the last fifth is kept for the engine, for which a request waits for a core once more
    /// after the store's answer.
    pub(super) fn store_until(self) -> Instant {
        self.arrived + store_share(self.within)
    }

    /// When the answer is to go out.
    pub(super) fn until(self) -> Instant {
        self.arrived + self.within
    }

    /// Whether it is over.
    pub(super) fn is_over(self) -> bool {
        self.arrived.elapsed() >= self.within
    }
}

/// The share of a deadline that the store may take.
#[must_use]
pub fn store_share(deadline: Duration) -> Duration {
    deadline * 4 / 5
}
