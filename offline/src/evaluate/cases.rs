//! The questions of a held-out log, each with the state that the service would have then and the targets.
//!
//! A user's state is built as the service builds it: the batch's record from the snapshot, joined with the live history
//! of the held-out events so far.

use rayon::prelude::*;
use shared::api::Seen;
use shared::event::EventKind;
use shared::event_log::Coverage;
use shared::id::{ItemId, ItemIdx};
use shared::keys::unpack_user;
use shared::recommend::Scratch;
use shared::snapshot::Snapshot;
use shared::state::{BatchUser, HistoryBounds, LiveEvent, LiveHistory, UserState};

use crate::ingest::{Log, LogEvent, SessionsFrom};
use crate::interactions::by_user;

/// One question.
pub struct Case<'a> {
    /// Who asks.
    pub user: &'a str,
    /// The question's number among the user's: the position of the target among their held-out events, 0 for top-k.
    pub number: usize,
    /// What is known of the user.
    pub state: UserState,
    /// The time of the question, milliseconds since the epoch.
    pub now_ms: i64,
    /// The targets that the snapshot knows.
    pub targets: Vec<ItemIdx>,
    /// What the user did with each of `targets`.
    pub kinds: Vec<EventKind>,
    /// What the user did with each target that the snapshot does not know.
    pub unknown: Vec<EventKind>,
}

impl Case<'_> {
    /// How many targets there are, unknown ones included.
    #[must_use]
    pub fn total(&self) -> usize {
        self.targets.len() + self.unknown.len()
    }
}

/// When users are asked for all of their held-out items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// All at one time, milliseconds since the epoch.
    At(i64),
    /// Each when their first held-out event came.
    OnArrival,
}

/// The positions of the held-out events of a user.
pub struct HeldOut<'a> {
    test: &'a Log,
    starts: Vec<u32>,
    order: Vec<u32>,
}

impl<'a> HeldOut<'a> {
    /// Groups a held-out log by user.
    #[must_use]
    pub fn new(test: &'a Log) -> Self {
        let (starts, order) = by_user(test);
        Self { test, starts, order }
    }

    /// How many users there are.
    #[must_use]
    pub fn users(&self) -> usize {
        self.test.users.len()
    }

    /// The external id of a user.
    #[must_use]
    pub fn user(&self, row: usize) -> &'a str {
        &self.test.users[row]
    }

    fn events(&self, row: usize) -> impl Iterator<Item = &'a LogEvent> {
        let range = self.starts[row] as usize..self.starts[row + 1] as usize;
        self.order[range].iter().map(|&at| &self.test.events[at as usize])
    }

    /// How many next-item questions a user's events give.
    #[must_use]
    pub fn next_item_cases(&self, row: usize, gap_ms: i64) -> usize {
        let events: Vec<&LogEvent> = self.events(row).collect();
        events.windows(2).filter(|pair| self.same_session(pair[0], pair[1], gap_ms)).count()
    }

    fn same_session(&self, a: &LogEvent, b: &LogEvent, gap_ms: i64) -> bool {
        match self.test.sessions {
            SessionsFrom::Column => a.session == b.session,
            SessionsFrom::Gap => b.timestamp_ms - a.timestamp_ms <= gap_ms,
        }
    }

    /// Asks for the next item before each event but a session's first, on all threads; answers in the order of `rows`.
    pub fn next_item<T: Send>(
        &self,
        rows: &[usize],
        snapshot: &Snapshot,
        gap_ms: i64,
        ask: impl Fn(&Case<'_>, &mut Scratch) -> T + Sync,
    ) -> Vec<T> {
        let of_user = |scratch: &mut Scratch, row: usize| {
            let user = self.user(row);
            let record = record(snapshot, user);
            let mut live = LiveHistory::default();
            let covered = Coverage::default();
            let max_events = snapshot.params().max_history;
            let bounds = HistoryBounds { max_events, max_older: usize::MAX, covered: &covered };
            let mut answers = Vec::new();
            let mut previous: Option<&LogEvent> = None;
            for (number, event) in self.events(row).enumerate() {
                if previous.is_some_and(|previous| self.same_session(previous, event, gap_ms)) {
                    let state = UserState::join(snapshot, record.clone(), &live);
                    let (targets, kinds, unknown) = match snapshot.items().index(self.item(event)) {
                        Some(target) => (vec![target], vec![event.kind], Vec::new()),
                        None => (Vec::new(), Vec::new(), vec![event.kind]),
                    };
                    let now_ms = event.timestamp_ms;
                    let case = Case { user, number, state, now_ms, targets, kinds, unknown };
                    answers.push(ask(&case, scratch));
                }
                live.apply(self.live(event, number), bounds);
                previous = Some(event);
            }
            answers
        };
        let answers: Vec<Vec<T>> =
            rows.par_iter().map_init(Scratch::default, |scratch, &row| of_user(scratch, row)).collect();
        answers.into_iter().flatten().collect()
    }

    /// Asks once for each of `rows` that the snapshot has a record of; the targets are the user's held-out
    /// items, unless `seen` rules out those of the past.
    pub fn top_k<T: Send>(
        &self,
        rows: &[usize],
        snapshot: &Snapshot,
        seen: Seen,
        asked: Asked,
        ask: impl Fn(&Case<'_>, &mut Scratch) -> T + Sync,
    ) -> Vec<T> {
        let of_user = |scratch: &mut Scratch, row: usize| {
            let user = self.user(row);
            snapshot.users().record(user)?;
            let record = record(snapshot, user);
            let mut items: Vec<(&str, EventKind)> =
                self.events(row).map(|event| (self.item(event), event.kind)).collect();
            // Of an item the strongest kind stays.
            items.sort_unstable_by(|a, b| a.0.cmp(b.0).then(b.1.cmp(&a.1)));
            items.dedup_by(|later, kept| later.0 == kept.0);
            let (mut targets, mut kinds, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
            for (item, kind) in items {
                let index = snapshot.items().index(item);
                let ruled_out = index.is_some_and(|index| {
                    record.seen.iter().any(|past| {
                        past.item == index
                            && (seen == Seen::ExcludeAll || seen == Seen::ExcludePurchased && past.purchased)
                    })
                });
                match index {
                    Some(_) if ruled_out => {}
                    Some(index) => {
                        targets.push(index);
                        kinds.push(kind);
                    }
                    None => unknown.push(kind),
                }
            }
            if targets.is_empty() && unknown.is_empty() {
                return None;
            }
            let now_ms = match asked {
                Asked::At(now_ms) => now_ms,
                Asked::OnArrival => self.events(row).next().map_or(0, |event| event.timestamp_ms),
            };
            let state = UserState::join(snapshot, record, &LiveHistory::default());
            Some(ask(&Case { user, number: 0, state, now_ms, targets, kinds, unknown }, scratch))
        };
        let answers: Vec<Option<T>> =
            rows.par_iter().map_init(Scratch::default, |scratch, &row| of_user(scratch, row)).collect();
        answers.into_iter().flatten().collect()
    }

    fn item(&self, event: &LogEvent) -> &'a str {
        &self.test.items.ids[event.item.at()]
    }

    /// The event as the service would have it; it arrives when its turn comes.
    fn live(&self, event: &LogEvent, number: usize) -> LiveEvent {
        LiveEvent {
            received_ms: number as i64,
            // Told apart by their turn; 0 is left to events without an id.
            event_key: number as u64 + 1,
            timestamp_ms: event.timestamp_ms,
            kind: event.kind,
            item: ItemId::new(self.item(event)).expect("ids were checked when the log was read"),
            place: None,
        }
    }
}

/// The batch's record of a user; an empty one for a user it does not know.
fn record(snapshot: &Snapshot, user: &str) -> BatchUser {
    let packed = snapshot.users().record(user);
    packed.map(|bytes| unpack_user(bytes).expect("a verified artifact holds whole records")).unwrap_or_default()
}
