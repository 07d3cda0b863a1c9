//! Merges visits into one log in time order, holding only the events of running visits in memory.
//!
//! The starts of visits only move forward, so an event before the next start can be written. The other events wait in a
//! heap: a user's visits don't overlap, so it holds only those of the few users who visit at the same time.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io::{self, Write},
};

use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Pareto, weighted::WeightedAliasIndex};
use shared::contract::kind::Stage;

use super::{
    GenerateConfig, GenerateSummary,
    calendar::{Calendar, END_MS, START_MS, day_of},
    catalogue::Catalogue,
    demand::Demand,
    session::{self, Habits, Shop},
    taste::Taste,
};

/// The shape of the heavy-tailed distribution of users' activity: a smaller value has a heavier tail.
const ACTIVITY_SHAPE: f64 = 1.6;
/// The maximum ratio of the activity of the most active user to that of the least active.
const MAX_ACTIVITY: f64 = 40.0;
/// A user whose last visit ended less than this ago is passed over for another, if there is one.
const REST_MS: i64 = 10 * HOUR_MS;
/// The number of users drawn to find one who has rested, before the most rested of them is taken.
const ASKED: usize = 8;
/// The probability that a visit is given to a user who has not visited before and whose turn has come.
const NEWCOMER: f64 = 0.5;
/// The minimum time between two visits of a user: more than the 30 minutes that end a session.
const BETWEEN_VISITS_MS: i64 = 31 * 60 * 1000;
/// Events between two reports of progress.
const REPORT_EVERY: u64 = 50_000;
const HOUR_MS: i64 = 3_600_000;
const NOTHING: u32 = u32::MAX;

/// The state of a user between visits.
#[derive(Debug, Clone, Copy)]
struct Memory {
    /// When the last visit ended.
    left_ms: i64,
    /// The item looked at last, or [`NOTHING`].
    last_item: u32,
}

/// An event in the heap. Ordered by time, then by its unique sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    time_ms: i64,
    sequence: u64,
    user: u32,
    item: u32,
    kind: Stage,
    /// The order it belongs to, 0 if none.
    order: u64,
}

/// Writes the event log, and returns the counts of its events, visits, users and items.
pub fn write_events(
    config: &GenerateConfig,
    catalogue: &Catalogue,
    rng: &mut ChaCha8Rng,
    out: &mut dyn Write,
    progress: &dyn Fn(u64),
) -> io::Result<GenerateSummary> {
    let calendar = Calendar::new();
    let habits = Habits::new();
    let activity = activity(config.users, rng);
    let first_day = Demand::on(0, catalogue);
    let mut users = vec![Memory { left_ms: START_MS - REST_MS, last_item: NOTHING }; config.users as usize];
    let mut log = Log::new(catalogue, out, progress)?;
    let mut waiting = BinaryHeap::new();
    let mut steps = Vec::new();
    let (mut day, mut today) = (0, Demand::on(0, catalogue));
    // Users have turns for a first visit, by number, spread over the time span; many have visited before their turn.
    let mut newcomer = 0;
    let (mut made, mut sessions, mut orders) = (0, 0, 0);

    while made < config.events {
        // Less than one event ahead of the last start, so that starts never go back.
        let share = (made as f64 + rng.random::<f64>()) / config.events as f64;
        let now_ms = calendar.at(share);
        while waiting.peek().is_some_and(|Reverse(event): &Reverse<Waiting>| event.time_ms < now_ms) {
            let Some(Reverse(event)) = waiting.pop() else { break };
            log.write(&event)?;
        }
        if day_of(now_ms) != day {
            day = day_of(now_ms);
            today = Demand::on(day, catalogue);
        }

        let due = (share * f64::from(config.users)) as usize;
        while newcomer < due && users[newcomer].last_item != NOTHING {
            newcomer += 1;
        }
        let user = if newcomer < due && rng.random_bool(NEWCOMER) {
            newcomer
        } else {
            visitor(&activity, &users, now_ms, rng)
        };
        let memory = &mut users[user];
        let taste = Taste::of(user as u32, config.seed, catalogue, &first_day);
        let last_visit = (memory.last_item != NOTHING).then_some(memory.last_item as usize);
        let start_ms = now_ms.max(memory.left_ms + BETWEEN_VISITS_MS);
        let shop = Shop { catalogue, today: &today };
        session::visit(&mut steps, start_ms, &taste, last_visit, shop, &habits, rng);
        // The last visit is cut where the log is full.
        steps.truncate(usize::try_from(config.events - made).unwrap_or(usize::MAX));

        let bought = steps.iter().any(|step| step.kind == Stage::Purchase);
        orders += u64::from(bought);
        sessions += 1;
        for step in &steps {
            memory.left_ms = step.time_ms;
            memory.last_item = step.item as u32;
            waiting.push(Reverse(Waiting {
                time_ms: step.time_ms.min(END_MS - 1),
                sequence: made,
                user: user as u32,
                item: step.item as u32,
                kind: step.kind,
                order: if step.kind == Stage::Purchase { orders } else { 0 },
            }));
            made += 1;
        }
    }
    while let Some(Reverse(event)) = waiting.pop() {
        log.write(&event)?;
    }
    log.finish(sessions, users.iter().filter(|user| user.last_item != NOTHING).count() as u32)
}

/// The heavy-tailed distribution of visits over users.
fn activity(users: u32, rng: &mut impl Rng) -> WeightedAliasIndex<f64> {
    let law = Pareto::new(1.0, ACTIVITY_SHAPE).expect("both constants are positive");
    let weights = (0..users).map(|_| law.sample(rng).min(MAX_ACTIVITY)).collect();
    WeightedAliasIndex::new(weights).expect("there is a user, and weights lie between 1 and MAX_ACTIVITY")
}

/// Draws the next visitor: a user who has rested, else the most rested of [`ASKED`] drawn users.
fn visitor(activity: &WeightedAliasIndex<f64>, users: &[Memory], now_ms: i64, rng: &mut impl Rng) -> usize {
    let mut most_rested = activity.sample(rng);
    for _ in 1..ASKED {
        if now_ms - users[most_rested].left_ms >= REST_MS {
            break;
        }
        let other = activity.sample(rng);
        if users[other].left_ms < users[most_rested].left_ms {
            most_rested = other;
        }
    }
    most_rested
}

/// The log as it is written.
struct Log<'a> {
    catalogue: &'a Catalogue,
    out: &'a mut dyn Write,
    progress: &'a dyn Fn(u64),
    line: Vec<u8>,
    by_kind: [u64; 3],
    items_seen: Vec<bool>,
}

impl<'a> Log<'a> {
    fn new(catalogue: &'a Catalogue, out: &'a mut dyn Write, progress: &'a dyn Fn(u64)) -> io::Result<Self> {
        out.write_all(b"timestamp,visitorid,event,itemid,transactionid\n")?;
        let items_seen = vec![false; catalogue.items.len()];
        Ok(Self { catalogue, out, progress, line: Vec::new(), by_kind: [0; 3], items_seen })
    }

    fn write(&mut self, event: &Waiting) -> io::Result<()> {
        let &Waiting { time_ms, user, item, kind, order, .. } = event;
        let item = item as usize;
        self.line.clear();
        write!(self.line, "{time_ms},u{user:06},{},{},", kind.name(), self.catalogue.items[item].id)?;
        if order > 0 {
            write!(self.line, "t{order:06}")?;
        }
        self.line.push(b'\n');
        self.out.write_all(&self.line)?;
        self.by_kind[kind as usize] += 1;
        self.items_seen[item] = true;
        let written = self.written();
        if written.is_multiple_of(REPORT_EVERY) {
            (self.progress)(written);
        }
        Ok(())
    }

    fn written(&self) -> u64 {
        self.by_kind.iter().sum()
    }

    fn finish(self, sessions: u64, users: u32) -> io::Result<GenerateSummary> {
        self.out.flush()?;
        (self.progress)(self.written());
        let [views, carts, transactions] = self.by_kind;
        Ok(GenerateSummary {
            events: self.written(),
            views,
            carts,
            transactions,
            sessions,
            users,
            items: self.catalogue.items.len() as u32,
            items_seen: self.items_seen.iter().filter(|&&seen| seen).count() as u32,
        })
    }
}
