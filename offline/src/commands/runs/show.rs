//! `offline runs show`: all that is known of a run.

use std::path::Path;

use clap::Args;

use super::{figure, minute, took};
use crate::runs::record::Data;
use crate::runs::{Run, store};

/// Shows a run.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The run: its id or a beginning of it, `last`, or `last-1` for the one before.
    #[arg(default_value = "last")]
    run: String,
}

/// Shows.
pub fn show(args: &ShowArgs, folder: &Path, json: bool) -> anyhow::Result<()> {
    let run = store::find(folder, &args.run)?;
    if json {
        println!("{}", serde_json::to_string_pretty(&run)?);
    } else {
        print!("{}", text(&run));
    }
    Ok(())
}

/// A run for people; every setting is in the JSON alone.
fn text(run: &Run) -> String {
    let mut lines = vec![
        format!("{}: offline {}", run.id, run.arguments.join(" ")),
        format!("{}, {} UTC, {}, {} MiB", run.status.as_str(), minute(run.started_ms), took(run), run.peak_mib()),
        format!("release {}, process {} on {}", run.program, run.process, run.host),
    ];
    lines.extend(run.reason.iter().map(|reason| format!("reason: {reason}")));
    if let Some(Data { fingerprint, files, counts, first_event_ms, last_event_ms }) = &run.data {
        let counts = counts.iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ");
        lines.push(format!("data: {}: {counts}", fingerprint.get(..8).unwrap_or(fingerprint)));
        if let (Some(first), Some(last)) = (first_event_ms, last_event_ms) {
            lines.push(format!("  from {} to {} UTC", minute(*first), minute(*last)));
        }
        lines.extend(files.iter().map(|file| format!("  {} ({} bytes)", file.path.display(), file.bytes)));
    }
    if let Some(version) = &run.version {
        let place = if run.champion == Some(true) { ", which became the champion" } else { "" };
        lines.push(format!("version: {version}{place}"));
    }
    if let Some(questions) = &run.questions {
        lines.push(format!("measured on {} cases", questions.cases));
    }
    let width = run.metrics.keys().map(String::len).max().unwrap_or(0);
    lines.extend(run.metrics.iter().map(|(name, own)| format!("  {name:width$}  {}", figure(own))));
    for (name, values) in &run.series {
        lines.push(format!(
            "  {name}: {} values, the last {:.4}",
            values.len(),
            values.last().copied().unwrap_or(f64::NAN)
        ));
    }
    if !run.stages.is_empty() {
        lines.push("stages, seconds and MiB:".to_owned());
        let width = run.stages.iter().map(|stage| stage.name.len()).max().unwrap_or(0);
        let line = |stage: &crate::progress::Stage| {
            format!("  {:width$}  {:8.2}  {:6}", stage.name, stage.seconds, stage.peak_mib)
        };
        lines.extend(run.stages.iter().map(line));
    }
    lines.push(String::new());
    lines.join("\n")
}
