//! `offline trees`: fits and measures boosted trees on labelled rows of any kind.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::options::SettingsOptions;
use crate::progress::Progress;
use crate::rank::rows::{self, Table};
use crate::trees::encode::{self, Category};
use crate::trees::{self, Ensemble, Objective, Rows, metrics};

/// The number of rows that are scored to time scoring: as many as the candidates of a question.
const SCORED: usize = 100;
/// How often they are scored.
const SCORINGS: usize = 1000;

/// Fits boosted trees on the rows of a Parquet file and measures them on those of another.
#[derive(Debug, Args)]
pub struct TreesArgs {
    #[command(flatten)]
    settings: SettingsOptions,
    /// The rows to fit on: columns of numbers or text, `label`, and `group` if rows are ranked within groups.
    #[arg(long)]
    learn: PathBuf,
    /// The rows for early stopping; if absent, all trees are kept.
    #[arg(long)]
    stop: Option<PathBuf>,
    /// The rows to measure on.
    #[arg(long)]
    test: PathBuf,
}

/// Fits trees on rows, measures them on others, and prints the figures as JSON.
pub fn trees(args: &TreesArgs, progress: &mut Progress) -> anyhow::Result<()> {
    let config = args.settings.load_config()?;
    let learn = args.learn.as_path();
    let Table { mut names, rows: mut learned, categories } = rows::read(learn)?;
    anyhow::ensure!(!learned.is_empty(), "{}: there are no rows", learn.display());
    let read_later = |path: &Path| {
        let later = rows::read(path)?;
        let alike = later.names == names && later.categories.keys().eq(categories.keys());
        anyhow::ensure!(alike, "{}: the columns must be those of {}", path.display(), learn.display());
        anyhow::ensure!(!later.rows.is_empty(), "{}: there are no rows", path.display());
        Ok((later.rows, later.categories.into_values().collect::<Vec<_>>()))
    };
    let (mut test, mut stop) = (read_later(&args.test)?, args.stop.as_deref().map(read_later).transpose()?);
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

/// The shortest time, in microseconds, that scoring the first [`SCORED`] rows took.
fn scoring_micros(ensemble: &Ensemble, rows: &Rows) -> f64 {
    let first = Rows {
        columns: rows.columns.iter().map(|column| column.iter().copied().take(SCORED).collect()).collect(),
        labels: rows.labels.iter().copied().take(SCORED).collect(),
        ..Rows::default()
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
