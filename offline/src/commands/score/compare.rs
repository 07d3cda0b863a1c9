//! `offline score compare`: two versions of a model on the same rows.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::commands::mirrors::mirrored;
use crate::progress::Progress;
use crate::score::compare::{Both, Comparison, compare as compare_versions};

/// Measures two versions of a model on rows that neither was trained on.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// The model's name.
    #[arg(long)]
    model: String,
    /// The versions; differences are the second one's figures minus the first one's.
    #[arg(long, num_args = 2, required = true, value_names = ["FIRST", "SECOND"])]
    versions: Vec<String>,
    /// The rows with their labels: files, folders or patterns; CSV, Parquet or JSON.
    #[arg(long, num_args = 1.., required = true)]
    data: Vec<PathBuf>,
    /// How the figures are printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// The artifacts folder, which holds the models.
    #[arg(long, env = "TANDEM_ARTIFACTS__PATH", default_value = "artifacts", value_parser = mirrored)]
    artifacts: PathBuf,
}

/// How figures are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Measures, and prints.
pub fn compare(args: &CompareArgs, progress: &mut Progress) -> anyhow::Result<()> {
    let [first, second] = &args.versions[..] else { anyhow::bail!("--versions takes two versions") };
    let found = compare_versions(&args.artifacts, &args.model, [first, second], &args.data, progress)?;
    match args.format {
        Format::Json => println!("{}", serde_json::to_string_pretty(&found)?),
        Format::Text => print!("{}", text(&found)),
    }
    Ok(())
}

fn text(found: &Comparison) -> String {
    let Comparison { model, versions: [first, second], rows, notes, .. } = found;
    let mut text = format!("{model} on {rows} rows; first: {first}, second: {second}\n");
    for note in notes {
        // Writing to a string can't fail.
        let _ = writeln!(text, "note: {note}");
    }
    text.push_str(&table("metric", found.metrics.iter().map(|(name, both)| ((*name).to_owned(), both))));
    for (label, metrics) in &found.labels {
        let _ = write!(
            text,
            "\n{label}\n{}",
            table("metric", metrics.iter().map(|(name, both)| ((*name).to_owned(), both)))
        );
    }
    text
}

/// A line for each metric.
fn table<'a>(head: &str, rows: impl Iterator<Item = (String, &'a Both)>) -> String {
    let mut text = format!("{head:18} {:>10} {:>10}  difference, with its 95% interval\n", "first", "second");
    for (name, Both { first, second, difference }) in rows {
        let digits = if first.value.abs() >= 100.0 { 0 } else { 4 };
        let (low, high) = (difference.interval.low, difference.interval.high);
        let _ = writeln!(
            text,
            "{name:18} {:>10.digits$} {:>10.digits$}  {:+.digits$} [{low:+.digits$}, {high:+.digits$}]",
            first.value, second.value, difference.mean
        );
    }
    text
}
