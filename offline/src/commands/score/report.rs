//! `offline score report`: a page about a version and its rows.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::commands::mirrors::mirrored;
use crate::commands::outputs::{apart, page_of, write_made};
use crate::progress::Progress;
use crate::score::report::html::page;
use crate::score::report::{Report, Wanted, report as report_on};

/// Writes a page about a version of a model: what its rows are like, and how good it is on those that are held out.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The model's name.
    #[arg(long)]
    model: String,
    /// The version; the champion if absent.
    #[arg(long)]
    version: Option<String>,
    /// The rows with their labels, those of the training: files, folders or patterns; CSV, Parquet or JSON.
    #[arg(long, num_args = 1.., required = true)]
    data: Vec<PathBuf>,
    /// The file that is written. Left out, a page goes to `reports/MODEL.VERSION.html` in the artifacts folder, where the service
    /// finds it, and JSON is printed.
    #[arg(long)]
    out: Option<PathBuf>,
    /// What is written.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The label that the curves are of, where there are several; the most frequent one if absent.
    #[arg(long)]
    label: Option<String>,
    /// The artifacts folder, which holds the models.
    #[arg(long, env = "TANDEM_ARTIFACTS__PATH", default_value = "artifacts", value_parser = mirrored)]
    artifacts: PathBuf,
}

/// How figures are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One page of HTML.
    Html,
    /// The same figures for machines.
    Json,
}

/// Measures, and writes the page.
pub fn report(args: &ReportArgs, progress: &mut Progress) -> anyhow::Result<()> {
    let format = args.format.unwrap_or(Format::Html);
    if let Some(out) = &args.out {
        // Noticed before the work, not at its end.
        anyhow::ensure!(!out.is_dir(), "{}: is a folder; --out is a file, such as report.html", out.display());
    }
    apart(args.data.iter().cloned(), &[("--out", args.out.as_deref())])?;
    let wanted = Wanted {
        artifacts: &args.artifacts,
        model: &args.model,
        version: args.version.as_deref(),
        label: args.label.as_deref(),
    };
    let found = report_on(wanted, &args.data, progress)?;
    for note in &found.notes {
        eprintln!("note: {note}");
    }
    let text = match format {
        Format::Html => page(&found),
        Format::Json => format!("{}\n", serde_json::to_string_pretty(&found)?),
    };
    match (&args.out, format) {
        (Some(out), _) => write_page(out, &text, &found),
        (None, Format::Html) => write_page(&place(&args.artifacts, &found), &text, &found),
        (None, Format::Json) => {
            print!("{text}");
            Ok(())
        }
    }
}

/// Where the page of a version is, for the service to find it.
fn place(artifacts: &Path, found: &Report) -> PathBuf {
    page_of(artifacts, &format!("{}.{}", found.model, found.version))
}

fn write_page(out: &Path, text: &str, found: &Report) -> anyhow::Result<()> {
    write_made(out, |file| file.write_all(text.as_bytes()))?;
    println!("{}: {} {} on {} rows", out.display(), found.model, found.version, found.measured[0]);
    Ok(())
}
