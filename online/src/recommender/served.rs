//! How an answer heeds the slates that its user was served before: what it leaves out, what comes later, and the feed
//! that it is a page of.
//!
//! ```text
//! policy    slates of the feed    other slates of the user     the answer
//! allow     left out              as ever                      remembered if it has a cursor
//! skip      left out              left out                     remembered
//! decay     left out              come later                   remembered
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::contract::id::{ItemId, UserId};
use shared::contract::served::{START, ServedPolicy};
use shared::engine::recommend::{Decay, Query, Slate};
use shared::engine::served::{ServedSlate, SlateId, forget, left_of_score};
use shared::engine::snapshot::Snapshot;

use super::no_answer::UnknownCursor;
use super::{Deadline, Recommender};
use crate::store::{Keep, StoreError, Stored};

/// How often the slates of a user are read until the one that a feed goes on after is among them: another replica may
/// have written it a moment ago, to a server that is just being replaced.
const SERVED_READS: u32 = 3;
/// The pause between two of these reads.
const SERVED_PAUSE: Duration = Duration::from_millis(4);

/// Where a feed goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor {
    /// At its beginning.
    Start,
    /// After this slate.
    After(SlateId),
}

impl Cursor {
    /// Reads the cursor of a query: the word that begins a feed, or the id of an answer.
    #[must_use]
    pub fn of(text: &str) -> Self {
        if text == START { Self::Start } else { Self::After(SlateId::of(text)) }
    }
}

/// How an answer heeds what was served before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heed {
    /// What becomes of what was served outside of its feed.
    pub policy: ServedPolicy,
    /// Where the feed goes on, if the query says that.
    pub cursor: Option<Cursor>,
}

/// The page of a feed that an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Its own id.
    pub id: SlateId,
    /// The feed.
    pub feed: SlateId,
    /// How many slates of the feed are remembered.
    pub before: usize,
}

impl Heed {
    /// Of an answer that is none of a feed, and heeds nothing.
    pub const NOTHING: Self = Self { policy: ServedPolicy::Allow, cursor: None };

    /// Whether it takes what was served, and the answer is to be remembered.
    #[must_use]
    pub fn is_needed(self) -> bool {
        self.policy != ServedPolicy::Allow || self.cursor.is_some()
    }

    /// Whether the slate that it goes on after is among those of the user, if it goes on.
    #[must_use]
    pub fn finds(self, served: &[Arc<ServedSlate>]) -> bool {
        match self.cursor {
            Some(Cursor::After(id)) => served.iter().any(|slate| slate.id == id),
            Some(Cursor::Start) | None => true,
        }
    }

    /// Tells a query what was served.
    ///
    /// * `id`: the answer's own.
    ///
    /// # Errors
    /// [`UnknownCursor`] when the slate that it goes on after is not remembered, or the beginning of its feed is not:
    /// it would come again.
    pub fn tell(
        self,
        query: &mut Query,
        snapshot: &Snapshot,
        stored: &Stored,
        id: SlateId,
        keep: Keep,
        now_ms: i64,
    ) -> Result<Page, UnknownCursor> {
        let mut served = stored.served.clone();
        let erased_ms = stored.history.erased.map(|erasure| erasure.received_ms);
        forget(&mut served, now_ms.saturating_sub(keep.ttl_ms), erased_ms);
        let page = self.page(&served, id)?;
        let items = snapshot.items();
        for slate in &served {
            let known = slate.items.iter().filter_map(|item| items.index(item.as_str()));
            match self.policy {
                _ if slate.feed == page.feed => query.exclude.extend(known),
                ServedPolicy::Allow => {}
                ServedPolicy::Skip => query.exclude.extend(known),
                ServedPolicy::Decay => {
                    let left = left_of_score(now_ms.saturating_sub(slate.served_ms), keep.ttl_ms);
                    query.decays.extend(known.map(|item| Decay { item, left }));
                }
            }
        }
        Ok(page)
    }

    fn page(self, served: &[Arc<ServedSlate>], id: SlateId) -> Result<Page, UnknownCursor> {
        let Some(Cursor::After(last)) = self.cursor else { return Ok(Page { id, feed: id, before: 0 }) };
        let last = served.iter().find(|slate| slate.id == last).ok_or(UnknownCursor)?;
        let has_start = served.iter().any(|slate| slate.id == last.feed);
        let before = served.iter().filter(|slate| slate.feed == last.feed).count();
        if has_start { Ok(Page { id, feed: last.feed, before }) } else { Err(UnknownCursor) }
    }
}

impl Recommender {
    /// What the store has of a user, if it answers in time, with the slates that they were served if those are heeded;
    /// counted if it does not answer.
    pub(super) async fn stored(
        &self,
        heed: Heed,
        user: &UserId,
        snapshot: &Snapshot,
        deadline: Deadline,
        clock_ms: i64,
    ) -> Option<Stored> {
        let (until, version) = (deadline.store_until(), &snapshot.manifest().version);
        let stored = match heed.is_needed() {
            false => self.store.read_until(Some(until), user, version, clock_ms).await,
            true => self.read_served(heed, until, user, version, clock_ms).await,
        };
        let away = |error: &StoreError| {
            tracing::debug!(%error, "answered without the store");
            self.metrics.fallbacks.with_label_values(&[error.label()]).inc();
        };
        stored.inspect_err(away).ok()
    }

    /// Reads the state of a user with their slates; again where the one that a feed goes on after is missing.
    async fn read_served(
        &self,
        heed: Heed,
        until: Instant,
        user: &UserId,
        version: &str,
        clock_ms: i64,
    ) -> Result<Stored, StoreError> {
        let mut reads = 1;
        loop {
            let stored = self.store.read_served(Some(until), user, version, clock_ms).await?;
            if heed.finds(&stored.served) || reads == SERVED_READS || Instant::now() + SERVED_PAUSE >= until {
                return Ok(stored);
            }
            tokio::time::sleep(SERVED_PAUSE).await;
            reads += 1;
        }
    }

    /// Remembers a slate; whether it is. An empty one is none to remember.
    pub(super) async fn remember(
        &self,
        page: Page,
        user: &UserId,
        snapshot: &Snapshot,
        slate: &Slate,
        now_ms: i64,
        deadline: Deadline,
    ) -> bool {
        if slate.picks.is_empty() {
            return false;
        }
        let items = slate.picks.iter().filter_map(|pick| ItemId::new(snapshot.items().id(pick.item)).ok()).collect();
        let served = ServedSlate { id: page.id, feed: page.feed, served_ms: now_ms, items };
        let remembered = self.store.remember(deadline.until(), user, &served, self.asker.keep()).await;
        let outcome = match &remembered {
            Ok(()) => "kept",
            Err(error) => {
                tracing::debug!(%error, "a slate is not remembered");
                "failed"
            }
        };
        self.metrics.slates_remembered.with_label_values(&[outcome]).inc();
        remembered.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_of_the_feed_of_its_cursor_as_long_as_the_beginning_is_remembered() {
        let slate = |id, feed| {
            let (id, feed) = (SlateId(id), SlateId(feed));
            Arc::new(ServedSlate { id, feed, served_ms: 0, items: Vec::new() })
        };
        let served = [slate(1, 1), slate(2, 2), slate(3, 1), slate(4, 2), slate(5, 1)];
        let page = |cursor, served: &[_]| {
            let heed = Heed { policy: ServedPolicy::Allow, cursor };
            heed.page(served, SlateId(9)).map(|page| (page.feed.0, page.before)).ok()
        };
        let after = |id| Some(Cursor::After(SlateId(id)));
        assert_eq!(page(None, &served), Some((9, 0)));
        assert_eq!(page(Some(Cursor::Start), &served), Some((9, 0)));
        assert_eq!(page(after(3), &served), Some((1, 3)), "a page that is asked for again goes on");
        assert_eq!(page(after(4), &served), Some((2, 2)));
        assert_eq!(page(after(4), &served[1..]), Some((2, 2)));
        assert_eq!(page(after(5), &served[1..]), None, "its beginning is gone");
        assert_eq!(page(after(7), &served), None);
        assert_eq!((Cursor::of("start"), Cursor::of("r")), (Cursor::Start, Cursor::After(SlateId::of("r"))));
    }
}
