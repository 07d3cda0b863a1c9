//! A search for better settings on validation windows at the end of the log, in a given time.
//!
//! ```text
//! log ─▶ windows ─▶ for each source: settings ─▶ its table ─▶ NDCG@20 of the source alone ┐
//!                ─▶ rows of the slates ─▶ settings ─▶ trees ─▶ NDCG@20 on later rows      ├─▶ trials ─▶ config
//! ```
//!
//! The first trial of a study is the settings it starts from, so that what is found is never worse on the windows.
//!
//! Source: Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011 (tree-structured Parzen
//! estimator).

mod space;
mod trials;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use tpe::{TpeOptimizer, parzen_estimator};

use crate::config::Config;
use crate::ingest::Log;
use crate::progress::Progress;
use crate::ranker::{Slates, slates, windows};
use crate::trees;
use space::{STUDIES, Study, Subject};
pub use trials::{Trial, Trials};

/// Windows that sources are measured on.
const WINDOWS: usize = 2;

/// Searches for `minutes`; writes `trials.jsonl` and `tuned.toml` into `folder`, and returns the trials. A folder with
/// trials is gone on with, and what they took counts.
///
/// # Errors
/// When the folder can't be written, or belongs to another log.
pub fn tune(
    log: &Log,
    config: &Config,
    minutes: f64,
    folder: &Path,
    progress: &mut Progress,
) -> anyhow::Result<Trials> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut trials = Trials::open(&folder.join("trials.jsonl"), &log.fingerprint(), &serde_json::to_value(config)?)?;
    let mut best = config.clone();
    for study in &STUDIES {
        let seconds = minutes * 60.0 * study.share;
        progress.group(study.name(), |progress| search(log, study, seconds, &mut best, &mut trials, progress))?;
        fs::write(folder.join("tuned.toml"), found(config, &trials)?).context("tuned.toml")?;
    }
    Ok(trials)
}

/// Makes trials of one study until its time is over, and takes the best settings over.
fn search(
    log: &Log,
    study: &Study,
    seconds: f64,
    best: &mut Config,
    trials: &mut Trials,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let left = seconds - trials.of(study.name()).map(|trial| trial.seconds).sum::<f64>();
    if left > 0.0 {
        let start = best.clone();
        let measure = measure(log, study, &start, progress)?;
        progress.counted("trials", left.ceil() as u64, |done| {
            let begin = Instant::now();
            let mut optimizers = optimizers(study, trials)?;
            let mut random = ChaCha8Rng::seed_from_u64(trials.of(study.name()).count() as u64);
            while begin.elapsed().as_secs_f64() < left {
                let begun = Instant::now();
                let settings = match trials.of(study.name()).next() {
                    None => current(best, study)?,
                    Some(_) => {
                        let draw = |(knob, optimizer): (&space::Knob, &mut TpeOptimizer<_>)| {
                            Ok((knob.path.to_owned(), knob.range.setting(optimizer.ask(&mut random)?)))
                        };
                        study.knobs.iter().zip(&mut optimizers).map(draw).collect::<anyhow::Result<_>>()?
                    }
                };
                let ndcg = measure(&with(best, &settings)?)?;
                let seconds = begun.elapsed().as_secs_f64();
                let trial = Trial { study: study.name().to_owned(), settings, ndcg, seconds };
                tell(study, &mut optimizers, &trial)?;
                trials.add(trial)?;
                done(begin.elapsed().as_secs() + 1);
            }
            Ok::<(), anyhow::Error>(())
        })?;
    }
    if let Some(trial) = trials.best(study.name()) {
        *best = with(best, &trial.settings)?;
    }
    Ok(())
}

/// How good settings are.
type Measure<'a> = Box<dyn Fn(&Config) -> anyhow::Result<f64> + Sync + 'a>;

fn measure<'a>(log: &Log, study: &Study, start: &'a Config, progress: &mut Progress) -> anyhow::Result<Measure<'a>> {
    match study.subject {
        Subject::Alone(source) => {
            let windows = windows(log, start, WINDOWS, progress)?;
            anyhow::ensure!(
                !windows.is_empty(),
                "the log has no events before a window of {}",
                start.blend.validation_share
            );
            Ok(Box::new(move |config| {
                let figures = windows.iter().map(|window| window.alone(source, config));
                let figures: Vec<f64> = figures.collect::<Result<_, _>>()?;
                Ok(figures.iter().sum::<f64>() / figures.len() as f64)
            }))
        }
        Subject::Trees => {
            let (_, Slates { early, late, .. }) = slates(log, start, progress)?;
            anyhow::ensure!(!early.is_empty() && !late.is_empty(), "the windows hold no questions to grow trees on");
            Ok(Box::new(move |config| Ok(trees::fit(&early, Some(&late), &config.trees, &|_| ()).metric)))
        }
    }
}

/// One optimiser a knob, told of all trials so far.
fn optimizers(
    study: &Study,
    trials: &Trials,
) -> anyhow::Result<Vec<TpeOptimizer<tpe::density_estimation::DefaultEstimatorBuilder>>> {
    let mut optimizers = Vec::new();
    for knob in study.knobs {
        let (low, high) = knob.range.bounds();
        optimizers.push(TpeOptimizer::new(parzen_estimator(), tpe::range(low, high)?));
    }
    for trial in trials.of(study.name()) {
        tell(study, &mut optimizers, trial)?;
    }
    Ok(optimizers)
}

fn tell(
    study: &Study,
    optimizers: &mut [TpeOptimizer<tpe::density_estimation::DefaultEstimatorBuilder>],
    trial: &Trial,
) -> anyhow::Result<()> {
    for (knob, optimizer) in study.knobs.iter().zip(optimizers) {
        let setting = trial.settings.get(knob.path).and_then(Value::as_f64);
        // A start outside the range teaches nothing.
        if let Some(drawn) = setting.and_then(|setting| knob.range.drawn(setting)) {
            optimizer.tell(drawn, -trial.ndcg)?;
        }
    }
    Ok(())
}

/// The settings of a study as they are in a config.
fn current(config: &Config, study: &Study) -> anyhow::Result<BTreeMap<String, Value>> {
    let json = serde_json::to_value(config)?;
    let of = |knob: &space::Knob| Some((knob.path.to_owned(), json.pointer(&pointer(knob.path))?.clone()));
    Ok(study.knobs.iter().filter_map(of).collect())
}

/// The config with other settings.
fn with(config: &Config, settings: &BTreeMap<String, Value>) -> anyhow::Result<Config> {
    let mut json = serde_json::to_value(config)?;
    for (path, value) in settings {
        *json.pointer_mut(&pointer(path)).with_context(|| format!("the config has no {path}"))? = value.clone();
    }
    let config: Config = serde_json::from_value(json)?;
    config.validate()?;
    Ok(config)
}

fn pointer(path: &str) -> String {
    format!("/{}", path.replace('.', "/"))
}

/// The settings of the best trials that differ from the start, as a file for `--config`.
fn found(start: &Config, trials: &Trials) -> anyhow::Result<String> {
    let mut lines = String::from("# Found by `offline tune`; give it to `offline run` with --config.\n");
    let mut sections: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for study in &STUDIES {
        let Some(best) = trials.best(study.name()) else { continue };
        let before = current(start, study)?;
        for (path, value) in best.settings.iter().filter(|(path, value)| before.get(*path) != Some(value)) {
            let (section, key) = path.split_once('.').with_context(|| path.clone())?;
            sections.entry(section).or_default().push(format!("{key} = {value}"));
        }
    }
    for (section, settings) in sections {
        lines.push_str(&format!("\n[{section}]\n{}\n", settings.join("\n")));
    }
    Ok(lines)
}
