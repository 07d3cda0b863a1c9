//! The ingested log: events in time order, users and items indexed by their sorted external ids.

use std::collections::HashMap;

use sha2::{Digest, Sha256};
use shared::contract::artifact::manifest::hex;
use shared::contract::event::EventKind;
use shared::contract::event_log::CoveredFile;
use shared::contract::id::{ItemIdx, UserIdx};

use super::covered::{self, FileRead};
use super::items::told::Notes;
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
    pub kind: EventKind,
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
    pub told: Notes,
}

/// An event of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEvent {
    /// The user.
    pub user: UserIdx,
    /// The item.
    pub item: ItemIdx,
    /// What the user did.
    pub kind: EventKind,
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
    /// In time order; equal times in the order of the input.
    pub events: Vec<LogEvent>,
    /// Whether sessions end at a pause or are named by the log.
    pub sessions: SessionsFrom,
    /// The counts of accepted, rejected and skipped rows.
    pub report: IngestReport,
}

impl Log {
    /// Sorts events by time and indexes users and items.
    #[must_use]
    pub fn build(raw: RawLog, catalogue: Catalogue, report: IngestReport, config: &IngestConfig) -> Self {
        let RawLog { users, items, mut events, told, .. } = raw;
        events.sort_by_key(|event| (event.timestamp_ms, event.order));
        if config.drop_equal_rows {
            let mut seen = std::collections::HashSet::new();
            events.retain(|event| seen.insert((event.user, event.item, event.kind, event.timestamp_ms)));
        }
        let (users, user_rows) = sorted(users);
        let mut item_ids: Vec<(Box<str>, u32)> = items.rows.into_iter().collect();
        item_ids.sort_unstable_by_key(|(_, row)| *row);
        let (mut items, item_rows) = catalogue.with_seen(item_ids.into_iter().map(|(id, _)| id).collect());
        items.told = told.told(&item_rows, &items);
        let end_ms = events.last().map_or(0, |event| event.timestamp_ms);
        if let (count, Some(example)) = items.told.unreadable_prices(end_ms) {
            let warning = format!("{count} different prices of the log can't be read, such as `{example}`");
            items.report.warnings.push(warning);
        }
        let items = items.as_told(end_ms);
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
        Self { users, items, events, sessions: config.sessions, report }
    }

    /// The events in `range`, with only the users who have one of them, and the items that have one or are in the item
    /// table: as if nothing else had been read. What later events say about items is not known in it, nor which items
    /// were withdrawn in the end.
    #[must_use]
    pub fn part(&self, range: std::ops::Range<usize>) -> Self {
        self.only(&self.events[range])
    }

    /// As [`Log::part`], for any events of this log, in their order. The part covers nothing of the service's event
    /// log.
    #[must_use]
    pub fn only(&self, events: &[LogEvent]) -> Self {
        let mut has_user = vec![false; self.users.len()];
        let mut has_item = self.items.listed.clone();
        for event in events {
            has_user[event.user.at()] = true;
            has_item[event.item.at()] = true;
        }
        let users = self.users.iter().zip(&has_user).filter(|(_, has)| **has).map(|(id, _)| id.clone()).collect();
        let (user_rows, item_rows) = (ranks(&has_user), ranks(&has_item));
        let mut events: Vec<LogEvent> = events
            .iter()
            .map(|event| LogEvent {
                user: UserIdx(user_rows[event.user.at()]),
                item: ItemIdx(item_rows[event.item.at()]),
                ..*event
            })
            .collect();
        number_sessions(&mut events);
        let end_ms = events.last().map_or(i64::MIN, |event| event.timestamp_ms);
        let items = self.items.part(&has_item, end_ms);
        let report = IngestReport { files: Vec::new(), ..self.report.clone() };
        Self { users, items, events, sessions: self.sessions, report }
    }

    /// The part of the log before a time.
    #[must_use]
    pub fn before(&self, time_ms: i64) -> Self {
        let mut before = self.part(0..self.events.partition_point(|event| event.timestamp_ms < time_ms));
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
        for event in &self.events {
            digest.update(event.user.0.to_le_bytes());
            digest.update(event.item.0.to_le_bytes());
            digest.update([event.kind as u8]);
            digest.update(event.session.to_le_bytes());
            digest.update(event.timestamp_ms.to_le_bytes());
        }
        hex(&digest.finalize())
    }
}

#[cfg(test)]
impl Log {
    /// A log of views for tests, in their order: `(milliseconds, user, item)`; pauses end sessions.
    pub fn of_views(rows: &[(i64, &str, &str)]) -> Self {
        let mut users: Vec<Box<str>> = rows.iter().map(|row| row.1.into()).collect();
        users.sort_unstable();
        users.dedup();
        let seen: std::collections::BTreeSet<&str> = rows.iter().map(|row| row.2).collect();
        let (items, _) = Catalogue::default().with_seen(seen.into_iter().map(Into::into).collect());
        let event = |&(timestamp_ms, user, item): &(i64, &str, &str)| LogEvent {
            user: UserIdx(users.binary_search_by(|id| (**id).cmp(user)).expect("a user of the rows") as u32),
            item: ItemIdx(items.ids.binary_search_by(|id| (**id).cmp(item)).expect("an item of the rows") as u32),
            kind: EventKind::View,
            session: 0,
            timestamp_ms,
            event_key: 0,
        };
        let mut events: Vec<LogEvent> = rows.iter().map(event).collect();
        events.sort_by_key(|event| event.timestamp_ms);
        Self { users, items, events, sessions: SessionsFrom::Gap, report: IngestReport::default() }
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
