//! Searches for better settings within a time budget: draws settings, fits models with them on the log before its last
//! windows, and measures them on the questions of these windows.
//!
//! ```text
//! log ─▶ windows ─▶ for each source: settings ─▶ its table ─▶ NDCG@20 of the source alone ┐
//!                ─▶ rows of the slates ─▶ settings ─▶ ranker ─▶ NDCG@20 on later rows     ├─▶ trials ─▶ config
//! ```
//!
//! A study searches the settings of one source, or of the ranker. Its first trial has the settings that it starts from,
//! so that its best trial is never worse on the windows. Sources that are off, and rankers other than the configured
//! one, have no study.

pub mod draws;
pub mod settings;
mod space;
mod trials;

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use shared::contract::source::Source;

use crate::config::{Config, RankerKind};
use crate::log::ingest::Log;
use crate::progress::Progress;
use crate::rank::linear;
use crate::rank::{Slates, Window, slates, windows};
use crate::trees;
use draws::Draws;
use settings::{Settings, current, toml};
use space::{Study, Subject, studies};
pub use trials::{Trial, Trials};

/// The number of windows that sources are measured on.
const WINDOWS: usize = 2;

/// Searches for `minutes`, including the time to make the windows; writes `trials.jsonl` and `tuned.toml` into
/// `folder`, and returns the trials. If the folder has trials of an earlier search, that search is continued: its
/// trials are kept, and their time counts.
///
/// # Errors
/// When the folder can't be written or belongs to another log, or the log or the time is too short.
pub fn tune(
    log: &Log,
    config: &Config,
    minutes: f64,
    folder: &Path,
    progress: &mut Progress,
) -> anyhow::Result<Trials> {
    let studies: Vec<Study> = studies().filter(|study| applies(study, config)).collect();
    anyhow::ensure!(!studies.is_empty(), "all that could be searched is off: see blend.off and ranker.kind");
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut trials = Trials::open(&folder.join("trials.jsonl"), &log.fingerprint(), &serde_json::to_value(config)?)?;
    let begin = Instant::now();
    let windows = questioned(log, config, progress)?;
    let taken = begin.elapsed().as_secs_f64();
    let left = minutes * 60.0 - taken;
    anyhow::ensure!(left > 0.0, "--budget {minutes}: making the windows alone took {:.1} minutes", taken / 60.0);
    let mut best = config.clone();
    let shares: f64 = studies.iter().map(|study| study.share).sum();
    for study in &studies {
        let seconds = left * study.share / shares;
        progress
            .group(study.name(), |progress| search(log, &windows, study, seconds, &mut best, &mut trials, progress))?;
        fs::write(folder.join("tuned.toml"), found(config, &trials)?).context("tuned.toml")?;
    }
    Ok(trials)
}

/// Whether the settings that a study searches have an effect under a config.
fn applies(study: &Study, config: &Config) -> bool {
    match study.subject {
        Subject::Alone(source) if config.blend.off.contains(&source) => false,
        Subject::Alone(Source::Repeat) => config.asks_for_returns(),
        Subject::Alone(_) => true,
        Subject::Trees => config.ranker.kind == RankerKind::Trees,
        Subject::Linear => config.ranker.kind == RankerKind::Linear,
    }
}

/// The windows that sources are measured on, with the records of the users whose questions are used.
fn questioned<'a>(log: &Log, config: &'a Config, progress: &mut Progress) -> anyhow::Result<Vec<Window<'a>>> {
    let mut windows = progress.group("windows", |progress| windows(log, config, WINDOWS, progress))?;
    let mut asked = 0;
    for window in &mut windows {
        let rows = window.rows(config.blend.max_cases);
        window.keep_users(&rows, &config.long_term_weights());
        asked += rows.len();
    }
    anyhow::ensure!(asked > 0, "the windows at the end of the log hold no questions; search on a longer log");
    Ok(windows)
}

/// Makes trials of one study until its time is over, and sets the best settings in `best`.
fn search(
    log: &Log,
    windows: &[Window<'_>],
    study: &Study,
    seconds: f64,
    best: &mut Config,
    trials: &mut Trials,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let left = seconds - trials.of(study.name()).map(|trial| trial.seconds).sum::<f64>();
    if left > 0.0 {
        let (start, begin) = (best.clone(), Instant::now());
        let measure = measure(log, windows, study, &start, progress)?;
        if begin.elapsed().as_secs_f64() >= left {
            tracing::warn!(study = study.name(), "no time was left for a trial; search on with a larger --budget");
        }
        progress.counted("trials", left.ceil() as u64, |done| {
            let mut draws = Draws::new(study.knobs, trials.of(study.name()))?;
            while begin.elapsed().as_secs_f64() < left {
                let begun = Instant::now();
                let settings = match trials.of(study.name()).next() {
                    None => current(best, study.knobs)?,
                    Some(_) => draws.ask()?,
                };
                let figure = measure(&with(best, &settings)?)?;
                let seconds = begun.elapsed().as_secs_f64();
                let trial = Trial { study: study.name().to_owned(), settings, figure, seconds };
                draws.tell(&trial)?;
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

/// The figure of a config: NDCG@20, higher is better.
type Measure<'a> = Box<dyn Fn(&Config) -> anyhow::Result<f64> + Sync + 'a>;

fn measure<'a>(
    log: &Log,
    windows: &'a [Window<'_>],
    study: &Study,
    start: &Config,
    progress: &mut Progress,
) -> anyhow::Result<Measure<'a>> {
    if let Subject::Alone(source) = study.subject {
        return Ok(Box::new(move |config| {
            let gains = windows.iter().map(|window| window.alone(source, config));
            let gains: Vec<f64> = gains.collect::<Result<Vec<_>, _>>()?.concat();
            anyhow::ensure!(!gains.is_empty(), "nobody in the windows has a question about something not ruled out");
            Ok(gains.iter().sum::<f64>() / gains.len() as f64)
        }));
    }
    let (_, Slates { early, late, .. }) = slates(log, start, progress)?;
    anyhow::ensure!(!early.is_empty() && !late.is_empty(), "the windows hold no questions to fit a ranker on");
    Ok(match study.subject {
        Subject::Linear => Box::new(move |config| Ok(linear::fit(&early, &late, &config.linear, &|_| ()).metric)),
        _ => Box::new(move |config| Ok(trees::fit(&early, Some(&late), &config.trees, &|_| ()).metric)),
    })
}

/// The config with these settings replaced.
fn with(config: &Config, settings: &Settings) -> anyhow::Result<Config> {
    let config: Config = settings::with(config, settings)?;
    config.validate()?;
    Ok(config)
}

/// The settings of the best trials that differ from the start, as a file for `--config`.
fn found(start: &Config, trials: &Trials) -> anyhow::Result<String> {
    let mut all: Vec<(Settings, Settings)> = Vec::new();
    for study in studies() {
        let Some(best) = trials.best(study.name()) else { continue };
        all.push((current(start, study.knobs)?, best.settings.clone()));
    }
    let settings = toml(all.iter().map(|(before, best)| (before, best)))?;
    Ok(format!("# Found by `offline tune`; give it to `offline run` with --config.\n{settings}"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::log::ingest::{Catalogue, ingest};

    fn sample() -> Log {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/sample/events.csv");
        let config = Config::load(None, None).expect("the defaults");
        let rejects = tempfile::NamedTempFile::new().expect("a file");
        ingest(&[path], Catalogue::default(), &config.ingest, &config.kinds, rejects.path(), &|_| ()).expect("a log")
    }

    #[test]
    fn every_source_is_asked_about_the_users_of_top_k_questions() {
        let mut config = Config::load(None, None).expect("the defaults");
        config.blend = Config::load(None, Some("online-retail")).expect("a preset").blend;
        config.sources.als.factors = 8;
        let mut progress = Progress::default();
        let (log, windows) = (sample(), questioned(&sample(), &config, &mut progress).expect("windows"));
        for study in studies().filter(|study| applies(study, &config)) {
            let Subject::Alone(_) = study.subject else { continue };
            let measure = measure(&log, &windows, &study, &config, &mut progress).expect("a measure");
            let ndcg = measure(&config).expect("a figure");
            assert!(ndcg > 0.0, "{}: {ndcg}", study.name());
        }
    }

    #[test]
    fn what_is_off_or_not_configured_is_not_searched() {
        let mut config = Config::load(None, None).expect("the defaults");
        config.blend.off = vec![Source::Als];
        config.ranker.kind = RankerKind::Linear;
        let names: Vec<&str> = studies().filter(|study| applies(study, &config)).map(|study| study.name()).collect();
        assert!(names.contains(&"linear") && names.contains(&"slim"));
        assert!(!names.contains(&"trees") && !names.contains(&"als"));
    }

    #[test]
    fn every_preset_starts_inside_the_ranges() {
        for name in ["native", "retailrocket-sessions", "online-retail", "movielens", "movielens-next"] {
            let config = Config::load(None, Some(name)).expect(name);
            for study in studies().filter(|study| applies(study, &config)) {
                let settings = current(&config, study.knobs).expect("settings");
                for knob in study.knobs {
                    let value = &settings[knob.path];
                    // 0 of a magnitude turns something off.
                    let off = value.as_f64() == Some(0.0);
                    assert!(off || knob.range.drawn(value).is_some(), "{name}: {} = {value}", knob.path);
                }
            }
        }
    }
}
