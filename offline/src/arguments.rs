//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use shared::api::Seen;
use shared::source::Source;

use crate::evaluate::Task;
use crate::export::Table;

/// Event logs in, recommendation artifacts out.
#[derive(Debug, Parser)]
#[command(name = "offline", version)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
#[allow(missing_docs)]
pub enum Command {
    /// The whole batch: ingest, contest with the champion's configuration, train, publish.
    Run {
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        input: Input,
        #[command(flatten)]
        output: Output,
        /// Fit on the events before this time only: milliseconds since the epoch, or a date.
        #[arg(long, value_parser = time_ms)]
        until: Option<i64>,
        /// Promotes without a contest between the champion's configuration and this one.
        #[arg(long)]
        no_gate: bool,
    },
    /// Reads logs and reports what is in them; with --out, writes the events as JSON lines.
    Ingest {
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        input: Input,
        /// Where to write the events in the native schema.
        #[arg(long)]
        out: Option<PathBuf>,
        /// Where to write rejected rows.
        #[arg(long, default_value = "rejects.jsonl")]
        rejects: PathBuf,
    },
    /// Builds a version without making it the champion.
    Train {
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        input: Input,
        #[command(flatten)]
        output: Output,
        /// Fit on the events before this time only: milliseconds since the epoch, or a date.
        #[arg(long, value_parser = time_ms)]
        until: Option<i64>,
    },
    /// Measures every source and the blend on held-out events.
    Evaluate {
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        held_out: HeldOutInput,
        /// What is predicted.
        #[arg(long, value_enum)]
        task: Task,
        /// Cut-offs.
        #[arg(long, value_delimiter = ',', default_value = "5,10,20")]
        k: Vec<usize>,
        /// The seen policy: next-item allows repeats by default, top-k and --leave-last-out exclude all of the past.
        #[arg(long, value_parser = seen)]
        seen: Option<Seen>,
        /// The figures as a table or as JSON.
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
        /// Where to publish the version that was measured, to serve and replay it.
        #[arg(long)]
        artifacts: Option<PathBuf>,
        /// Redis to copy its user records to.
        #[arg(long, requires = "artifacts")]
        redis: Option<String>,
        /// Where to write the slates of the blend, as JSON lines.
        #[arg(long)]
        slates: Option<PathBuf>,
        /// Where to write the held-out events, as JSON lines in the native schema.
        #[arg(long)]
        test_events: Option<PathBuf>,
        /// Also trains and measures without each of the sources.
        #[arg(long)]
        leave_one_out: bool,
        /// Measures two versions (folders) or two configs (files) on the same questions, and their differences.
        #[arg(long, num_args = 2, value_names = ["A", "B"])]
        #[arg(conflicts_with_all = ["config", "artifacts", "slates", "test_events", "leave_one_out"])]
        compare: Vec<PathBuf>,
    },
    /// Makes a version that `train` built the champion.
    Publish {
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        output: Output,
        /// The version; the newest where absent.
        #[arg(long)]
        version: Option<String>,
    },
    /// Makes an earlier version the champion again.
    Rollback {
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        output: Output,
        /// The version; the one before the champion where absent.
        #[arg(long)]
        to: Option<String>,
    },
    /// Writes a table of a version as JSON lines.
    Export {
        /// The folder of the versions.
        #[arg(long, default_value = "artifacts")]
        artifacts: PathBuf,
        /// The version; the champion where absent.
        #[arg(long)]
        version: Option<String>,
        /// What to export.
        #[arg(long, value_enum)]
        table: Table,
        /// The file; standard output where absent.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Writes the ranker's labelled rows as Parquet: learn.parquet, stop.parquet and test.parquet.
    Rows {
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        held_out: HeldOutInput,
        /// The folder to write to.
        #[arg(long)]
        out: PathBuf,
    },
    /// Grows boosted trees on rows of a Parquet file and measures them on another.
    Trees {
        #[command(flatten)]
        settings: Settings,
        /// Rows to learn from: numbers, `label`, and `group` where rows are ranked among themselves.
        #[arg(long)]
        learn: PathBuf,
        /// Rows that say when to stop; all trees are kept where absent.
        #[arg(long)]
        stop: Option<PathBuf>,
        /// Rows to measure on.
        #[arg(long)]
        test: PathBuf,
    },
    /// Fits one source alone and says how long it took.
    Fit {
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        input: Input,
        /// Which, such as als or session_knn.
        #[arg(long, value_parser = source)]
        source: Source,
        /// The folder to write its table to.
        #[arg(long)]
        out: PathBuf,
    },
    /// Searches for better settings; writes tuned.toml and trials.jsonl.
    Tune {
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        input: Input,
        /// How long to search. What the trials in --out took counts.
        #[arg(long, value_name = "MINUTES", value_parser = minutes)]
        budget: f64,
        /// Where the log ends: milliseconds since the epoch, or a date.
        #[arg(long, value_parser = time_ms)]
        until: Option<i64>,
        /// The folder to write to; a search that it already has is continued.
        #[arg(long)]
        out: PathBuf,
    },
    /// Makes the log of a shop that never was: `events.csv` and `items.csv`.
    Generate {
        /// How many events.
        #[arg(long)]
        events: u64,
        /// How many users.
        #[arg(long)]
        users: u32,
        /// How many items.
        #[arg(long)]
        items: u32,
        /// The same seed makes the same shop.
        #[arg(long, default_value_t = 42)]
        seed: u64,
        /// The folder to write to.
        #[arg(long, default_value = ".")]
        out: PathBuf,
    },
}

/// Where settings come from.
#[derive(Debug, Args)]
pub struct Settings {
    /// A file that overrides the defaults.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// A preset for a known log: native, retailrocket-sessions, online-retail, movielens, movielens-next.
    #[arg(long)]
    pub preset: Option<String>,
}

/// What is read.
#[derive(Debug, Args)]
pub struct Input {
    /// Event logs: files, folders or patterns; .csv, .parquet, .jsonl.
    #[arg(long, num_args = 1.., required = true)]
    pub events: Vec<PathBuf>,
    /// The item table.
    #[arg(long)]
    pub items: Option<PathBuf>,
}

/// What is read to measure: one log that is split in time, or two.
#[derive(Debug, Args)]
pub struct HeldOutInput {
    /// Event logs, split in time.
    #[arg(long, num_args = 1.., required_unless_present = "train", conflicts_with_all = ["train", "test"])]
    pub events: Vec<PathBuf>,
    /// The item table.
    #[arg(long)]
    pub items: Option<PathBuf>,
    /// Where the held-out part begins: milliseconds since the epoch, or a date; the last tenth of the events where
    /// absent.
    #[arg(long, value_parser = time_ms, conflicts_with = "train")]
    pub split: Option<i64>,
    /// Holds out the last event of each user instead of a part in time, for `--task next-item`.
    #[arg(long, conflicts_with_all = ["split", "train", "test"])]
    pub leave_last_out: bool,
    /// Train on these logs.
    #[arg(long, num_args = 1.., requires = "test")]
    pub train: Vec<PathBuf>,
    /// Test on these logs.
    #[arg(long, num_args = 1.., requires = "train")]
    pub test: Vec<PathBuf>,
}

/// Where versions go.
#[derive(Debug, Args)]
pub struct Output {
    /// The folder of the versions.
    #[arg(long, default_value = "artifacts")]
    pub artifacts: PathBuf,
    /// Redis to copy user records to, such as redis://127.0.0.1:6379.
    #[arg(long)]
    pub redis: Option<String>,
}

/// How figures are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table for people.
    Text,
    /// JSON for programs.
    Json,
}

fn minutes(text: &str) -> Result<f64, String> {
    let minutes = text.parse::<f64>().ok().filter(|minutes| minutes.is_finite() && *minutes > 0.0);
    minutes.ok_or_else(|| "expected a number of minutes greater than 0, such as 30".to_owned())
}

/// Reads milliseconds since the epoch, a date, or a date and time (UTC).
fn time_ms(text: &str) -> Result<i64, String> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let day = |date: jiff::civil::Date| date.to_datetime(jiff::civil::Time::midnight());
    let civil = text.parse::<jiff::civil::DateTime>().or_else(|_| text.parse().map(day));
    let zoned = civil.and_then(|civil| civil.to_zoned(jiff::tz::TimeZone::UTC));
    zoned.map(|zoned| zoned.timestamp().as_millisecond()).map_err(|error| {
        format!("expected milliseconds since the epoch or a date such as 2026-06-30 12:00:00: {error}")
    })
}

fn source(text: &str) -> Result<Source, String> {
    let known = Source::ALL.map(Source::as_str).join(", ");
    Source::ALL.into_iter().find(|source| source.as_str() == text).ok_or_else(|| format!("expected one of {known}"))
}

fn seen(text: &str) -> Result<Seen, String> {
    serde_json::from_value(serde_json::Value::from(text))
        .map_err(|_| "expected allow, exclude_purchased or exclude_all".to_owned())
}
