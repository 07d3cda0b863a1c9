//! Commands around the ranker: its rows, trees on any rows, and the search for settings.

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use serde_json::json;
use shared::source::Source;

use super::held_out::read_parts;
use super::{read, until};
use crate::arguments::{HeldOutInput, Input};
use crate::config::{Config, RankerKind};
use crate::evaluate::questions;
use crate::fit::fit_alone;
use crate::progress::Progress;
use crate::ranker;
use crate::rows::{self, Table};
use crate::trees::encode::{self, Category};
use crate::trees::{self, Ensemble, Objective, Rows, metrics};
use crate::tune;

/// Rows that are scored to time it: the candidates of a question.
const SCORED: usize = 100;
/// How often.
const SCORINGS: usize = 1000;

/// Fits one source and writes its table.
pub fn fit(config: &Config, input: &Input, source: Source, out: &Path, progress: &mut Progress) -> anyhow::Result<()> {
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let log = read(&input.events, input.items.as_deref(), config, &out.join("rejects.jsonl"), progress)?;
    Ok(progress.stage(source.as_str(), || fit_alone(source, &log, config, out))?)
}

/// Searches for better settings and prints the best trial of each study.
pub fn tune(
    config: &Config,
    input: &Input,
    minutes: f64,
    until_ms: Option<i64>,
    out: &Path,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let rejects = out.join("rejects.jsonl");
    let log = until(read(&input.events, input.items.as_deref(), config, &rejects, progress)?, until_ms)?;
    let trials = tune::tune(&log, config, minutes, out, progress)?;
    print!("{}", trials.table());
    println!("settings: {}", out.join("tuned.toml").display());
    Ok(())
}

/// Writes the rows that the ranker learns from, and those of the held-out questions, as the engine describes them.
pub fn rows(config: &Config, input: &HeldOutInput, out: &Path, progress: &mut Progress) -> anyhow::Result<()> {
    anyhow::ensure!(config.ranker.kind != RankerKind::None, "ranker.kind is none: set trees or linear to get its rows");
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let parts = read_parts(config, input, out, progress)?;
    questions::count(&parts.train, &parts.held_out(config), config.blend.objective, config.blend.seen)?;
    let (blends, slates) = ranker::slates(&parts.train, config, progress)?;
    let names = slates.names.clone();
    rows::write(&slates.early, &names, &out.join("learn.parquet"))?;
    rows::write(&slates.late, &names, &out.join("stop.parquet"))?;
    drop(slates);
    let test = ranker::held_out(parts, config, &blends, progress)?;
    rows::write(&test, &names, &out.join("test.parquet"))
}

/// Grows trees on rows, measures them on others, and prints what came out as JSON.
pub fn trees(
    config: &Config,
    learn: &Path,
    stop: Option<&Path>,
    test: &Path,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let Table { mut names, rows: mut learned, categories } = rows::read(learn)?;
    anyhow::ensure!(!learned.is_empty(), "{}: there are no rows", learn.display());
    let read_later = |path: &Path| {
        let later = rows::read(path)?;
        let alike = later.names == names && later.categories.keys().eq(categories.keys());
        anyhow::ensure!(alike, "{}: the columns must be those of {}", path.display(), learn.display());
        anyhow::ensure!(!later.rows.is_empty(), "{}: there are no rows", path.display());
        Ok((later.rows, later.categories.into_values().collect::<Vec<_>>()))
    };
    let (mut test, mut stop) = (read_later(test)?, stop.map(read_later).transpose()?);
    names.extend(categories.keys().flat_map(|name| encode::NAMES.map(|of| format!("{name} {of}"))));
    let categories: Vec<Category> = categories.into_values().collect();
    let begin = Instant::now();
    let encoding = encode::learn(&mut learned, &categories, &config.encode);
    for (rows, categories) in stop.iter_mut().chain([&mut test]) {
        encoding.append(rows, categories);
    }
    let (test, stop) = (test.0, stop.map(|(rows, _)| rows));
    let config = &config.trees;
    let ensemble = progress
        .counted("trees", config.trees as u64, |done| trees::fit(&learned, stop.as_ref(), config, &|tree| done(tree)));
    let seconds = begin.elapsed().as_secs_f64();
    let scores = trees::scores(&ensemble, &test);
    let importance: BTreeMap<&str, f64> =
        names.iter().map(String::as_str).zip(ensemble.importance.iter().copied()).collect();
    let mut figures = json!({
        "rows": learned.len(), "trees": ensemble.leaves.len() >> ensemble.depth, "seconds": seconds,
        "metric": config.objective.metric(&test, &scores), "scoring_micros": scoring_micros(&ensemble, &test),
        "importance": importance,
    });
    if config.objective == Objective::Binary {
        figures["auc"] = metrics::auc(&test.labels, &scores).into();
        figures["log_loss"] = metrics::log_loss(&test.labels, &scores).into();
    }
    println!("{figures:#}");
    Ok(())
}

/// How long scoring the first [`SCORED`] rows takes at best.
fn scoring_micros(ensemble: &Ensemble, rows: &Rows) -> f64 {
    let first = Rows {
        columns: rows.columns.iter().map(|column| column.iter().copied().take(SCORED).collect()).collect(),
        labels: rows.labels.iter().copied().take(SCORED).collect(),
        groups: Vec::new(),
    };
    let (matrix, trees) = (trees::matrix(&first), ensemble.trees());
    let mut scores = Vec::new();
    let times = (0..SCORINGS).map(|_| {
        let begin = Instant::now();
        trees.score(black_box(&matrix), black_box(&mut scores));
        begin.elapsed()
    });
    times.min().unwrap_or_default().as_secs_f64() * 1e6
}
