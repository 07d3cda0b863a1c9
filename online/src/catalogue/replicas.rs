//! Hears what other replicas were told of items, from the store that they share.
//!
//! In: the store, asked every poll for what came after what it said last. Out: the catalogue. A replica that starts
//! afresh asks from the beginning; so does every replica when the store came back empty, and when what all versions
//! have has changed: that is dropped from the store. What a replica was told itself is in the store before it answers,
//! see `events::apply`.

use std::sync::Arc;
use std::time::Duration;

use shared::contract::event_log::Coverage;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::Catalogue;
use crate::store::{Said, StoreError, UserStore};

/// What was heard so far.
pub struct Replicas {
    store: Arc<dyn UserStore>,
    catalogue: Arc<Catalogue>,
    covered: watch::Receiver<Arc<Coverage>>,
    /// The number of the last that the store said.
    after: u64,
}

impl Replicas {
    /// Nothing heard yet.
    ///
    /// * `covered`: what every version has.
    #[must_use]
    pub fn new(store: Arc<dyn UserStore>, catalogue: Arc<Catalogue>, covered: watch::Receiver<Arc<Coverage>>) -> Self {
        Self { store, catalogue, covered, after: 0 }
    }

    /// Hears what is new.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; the rest is heard the next time.
    pub async fn listen(&mut self) -> Result<(), StoreError> {
        if self.covered.has_changed().unwrap_or_default() {
            self.after = 0;
        }
        let covered = self.covered.borrow_and_update().clone();
        loop {
            let kept = self.store.kept(self.after).await?;
            if kept.last < self.after {
                tracing::warn!("the store lost what was said of items; it is heard again as the logs are applied");
                self.after = 0;
                continue;
            }
            let Some(seen) = kept.seen else { return Ok(()) };
            let (gone, news): (Vec<Said>, Vec<Said>) =
                kept.said.into_iter().partition(|said| covered.covers(Some(said.latest.stamp.place)));
            if !gone.is_empty() {
                self.store.drop_kept(&gone).await?;
            }
            self.catalogue.tell(news);
            self.after = seen;
        }
    }

    /// Hears what is new every `poll`, for ever.
    pub async fn watch(mut self, poll: Duration) {
        let mut ticks = tokio::time::interval(poll);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.listen().await {
                tracing::debug!(%error, "what other replicas were told of items is not heard yet");
            }
        }
    }
}
