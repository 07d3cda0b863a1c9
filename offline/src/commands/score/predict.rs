//! `offline score predict`: scores the rows of files.

use std::path::PathBuf;

use clap::Args;

use crate::commands::mirrors::mirrored;
use crate::commands::outputs::apart;
use crate::progress::Progress;
use crate::score::input::inputs;
use crate::score::predict::{Named, Output, predict as score_rows};
use crate::score::registry::load;

/// Scores the rows of files by a model.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// The model's name.
    #[arg(long)]
    model: String,
    /// The version; the champion if absent.
    #[arg(long)]
    version: Option<String>,
    /// The rows: files, folders or patterns; CSV, Parquet or JSON.
    #[arg(long, num_args = 1.., required = true)]
    data: Vec<PathBuf>,
    /// The file that is written: .csv, .jsonl or .parquet.
    #[arg(long)]
    out: PathBuf,
    /// The artifacts folder, which holds the models.
    #[arg(long, env = "TANDEM_ARTIFACTS__PATH", default_value = "artifacts", value_parser = mirrored)]
    artifacts: PathBuf,
}

/// Scores and writes.
pub fn predict(args: &PredictArgs, progress: &mut Progress) -> anyhow::Result<()> {
    let model = load(&args.artifacts, &args.model, args.version.as_deref())?;
    let forms = inputs(&args.data)?;
    apart(forms.iter().map(|form| form.path.clone()), &[("--out", Some(&args.out))])?;
    let named = if forms.len() > 1 { Named::File } else { Named::No };
    let mut output = Output::create(&args.out, model.manifest(), named)?;
    let counts = progress.counted("rows", 0, |done| score_rows(&model, &forms, &mut output, done))?;
    output.finish()?;
    anyhow::ensure!(
        counts.scored > 0,
        "{}: all {} rows were refused; `error` says why",
        args.out.display(),
        counts.refused
    );
    if counts.refused > 0 {
        eprintln!("warning: {} rows were refused and have no probability; `error` says why", counts.refused);
    }
    println!("{}: {} rows scored by {} {}", args.out.display(), counts.scored, args.model, model.manifest().version);
    Ok(())
}
