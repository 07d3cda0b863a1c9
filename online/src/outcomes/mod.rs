//! What becomes of slates: logs them, and puts what users do down to them, for the metrics.
//!
//! ```text
//! slate served: snapshot and picks ─────┐
//! events and impressions, once durable ─┼─▶ queue ─▶ thread ─▶ lines ─▶ slate log, synced once a second
//! erasure of a user ────────────────────┘              └─▶ attribution ─▶ counters
//! ```
//!
//! A request hands over what it has anyway and goes on: names are looked up, and JSON is written, on the thread. What
//! finds the queue full is dropped and counted, and so are slates that the disk does not take: no slate is later or fails
//! because of it. Of users outside the sample nothing is handed over but events that name a slate: who clicks may have
//! logged in since, and be another user than the one who was answered.

mod count;
mod erasing;
mod log;
mod sample;
mod slate;
mod thread;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};

use shared::contract::event::Event;
use shared::contract::id::UserId;
use shared::contract::impression::Impression;
use shared::engine::attribution::{self, Outcome};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

pub use self::sample::Sample;
pub use self::slate::Served;

use self::count::Counting;
use self::erasing::Erasing;
use self::log::SlateLog;
use self::thread::Worker;
use crate::metrics::Metrics;

/// How much may wait for the thread, in items of slates: some 10 MB, or 12,000 slates of 20. What a single request brings
/// may be more where nothing waits.
const MAX_WAITING: usize = 1 << 18;
/// An event, or an impression without its ids, takes as much room as so many items of a slate; an id takes that of one.
const ITEMS_OF_AN_EVENT: usize = 8;

/// What is done with slates.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The slate log; `None`: slates are not logged.
    pub log: Option<LogSettings>,
    /// Whose slates are logged and counted.
    pub sample: Sample,
    /// What an event may be due to, and how many items are remembered.
    pub attribution: attribution::Settings,
}

/// Where slates are logged.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// The folder.
    pub folder: PathBuf,
    /// The replica that writes it.
    pub replica: String,
    /// The size at which a new file is begun, in bytes.
    pub max_file_bytes: u64,
    /// How many bytes all files of this replica may have: beyond it the oldest are removed; 0 for no bound.
    pub max_disk_bytes: u64,
}

/// A message to the thread.
enum Message {
    /// A slate was served.
    Served(Box<Served>),
    /// A request brought events and impressions, which are durable.
    Reported(Report),
    /// Somebody is to be forgotten.
    Erased(UserId),
    /// The last message.
    Close,
}

/// What a request brought of users in the sample, and events that name a slate.
#[derive(Debug, Default)]
pub struct Report {
    events: Vec<Event>,
    impressions: Vec<Impression>,
}

impl Message {
    /// Whether nobody saw what it tells of: it must not take the room of what was served.
    fn is_unseen(&self) -> bool {
        matches!(self, Self::Served(served) if !served.role.is_served())
    }

    /// How much room it takes in the queue.
    fn weight(&self) -> usize {
        match self {
            Self::Served(served) => served.picks.len() + 1,
            Self::Reported(Report { events, impressions }) => {
                let ids: usize = impressions.iter().map(|impression| impression.items.len()).sum();
                ITEMS_OF_AN_EVENT * (events.len() + impressions.len()) + ids
            }
            Self::Erased(_) | Self::Close => 0,
        }
    }
}

/// The handle by which requests pass on slates and what became of them.
pub struct Outcomes {
    queue: Sender<Message>,
    waiting: Arc<AtomicUsize>,
    erasing: Arc<Erasing>,
    /// Whether it is known that the thread is gone.
    is_gone: AtomicBool,
    sample: Sample,
    metrics: Arc<Metrics>,
}

/// The thread behind [`Outcomes`], which tells its end: nothing may block until then, for its disk may hang.
pub struct Running(oneshot::Receiver<()>);

impl Outcomes {
    /// Starts the thread. A log that can't be used is told by it, and tried again.
    ///
    /// * `scenarios`: the names of all scenarios.
    ///
    /// # Errors
    /// [`std::io::Error`] when the system has no thread left.
    pub fn start(
        settings: Settings,
        scenarios: &[String],
        metrics: Arc<Metrics>,
    ) -> Result<(Self, Running), std::io::Error> {
        let Settings { log, sample, attribution } = settings;
        let (queue, messages) = mpsc::channel();
        let (waiting, erasing) = (Arc::new(AtomicUsize::new(0)), Arc::new(Erasing::default()));
        let counting = Counting::new(attribution, sample, scenarios, metrics.clone());
        let (log, of_log) = (log.filter(|_| !sample.is_empty()), metrics.clone());
        let (weight, leaving) = (waiting.clone(), erasing.clone());
        let (done, ended) = oneshot::channel();
        let work = move || {
            Worker::new(messages, weight, leaving, counting, log.map(|log| SlateLog::new(log, of_log))).run();
            // Nobody may be waiting any more.
            let _ = done.send(());
        };
        crate::background::thread("slates", work)?;
        let is_gone = AtomicBool::new(false);
        Ok((Self { queue, waiting, erasing, is_gone, sample, metrics }, Running(ended)))
    }

    /// Whether anything is to be known of a user's slates.
    #[must_use]
    pub fn follows(&self, user: &UserId) -> bool {
        self.sample.has(user)
    }

    /// Passes on a slate, of a user that is followed.
    pub fn served(&self, served: Served) {
        if !self.send(Message::Served(Box::new(served))) {
            self.metrics.slates.slates_dropped("queue", 1);
        }
    }

    /// What of a request is to be reported once it is durable; nothing where no user is followed. An event that names a
    /// slate is, whoever sent it: only the thread knows whose the slate is.
    #[must_use]
    pub fn report_of(&self, events: &[Event], impressions: &[Impression]) -> Report {
        if self.sample.is_empty() {
            return Report::default();
        }
        let may_count = |event: &Event| event.recommendation_id.is_some() || self.sample.has(&event.user);
        let is_outcome = |event: &&Event| Outcome::of(&event.kind).is_some() && may_count(event);
        let events = events.iter().filter(is_outcome).cloned().collect();
        let impressions = impressions.iter().filter(|seen| self.sample.has(&seen.user)).cloned().collect();
        Report { events, impressions }
    }

    /// Passes on what is durable.
    pub fn report(&self, report: Report) {
        let lines = (report.events.len() + report.impressions.len()) as u64;
        if lines > 0 && !self.send(Message::Reported(report)) {
            self.metrics.slates.reports_dropped.inc_by(lines);
        }
    }

    /// Forgets the slates of a user that are remembered here, or that wait to be written. What is on disk is left to
    /// `offline erase`.
    pub fn forget(&self, user: UserId) {
        self.erasing.begin(user.clone());
        // It takes no room, so that it gets there unless the thread is gone, and its memory with it.
        let _ = self.send(Message::Erased(user));
    }

    /// Passes a message on if there is room.
    fn send(&self, message: Message) -> bool {
        let (weight, waiting) = (message.weight(), self.waiting.load(Ordering::Relaxed));
        // What is heavier than the queue has its turn as well.
        let most = if message.is_unseen() { MAX_WAITING / 2 } else { MAX_WAITING };
        if weight > 0 && waiting > 0 && waiting + weight > most {
            return false;
        }
        self.waiting.fetch_add(weight, Ordering::Relaxed);
        let is_sent = self.queue.send(message).is_ok();
        if !is_sent && !self.is_gone.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "the thread of the slate log is gone: until the service is started anew no slate is logged, and nothing \
                 that becomes of slates is counted"
            );
        }
        is_sent
    }

    /// Writes and counts what was passed on, and closes the log, unless that takes too long.
    ///
    /// Returns whether it is closed, with all that there was.
    pub async fn close(&self, Running(ended): Running, until: Instant) -> bool {
        // An error means that the thread is gone already.
        let _ = self.send(Message::Close);
        match timeout_at(until, ended).await {
            Ok(Ok(())) => return true,
            Ok(Err(_)) => tracing::error!("the slate log did not close in order; it is checked at the next start"),
            Err(_) => {
                let items = self.waiting.load(Ordering::Relaxed);
                tracing::warn!(
                    items,
                    "the slate log is not closed at the shutdown timeout: slates of so many items wait for it still, \
                     and the last second of it may not be written"
                );
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use shared::contract::id::ItemId;
    use shared::contract::kind::KindName;

    use super::*;

    fn event(kind: KindName) -> Event {
        Event {
            timestamp_ms: 5,
            user: UserId::new("u").expect("an id"),
            kind,
            item: ItemId::new("i").expect("an id"),
            transaction_id: None,
            event_id: "e".to_owned(),
            received_ms: 5,
            recommendation_id: None,
        }
    }

    /// A handle whose messages nobody takes.
    fn outcomes(sample: Sample) -> (Outcomes, mpsc::Receiver<Message>) {
        let (queue, messages) = mpsc::channel();
        let (waiting, erasing, metrics) = (Arc::default(), Arc::default(), Arc::default());
        (Outcomes { queue, waiting, erasing, is_gone: AtomicBool::new(false), sample, metrics }, messages)
    }

    #[test]
    fn what_finds_no_room_is_dropped_and_counted_and_an_erasure_gets_through() {
        let (outcomes, messages) = outcomes(Sample::one_of(1));
        // Heavier than the queue, in which nothing waits.
        let fill = vec![event(KindName::VIEW); MAX_WAITING / ITEMS_OF_AN_EVENT + 1];
        outcomes.report(outcomes.report_of(&fill, &[]));
        outcomes.report(outcomes.report_of(&fill[..3], &[]));
        outcomes.forget(UserId::new("u").expect("an id"));
        assert_eq!(outcomes.metrics.slates.reports_dropped.get(), 3);
        let taken: Vec<Message> = messages.try_iter().collect();
        assert!(matches!(&taken[..], [Message::Reported(report), Message::Erased(_)] if report.events == fill));
    }

    #[test]
    fn a_thread_that_is_gone_is_known_and_what_it_does_not_take_is_counted() {
        let (outcomes, messages) = outcomes(Sample::one_of(1));
        drop(messages);
        let events = [event(KindName::VIEW)];
        assert!(!outcomes.is_gone.load(Ordering::Relaxed));
        (0..2).for_each(|_| outcomes.report(outcomes.report_of(&events, &[])));
        assert!(outcomes.is_gone.load(Ordering::Relaxed));
        assert_eq!(outcomes.metrics.slates.reports_dropped.get(), 2);
    }

    #[tokio::test]
    async fn a_log_that_does_not_close_is_waited_for_until_a_given_time_and_one_that_does_no_longer() {
        let (outcomes, _messages) = outcomes(Sample::one_of(1));
        let soon = || Instant::now() + std::time::Duration::from_millis(20);
        let (hangs, ended) = oneshot::channel();
        outcomes.report(outcomes.report_of(&[event(KindName::VIEW)], &[]));
        assert!(!outcomes.close(Running(ended), soon()).await);
        assert_eq!(outcomes.waiting.load(Ordering::Relaxed), ITEMS_OF_AN_EVENT, "what is left is known");
        drop(hangs);
        let (done, ended) = oneshot::channel();
        done.send(()).expect("is waited for");
        assert!(outcomes.close(Running(ended), Instant::now()).await);
        let (panics, ended) = oneshot::channel::<()>();
        drop(panics);
        assert!(!outcomes.close(Running(ended), soon() + std::time::Duration::from_secs(60)).await);
    }

    #[test]
    fn only_outcomes_of_users_in_the_sample_and_those_that_name_a_slate_are_reported() {
        let events = [KindName::VIEW, KindName::new("like").expect("a name"), KindName::TRANSACTION].map(event);
        let count = |sample| outcomes(sample).0.report_of(&events, &[]).events.len();
        assert_eq!((count(Sample::one_of(1)), count(Sample::one_of(0))), (2, 0));
        let outside =
            (2..).map(Sample::one_of).find(|sample| !sample.has(&events[0].user)).expect("a sample without u");
        assert_eq!(count(outside), 0);
        let named = events.clone().map(|event| Event { recommendation_id: Some("r".to_owned()), ..event });
        assert_eq!(self::outcomes(outside).0.report_of(&named, &[]).events.len(), 2);
        let (outcomes, messages) = outcomes(Sample::one_of(0));
        outcomes.report(outcomes.report_of(&events, &[]));
        assert!(messages.try_recv().is_err(), "nothing is passed on");
    }
}
