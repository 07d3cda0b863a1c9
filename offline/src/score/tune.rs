//! Searches for better settings of a model within a time budget, by folds of the rows that are not measured.
//!
//! ```text
//! rows of train and valid ─▶ folds ─▶ settings ─▶ for each fold: trees of the others, stopped by it ─▶ mean log-loss ─▶ trials
//! ```
//!
//! Rows with times are cut by time, and each fold is told by those before it; others are dealt out at random, each label
//! evenly. The rows of the test part are never looked at. The first trial has the settings that the search starts from. A
//! trial ends early whose first folds are worse than the median of the trials before it. Trials are fitted fast: one
//! member, and a learning rate of at least 0.1, which is why it is not searched: smaller is better, and slower.
//!
//! Source: Golovin et al., "Google Vizier", KDD 2017, section 3.2.2 (median stopping).

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::build::inputs_of;
use super::columns::Columns;
use super::config::ModelConfig;
use super::measure::paired;
use super::split::Parts;
use super::table::Table;
use super::targets::Targets;
use super::train::{fit, rows_of};
use crate::config::knobs::{Knob, Range, knob};
use crate::measure::evaluate::bootstrap::Difference;
use crate::measure::tune::draws::Draws;
use crate::measure::tune::settings::{Settings, current, toml, with};
use crate::measure::tune::{Trial, Trials};
use crate::progress::Progress;
use crate::trees::TreesConfig;

/// The settings that are searched.
const KNOBS: [Knob; 7] = [
    knob("trees.depth", Range::Whole(3.0, 8.0)),
    knob("trees.l2", Range::Log(0.1, 100.0)),
    knob("trees.row_share", Range::Linear(0.4, 1.0)),
    knob("trees.feature_share", Range::Linear(0.2, 1.0)),
    knob("features.smoothing", Range::Log(0.1, 100.0)),
    knob("features.one_hot", Range::Whole(1.0, 40.0)),
    knob("features.pairs", Range::Whole(1.0, 32.0)),
];
/// The name of the study in the trials.
const STUDY: &str = "rows";
/// How many folds there are.
const FOLDS: usize = 3;
/// The learning rate of trials is at least this.
const FAST: f64 = 0.1;
/// A trial is compared with the median of the others from this many on.
const COMPARED: usize = 5;

/// What was found.
pub struct Tuned {
    /// All trials.
    pub trials: Trials,
    /// The settings of the best that differ from the start, as TOML; nothing where its difference may be chance.
    pub toml: String,
    /// The log-loss of the folds' rows by the settings that the search started from.
    pub start: f64,
    /// That of the best trial.
    pub best: f64,
    /// The best one's log-loss less that of the start, over the same rows; nothing where the start is the best.
    pub difference: Option<Difference>,
}

/// Searches for `minutes`; writes `trials.jsonl` and `tuned.toml` into `folder`. If it has trials of an earlier search, that
/// is continued: its trials are kept, and their time counts.
///
/// # Errors
/// When the rows can't be learnt from, or the folder can't be written or has trials of other rows.
pub fn tune(
    table: &Table,
    config: &ModelConfig,
    minutes: f64,
    folder: &Path,
    progress: &mut Progress,
) -> anyhow::Result<Tuned> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut trials = Trials::open(&folder.join("trials.jsonl"), &table.fingerprint(), &json!(config))?;
    let (columns, targets, parts) = progress.stage("columns", || inputs_of(table, config))?;
    let folds = folds(&targets, &parts, config.split.seed);
    anyhow::ensure!(
        !folds.is_empty(),
        "the rows of train and valid have one time: there are no later rows to be told by earlier ones"
    );
    let rows = Asked { columns: &columns, targets: &targets, folds };
    let begin = Instant::now();
    let left = minutes * 60.0 - trials.of(STUDY).map(|trial| trial.seconds).sum::<f64>();
    progress.counted("trials", left.max(0.0).ceil() as u64, |done| -> anyhow::Result<()> {
        let mut draws = Draws::new(&KNOBS, trials.of(STUDY))?;
        let mut before: Vec<Vec<f64>> = Vec::new();
        while trials.of(STUDY).next().is_none() || begin.elapsed().as_secs_f64() < left {
            let begun = Instant::now();
            let settings = match trials.of(STUDY).next() {
                None => current(config, &KNOBS)?,
                Some(_) => draws.ask()?,
            };
            let folds = rows.folds_of(&with(config, &settings)?, &before);
            let figure = -standing_for_all(&folds, &before);
            let seconds = begun.elapsed().as_secs_f64();
            before.push(folds);
            let trial = Trial { study: STUDY.to_owned(), settings, figure, seconds };
            draws.tell(&trial)?;
            trials.add(trial)?;
            done(begin.elapsed().as_secs() + 1);
        }
        Ok(())
    })?;
    let found = trials.best(STUDY).map(|best| best.settings.clone()).unwrap_or_default();
    let start = current(config, &KNOBS)?;
    let changes = toml(std::iter::once((&start, &found)))?;
    let losses =
        |settings: &Settings| -> anyhow::Result<Vec<f64>> { Ok(rows.losses(&with(config, settings)?).concat()) };
    let (own, difference) = progress.stage("compare", || -> anyhow::Result<_> {
        let own = losses(&start)?;
        let difference = if found == start { None } else { Some(paired(&own, &losses(&found)?)) };
        Ok((own, difference))
    })?;
    let start = own.iter().sum::<f64>() / own.len().max(1) as f64;
    // What may be chance is not found.
    let is_found = difference.is_some_and(|difference| difference.interval.high < 0.0);
    let changes = if is_found { changes } else { String::new() };
    let text =
        format!("# Found by `offline score tune`; give it to `offline score train` with a second --config.\n{changes}");
    fs::write(folder.join("tuned.toml"), text).context("tuned.toml")?;
    let best = start + difference.map_or(0.0, |difference| difference.mean);
    Ok(Tuned { trials, toml: changes, start, best, difference })
}

/// What trials are asked about.
struct Asked<'a> {
    columns: &'a Columns,
    targets: &'a Targets,
    folds: Vec<Parts>,
}

impl Asked<'_> {
    /// The mean log-loss of each fold; fewer of settings that are worse than the median of those before.
    fn folds_of(&self, config: &ModelConfig, before: &[Vec<f64>]) -> Vec<f64> {
        let mut found: Vec<f64> = Vec::new();
        for fold in &self.folds {
            let losses = self.of_fold(config, fold);
            found.push(losses.iter().sum::<f64>() / losses.len().max(1) as f64);
            let mut others: Vec<f64> = before
                .iter()
                .filter(|other| other.len() >= found.len())
                .map(|other| mean(&other[..found.len()]))
                .collect();
            others.sort_by(f64::total_cmp);
            if others.len() >= COMPARED && mean(&found) > others[others.len() / 2] {
                break;
            }
        }
        found
    }

    /// The log-loss of each row of each fold.
    fn losses(&self, config: &ModelConfig) -> Vec<Vec<f64>> {
        self.folds.iter().map(|fold| self.of_fold(config, fold)).collect()
    }

    fn of_fold(&self, config: &ModelConfig, fold: &Parts) -> Vec<f64> {
        let trees = TreesConfig {
            learning_rate: config.trees.learning_rate.max(FAST),
            patience: config.trees.patience.min(30),
            ..config.trees.clone()
        };
        let fast = ModelConfig { members: 1, trees, ..config.clone() };
        let fitted = fit(self.columns, self.targets, fold, &fast, &|_| ());
        fitted.losses(&rows_of(&self.columns.values, &fold.valid), &fitted.answers(self.targets, &fold.valid))
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The mean log-loss of all folds; of a trial that ended early what it would be if the others were as much worse than those
/// of the first trial, but never less than that of a whole one.
fn standing_for_all(folds: &[f64], before: &[Vec<f64>]) -> f64 {
    match before.first() {
        Some(first) if folds.len() < first.len() => {
            let whole = before.iter().filter(|other| other.len() == first.len()).map(|other| mean(other));
            let least = whole.fold(f64::INFINITY, f64::min);
            (mean(folds) / mean(&first[..folds.len()]) * mean(first)).max(least)
        }
        _ => mean(folds),
    }
}

/// The folds: each of them says when to stop, and is measured; the others, or those before it, are trained on.
fn folds(targets: &Targets, parts: &Parts, seed: u64) -> Vec<Parts> {
    let mut pool: Vec<usize> = parts.train.iter().chain(&parts.valid).copied().collect();
    let times = &parts.times;
    let of = |train: Vec<usize>, valid: Vec<usize>| Parts { train, valid, test: Vec::new(), times: times.clone() };
    if !times.is_empty() {
        pool.sort_by(|&a, &b| times[a].total_cmp(&times[b]));
        // Rows of one time stay together.
        let cut = |at: usize| {
            let row = pool.len() * at / (FOLDS + 1);
            pool.get(row).map_or(pool.len(), |&row| pool.partition_point(|&other| times[other] < times[row]))
        };
        let folds = (1..=FOLDS).map(|at| (pool[..cut(at)].to_vec(), pool[cut(at)..cut(at + 1)].to_vec()));
        let whole = folds.filter(|(train, valid)| !train.is_empty() && !valid.is_empty());
        return whole.map(|(train, valid)| of(train, valid)).collect();
    }
    let (any, mut random) = (targets.any(), ChaCha8Rng::seed_from_u64(seed));
    let mut dealt: Vec<Vec<usize>> = vec![Vec::new(); FOLDS];
    for positive in [false, true] {
        let mut own: Vec<usize> = pool.iter().copied().filter(|&row| (any[row] > 0.0) == positive).collect();
        own.shuffle(&mut random);
        own.into_iter().enumerate().for_each(|(at, row)| dealt[at % FOLDS].push(row));
    }
    dealt.iter_mut().for_each(|rows| rows.sort_unstable());
    let without = |fold: usize| {
        let mut rows: Vec<usize> =
            (0..FOLDS).filter(|&other| other != fold).flat_map(|other| dealt[other].clone()).collect();
        rows.sort_unstable();
        rows
    };
    (0..FOLDS).map(|fold| of(without(fold), dealt[fold].clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(rows: usize) -> Targets {
        let labels = vec![(0..rows).map(|row| f32::from(u8::from(row % 4 == 0))).collect()];
        Targets { names: vec!["y".to_owned()], labels, known: vec![true; rows], weights: Vec::new() }
    }

    #[test]
    fn folds_share_out_the_rows_that_are_not_measured() {
        let parts =
            Parts { train: (0..70).collect(), valid: (70..90).collect(), test: (90..100).collect(), times: Vec::new() };
        let folds = folds(&targets(100), &parts, 1);
        let mut all: Vec<usize> = folds.iter().flat_map(|fold| fold.valid.clone()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..90).collect::<Vec<_>>());
        for fold in &folds {
            assert!((29..=31).contains(&fold.valid.len()) && fold.train.len() + fold.valid.len() == 90);
            assert!(fold.train.iter().all(|row| !fold.valid.contains(row)));
            assert!((7..=8).contains(&fold.valid.iter().filter(|row| **row % 4 == 0).count()));
        }
    }

    #[test]
    fn folds_of_rows_with_times_are_told_by_those_before_them() {
        // Rows 6 and 7 of the validation part are of the first time; rows of one time stay together.
        let times = vec![2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 1.0, 1.0, 9.0];
        let parts = Parts { train: (0..6).collect(), valid: vec![6, 7], test: vec![8], times };
        let cut: Vec<(Vec<usize>, Vec<usize>)> =
            folds(&targets(9), &parts, 1).into_iter().map(|fold| (fold.train, fold.valid)).collect();
        let in_order = [6, 7, 0, 1, 2, 3, 4, 5];
        let expected = |at: usize| (in_order[..at].to_vec(), in_order[at..at + 2].to_vec());
        assert_eq!(cut, [expected(2), expected(4), expected(6)]);
    }

    #[test]
    fn a_trial_that_ended_early_is_as_much_worse_as_its_first_folds() {
        let before = [vec![1.0, 2.0, 3.0]];
        assert_eq!(standing_for_all(&[2.0], &before), 4.0);
        assert_eq!(standing_for_all(&[1.0, 1.0, 1.0], &before), 1.0);
        assert_eq!(standing_for_all(&[0.5], &before), 2.0, "no better than a whole one");
    }
}
