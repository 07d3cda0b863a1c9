//! The rows of window questions, one question per user of a window: to which items of their past does the user come
//! back in the window?

use std::collections::HashSet;

use rayon::prelude::*;
use shared::contract::id::ItemIdx;
use shared::contract::params::EngineParams;
use shared::engine::retrieve::repeat::names;

use super::{RepeatConfig, RowContext, Scratch, append};
use crate::log::ingest::Log;
use crate::log::interactions::{Pasts, sessions, spread};
use crate::log::split::Cut;
use crate::log::with_events::WithEvents;
use crate::sources::statistics;
use crate::trees::Rows;

/// The rows of the questions of users who have a past and events in a window, one group per question; how often users
/// come back to an item is counted before the window. At most about `max_cases * places` rows.
pub fn rows(log: &Log, cuts: &[Cut], engine: &EngineParams, gap_ms: i64, config: &RepeatConfig) -> Rows {
    let mut rows = Rows::new(names().len());
    let most = config.max_cases.saturating_mul(config.places).div_ceil(cuts.len().max(1));
    for cut in cuts {
        let (past, window) = cut.apply(log);
        let items = WithEvents::of(&past);
        let statistics = statistics::habits(&past, &items, &sessions(&past, gap_ms).in_rows(&items));
        let places = engine.max_history;
        let context = RowContext { engine, statistics: &statistics, items: past.items.len(), places };
        let (pasts, coming) = (Pasts::of(&past), Pasts::of(&window));
        let known: Vec<(usize, usize)> = (window.users.iter().enumerate())
            .filter_map(|(row, id)| Some((row, past.users.binary_search(id).ok()?)))
            .collect();
        let events: usize = known.iter().map(|&(_, user)| pasts.count(user).min(places)).sum();
        let step = (events as f64 / most.max(1) as f64).max(1.0);
        let asked: Vec<(usize, usize)> = spread(known.len(), step).map(|at| known[at]).collect();
        let question = |scratch: &mut Scratch, &(row, user): &(usize, usize)| {
            let ahead = coming.of_user(&window, row);
            let of_past = |item: ItemIdx| past.items.ids.binary_search(&window.items.ids[item.at()]).ok();
            let returns: HashSet<usize> = ahead.iter().filter_map(|event| of_past(event.item)).collect();
            let now_ms = match cut {
                Cut::Time(_) => window.first_ms(),
                Cut::Users { .. } => ahead.first().map_or(0, |event| event.timestamp_ms),
            };
            let mut rows = Rows::new(names().len());
            let history = pasts.of_user(&past, user);
            context.push(&history, now_ms, |item| returns.contains(&item.at()), scratch, &mut rows);
            rows
        };
        let found: Vec<Rows> = asked.par_iter().with_min_len(64).map_init(Scratch::default, question).collect();
        found.iter().for_each(|found| append(&mut rows, found));
    }
    rows
}
