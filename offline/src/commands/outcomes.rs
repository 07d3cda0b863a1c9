//! `offline outcomes`: what came of the slates that were served.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use shared::engine::attribution::{Settings, Shown};

use super::mirrors::mirrored;
use super::outputs::apart;
use crate::durations;
use crate::outcomes::rows::Rows;
use crate::outcomes::{Logs, outcomes as outcomes_of, text};
use crate::progress::Progress;

/// Tells what came of the slates that were served: rates of clicks, add-to-carts and purchases.
#[derive(Debug, Args)]
pub struct OutcomesArgs {
    /// The log of slates: the folders that the service writes it to, or files of it; or s3://BUCKET/PREFIX, where
    /// replicas ship theirs.
    #[arg(long, num_args = 1.., required = true, value_name = "FOLDER", value_parser = mirrored)]
    slates: Vec<PathBuf>,
    /// The service's event log: its folders, or files of it; or s3://BUCKET/PREFIX, where replicas ship theirs.
    #[arg(long, num_args = 1.., required = true, value_name = "FOLDER", value_parser = mirrored)]
    events: Vec<PathBuf>,
    #[command(flatten)]
    rules: OutcomesOptions,
    /// The file that a row for each item that was shown is written to, as Parquet.
    #[arg(long, value_name = "FILE.parquet")]
    out: Option<PathBuf>,
    /// Prints the rates as JSON.
    #[arg(long)]
    json: bool,
}

/// How events are attributed to slates.
#[derive(Debug, Args)]
#[group(skip)]
pub struct OutcomesOptions {
    /// How long after a slate an event may be due to it, such as 30m or 24h.
    #[arg(long, default_value = "24h", value_parser = window, requires = "slates")]
    window: Duration,
    /// What counts as shown: every item that was served, or only what clients reported as seen.
    #[arg(long, value_enum, default_value_t = CountedAs::Served, requires = "slates")]
    shown: CountedAs,
    /// The most items of slates that are kept while their window lasts, about half a kilobyte each; a slate itself
    /// counts as one more.
    #[arg(long, value_name = "ITEMS", default_value_t = 4_000_000, requires = "slates")]
    max_items: usize,
}

/// [`Shown`], as an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CountedAs {
    Served,
    Reported,
}

impl OutcomesOptions {
    /// The settings of the attribution.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let shown = match self.shown {
            CountedAs::Served => Shown::Served,
            CountedAs::Reported => Shown::Reported,
        };
        Settings { window_ms: durations::ms(self.window), shown, max_items: self.max_items }
    }
}

/// Tells what came of slates.
pub fn outcomes(args: &OutcomesArgs, progress: &mut Progress) -> anyhow::Result<()> {
    let logs = Logs::find(&args.slates, &args.events)?;
    apart(logs.paths(), &[("--out", args.out.as_deref())])?;
    let mut rows = args.out.as_deref().map(Rows::create).transpose()?;
    let found = progress.stage("outcomes", || outcomes_of(&logs, args.rules.settings(), rows.as_mut()))?;
    rows.map_or(Ok(()), Rows::finish)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&found)?);
    } else {
        print!("{}", text::text(&found));
        args.out.iter().for_each(|out| println!("rows: {}", out.display()));
    }
    Ok(())
}

fn window(text: &str) -> Result<Duration, String> {
    let window = durations::parse(text).filter(|window| !window.is_zero());
    window.ok_or_else(|| format!("{text:?} is no duration; write it as 30m, 24h or 168h"))
}
