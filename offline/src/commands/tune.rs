//! `offline tune`: searches for better settings.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::options::{Input, SettingsOptions, time_ms};
use super::read::{read, until};
use super::recorded::{Recorder, data_of};
use crate::config::Settings;
use crate::measure::tune;
use crate::progress::Progress;

/// Searches for better settings; writes tuned.toml and trials.jsonl.
#[derive(Debug, Args)]
pub struct TuneArgs {
    #[command(flatten)]
    settings: SettingsOptions,
    #[command(flatten)]
    input: Input,
    /// How long to search, in minutes. The time of the trials that --out already has counts.
    #[arg(long, value_name = "MINUTES", value_parser = minutes)]
    budget: f64,
    /// Searches only on the events before this time: milliseconds since the epoch, or a date.
    #[arg(long, value_parser = time_ms)]
    until: Option<i64>,
    /// The folder for the results. If it holds trials of an earlier search, that search is continued.
    #[arg(long)]
    out: PathBuf,
}

/// Searches, and prints the best trial of each study.
pub fn tune(args: &TuneArgs, recorder: &Recorder, progress: &mut Progress) -> anyhow::Result<()> {
    let Settings { learn: config, run } = args.settings.load()?;
    fs::create_dir_all(&args.out).with_context(|| args.out.display().to_string())?;
    recorder.record("tune", None, &run.mlflow, progress, |recording, progress| {
        let rejects = args.out.join("rejects.jsonl");
        let log = read(&args.input.events, args.input.beside(), &config, &rejects, progress)?;
        let log = until(log, args.until)?;
        recording.learns(data_of(&log), serde_json::to_value(&config)?, &json!({ "minutes": args.budget }));
        let trials = tune::tune(&log, &config, args.budget, &args.out, progress)?;
        recording.searched(&trials);
        print!("{}", trials.table());
        println!("settings: {}", args.out.join("tuned.toml").display());
        Ok(())
    })
}

/// A number of minutes above 0.
pub fn minutes(text: &str) -> Result<f64, String> {
    let minutes = text.parse::<f64>().ok().filter(|minutes| minutes.is_finite() && *minutes > 0.0);
    minutes.ok_or_else(|| "expected a number of minutes greater than 0, such as 30".to_owned())
}
