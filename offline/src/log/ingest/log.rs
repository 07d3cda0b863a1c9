//! The ingested log: events in time order, users and items indexed by their sorted external ids.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use shared::contract::artifact::manifest::hex;
use shared::contract::event_log::CoveredFile;
use shared::contract::id::{ItemIdx, UserIdx};
use shared::contract::kind::{KindIdx, Kinds};

use super::covered::{self, FileRead};
use super::resolved::{BlockedItem, Resolution, TakenBack, resolved};
use super::{Catalogue, IngestConfig, IngestReport, SessionsFrom};

/// Strings numbered in the order in which they were first seen.
#[derive(Default)]
pub struct Interner {
    rows: HashMap<Box<str>, u32>,
}

impl Interner {
    /// The number of a string; a new one gets the next.
    pub fn row(&mut self, text: &str) -> u32 {
        if let Some(&row) = self.rows.get(text) {
            return row;
        }
        let row = self.rows.len() as u32;
        self.rows.insert(text.into(), row);
        row
    }
}

/// An event as it was read, with users, items and sessions as numbers of their [`Interner`]s.
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub struct RawEvent {
    pub user: u32,
    pub item: u32,
    pub session: u32,
    pub kind: KindIdx,
    pub timestamp_ms: i64,
    pub order: i64,
    pub event_key: u64,
}

/// Events as they were read, in the order of the input.
#[derive(Default)]
#[allow(missing_docs)]
pub struct RawLog {
    pub users: Interner,
    pub items: Interner,
    pub sessions: Interner,
    pub events: Vec<RawEvent>,
    names: HashMap<u32, (i64, Box<str>)>,
}

impl RawLog {
    /// Notes an item's name; the earliest one is kept, so that later events can't change it.
    pub fn name(&mut self, item: u32, timestamp_ms: i64, name: &str) {
        match self.names.get_mut(&item) {
            Some((known_ms, _)) if *known_ms <= timestamp_ms => {}
            Some(known) => *known = (timestamp_ms, name.into()),
            None => {
                self.names.insert(item, (timestamp_ms, name.into()));
            }
        }
    }
}

/// An event of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEvent {
    /// The user.
    pub user: UserIdx,
    /// The item.
    pub item: ItemIdx,
    /// What the user did.
    pub kind: KindIdx,
    /// The session's number if the log names its sessions, else 0.
    pub session: u32,
    /// The time of the event, milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// See [`shared::contract::event::event_key`]; 0 if the log gives the event no id.
    pub event_key: u64,
}

/// An ingested log, or a part of one.
#[derive(Debug, Clone)]
pub struct Log {
    /// External user ids, sorted: row by [`UserIdx`].
    pub users: Vec<Box<str>>,
    /// Items, sorted by external id: row by [`ItemIdx`].
    pub items: Catalogue,
    /// The interactions that stand at the end of the log, in time order; equal times in the order of the input.
    pub events: Vec<LogEvent>,
    /// The other events: those that users took back, those with items that they blocked, and those that did so.
    pub taken_back: Vec<TakenBack>,
    /// The items that users have blocked.
    pub blocked: Vec<BlockedItem>,
    /// The kinds of the events.
    pub kinds: Arc<Kinds>,
    /// Whether sessions end at a pause or are named by the log.
    pub sessions: SessionsFrom,
    /// The counts of accepted, rejected and skipped rows.
    pub report: IngestReport,
}

/// An event of the log, whether it stands or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told<'a> {
    /// An interaction, with its position among [`Log::events`].
    Stands(usize, &'a LogEvent),
    /// Any other event.
    TakenBack(&'a TakenBack),
}

impl<'a> Told<'a> {
    /// The event.
    #[must_use]
    pub fn event(self) -> &'a LogEvent {
        match self {
            Self::Stands(_, event) | Self::TakenBack(TakenBack { event, .. }) => event,
        }
    }
}

impl Log {
    /// Sorts events by time, indexes users and items, and sets aside what users took back or blocked.
    #[must_use]
    pub fn build(
        raw: RawLog,
        catalogue: Catalogue,
        report: IngestReport,
        config: &IngestConfig,
        kinds: &Kinds,
    ) -> Self {
        let RawLog { users, items, mut events, names, .. } = raw;
        events.sort_by_key(|event| (event.timestamp_ms, event.order));
        if config.drop_equal_rows {
            let mut seen = std::collections::HashSet::new();
            events.retain(|event| seen.insert((event.user, event.item, event.kind, event.timestamp_ms)));
        }
        let (users, user_rows) = sorted(users);
        let names: HashMap<u32, Box<str>> = names.into_iter().map(|(item, (_, name))| (item, name)).collect();
        let mut item_ids: Vec<(Box<str>, u32)> = items.rows.into_iter().collect();
        item_ids.sort_unstable_by_key(|(_, row)| *row);
        let seen: Vec<(Box<str>, Option<Box<str>>)> =
            item_ids.into_iter().map(|(id, row)| (id, names.get(&row).cloned())).collect();
        let (items, item_rows) = catalogue.with_seen(seen);
        let mut events: Vec<LogEvent> = events
            .into_iter()
            .map(|event| LogEvent {
                user: user_rows[event.user as usize],
                item: item_rows[event.item as usize],
                kind: event.kind,
                session: event.session,
                timestamp_ms: event.timestamp_ms,
                event_key: event.event_key,
            })
            .collect();
        number_sessions(&mut events);
        let Resolution { events, taken_back, blocked } = resolved(events, users.len(), kinds);
        let kinds = Arc::new(kinds.clone());
        Self { users, items, events, taken_back, blocked, kinds, sessions: config.sessions, report }
    }

    /// All events in the order of the log.
    pub fn told(&self) -> impl Iterator<Item = Told<'_>> {
        let mut taken_back = self.taken_back.iter().peekable();
        let mut standing = self.events.iter().enumerate().peekable();
        std::iter::from_fn(move || {
            let next = standing.peek().map_or(usize::MAX, |(at, _)| *at);
            match taken_back.next_if(|taken| taken.at as usize <= next) {
                Some(taken) => Some(Told::TakenBack(taken)),
                None => standing.next().map(|(at, event)| Told::Stands(at, event)),
            }
        })
    }

    /// The events in `range` and what was taken back of that time, with only the users who have one of them, and the
    /// items that have one or are in the item table: as if nothing else had been read. What was taken back or blocked
    /// after the range stands in the part.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        let from_ms = |bound: usize| self.events.get(bound).map_or(i64::MAX, |event| event.timestamp_ms);
        let is_before = |taken: &TakenBack, bound: usize| match (taken.at as usize).cmp(&bound) {
            std::cmp::Ordering::Equal => taken.event.timestamp_ms < from_ms(bound),
            order => order.is_lt(),
        };
        self.only(|told| match told {
            Told::Stands(at, _) => range.contains(&at),
            Told::TakenBack(taken) => {
                is_before(taken, range.end) && (range.start == 0 || !is_before(taken, range.start))
            }
        })
    }

    /// As [`Log::part`], for any events of this log. The part covers nothing of the service's event log.
    #[must_use]
    pub fn only(&self, keep: impl Fn(Told<'_>) -> bool) -> Self {
        let mut events: Vec<LogEvent> = self.told().filter(|told| keep(*told)).map(|told| *told.event()).collect();
        let mut has_user = vec![false; self.users.len()];
        let mut has_item = self.items.listed.clone();
        for event in &events {
            has_user[event.user.at()] = true;
            has_item[event.item.at()] = true;
        }
        let kept = self.users.iter().zip(&has_user).filter(|(_, has)| **has);
        let users: Vec<Box<str>> = kept.map(|(id, _)| id.clone()).collect();
        let (user_rows, item_rows) = (ranks(&has_user), ranks(&has_item));
        for event in &mut events {
            event.user = UserIdx(user_rows[event.user.at()]);
            event.item = ItemIdx(item_rows[event.item.at()]);
        }
        number_sessions(&mut events);
        let Resolution { events, taken_back, blocked } = resolved(events, users.len(), &self.kinds);
        let (items, report) = (self.items.part(&has_item), IngestReport { files: Vec::new(), ..self.report.clone() });
        Self { users, items, events, taken_back, blocked, kinds: self.kinds.clone(), sessions: self.sessions, report }
    }

    /// The part of the log before a time. What was taken back or blocked later stands in it.
    #[must_use]
    pub fn before(&self, time_ms: i64) -> Self {
        let mut before = self.only(|told| told.event().timestamp_ms < time_ms);
        before.report.files = self.report.files.iter().map(|file: &FileRead| file.before(time_ms)).collect();
        before
    }

    /// How much of the service's event log is in this log, file by file.
    #[must_use]
    pub fn covered(&self) -> Vec<CoveredFile> {
        covered::covered(&self.report.files)
    }

    /// The time of the first event, milliseconds since the epoch; 0 for a log without events.
    #[must_use]
    pub fn first_ms(&self) -> i64 {
        self.events.first().map_or(0, |event| event.timestamp_ms)
    }

    /// The time of the last event, milliseconds since the epoch; 0 for a log without events.
    #[must_use]
    pub fn last_ms(&self) -> i64 {
        self.events.last().map_or(0, |event| event.timestamp_ms)
    }

    /// SHA-256 over everything that the models can learn from, in hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut digest = Sha256::new();
        for id in &self.users {
            digest.update(id.as_bytes());
            digest.update([0]);
        }
        self.items.digest(&mut digest);
        for event in self.told().map(Told::event) {
            digest.update(event.user.0.to_le_bytes());
            digest.update(event.item.0.to_le_bytes());
            match event.kind {
                KindIdx::VIEW | KindIdx::ADD_TO_CART | KindIdx::TRANSACTION => digest.update([event.kind.0]),
                // The rows of the other kinds depend on the config.
                other => {
                    digest.update([u8::MAX]);
                    digest.update(self.kinds.get(other).name.as_str().as_bytes());
                    digest.update([0]);
                }
            }
            digest.update(event.session.to_le_bytes());
            digest.update(event.timestamp_ms.to_le_bytes());
        }
        hex(&digest.finalize())
    }
}

#[cfg(test)]
impl Log {
    /// A log of views for tests: `(milliseconds, user, item)`; pauses end sessions.
    pub fn of_views(rows: &[(i64, &str, &str)]) -> Self {
        Self::of_rows(&rows.iter().map(|&(time_ms, user, item)| (time_ms, user, "view", item)).collect::<Vec<_>>())
    }

    /// A log for tests: `(milliseconds, user, kind, item)`, of the built-in kinds; pauses end sessions.
    pub fn of_rows(rows: &[(i64, &str, &str, &str)]) -> Self {
        let kinds = Kinds::default();
        let mut users: Vec<Box<str>> = rows.iter().map(|row| row.1.into()).collect();
        users.sort_unstable();
        users.dedup();
        let seen: std::collections::BTreeSet<&str> = rows.iter().map(|row| row.3).collect();
        let (items, _) = Catalogue::default().with_seen(seen.into_iter().map(|id| (id.into(), None)).collect());
        let event = |&(timestamp_ms, user, kind, item): &(i64, &str, &str, &str)| LogEvent {
            user: UserIdx(users.binary_search_by(|id| (**id).cmp(user)).expect("a user of the rows") as u32),
            item: ItemIdx(items.ids.binary_search_by(|id| (**id).cmp(item)).expect("an item of the rows") as u32),
            kind: kinds.index(kind).expect("a built-in kind"),
            session: 0,
            timestamp_ms,
            event_key: 0,
        };
        let mut events: Vec<LogEvent> = rows.iter().map(event).collect();
        events.sort_by_key(|event| event.timestamp_ms);
        let Resolution { events, taken_back, blocked } = resolved(events, users.len(), &kinds);
        let (kinds, report) = (Arc::new(kinds), IngestReport::default());
        Self { users, items, events, taken_back, blocked, kinds, sessions: SessionsFrom::Gap, report }
    }
}

/// Numbers the sessions in the order in which they begin.
fn number_sessions(events: &mut [LogEvent]) {
    let mut numbers: HashMap<u32, u32> = HashMap::new();
    for event in events {
        let next = numbers.len() as u32;
        event.session = *numbers.entry(event.session).or_insert(next);
    }
}

/// The rank of every set flag among the set ones.
fn ranks(flags: &[bool]) -> Vec<u32> {
    let mut next = 0;
    flags
        .iter()
        .map(|&flag| {
            let rank = next;
            next += u32::from(flag);
            rank
        })
        .collect()
}

/// The strings of an interner in order, and the row that each number got.
fn sorted(interner: Interner) -> (Vec<Box<str>>, Vec<UserIdx>) {
    let mut ids: Vec<(Box<str>, u32)> = interner.rows.into_iter().collect();
    ids.sort_unstable();
    let mut rows = vec![UserIdx(0); ids.len()];
    for (row, (_, number)) in (0..).zip(&ids) {
        rows[*number as usize] = UserIdx(row);
    }
    (ids.into_iter().map(|(id, _)| id).collect(), rows)
}
