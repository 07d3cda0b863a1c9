//! What is said of items while versions are served, and whether it is in service yet.
//!
//! ```text
//! PUT /items/{id} ─▶ event log ─▶ told here ─▶ champion: the version with the changes, swapped in ─▶ answer
//! ```
//!
//! In: changes as they become durable, at a start those of the log, and what other replicas were told ([`replicas`]).
//! Out: of every field the latest, and a number that grows with what is told. The champion makes one snapshot of all
//! that was told since the last one, so that many changes at once cost as much as one, and a request costs nothing.
//! What every version has is forgotten.

pub mod replicas;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::contract::event_log::{Coverage, Place};
use shared::contract::id::ItemId;
use shared::contract::item_change::{Changes, ItemChange, Latest};
use tokio::sync::watch;

/// What was told, and how often something new was.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Of every field the latest.
    pub changes: Arc<Changes>,
    /// How often something new was told.
    pub times: u64,
}

/// The changes of the catalogue.
#[derive(Debug, Default)]
pub struct Catalogue {
    told: Mutex<Told>,
    /// [`Told::times`] as it is, and as it was of what is in service.
    times: watch::Sender<u64>,
    served: watch::Sender<u64>,
}

impl Catalogue {
    fn lock(&self) -> MutexGuard<'_, Told> {
        // Whatever panicked, changes are added one by one.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds changes, but for those that every version has.
    pub fn tell(&self, changes: impl IntoIterator<Item = (ItemChange, Place)>, covered: &Coverage) {
        let mut news = changes.into_iter().filter(|(_, place)| !covered.covers(Some(*place))).peekable();
        if news.peek().is_none() {
            return;
        }
        self.take(|all| news.fold(false, |is_news, (change, place)| all.add(change, place) | is_news));
    }

    /// Adds what other replicas were told.
    pub fn hear(&self, news: impl IntoIterator<Item = (ItemId, Box<str>, Latest)>) {
        self.take(|all| {
            news.into_iter().fold(false, |is_news, (item, field, latest)| all.keep(&item, field, latest) | is_news)
        });
    }

    /// * `add`: adds changes, and says whether anything of them is new.
    fn take(&self, add: impl FnOnce(&mut Changes) -> bool) {
        let mut told = self.lock();
        if add(Arc::make_mut(&mut told.changes)) {
            told.times += 1;
            self.times.send_replace(told.times);
        }
    }

    /// Forgets what every version has. What is in service stays as it is: each version has it.
    pub fn forget(&self, covered: &Coverage) {
        let mut told = self.lock();
        if !told.changes.is_empty() {
            Arc::make_mut(&mut told.changes).forget(covered);
        }
    }

    /// What was told.
    #[must_use]
    pub fn told(&self) -> Told {
        self.lock().clone()
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
    use shared::contract::event_log::{CoveredFile, FileId};
    use shared::contract::id::ItemId;
    use shared::contract::item_change::{FieldValue, PRICE};

    use super::*;

    fn change(end: u64, price: f64) -> (ItemChange, Place) {
        let set = BTreeMap::from([(PRICE.into(), Some(FieldValue::Number(price)))]);
        let item = ItemId::new("i").expect("an id");
        let place = Place { file: FileId::new(1).expect("not 0"), end };
        (ItemChange { item, set, timestamp_ms: end as i64, received_ms: end as i64 }, place)
    }

    #[test]
    fn what_is_told_is_waited_for_and_what_is_known_is_not() {
        let (catalogue, none) = (Catalogue::default(), Coverage::default());
        assert!(catalogue.in_service().now_or_never().is_some() && catalogue.wanted().now_or_never().is_none());
        catalogue.tell([change(1, 5.0), change(2, 6.0)], &none);
        assert!(catalogue.in_service().now_or_never().is_none() && catalogue.wanted().now_or_never().is_some());
        let told = catalogue.told();
        catalogue.serve(told.times);
        assert!(catalogue.in_service().now_or_never().is_some() && catalogue.wanted().now_or_never().is_none());
        catalogue.tell([change(1, 5.0)], &none);
        assert_eq!(catalogue.told().times, told.times);
    }

    #[test]
    fn what_every_version_has_is_neither_kept_nor_taken() {
        let file = CoveredFile { replica: "0".to_owned(), number: 1, id: FileId::new(1).expect("not 0"), bytes: 2 };
        let (catalogue, covered) = (Catalogue::default(), [file].iter().collect());
        catalogue.tell([change(2, 6.0)], &Coverage::default());
        catalogue.forget(&covered);
        catalogue.tell([change(1, 5.0)], &covered);
        assert!(catalogue.told().changes.is_empty());
    }
}
