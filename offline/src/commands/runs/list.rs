//! `offline runs list`: a line a run, the latest last.

use std::collections::HashMap;
use std::path::Path;

use clap::Args;

use super::{figure, minute, took};
use crate::runs::{Run, store};

/// Lists runs, the latest last.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// How many of the latest are shown; 0 for all.
    #[arg(long, value_name = "N", default_value_t = 20)]
    last: usize,
    /// Only those of this command: run, evaluate, tune, score train or score tune.
    #[arg(long)]
    command: Option<String>,
    /// Only those of this model of rows.
    #[arg(long)]
    model: Option<String>,
}

/// The figures by which a run is known, the first of them that it has.
const HEADLINES: [&str; 6] = ["tandem ndcg@", "roc_auc", "map@7", "contest new", "fit ranker", "fit blend"];

/// Lists.
pub fn list(args: &ListArgs, folder: &Path, json: bool) -> anyhow::Result<()> {
    let (runs, unreadable) = store::list(folder)?;
    unreadable.iter().for_each(|error| eprintln!("warning: {error}"));
    let is_asked = |run: &&Run| {
        args.command.as_ref().is_none_or(|command| *command == run.command)
            && args.model.as_ref().is_none_or(|model| Some(model) == run.model.as_ref())
    };
    let asked: Vec<&Run> = runs.iter().filter(is_asked).collect();
    let left_out = if args.last == 0 { 0 } else { asked.len().saturating_sub(args.last) };
    let shown = &asked[left_out..];
    if json {
        println!("{}", serde_json::to_string(shown)?);
        return Ok(());
    }
    if shown.is_empty() {
        println!("{}: no such runs; `run`, `evaluate`, `tune` and `score train` leave a record each", folder.display());
        return Ok(());
    }
    let first = first_of_equals(&runs);
    let mut lines = vec![["id", "command", "status", "started", "took", "figure", "version"].map(str::to_owned)];
    lines.extend(shown.iter().map(|run| line(run, &first)));
    let widths: [usize; 7] =
        std::array::from_fn(|at| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0));
    for line in lines {
        let cells = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    if left_out > 0 {
        println!("and {left_out} before; --last 0 shows all");
    }
    Ok(())
}

/// The first run of each identity.
fn first_of_equals(runs: &[Run]) -> HashMap<&str, &Run> {
    let mut first = HashMap::new();
    for run in runs {
        if let Some(identity) = &run.identity {
            first.entry(identity.as_str()).or_insert(run);
        }
    }
    first
}

/// The cells of a run.
fn line(run: &Run, first: &HashMap<&str, &Run>) -> [String; 7] {
    let command = run.model.as_ref().map_or_else(|| run.command.clone(), |model| format!("{} {model}", run.command));
    let known = HEADLINES.iter().find_map(|name| run.metrics.iter().find(|(key, _)| key.starts_with(name)));
    let headline = known.or_else(|| run.metrics.iter().next());
    let headline = headline.map_or_else(String::new, |(name, own)| format!("{name} {}", figure(own)));
    let mut version = run.version.clone().unwrap_or_default();
    if let (Some(true), false) = (run.champion, version.is_empty()) {
        version.push_str(" promoted");
    }
    let before = run.identity.as_deref().and_then(|identity| first.get(identity));
    if let Some(other) = before.filter(|other| other.id != run.id) {
        version.push_str(&format!(" = {}", other.id));
    }
    [
        run.id.to_string(),
        command,
        run.status.as_str().to_owned(),
        minute(run.started_ms),
        took(run),
        headline,
        version.trim().to_owned(),
    ]
}
