//! The ingested log: events in time order, users and items indexed by their sorted external ids.

use std::ops::Range;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use shared::contract::artifact::manifest::hex;
use shared::contract::event_log::CoveredFile;
use shared::contract::id::{ItemIdx, UserIdx};
use shared::contract::kind::{KindIdx, Kinds};

use super::bots::Limit;
use super::covered::{self, FileRead};
use super::raw::{Interner, RawLog};
use super::resolved::{BlockedItem, Reason, Resolution, TakenBack, resolved};
use super::{Catalogue, IngestConfig, IngestReport, Profiles, Read, SessionsFrom};

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
    /// Tells the orders of a user's session apart; 0 if the log names none. Two of many orders may share it.
    pub order: u16,
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
    /// What is known of users beside their events.
    pub profiles: Profiles,
    /// The kinds of the events.
    pub kinds: Arc<Kinds>,
    /// Whether sessions end at a pause or are named by the log.
    pub sessions: SessionsFrom,
    /// How many events of a user count.
    pub bots: Limit,
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
    /// Indexes users and items, and sets aside what users took back or blocked.
    #[must_use]
    pub fn build(read: Read, kinds: &Kinds, config: &IngestConfig) -> Self {
        let Read { raw: RawLog { users, items, events, told, .. }, mut report, catalogue } = read;
        let (users, user_rows) = sorted(users);
        let changes = catalogue.newer(&report.changes);
        let (catalogue, new) = catalogue.with_new(&changes);
        let (mut items, item_rows) = catalogue.with_seen(items.texts().into_iter().map(Into::into).collect());
        items.told = told.told(&item_rows, &items);
        let end_ms = events.last().map_or(0, |event| event.timestamp_ms);
        if let (count, Some(example)) = items.told.unreadable_prices(end_ms) {
            let warning = format!("{count} different prices of the log can't be read, such as `{example}`");
            items.report.warnings.push(warning);
        }
        // What was said after the last event is covered as well.
        let items = items.as_told(end_ms).as_changed(changes, Arc::new(new), i64::MAX);
        let mut events: Vec<LogEvent> = events
            .into_iter()
            .map(|event| LogEvent {
                user: user_rows[event.user as usize],
                item: item_rows[event.item as usize],
                kind: event.kind,
                session: event.session,
                order: event.transaction,
                timestamp_ms: event.timestamp_ms,
                event_key: event.event_key,
            })
            .collect();
        if config.sessions == SessionsFrom::Column {
            name_sessions(&mut events, users.len(), config.session_gap_minutes * 60_000);
        }
        number_sessions(&mut events);
        warn_of_a_large_share(&events, &users, &mut report);
        let resolution = resolved(events, users.len(), kinds, config.bots());
        warn_of_unmatched(resolution.unmatched, &mut report);
        let Resolution { events, taken_back, blocked, .. } = resolution;
        let (kinds, bots) = (Arc::new(kinds.clone()), config.bots());
        let (sessions, profiles) = (config.sessions, Profiles::default());
        Self { users, items, events, taken_back, blocked, profiles, kinds, sessions, bots, report }
    }

    /// How many sessions there are, where a pause of `gap_ms` ends one that has no name. O(events).
    #[must_use]
    pub fn sessions(&self, gap_ms: i64) -> usize {
        let mut last_ms: Vec<Option<i64>> = vec![None; self.users.len()];
        let mut begins = |event: &&LogEvent| {
            let before = last_ms[event.user.at()].replace(event.timestamp_ms);
            before.is_none_or(|before| event.timestamp_ms - before > gap_ms)
        };
        match self.sessions {
            SessionsFrom::Gap => self.events.iter().filter(|event| begins(event)).count(),
            SessionsFrom::Column => self.events.iter().map(|event| event.session as usize + 1).max().unwrap_or(0),
        }
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

    /// How many events are no interactions because of what users did: taken back, blocked, or acts of these kinds.
    #[must_use]
    pub fn taken_back_by_users(&self) -> usize {
        self.taken_back.iter().filter(|taken| taken.reason != Reason::Surplus).count()
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
        self.kept(keep, None)
    }

    /// * `end_ms`: up to when the items are known; up to the last event if absent.
    fn kept(&self, keep: impl Fn(Told<'_>) -> bool, end_ms: Option<i64>) -> Self {
        let mut events: Vec<LogEvent> = self.told().filter(|told| keep(*told)).map(|told| *told.event()).collect();
        let mut has_user = vec![false; self.users.len()];
        let last_ms = events.last().map_or(i64::MIN, |event| event.timestamp_ms);
        let end_ms = end_ms.unwrap_or(last_ms);
        let mut has_item = self.items.listed_at(end_ms);
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
        let Resolution { events, taken_back, blocked, .. } = resolved(events, users.len(), &self.kinds, self.bots);
        let (items, report) = (self.items.part(&has_item, end_ms), self.report.of_part());
        let (kinds, sessions, bots) = (self.kinds.clone(), self.sessions, self.bots);
        let profiles = self.profiles.until(last_ms);
        Self { users, items, events, taken_back, blocked, profiles, kinds, sessions, bots, report }
    }

    /// The part of the log before a time. What was taken back or blocked later stands in it.
    #[must_use]
    pub fn before(&self, time_ms: i64) -> Self {
        let mut before = self.kept(|told| told.event().timestamp_ms < time_ms, Some(time_ms.saturating_sub(1)));
        before.profiles = self.profiles.until(time_ms.saturating_sub(1));
        before.report.service_files =
            self.report.service_files.iter().map(|file: &FileRead| file.before(time_ms)).collect();
        before
    }

    /// How much of the service's event log is in this log, file by file.
    #[must_use]
    pub fn covered(&self) -> Vec<CoveredFile> {
        covered::covered(&self.report.service_files)
    }

    /// The time of the first event, milliseconds since the epoch; 0 for a log without events.
    #[must_use]
    pub fn first_ms(&self) -> i64 {
        let taken_back = self.taken_back.first().map(|taken| &taken.event);
        self.events.first().into_iter().chain(taken_back).map(|event| event.timestamp_ms).min().unwrap_or(0)
    }

    /// The time of the last event, milliseconds since the epoch; 0 for a log without events.
    #[must_use]
    pub fn last_ms(&self) -> i64 {
        let taken_back = self.taken_back.last().map(|taken| &taken.event);
        self.events.last().into_iter().chain(taken_back).map(|event| event.timestamp_ms).max().unwrap_or(0)
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
        self.profiles.digest(&mut digest);
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
        let (items, _) = Catalogue::default().with_seen(seen.into_iter().map(Into::into).collect());
        let event = |&(timestamp_ms, user, kind, item): &(i64, &str, &str, &str)| LogEvent {
            user: UserIdx(users.binary_search_by(|id| (**id).cmp(user)).expect("a user of the rows") as u32),
            item: ItemIdx(items.ids.binary_search_by(|id| (**id).cmp(item)).expect("an item of the rows") as u32),
            kind: kinds.index(kind).expect("a built-in kind"),
            session: 0,
            order: 0,
            timestamp_ms,
            event_key: 0,
        };
        let mut events: Vec<LogEvent> = rows.iter().map(event).collect();
        events.sort_by_key(|event| event.timestamp_ms);
        let bots = Limit { setting: super::settings::Bots::Keep, max_share: 1.0 };
        let Resolution { events, taken_back, blocked, .. } = resolved(events, users.len(), &kinds, bots);
        let (kinds, report) = (Arc::new(kinds), IngestReport::default());
        let (sessions, profiles) = (SessionsFrom::Gap, Profiles::default());
        Self { users, items, events, taken_back, blocked, profiles, kinds, sessions, bots, report }
    }
}

/// Gives events without a session's name the numbers of sessions that pauses end.
fn name_sessions(events: &mut [LogEvent], users: usize, gap_ms: i64) {
    let mut next = events.iter().map(|event| event.session).max().unwrap_or(0) + 1;
    let mut current: Vec<(u32, i64)> = vec![(0, 0); users];
    for event in events.iter_mut().filter(|event| event.session == 0) {
        let (number, last_ms) = &mut current[event.user.at()];
        if *number == 0 || event.timestamp_ms - *last_ms > gap_ms {
            *number = next;
            next += 1;
        }
        *last_ms = event.timestamp_ms;
        event.session = *number;
    }
}

/// Warns of a user with a tenth of all events, in a log of many users.
fn warn_of_a_large_share(events: &[LogEvent], users: &[Box<str>], report: &mut IngestReport) {
    let mut counts = vec![0usize; users.len()];
    events.iter().for_each(|event| counts[event.user.at()] += 1);
    let busiest = counts.iter().zip(users).max_by_key(|(count, _)| **count);
    if let Some((count, user)) = busiest.filter(|(count, _)| users.len() >= 100 && **count * 10 >= events.len()) {
        report.warnings.push(format!("user {user} has {count} of {} events: many people under one id?", events.len()));
    }
}

/// Warns of refunds and removals without what they take back.
fn warn_of_unmatched(unmatched: usize, report: &mut IngestReport) {
    if unmatched > 0 {
        report.warnings.push(format!(
            "{unmatched} events take back what is not in the log before them, such as a refund without its purchase; rows of \
             equal times are in the order of the file, unless ingest.columns.order names a number that orders them"
        ));
    }
}

/// Numbers the sessions in the order in which they begin.
fn number_sessions(events: &mut [LogEvent]) {
    let most = events.iter().map(|event| event.session).max().unwrap_or(0);
    let (mut numbers, mut next) = (vec![u32::MAX; most as usize + 1], 0);
    for event in events {
        let number = &mut numbers[event.session as usize];
        if *number == u32::MAX {
            *number = next;
            next += 1;
        }
        event.session = *number;
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
    let mut ids: Vec<_> = interner.into_rows().collect();
    ids.sort_unstable();
    let mut rows = vec![UserIdx(0); ids.len()];
    for (row, (_, number)) in (0..).zip(&ids) {
        rows[*number as usize] = UserIdx(row);
    }
    (ids.into_iter().map(|(id, _)| id.as_str().into()).collect(), rows)
}
