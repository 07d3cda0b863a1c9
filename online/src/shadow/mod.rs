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
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::time::Duration;

use shared::contract::artifact::alias::Alias;
use shared::contract::id::UserId;
use shared::contract::slate_log::is_in_share;
use shared::engine::slate::Pick;
use shared::engine::snapshot::Snapshot;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
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

/// A message to the thread.
enum Message {
    /// A slate was served, after so many erasures.
    Served(Box<Question>, u64),
    /// The last message.
    Close,
}

/// What the thread is told beside messages.
#[derive(Debug, Default)]
struct Told {
    /// How many users were erased.
    erasures: AtomicU64,
    /// Whether what waits is to be passed over.
    closes: AtomicBool,
}

/// The thread behind [`Shadow`], to be waited for at the end.
pub struct Running(oneshot::Receiver<()>);

/// The handle by which requests pass on what was served.
pub struct Shadow {
    queue: SyncSender<Message>,
    told: Arc<Told>,
    share: f64,
    metrics: Arc<Metrics>,
    /// Whether it is known that the thread is gone.
    is_gone: AtomicBool,
}

impl Shadow {
    /// Starts the thread. An alias that names nothing is waited for.
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
    ) -> Result<(Self, Running), std::io::Error> {
        let Settings { folder, alias, share, poll } = settings;
        let (queue, messages) = mpsc::sync_channel(QUEUE);
        let (told, (ends, ended)) = (Arc::<Told>::default(), oneshot::channel());
        let challenger = Challenger::new(folder, alias, champion, metrics.clone());
        let worker = Worker::new(messages, told.clone(), challenger, asker, outcomes, metrics.clone());
        crate::background::thread("shadow", move || {
            worker.run(poll);
            // Nobody waits if the service was given up.
            let _ = ends.send(());
        })?;
        Ok((Self { queue, told, share, metrics, is_gone: AtomicBool::new(false) }, Running(ended)))
    }

    /// Whether the challenger is asked what a user asks.
    #[must_use]
    pub fn follows(&self, user: &UserId) -> bool {
        is_in_share(user, self.share)
    }

    /// Passes on what was served, to a user that is followed.
    pub fn served(&self, question: Question) {
        let erasures = self.told.erasures.load(Ordering::Acquire);
        match self.queue.try_send(Message::Served(Box::new(question), erasures)) {
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

    /// Passes over what waits, since it may be of a user who was erased: nobody misses a few slates.
    pub fn forget(&self) {
        self.told.erasures.fetch_add(1, Ordering::Release);
    }

    /// Ends the thread, unless that takes too long: it may be loading a version.
    pub async fn close(&self, Running(ended): Running, until: Instant) {
        self.told.closes.store(true, Ordering::Release);
        // It is told by that where the queue is full.
        let _ = self.queue.try_send(Message::Close);
        let _ = timeout_at(until, ended).await;
    }
}
