//! `offline score tune`: searches for better settings of a model.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::train::ModelOptions;
use crate::commands::options::MlflowOptions;
use crate::commands::recorded::Recorder;
use crate::commands::tune::minutes;
use crate::measure::evaluate::bootstrap::Difference;
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
pub fn tune(args: &TuneArgs, recorder: &Recorder, progress: &mut Progress) -> anyhow::Result<()> {
    let config = args.model.config()?;
    let mlflow = MlflowOptions::of_environment()?;
    recorder.record("score tune", None, &mlflow, progress, |recording, progress| {
        let table = args.model.read(&config, progress)?;
        recording.run.model = Some(config.name.clone());
        recording.learns(args.model.data_of(&table), json!(config), &json!({ "minutes": args.budget }));
        let tuned = search(&table, &config, args.budget, &args.out, progress)?;
        recording.searched(&tuned.trials);
        print(args, &tuned);
        Ok(())
    })
}

/// Prints what was found.
fn print(args: &TuneArgs, tuned: &Tuned) {
    let path = args.out.join("tuned.toml");
    let Tuned { trials, toml, start, best, difference } = tuned;
    if args.json {
        let result = json!({
            "trials": trials.made.len(), "log_loss": { "start": start, "best": best }, "difference": difference,
            "settings": path, "found": toml,
        });
        println!("{result:#}");
        return;
    }
    print!("{}", trials.table());
    println!("log-loss of the folds: {start:.4} at the start");
    if let Some(Difference { mean, interval, .. }) = difference {
        let (low, high) = (interval.low, interval.high);
        println!("the best trial, of {}: {best:.4}, difference {mean:+.4} [{low:+.4}, {high:+.4}]", trials.made.len());
    }
    if toml.is_empty() {
        println!("nothing was found that is better beyond chance; the settings may stay");
    } else {
        println!("{toml}\nsettings: {}", path.display());
    }
}
