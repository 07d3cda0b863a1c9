//! `repeat`: the probability that a user comes back to each item of their past, by boosted trees. Their features are
//! the item's position in the history, the current session, and how often users come back to the item.
//!
//! ```text
//! next item: each event but a user's first ─▶ a row for each of the newest items before it ─▶ binary trees
//!                                             label: is the event with that item?
//! top-k:     each user of a window ─▶ a row for each item of their past ─▶ binary trees
//!                                     label: does the window have an event of the user with that item?
//! ```
//!
//! The model needs no other source, so it learns from more of the log than the ranker, which has two windows. No row
//! sees its own label: how often users come back to an item is counted over other users (the users are split into ten
//! folds), or before the window. No model is fitted if users do not come back, or if slates hold only items that are
//! new to the user: then the latest items of the history come first. Items that the seen policy `exclude_purchased`
//! leaves out of slates are training rows as well.
//!
//! Cost: for each question one pass over its history, and the fit of the trees.

mod next_event;
mod windows;

use serde::{Deserialize, Serialize};
use shared::contract::id::ItemIdx;
use shared::contract::params::EngineParams;
use shared::contract::source::Source;
use shared::engine::dense::Marks;
use shared::engine::history::past::Past;
use shared::engine::history::recent::recent;
use shared::engine::rank::matrix::Matrix;
use shared::engine::retrieve::repeat::{describe, names};
use shared::engine::state::Interaction;
use shared::tables::{RepeatTable, Statistics};

use super::{SourceStudy, SourcesConfig, Trainer};
use crate::config::knobs::{Range, knob};
use crate::config::ranges::{OutOfRange, range};
use crate::log::ingest::Log;
use crate::log::split::Cut;
use crate::trees::{self, Ensemble, Objective, Rows, TreesConfig};

/// The minimum number of positive labels to fit a model.
const LEAST_RETURNS: usize = 200;

/// How the trees are grown. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct RepeatConfig {
    pub max_cases: usize,
    pub places: usize,
    pub trees: usize,
    pub depth: usize,
    pub learning_rate: f64,
    pub l2: f64,
    pub seed: u64,
}

/// The trainer of `repeat`.
pub const TRAINER: Trainer = Trainer {
    sources: &[Source::Repeat],
    fit: |inputs, tables, done| {
        let settings = inputs.settings;
        let model = settings.returns.as_ref().and_then(|questions| {
            fit(inputs.log, questions, &settings.engine, settings.gap_ms, &settings.sources.repeat, done)
        });
        tables.repeat = table(model);
    },
    steps: |sources| sources.repeat.trees as u64,
    check,
    studies: &[SourceStudy {
        source: Source::Repeat,
        share: 0.05,
        knobs: &[
            knob("repeat.trees", Range::Whole(30.0, 400.0)),
            knob("repeat.depth", Range::Whole(3.0, 8.0)),
            knob("repeat.learning_rate", Range::Log(0.03, 0.5)),
            knob("repeat.l2", Range::Log(0.1, 1000.0)),
        ],
    }],
};

fn check(config: &SourcesConfig) -> Result<(), OutOfRange> {
    let config = &config.repeat;
    range(config.trees > 0, "repeat.trees", config.trees, "at least 1")?;
    range((1..=10).contains(&config.depth), "repeat.depth", config.depth, "1 to 10")?;
    range(config.places > 0, "repeat.places", config.places, "at least 1")?;
    range(config.learning_rate > 0.0, "repeat.learning_rate", config.learning_rate, "greater than 0")?;
    range(config.l2 > 0.0, "repeat.l2", config.l2, "greater than 0")
}

/// The questions that the model learns from.
#[derive(Debug, Clone)]
pub enum Questions {
    /// The next event, at each event but a user's first.
    NextEvent,
    /// All events of these windows, at their beginning: one question per user.
    Windows(Vec<Cut>),
}

/// Fits the trees on a log; `None` if its users hardly come back to items.
#[must_use]
pub fn fit(
    log: &Log,
    questions: &Questions,
    engine: &EngineParams,
    gap_ms: i64,
    config: &RepeatConfig,
    done: &(dyn Fn(u64) + Sync),
) -> Option<Ensemble> {
    let rows = match questions {
        Questions::NextEvent => next_event::rows(log, engine, gap_ms, config),
        Questions::Windows(cuts) => windows::rows(log, cuts, engine, gap_ms, config),
    };
    if rows.labels.iter().filter(|&&label| label > 0.0).count() < LEAST_RETURNS {
        return None;
    }
    let config = TreesConfig {
        objective: Objective::Binary,
        trees: config.trees,
        depth: config.depth,
        learning_rate: config.learning_rate,
        l2: config.l2,
        largest_step: 2.0,
        bins: 64,
        row_share: 0.5,
        feature_share: 1.0,
        patience: config.trees,
        seed: config.seed,
    };
    Some(trees::fit(&rows, None, &config, done))
}

/// The context that the rows of questions are made in.
#[derive(Clone, Copy)]
struct RowContext<'a> {
    engine: &'a EngineParams,
    statistics: &'a Statistics,
    items: usize,
    /// How many of the newest distinct items of a history get a row.
    places: usize,
}

#[derive(Default)]
struct Scratch {
    listed: Marks,
    matrix: Matrix,
}

impl RowContext<'_> {
    /// Adds a question as a group of rows; `returns` tells whether the user came back to an item.
    ///
    /// * `history`: oldest first.
    fn push(
        self,
        history: &[Interaction],
        now_ms: i64,
        returns: impl Fn(ItemIdx) -> bool,
        scratch: &mut Scratch,
        rows: &mut Rows,
    ) {
        let Self { engine, statistics, items, places } = self;
        let Scratch { listed, matrix } = scratch;
        let known = &history[history.len().saturating_sub(engine.max_history)..];
        listed.reset(items);
        let recent = recent(known, engine, now_ms, listed);
        let past = Past::of(known, &recent, listed, engine, now_ms);
        describe(&past, &recent, places, |habit, item| statistics.habit(habit, item), matrix);
        for (column, values) in rows.columns.iter_mut().enumerate() {
            values.extend_from_slice(matrix.column(column));
        }
        rows.labels.extend(recent.iter().take(places).map(|own| f32::from(u8::from(returns(own.item)))));
        rows.groups.push(rows.labels.len());
    }
}

fn append(rows: &mut Rows, more: &Rows) {
    for (column, values) in rows.columns.iter_mut().zip(&more.columns) {
        column.extend_from_slice(values);
    }
    let before = rows.labels.len();
    rows.labels.extend_from_slice(&more.labels);
    rows.groups.extend(more.groups.iter().skip(1).map(|end| before + end));
}

/// The table that a model is served from; without a model the latest items come first.
#[must_use]
pub fn table(model: Option<Ensemble>) -> RepeatTable {
    model.map_or_else(RepeatTable::default, |trees| RepeatTable::new(trees.depth, trees.table(), &names()))
}

#[cfg(test)]
mod tests {
    use shared::contract::id::UserIdx;
    use shared::contract::kind::{KindIdx, Kinds};
    use shared::contract::params::{AlsParams, SessionKnnParams, SessionRule, Weights};
    use shared::engine::rank::trees::probability;

    use super::*;
    use crate::log::ingest::{Catalogue, LogEvent};
    use crate::log::interactions::{Pasts, sessions};
    use crate::log::split;
    use crate::log::with_events::WithEvents;
    use crate::sources::statistics;

    /// Users with sessions of views a second apart, one user after the other.
    fn log(users: &[Vec<u32>], items: u32) -> Log {
        let mut events = Vec::new();
        for (user, viewed) in (0..).zip(users) {
            for &item in viewed {
                let timestamp_ms = i64::from(user) * 100_000_000 + events.len() as i64 * 1_000;
                let (user, item, kind) = (UserIdx(user), ItemIdx(item), KindIdx::VIEW);
                let (session, order, event_key) = (0, 0, 0);
                events.push(LogEvent { user, item, kind, session, order, timestamp_ms, event_key });
            }
        }
        Log {
            users: (0..users.len()).map(|user| format!("{user:05}").into()).collect(),
            items: Catalogue::default().with_seen((0..items).map(|item| format!("{item:05}").into()).collect()).0,
            events,
            ..Log::of_views(&[])
        }
    }

    const GAP_MS: i64 = 1_800_000;
    const CONFIG: RepeatConfig =
        RepeatConfig { max_cases: 100_000, places: 10, trees: 20, depth: 6, learning_rate: 0.2, l2: 20.0, seed: 42 };

    fn engine() -> EngineParams {
        EngineParams {
            session: SessionRule::Gap(GAP_MS),
            max_history: 100,
            per_source: 100,
            position_decay: 2.0,
            earlier_session_weight: 0.3,
            session_knn: SessionKnnParams {
                history: 20,
                neighbours: 500,
                position_decay: 2.6,
                distance_decay: 5.5,
                before_weight: 0.9,
                own_weight: 1.25,
            },
            kinds: Kinds::default(),
            als: AlsParams { unobserved_weight: 0.5, regularization: 1.5, regularization_power: 0.0 },
            ann_ef_search: 300,
            weights: Weights::default(),
            ranker: None,
        }
    }

    fn fitted(log: &Log) -> Option<Ensemble> {
        fit(log, &Questions::NextEvent, &engine(), GAP_MS, &CONFIG, &|_| ())
    }

    /// The scores of the trees for the newest items of a history.
    fn chances(trees: &Ensemble, log: &Log, viewed: &[u32]) -> Vec<f32> {
        // The item of the next event is the target only, so any item will do.
        let asked = [viewed, &[0]].concat();
        let history = self::log(&[asked], log.items.len() as u32);
        let items = WithEvents::of(log);
        let statistics = statistics::fit(log, &items, &sessions(log, GAP_MS).in_rows(&items));
        let engine = engine();
        let context = RowContext { engine: &engine, statistics: &statistics, items: log.items.len(), places: 10 };
        let mut found =
            next_event::of_user(&Pasts::of(&history).of_user(&history, 0), context, &mut Scratch::default());
        let last = found.groups[found.groups.len() - 2]..found.groups[found.groups.len() - 1];
        found.columns.iter_mut().for_each(|column| *column = column[last.clone()].to_vec());
        found.labels.truncate(last.len());
        trees::scores(trees, &found).into_iter().map(probability).collect()
    }

    #[test]
    fn where_users_come_back_to_their_first_item_it_has_the_best_chance() {
        // 0 1 2 0, each user with other items.
        let users: Vec<Vec<u32>> =
            (0..400).map(|user| [0, 1, 2, 0].map(|item| (user * 3 + item) % 300).to_vec()).collect();
        let log = log(&users, 300);
        let found = chances(&fitted(&log).expect("returns"), &log, &[30, 31, 32]);
        assert!(found[2] > 0.9 && found[0] < 0.1 && found[1] < 0.1, "{found:?}");
    }

    #[test]
    fn items_that_users_reload_have_a_better_chance_than_others() {
        // Items below 50 are always viewed twice, the others once.
        let views = |user: u32| match user % 2 {
            0 => vec![user % 49, user % 49, 50 + user % 47],
            _ => vec![50 + user % 47, 50 + (user + 7) % 47],
        };
        let log = log(&(0..800).map(views).collect::<Vec<_>>(), 100);
        let trees = fitted(&log).expect("returns");
        let (reloaded, other) = (chances(&trees, &log, &[3])[0], chances(&trees, &log, &[53])[0]);
        assert!(reloaded > 0.9 && other < 0.1, "{reloaded} {other}");
    }

    #[test]
    fn where_items_are_drawn_at_random_no_item_has_seen_its_label() {
        // Half of the first items are viewed again, whatever the item: a model that tells them apart has seen the
        // labels.
        let draw = |at: u32| at.wrapping_mul(2_654_435_761) >> 16 & 1;
        let users: Vec<Vec<u32>> = (0..3000u32)
            .map(|user| vec![user % 1000, if draw(user) == 1 { user % 1000 } else { 1000 + user % 7 }])
            .collect();
        let log = log(&users, 1007);
        let rows = next_event::rows(&log, &engine(), GAP_MS, &CONFIG);
        let scores = trees::scores(&fitted(&log).expect("returns"), &rows);
        let mean = |label: f32| {
            let of: Vec<f32> =
                scores.iter().zip(&rows.labels).filter(|(_, own)| **own == label).map(|(score, _)| *score).collect();
            of.iter().sum::<f32>() / of.len() as f32
        };
        assert!((mean(1.0) - mean(0.0)).abs() < 0.5, "{} {}", mean(1.0), mean(0.0));
    }

    const MONTH_MS: i64 = 30 * 86_400_000;
    /// Of the four items of a user's past, newest first: to which of them the user came back.
    const RETURNS: [f32; 4] = [0.0, 1.0, 0.0, 1.0];

    /// Users with two of their four items twice, who come back to these a month later. The first user does not come
    /// back, and the second comes only then, for a new item, so that indices differ between past and window.
    fn months() -> Log {
        let mut users: Vec<Vec<u32>> = vec![vec![0, 1], vec![2]];
        for user in 0..400u32 {
            let [a, b, c, d] = [0, 1, 2, 3].map(|place| 3 + (user * 7 + place * 31) % 200);
            users.push(vec![a, a, c, b, b, d, a, b]);
        }
        let mut log = log(&users, 203);
        let mut places = vec![0; users.len()];
        for event in &mut log.events {
            let place = &mut places[event.user.at()];
            let later = *place >= 6 || event.user.at() == 1;
            event.timestamp_ms = *place + if later { MONTH_MS } else { 0 };
            *place += 1;
        }
        log.events.sort_by_key(|event| event.timestamp_ms);
        log
    }

    #[test]
    fn rows_of_windows_are_the_items_of_the_past_of_those_who_come_back() {
        let log = months();
        let rows_of = |cuts: &[split::Cut], config: &RepeatConfig| windows::rows(&log, cuts, &engine(), GAP_MS, config);
        let rows = rows_of(&split::in_time(&log, 0.25, 1), &CONFIG);
        assert_eq!((rows.groups.len() - 1, rows.labels), (400, RETURNS.repeat(400)));
        // The last event of the first user is a part of their past as well.
        let rows = rows_of(&split::of_users(&log, 0.25, 1), &CONFIG);
        assert_eq!((rows.groups.len() - 1, rows.labels), (401, [&[0.0][..], &RETURNS.repeat(400)].concat()));
        // 2400 events, a sixth of which may have rows.
        let rows = rows_of(&split::in_time(&log, 0.25, 1), &RepeatConfig { max_cases: 40, ..CONFIG });
        assert_eq!((rows.groups.len() - 1, rows.labels), (67, RETURNS.repeat(67)));
    }

    #[test]
    fn what_users_had_twice_before_a_window_has_the_better_chance_where_they_come_back_to_it() {
        let log = months();
        let cuts = split::in_time(&log, 0.25, 1);
        let rows = windows::rows(&log, &cuts, &engine(), GAP_MS, &CONFIG);
        let trees = fit(&log, &Questions::Windows(cuts), &engine(), GAP_MS, &CONFIG, &|_| ()).expect("returns");
        let scores = trees::scores(&trees, &rows);
        assert!(scores.iter().zip(&rows.labels).all(|(score, label)| score * (label - 0.5) > 0.5), "{scores:?}");
    }

    #[test]
    fn where_nobody_comes_back_there_is_no_model() {
        let users: Vec<Vec<u32>> = (0..300).map(|user| vec![user, user + 1, user + 2]).collect();
        assert!(fitted(&log(&users, 302)).is_none());
    }
}
