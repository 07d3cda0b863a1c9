//! The rows of next-event questions, one question per event but a user's first: with which of the user's earlier items
//! is the event?

use rayon::prelude::*;
use shared::contract::params::EngineParams;
use shared::engine::retrieve::repeat::names;
use shared::engine::state::Interaction;

use super::{RepeatConfig, RowContext, Scratch, append};
use crate::log::ingest::Log;
use crate::log::interactions::{Pasts, sessions, spread};
use crate::log::with_events::WithEvents;
use crate::sources::statistics;
use crate::trees::Rows;

/// The number of folds of users; how often users come back to an item is counted in the folds other than the user's
/// own.
const FOLDS: usize = 10;

/// The rows of a log's questions, one group per question.
pub fn rows(log: &Log, engine: &EngineParams, gap_ms: i64, config: &RepeatConfig) -> Rows {
    let pasts = Pasts::of(log);
    let questions: usize = (0..log.users.len()).map(|user| pasts.count(user).saturating_sub(1)).sum();
    let step = (questions as f64 / config.max_cases.max(1) as f64).max(1.0);
    let asked: Vec<usize> = spread(log.users.len(), step).collect();
    let mut rows = Rows::new(names().len());
    let items = WithEvents::of(log);
    let mut others = log.clone();
    for fold in 0..FOLDS {
        others.events = log.events.iter().filter(|event| event.user.at() % FOLDS != fold).copied().collect();
        let statistics = statistics::habits(&others, &items, &sessions(&others, gap_ms).in_rows(&items));
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

/// The rows of a user's questions, given their events, oldest first.
pub fn of_user(events: &[Interaction], context: RowContext<'_>, scratch: &mut Scratch) -> Rows {
    let mut rows = Rows::new(names().len());
    for (at, next) in events.iter().enumerate().skip(1) {
        context.push(&events[..at], next.timestamp_ms, |item| item == next.item, scratch, &mut rows);
    }
    rows
}
