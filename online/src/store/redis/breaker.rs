//! The circuit breaker of a link: whether calls are made at all.
//!
//! ```text
//! closed ─ the connection is lost, or LATE_IN_A_ROW calls in a row miss their deadline ─▶ open: calls fail at once
//! open   ─ a probe is answered within the deadline of a call ─▶ closed
//! ```
//!
//! Without it, every request of a slow store would wait for its deadline before it is answered without the store.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use prometheus::IntGauge;

/// The number of deadlines missed in a row after which calls are no longer made.
pub const LATE_IN_A_ROW: u32 = 8;

/// The breaker of one link.
pub struct Breaker {
    open: AtomicBool,
    /// Deadlines missed in a row.
    late: AtomicU32,
    /// How many breakers of this kind of link are open.
    gauge: IntGauge,
}

impl Breaker {
    /// An open breaker, which closes when the link is connected.
    pub fn open_at_first(gauge: IntGauge) -> Self {
        gauge.inc();
        Self { open: AtomicBool::new(true), late: AtomicU32::new(0), gauge }
    }

    /// Whether calls fail at once.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Notes a call that was answered in time.
    pub fn answered(&self) {
        // Seldom written, since all calls share it.
        if self.late.load(Ordering::Relaxed) != 0 {
            self.late.store(0, Ordering::Relaxed);
        }
    }

    /// Notes a call that missed its deadline; opens after several in a row.
    pub fn missed(&self) {
        if self.late.fetch_add(1, Ordering::Relaxed) + 1 >= LATE_IN_A_ROW {
            self.open();
        }
    }

    /// Opens.
    pub fn open(&self) {
        if !self.open.swap(true, Ordering::AcqRel) {
            self.gauge.inc();
        }
    }

    /// Closes.
    pub fn close(&self) {
        self.late.store(0, Ordering::Relaxed);
        if self.open.swap(false, Ordering::AcqRel) {
            self.gauge.dec();
        }
    }
}

impl Drop for Breaker {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_misses_in_a_row_and_the_gauge_counts_open_ones() {
        let gauge = IntGauge::new("open", "open ones").expect("a name");
        let (one, other) = (Breaker::open_at_first(gauge.clone()), Breaker::open_at_first(gauge.clone()));
        assert!(one.is_open() && gauge.get() == 2);
        one.close();
        for _ in 1..LATE_IN_A_ROW {
            one.missed();
        }
        one.answered();
        one.missed();
        assert!(!one.is_open(), "not in a row");
        for _ in 1..=LATE_IN_A_ROW {
            one.missed();
        }
        assert!(one.is_open() && gauge.get() == 2, "one more miss counts no more");
        drop(other);
        one.close();
        assert_eq!(gauge.get(), 0);
    }
}
