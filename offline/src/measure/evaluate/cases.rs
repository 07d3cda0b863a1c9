//! Turns a held-out log into questions (cases): a user, the state that the service would have of them at that time, and
//! the targets, which are the right answers.
//!
//! A user's state is built as the service builds it: the batch's record from the snapshot, joined with the live history
//! of the user's held-out events so far, also of those that were taken back later. Only what stands is a target. Cost: a pass over the held-out events, each joined with the history.

use std::collections::HashMap;

use rayon::prelude::*;
use shared::contract::api::Seen;
use shared::contract::event_log::Coverage;
use shared::contract::id::{ItemId, ItemIdx};
use shared::contract::kind::KindIdx;
use shared::engine::filter::rules_out;
use shared::engine::packed::unpack_user;
use shared::engine::recommend::Scratch;
use shared::engine::snapshot::Snapshot;
use shared::engine::state::{BatchUser, HistoryBounds, LiveEvent, LiveHistory, UserState};

use super::Task;
use crate::log::baskets::{Basket, baskets};
use crate::log::ingest::{Log, LogEvent, SessionsFrom, TakenBack};
use crate::log::interactions::{by_user, spread};

/// The most items of a basket that are left out in turn, so that large baskets do not decide the figures.
const MOST_LEFT_OUT: usize = 3;
/// Baskets with more items are no questions: what somebody wants who buys half a shop is not asked of a page.
const MOST_IN_BASKET: usize = 100;

/// One question.
pub struct Case<'a> {
    /// The user.
    pub user: &'a str,
    /// The number of the question among the user's: the position of the target among all their held-out events, 0 for
    /// top-k.
    pub number: usize,
    /// The user's state.
    pub state: UserState,
    /// The time of the question, milliseconds since the epoch.
    pub now_ms: i64,
    /// The targets that the snapshot has.
    pub targets: Vec<ItemIdx>,
    /// What is in the user's basket, of what the snapshot has.
    pub basket: Vec<ItemIdx>,
    /// What the user did with each of `targets`, in the kinds of the held-out log.
    pub kinds: Vec<KindIdx>,
    /// What the user did with each target that the snapshot does not have.
    pub unknown: Vec<KindIdx>,
}

impl Case<'_> {
    /// How many targets there are, unknown ones included.
    #[must_use]
    pub fn total(&self) -> usize {
        self.targets.len() + self.unknown.len()
    }
}

/// The time of the questions of a held-out log, which depends on how it was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The held-out part is a window in time: top-k questions have this time, milliseconds since the epoch, and a
    /// user's first held-out event begins a session.
    At(i64),
    /// The held-out part is the end of each user's past: top-k questions have the time of the user's first held-out
    /// event, which continues that past.
    AfterPast,
}

/// The held-out events of each user.
pub struct HeldOut<'a> {
    test: &'a Log,
    asked: Asked,
    gap_ms: i64,
    starts: Vec<u32>,
    order: Vec<u32>,
    /// The other events of users who took something back or blocked an item.
    taken_back: HashMap<usize, Vec<&'a TakenBack>>,
}

impl<'a> HeldOut<'a> {
    /// Groups a held-out log by user.
    ///
    /// * `gap_ms`: the pause that ends a session if the log does not name its sessions, milliseconds.
    #[must_use]
    pub fn new(test: &'a Log, asked: Asked, gap_ms: i64) -> Self {
        let (starts, order) = by_user(test);
        let mut taken_back: HashMap<usize, Vec<&TakenBack>> = HashMap::new();
        for taken in &test.taken_back {
            taken_back.entry(taken.event.user.at()).or_default().push(taken);
        }
        Self { test, asked, gap_ms, starts, order, taken_back }
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

    /// The interactions of a user, in the order of time.
    pub fn events(&self, row: usize) -> impl Iterator<Item = &'a LogEvent> {
        self.positions(row).iter().map(|&at| &self.test.events[at as usize])
    }

    /// The positions of a user's interactions in the held-out log.
    fn positions(&self, row: usize) -> &[u32] {
        &self.order[self.starts[row] as usize..self.starts[row + 1] as usize]
    }

    /// Whether the log names its sessions.
    pub fn sessions(&self) -> SessionsFrom {
        self.test.sessions
    }

    /// The pause that ends a session if the log does not name its sessions, milliseconds.
    pub fn gap_ms(&self) -> i64 {
        self.gap_ms
    }

    /// The number of next-item questions of a user.
    #[must_use]
    pub fn next_item_cases(&self, row: usize) -> usize {
        let events = self.events(row);
        events.scan(None, |previous, event| Some(self.goes_on(previous.replace(event), event))).filter(|&on| on).count()
    }

    /// Whether an event is a next-item question: it continues the session of the event before it, or the user's past.
    fn goes_on(&self, previous: Option<&LogEvent>, event: &LogEvent) -> bool {
        match (previous, self.test.sessions) {
            (None, _) => self.asked == Asked::AfterPast,
            (Some(previous), SessionsFrom::Column) => previous.session == event.session,
            (Some(previous), SessionsFrom::Gap) => {
                event.timestamp_ms.saturating_sub(previous.timestamp_ms) <= self.gap_ms
            }
        }
    }

    /// Calls `ask` with every question of a task, on all threads; returns the answers in the order of `rows`.
    pub fn ask<T: Send>(
        &self,
        task: Task,
        rows: &[usize],
        snapshot: &Snapshot,
        seen: Seen,
        ask: impl Fn(&Case<'_>, &mut Scratch) -> T + Sync,
    ) -> Vec<T> {
        match task {
            Task::NextItem => self.next_item(rows, snapshot, ask),
            Task::TopK | Task::LastItem => self.top_k(rows, snapshot, seen, ask),
            Task::Basket => self.left_out(rows, snapshot, ask),
        }
    }

    /// A question before each event that continues a session, or the user's past; its item is the target.
    fn next_item<T: Send>(
        &self,
        rows: &[usize],
        snapshot: &Snapshot,
        ask: impl Fn(&Case<'_>, &mut Scratch) -> T + Sync,
    ) -> Vec<T> {
        let of_user = |scratch: &mut Scratch, row: usize| {
            let user = self.user(row);
            let (record, profile) = (record(snapshot, user), snapshot.profile_of(user));
            let mut live = LiveHistory::default();
            let covered = Coverage::default();
            let max_events = snapshot.params().max_history;
            let bounds = HistoryBounds { max_events, max_older: usize::MAX, covered: &covered };
            let mut answers = Vec::new();
            let mut previous: Option<&LogEvent> = None;
            let mut taken_back = self.taken_back.get(&row).into_iter().flatten().peekable();
            let mut number = 0;
            for &at in self.positions(row) {
                while let Some(taken) = taken_back.next_if(|taken| taken.at <= at) {
                    live.apply(self.live(&taken.event, number), bounds);
                    number += 1;
                }
                let event = &self.test.events[at as usize];
                if self.goes_on(previous, event) {
                    let state = UserState::join(snapshot, record.clone(), &live).with_profile(profile.clone());
                    let (targets, kinds, unknown) = match snapshot.items().index(self.item(event)) {
                        Some(target) => (vec![target], vec![event.kind], Vec::new()),
                        None => (Vec::new(), Vec::new(), vec![event.kind]),
                    };
                    let now_ms = event.timestamp_ms;
                    let basket = Vec::new();
                    let case = Case { user, number, state, now_ms, targets, basket, kinds, unknown };
                    answers.push(ask(&case, scratch));
                }
                live.apply(self.live(event, number), bounds);
                number += 1;
                previous = Some(event);
            }
            answers
        };
        let answers: Vec<Vec<T>> =
            rows.par_iter().map_init(Scratch::default, |scratch, &row| of_user(scratch, row)).collect();
        answers.into_iter().flatten().collect()
    }

    /// One question for each user of `rows` of whom the snapshot has a record or a profile; the targets are their held-out items,
    /// without those that `seen` rules out.
    pub fn top_k<T: Send>(
        &self,
        rows: &[usize],
        snapshot: &Snapshot,
        seen: Seen,
        ask: impl Fn(&Case<'_>, &mut Scratch) -> T + Sync,
    ) -> Vec<T> {
        let of_user = |scratch: &mut Scratch, row: usize| {
            let user = self.user(row);
            let profile = snapshot.profile_of(user);
            if profile.is_none() {
                snapshot.users().record(user)?;
            }
            let record = record(snapshot, user);
            let mut items: Vec<(&str, KindIdx)> =
                self.events(row).map(|event| (self.item(event), event.kind)).collect();
            // Of an item's kinds the strongest is kept.
            items.sort_unstable_by(|a, b| a.0.cmp(b.0).then_with(|| self.test.kinds.by_strength(b.1, a.1)));
            items.dedup_by(|later, kept| later.0 == kept.0);
            let (mut targets, mut kinds, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
            for (item, kind) in items {
                let index = snapshot.items().index(item);
                let known = &snapshot.params().kinds;
                let ruled_out = index.is_some_and(|index| {
                    let from = record.seen.partition_point(|past| past.item < index);
                    let past = record.seen[from..].iter().take_while(|past| past.item == index);
                    past.into_iter().any(|past| rules_out(seen, known, past.kind))
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
            let now_ms = match self.asked {
                Asked::At(now_ms) => now_ms,
                Asked::AfterPast => self.events(row).next().map_or(0, |event| event.timestamp_ms),
            };
            let state = UserState::join(snapshot, record, &LiveHistory::default()).with_profile(profile);
            let basket = Vec::new();
            Some(ask(&Case { user, number: 0, state, now_ms, targets, basket, kinds, unknown }, scratch))
        };
        let answers: Vec<Option<T>> =
            rows.par_iter().map_init(Scratch::default, |scratch, &row| of_user(scratch, row)).collect();
        answers.into_iter().flatten().collect()
    }

    /// Up to [`MOST_LEFT_OUT`] questions for each basket: one of its items is left out, and is the target; the others are
    /// the basket. A basket of which the snapshot knows no other item is no question.
    fn left_out<T: Send>(
        &self,
        rows: &[usize],
        snapshot: &Snapshot,
        ask: impl Fn(&Case<'_>, &mut Scratch) -> T + Sync,
    ) -> Vec<T> {
        let baskets = self.baskets();
        let of_user = |scratch: &mut Scratch, row: usize| {
            let (user, mut answers, mut number) = (self.user(row), Vec::new(), 0);
            let (record, profile) = (record(snapshot, user), snapshot.profile_of(user));
            let state = UserState::join(snapshot, record, &LiveHistory::default()).with_profile(profile);
            for basket in of_row(&baskets, row) {
                for left_out in left_out_of(basket) {
                    let known = |item: &ItemIdx| snapshot.items().index(&self.test.items.ids[item.at()]);
                    let others = basket.items.iter().filter(|&&item| item != left_out).filter_map(known).collect();
                    let kind = self.test.kinds.iter().map(|(kind, _)| kind).find(|&kind| self.test.kinds.buys(kind));
                    let kind = kind.unwrap_or(KindIdx::VIEW);
                    let (targets, kinds, unknown) = match known(&left_out) {
                        Some(target) => (vec![target], vec![kind], Vec::new()),
                        None => (Vec::new(), Vec::new(), vec![kind]),
                    };
                    let (state, now_ms) = (state.clone(), basket.at_ms);
                    let case = Case { user, number, state, now_ms, targets, basket: others, kinds, unknown };
                    if !case.basket.is_empty() {
                        answers.push(ask(&case, scratch));
                    }
                    number += 1;
                }
            }
            answers
        };
        let answers: Vec<Vec<T>> =
            rows.par_iter().map_init(Scratch::default, |scratch, &row| of_user(scratch, row)).collect();
        answers.into_iter().flatten().collect()
    }

    /// The baskets that an item can be left out of, user by user.
    fn baskets(&self) -> Vec<Basket> {
        let mut baskets = baskets(self.test, self.gap_ms);
        baskets.retain(|basket| (2..=MOST_IN_BASKET).contains(&basket.items.len()));
        baskets
    }

    /// The number of basket questions of each user, those of which the version knows no other item among them.
    #[must_use]
    pub fn basket_cases(&self) -> Vec<usize> {
        let baskets = self.baskets();
        let count = |row| of_row(&baskets, row).map(|basket| left_out_of(basket).count()).sum();
        (0..self.users()).map(count).collect()
    }

    /// The external id of an event's item.
    pub fn item(&self, event: &LogEvent) -> &'a str {
        &self.test.items.ids[event.item.at()]
    }

    /// The event as the service would store it, received in the order of the questions.
    fn live(&self, event: &LogEvent, number: usize) -> LiveEvent {
        LiveEvent {
            received_ms: number as i64,
            // A key from the event's number; 0 is reserved for events without an id.
            event_key: number as u64 + 1,
            timestamp_ms: event.timestamp_ms,
            kind: self.test.kinds.get(event.kind).name.clone(),
            item: ItemId::new(self.item(event)).expect("ids were checked when the log was read"),
            place: None,
        }
    }
}

/// The baskets of a user, of baskets in the order of users.
fn of_row(baskets: &[Basket], row: usize) -> impl Iterator<Item = &Basket> {
    let first = baskets.partition_point(|basket| basket.user.at() < row);
    baskets[first..].iter().take_while(move |basket| basket.user.at() == row)
}

/// The items of a basket that are left out in turn, evenly spread over it.
fn left_out_of(basket: &Basket) -> impl Iterator<Item = ItemIdx> {
    let step = (basket.items.len() as f64 / MOST_LEFT_OUT as f64).max(1.0);
    spread(basket.items.len(), step).map(|at| basket.items[at])
}

/// The batch's record of a user; an empty one if there is none.
fn record(snapshot: &Snapshot, user: &str) -> BatchUser {
    let packed = snapshot.users().record(user);
    packed.map(|bytes| unpack_user(bytes).expect("a verified artifact holds whole records")).unwrap_or_default()
}
