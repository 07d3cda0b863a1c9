//! One question for each event of a user but the first: which of the user's earlier items is the event with?

use rayon::prelude::*;
use shared::params::EngineParams;
use shared::retrieve::repeat::names;
use shared::state::Interaction;

use super::{RepeatConfig, RowContext, Scratch, append};
use crate::ingest::Log;
use crate::interactions::{Pasts, sessions, spread};
use crate::sources::statistics;
use crate::trees::Rows;

/// Users are in one of so many folds; how often users come back to an item is counted in the other folds.
const FOLDS: usize = 10;

/// The questions of a log, a group each.
pub fn rows(log: &Log, engine: &EngineParams, gap_ms: i64, config: &RepeatConfig) -> Rows {
    let pasts = Pasts::of(log);
    let questions: usize = (0..log.users.len()).map(|user| pasts.count(user).saturating_sub(1)).sum();
    let step = (questions as f64 / config.max_cases.max(1) as f64).max(1.0);
    let asked: Vec<usize> = spread(log.users.len(), step).collect();
    let mut rows = Rows::new(names().len());
    let mut others = log.clone();
    for fold in 0..FOLDS {
        others.events = log.events.iter().filter(|event| event.user.at() % FOLDS != fold).copied().collect();
        let statistics = statistics::fit(&others, &sessions(&others, gap_ms));
        let context = RowContext { engine, statistics: &statistics, items: log.items.len(), places: config.places };
        let users: Vec<usize> = asked.iter().copied().filter(|user| user % FOLDS == fold).collect();
        let found: Vec<Rows> = users
            .par_iter()
            .with_min_len(64)
            .map_init(Scratch::default, |scratch, &user| of_user(&pasts.of_user(log, user), context, scratch))
            .collect();
        found.iter().for_each(|found| append(&mut rows, found));
    }
    rows
}

/// The questions of a user with these events, oldest first.
pub fn of_user(events: &[Interaction], context: RowContext<'_>, scratch: &mut Scratch) -> Rows {
    let mut rows = Rows::new(names().len());
    for (at, next) in events.iter().enumerate().skip(1) {
        context.push(&events[..at], next.timestamp_ms, |item| item == next.item, scratch, &mut rows);
    }
    rows
}
