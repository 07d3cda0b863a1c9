//! What is said of items while versions are served, and whether it is in service yet.
//!
//! ```text
//! PUT /items/{id} ─▶ event log ─▶ told here ─▶ champion: the version with the changes, swapped in ─▶ answer
//! ```
//!
//! In: changes as they become durable, at a start those of the log ([`logs`]), and what other replicas were told
//! ([`replicas`]). Out: what is new, in the order in which it came, and a number that grows with what is told. The
//! champion takes what is new, adds it to what is [`Known`], and makes one snapshot of it all, so that many changes at
//! once cost as much as one, and a request costs nothing. What every version has is forgotten.

pub mod logs;
pub mod replicas;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use shared::contract::item_change::Changes;
use tokio::sync::watch;

use crate::store::Said;

/// What was told since it was last taken.
#[derive(Debug, Default)]
struct Told {
    news: Vec<Said>,
    /// How often something was told.
    times: u64,
}

/// The changes of the catalogue on their way into service.
#[derive(Debug, Default)]
pub struct Catalogue {
    told: Mutex<Told>,
    /// [`Told::times`] as it is, and as it was of what is in service.
    times: watch::Sender<u64>,
    served: watch::Sender<u64>,
    /// When the latest of all that was told was accepted, by any replica.
    latest_ms: AtomicI64,
}

/// What was said of items and not every version has; of every field the latest. It belongs to who makes snapshots of it.
#[derive(Debug, Default)]
pub struct Known {
    /// Of every field the latest.
    pub changes: Changes,
    /// Whether something of it is in no snapshot yet.
    pub is_news: bool,
}

impl Known {
    /// Adds what was told, unless something later is known.
    pub fn add(&mut self, told: Vec<Said>) {
        for Said { item, field, latest } in told {
            self.is_news |= self.changes.keep(&item, field, latest);
        }
    }
}

impl Catalogue {
    fn lock(&self) -> MutexGuard<'_, Told> {
        // Whatever panicked, the list is whole.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what was said of items, here or to other replicas.
    pub fn tell(&self, said: impl IntoIterator<Item = Said>) {
        let mut told = self.lock();
        let before = told.news.len();
        told.news.extend(said);
        let Some(latest_ms) = told.news[before..].iter().map(|said| said.latest.stamp.received_ms).max() else {
            return;
        };
        self.latest_ms.fetch_max(latest_ms, Ordering::AcqRel);
        told.times += 1;
        self.times.send_replace(told.times);
    }

    /// The time at which a change is accepted that comes now: later than those of all that was told, whatever clocks say.
    pub fn accept_ms(&self, now_ms: i64) -> i64 {
        let next = |last: i64| last.saturating_add(1).max(now_ms);
        let last = self.latest_ms.fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| Some(next(last)));
        last.map_or_else(next, next)
    }

    /// Takes what is new, and the number up to which it was told.
    pub fn take(&self) -> (Vec<Said>, u64) {
        let mut told = self.lock();
        (std::mem::take(&mut told.news), told.times)
    }

    /// Notes that what was told up to then is in service.
    pub fn serve(&self, times: u64) {
        self.served.send_replace(times);
    }

    /// Waits until something was told that is not in service.
    pub async fn wanted(&self) {
        let mut told = self.times.subscribe();
        // The sender lives as long as this.
        let _ = told.wait_for(|times| *times > *self.served.borrow()).await;
    }

    /// Waits until what was told so far is in service.
    pub async fn in_service(&self) {
        let told = *self.times.borrow();
        let _ = self.served.subscribe().wait_for(|served| *served >= told).await;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use futures_util::FutureExt as _;
    use shared::contract::event_log::{FileId, Place};
    use shared::contract::id::ItemId;
    use shared::contract::item_change::{FieldValue, ItemChange, PRICE};

    use super::*;

    fn said(end: u64, price: f64) -> Said {
        let set = BTreeMap::from([(PRICE.into(), Some(FieldValue::Number(price)))]);
        let item = ItemId::new("i").expect("an id");
        let place = Place { file: FileId::new(1).expect("not 0"), end };
        let change = ItemChange { item, set, timestamp_ms: end as i64, received_ms: end as i64 };
        Said::of(change, place).next().expect("a field")
    }

    #[test]
    fn what_is_told_is_taken_once_and_waited_for_until_it_is_in_service() {
        let catalogue = Catalogue::default();
        assert!(catalogue.in_service().now_or_never().is_some() && catalogue.wanted().now_or_never().is_none());
        catalogue.tell([said(1, 5.0), said(2, 6.0)]);
        catalogue.tell([]);
        assert!(catalogue.in_service().now_or_never().is_none() && catalogue.wanted().now_or_never().is_some());
        let (news, times) = catalogue.take();
        assert_eq!((news, times), (vec![said(1, 5.0), said(2, 6.0)], 1));
        assert_eq!(catalogue.take(), (Vec::new(), 1));
        catalogue.serve(times);
        assert!(catalogue.in_service().now_or_never().is_some() && catalogue.wanted().now_or_never().is_none());
    }

    #[test]
    fn what_is_known_already_is_no_news() {
        let mut known = Known::default();
        known.add(vec![said(1, 5.0), said(2, 6.0)]);
        assert!(std::mem::take(&mut known.is_news));
        known.add(vec![said(2, 6.0), said(1, 5.0)]);
        assert!(!known.is_news && known.changes.len() == 1);
    }

    #[test]
    fn a_change_is_accepted_later_than_what_was_heard_of_a_clock_that_is_ahead() {
        let catalogue = Catalogue::default();
        assert_eq!((catalogue.accept_ms(70), catalogue.accept_ms(70)), (70, 71));
        catalogue.tell([said(500, 5.0)]);
        assert_eq!((catalogue.accept_ms(72), catalogue.accept_ms(600)), (501, 600));
    }
}
