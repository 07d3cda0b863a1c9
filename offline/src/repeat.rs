//! The chance that a user comes back to one of their own items: boosted trees over where the item stands in the history, how
//! the session went and what is usual for the item.
//!
//! ```text
//! each event but a user's first ─▶ a row for each of the newest items before it ─▶ binary trees
//!                                  label: is the event with that item?
//! ```
//!
//! No other source is needed for it, so it learns from a whole log where the ranker has two windows. What is usual for an item is
//! counted among the users of other folds: no row sees its own label. Logs in which nobody comes back, and those whose
//! objective is not the next item, get no model: the last items then come first.
//!
//! Cost: a pass over the questions, each as long as its history, and the trees.

use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use shared::artifact::ArtifactError;
use shared::artifact::tables::TableWriter;
use shared::matrix::Matrix;
use shared::params::EngineParams;
use shared::retrieve::accumulator::Marks;
use shared::retrieve::past::Past;
use shared::retrieve::recent::recent;
use shared::retrieve::repeat::{COLUMNS, describe};
use shared::schema::Statistic;
use shared::snapshot::REPEAT;
use shared::state::Interaction;

use crate::ingest::{Log, LogEvent};
use crate::interactions::{by_user, sessions, spread};
use crate::statistics::{self, Statistics};
use crate::trees::{self, Ensemble, Objective, Rows, TreesConfig};

/// Users are in one of so many folds; what is usual for an item is counted among the users of the others.
const FOLDS: usize = 10;
/// With fewer returns there is nothing to learn.
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

/// Fits the trees on a log, where its users come back.
#[must_use]
pub fn fit(
    log: &Log,
    engine: &EngineParams,
    gap_ms: i64,
    config: &RepeatConfig,
    done: &(dyn Fn(u64) + Sync),
) -> Option<Ensemble> {
    let rows = rows(log, engine, gap_ms, config);
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

/// The questions of a log, a group each.
fn rows(log: &Log, engine: &EngineParams, gap_ms: i64, config: &RepeatConfig) -> Rows {
    let (starts, order) = by_user(log);
    let histories: Vec<&[u32]> =
        starts.windows(2).map(|bounds| &order[bounds[0] as usize..bounds[1] as usize]).collect();
    let questions: usize = histories.iter().map(|history| history.len().saturating_sub(1)).sum();
    let step = (questions as f64 / config.max_cases.max(1) as f64).max(1.0);
    let asked: Vec<usize> = spread(histories.len(), step).collect();
    let mut rows = Rows::new(COLUMNS);
    let mut others = log.clone();
    for fold in 0..FOLDS {
        others.events = log.events.iter().filter(|event| event.user.at() % FOLDS != fold).copied().collect();
        let statistics = statistics::fit(&others, &sessions(&others, gap_ms));
        let users: Vec<&[u32]> =
            asked.iter().filter(|&&user| user % FOLDS == fold).map(|&user| histories[user]).collect();
        let found: Vec<Rows> = users
            .par_iter()
            .with_min_len(64)
            .map_init(Scratch::default, |scratch, user| of_user(log, user, &statistics, engine, config.places, scratch))
            .collect();
        found.iter().for_each(|found| append(&mut rows, found));
    }
    rows
}

#[derive(Default)]
struct Scratch {
    listed: Marks,
    matrix: Matrix,
}

/// The questions of a user.
fn of_user(
    log: &Log,
    user: &[u32],
    statistics: &Statistics,
    engine: &EngineParams,
    places: usize,
    scratch: &mut Scratch,
) -> Rows {
    let Scratch { listed, matrix } = scratch;
    let interaction = |&at: &u32| {
        let LogEvent { item, kind, timestamp_ms, event_key, .. } = log.events[at as usize];
        Interaction { item, kind, timestamp_ms, event_key }
    };
    let history: Vec<Interaction> = user.iter().map(interaction).collect();
    let mut rows = Rows::new(COLUMNS);
    for (at, next) in history.iter().enumerate().skip(1) {
        let known = &history[at.saturating_sub(engine.max_history)..at];
        listed.reset(log.items.len());
        let recent = recent(known, engine, next.timestamp_ms, listed);
        let past = Past::of(known, &recent, listed, engine.session, next.timestamp_ms);
        describe(&past, &recent, places, |statistic: Statistic, item| statistics.get(statistic, item), matrix);
        for (column, values) in rows.columns.iter_mut().enumerate() {
            values.extend_from_slice(matrix.column(column));
        }
        rows.labels.extend(recent.iter().take(places).map(|own| f32::from(u8::from(own.item == next.item))));
        rows.groups.push(rows.labels.len());
    }
    rows
}

fn append(rows: &mut Rows, more: &Rows) {
    for (column, values) in rows.columns.iter_mut().zip(&more.columns) {
        column.extend_from_slice(values);
    }
    let before = rows.labels.len();
    rows.labels.extend_from_slice(&more.labels);
    rows.groups.extend(more.groups.iter().skip(1).map(|end| before + end));
}

/// Writes the model into an artifact's folder; a file without trees stands for none.
///
/// # Errors
/// [`ArtifactError`] when it can't be written.
pub fn write(model: Option<Ensemble>, folder: &Path) -> Result<(), ArtifactError> {
    let trees = model.unwrap_or(Ensemble { depth: 1, ..Ensemble::default() });
    trees.add_to(TableWriter::default().column("depth", &[trees.depth as u32])).write(folder, REPEAT)
}

#[cfg(test)]
mod tests {
    use shared::event::EventKind;
    use shared::id::{ItemIdx, UserIdx};
    use shared::params::{AlsParams, SessionKnnParams, SessionRule, Weights};
    use shared::trees::probability;

    use super::*;
    use crate::ingest::{Catalogue, IngestReport, SessionsFrom};

    /// Users with sessions of views a second apart, one user after the other.
    fn log(users: &[Vec<u32>], items: u32) -> Log {
        let mut events = Vec::new();
        for (user, viewed) in (0..).zip(users) {
            for &item in viewed {
                let timestamp_ms = i64::from(user) * 100_000_000 + events.len() as i64 * 1_000;
                let (user, item, kind) = (UserIdx(user), ItemIdx(item), EventKind::View);
                let (session, received_ms, event_key) = (0, timestamp_ms, 0);
                events.push(LogEvent { user, item, kind, session, timestamp_ms, received_ms, event_key });
            }
        }
        Log {
            users: (0..users.len()).map(|user| format!("{user:05}").into()).collect(),
            items: Catalogue::default()
                .with_seen((0..items).map(|item| (format!("{item:05}").into(), None)).collect())
                .0,
            events,
            sessions: SessionsFrom::Gap,
            report: IngestReport::default(),
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
            kind_weights: [1.0, 3.0, 5.0],
            als: AlsParams { unobserved_weight: 0.5, regularization: 1.5, regularization_power: 0.0 },
            ann_ef_search: 300,
            weights: Weights::default(),
            ranker: None,
        }
    }

    fn fitted(log: &Log) -> Option<Ensemble> {
        fit(log, &engine(), GAP_MS, &CONFIG, &|_| ())
    }

    /// What the trees say of the newest items of a history.
    fn chances(trees: &Ensemble, log: &Log, viewed: &[u32]) -> Vec<f32> {
        // The item that comes next is asked for, but not looked at.
        let asked = [viewed, &[0]].concat();
        let history = self::log(&[asked], log.items.len() as u32);
        let rows: Vec<u32> = (0..=viewed.len() as u32).collect();
        let statistics = statistics::fit(log, &sessions(log, GAP_MS));
        let mut found = of_user(&history, &rows, &statistics, &engine(), 10, &mut Scratch::default());
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
        // Half of the first items are viewed again, whatever the item: a chance that tells them apart has looked.
        let draw = |at: u32| at.wrapping_mul(2_654_435_761) >> 16 & 1;
        let users: Vec<Vec<u32>> = (0..3000u32)
            .map(|user| vec![user % 1000, if draw(user) == 1 { user % 1000 } else { 1000 + user % 7 }])
            .collect();
        let log = log(&users, 1007);
        let rows = rows(&log, &engine(), GAP_MS, &CONFIG);
        let scores = trees::scores(&fitted(&log).expect("returns"), &rows);
        let mean = |label: f32| {
            let of: Vec<f32> =
                scores.iter().zip(&rows.labels).filter(|(_, own)| **own == label).map(|(score, _)| *score).collect();
            of.iter().sum::<f32>() / of.len() as f32
        };
        assert!((mean(1.0) - mean(0.0)).abs() < 0.5, "{} {}", mean(1.0), mean(0.0));
    }

    #[test]
    fn where_nobody_comes_back_there_is_no_model() {
        let users: Vec<Vec<u32>> = (0..300).map(|user| vec![user, user + 1, user + 2]).collect();
        assert!(fitted(&log(&users, 302)).is_none());
    }
}
