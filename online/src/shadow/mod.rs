//! A version that answers beside the champion, unseen: of some users' queries, what it would have answered is compared with
//! what was, and logged.
//!
//! ```text
//! slate served ─▶ queue ─▶ thread: the same query and history, asked of the challenger's version
//!                            └─▶ counters, and the slate log: with the id of the slate that was served
//! ```
//!
//! In: a query, what the store had of the user, and the served slate. No request waits for it: the thread asks on its own
//! time, and what finds the queue full is dropped and counted. It costs the CPU of another slate for the share of users, and
//! the memory of another version. What the two versions find is set side by side by `offline outcomes`.

mod challenger;
mod thread;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::time::Duration;

use shared::contract::artifact::alias::Alias;
use shared::contract::id::UserId;
use shared::contract::slate_log::is_in_share;
use shared::engine::slate::Pick;
use shared::engine::snapshot::Snapshot;
use uuid::Uuid;

use self::challenger::Challenger;
use self::thread::Worker;
use crate::champion::Champion;
use crate::metrics::{Metrics, Shadowed};
use crate::outcomes::Outcomes;
use crate::recommender::{Asker, CheckedQuery};
use crate::store::Stored;

/// How many slates may wait for the thread.
const QUEUE: usize = 1024;

/// Which version answers beside the champion, and to whom.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The artifacts folder.
    pub folder: PathBuf,
    /// The alias that names the version.
    pub alias: Alias,
    /// The share of users whose queries it is asked, 0 to 1; always the same ones on every replica.
    pub share: f64,
    /// How often the alias is read.
    pub poll: Duration,
}

/// A slate that was served, and what the challenger is asked for it.
pub struct Question {
    /// Identifies the answer that was served.
    pub id: Uuid,
    /// The query.
    pub query: CheckedQuery,
    /// When it was answered, milliseconds since the epoch.
    pub at_ms: i64,
    /// What the store had of the user.
    pub stored: Stored,
    /// The snapshot that answered.
    pub snapshot: Arc<Snapshot>,
    /// What it answered.
    pub picks: Vec<Pick>,
}

/// The handle by which requests pass on what was served.
pub struct Shadow {
    queue: SyncSender<Question>,
    share: f64,
    metrics: Arc<Metrics>,
    /// Whether it is known that the thread is gone.
    is_gone: AtomicBool,
}

impl Shadow {
    /// Starts the thread, which ends with the last handle. An alias that names nothing is waited for.
    ///
    /// * `asker`: one of its own, since it remembers what it made for one version.
    ///
    /// # Errors
    /// [`std::io::Error`] when the system has no thread left.
    pub fn start(
        settings: Settings,
        asker: Asker,
        champion: Arc<Champion>,
        outcomes: Arc<Outcomes>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, std::io::Error> {
        let Settings { folder, alias, share, poll } = settings;
        let (queue, questions) = mpsc::sync_channel(QUEUE);
        let challenger = Challenger::new(folder, alias, champion, metrics.clone());
        let worker = Worker::new(questions, challenger, asker, outcomes, metrics.clone());
        std::thread::Builder::new().name("shadow".to_owned()).spawn(move || worker.run(poll))?;
        Ok(Self { queue, share, metrics, is_gone: AtomicBool::new(false) })
    }

    /// Whether the challenger is asked what a user asks.
    #[must_use]
    pub fn follows(&self, user: &UserId) -> bool {
        is_in_share(user, self.share)
    }

    /// Passes on what was served, to a user that is followed.
    pub fn served(&self, question: Question) {
        match self.queue.try_send(question) {
            Ok(()) => return,
            Err(TrySendError::Full(_)) => {}
            Err(TrySendError::Disconnected(_)) => {
                if !self.is_gone.swap(true, Ordering::Relaxed) {
                    tracing::error!(
                        "the thread of the shadow is gone: nothing is compared until the service starts anew"
                    );
                }
            }
        }
        self.metrics.shadow.count(Shadowed::Dropped);
    }
}
