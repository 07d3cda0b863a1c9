//! `offline score tune`: searches for better settings of a model.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::train::ModelOptions;
use crate::commands::tune::minutes;
use crate::progress::Progress;
use crate::score::tune::{Tuned, tune as search};

/// Searches for better settings by folds of the rows that are not measured; writes tuned.toml and trials.jsonl.
#[derive(Debug, Args)]
pub struct TuneArgs {
    #[command(flatten)]
    model: ModelOptions,
    /// How long to search, in minutes. The time of the trials that --out already has counts.
    #[arg(long, value_name = "MINUTES", value_parser = minutes)]
    budget: f64,
    /// The folder for the results. If it holds trials of an earlier search, that search is continued.
    #[arg(long)]
    out: PathBuf,
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Searches, and prints the first and the best trial.
pub fn tune(args: &TuneArgs, progress: &mut Progress) -> anyhow::Result<()> {
    let config = args.model.config()?;
    let table = args.model.read(&config, progress)?;
    let tuned = search(&table, &config, args.budget, &args.out, progress)?;
    let path = args.out.join("tuned.toml");
    let Tuned { trials, toml, start, best, difference } = &tuned;
    if args.json {
        let result = json!({
            "trials": trials.made.len(), "log_loss": { "start": start, "best": best }, "difference": difference,
            "settings": path, "found": toml,
        });
        println!("{result:#}");
        return Ok(());
    }
    print!("{}", trials.table());
    match difference {
        Some(difference) => println!(
            "log-loss of the folds: {start:.4} at the start, {best:.4} with what was found, difference {:+.4} [{:+.4}, {:+.4}]\n{toml}\nsettings: {}",
            difference.mean,
            difference.interval.low,
            difference.interval.high,
            path.display()
        ),
        None => println!("log-loss of the folds: {start:.4}; nothing better was found, the settings may stay"),
    }
    Ok(())
}
