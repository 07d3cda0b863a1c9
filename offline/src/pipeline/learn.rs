//! Commands around the ranker: its rows, trees on any rows, and the search for settings.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use serde_json::json;
use shared::schema;

use super::held_out::split;
use super::{read, until};
use crate::arguments::{HeldOutInput, Input};
use crate::config::Config;
use crate::progress::Progress;
use crate::ranker;
use crate::rows;
use crate::trees;
use crate::tune;

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
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let (train, test) = split(config, input, out, progress)?;
    let (fitted, slates) = ranker::slates(&train, config, progress)?;
    let names = schema::names();
    rows::write(&slates.early, &names, &out.join("learn.parquet"))?;
    rows::write(&slates.late, &names, &out.join("stop.parquet"))?;
    drop(slates);
    let test = ranker::held_out(train, test, config, &fitted, progress)?;
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
    let (names, learn) = rows::read(learn)?;
    let (_, test) = rows::read(test)?;
    let stop = stop.map(rows::read).transpose()?.map(|(_, rows)| rows);
    let config = &config.trees;
    let begin = Instant::now();
    let ensemble = progress
        .counted("trees", config.trees as u64, |done| trees::fit(&learn, stop.as_ref(), config, &|tree| done(tree)));
    let seconds = begin.elapsed().as_secs_f64();
    let scores = trees::scores(&ensemble, &test);
    let importance: BTreeMap<&str, f64> =
        names.iter().map(String::as_str).zip(ensemble.importance.iter().copied()).collect();
    let figures = json!({
        "rows": learn.len(), "trees": ensemble.leaves.len() >> ensemble.depth, "seconds": seconds,
        "metric": config.objective.metric(&test, &scores), "importance": importance,
    });
    println!("{figures:#}");
    Ok(())
}
