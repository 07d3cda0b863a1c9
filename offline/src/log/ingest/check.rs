//! Refuses a log of which too little can be used, and warns of what looks wrong.

use std::path::Path;

use super::IngestError;
use super::gather::DUPLICATE;
use super::report::IngestReport;
use super::settings::IngestConfig;

/// Refuses a log with too many bad rows.
///
/// # Errors
/// [`IngestError::TooManyRejects`], with the words for kinds that nobody knows.
pub fn rejects(report: &IngestReport, config: &IngestConfig, rejects: &Path) -> Result<(), IngestError> {
    let (rows, rejected) = (report.rows, report.rejected.total());
    if rejected as f64 / rows.max(1) as f64 <= config.max_reject_share {
        return Ok(());
    }
    let reasons: Vec<String> =
        report.rejected.0.iter().map(|(reason, rows)| format!("{reason}: {} ({})", rows.count, rows.example)).collect();
    let remedy = unknown_words(report).map_or(String::new(), |remedy| format!("; {remedy}"));
    let (reasons, allowed, rejects) = (reasons.join("; ") + &remedy, config.max_reject_share, rejects.to_owned());
    Err(IngestError::TooManyRejects { rejected, rows, reasons, allowed, rejects })
}

/// Refuses a log in which most rows have the id of an earlier event.
///
/// # Errors
/// [`IngestError::TooManyDuplicates`].
pub fn duplicates(report: &IngestReport, config: &IngestConfig) -> Result<(), IngestError> {
    let duplicates = report.skipped.0.get(DUPLICATE).map_or(0, |rows| rows.count);
    if duplicates as f64 / report.rows.max(1) as f64 <= config.max_duplicate_share {
        return Ok(());
    }
    let example = report.skipped.0[DUPLICATE].example.clone();
    Err(IngestError::TooManyDuplicates { duplicates, rows: report.rows, allowed: config.max_duplicate_share, example })
}

/// Refuses a log without events.
///
/// # Errors
/// [`IngestError::Empty`].
pub fn empty(report: &IngestReport, rejects: &Path) -> Result<(), IngestError> {
    if report.events > 0 {
        return Ok(());
    }
    let (rows, rejected, skipped) = (report.rows, report.rejected.total(), report.skipped.total());
    let mut details = if rejected > 0 { format!("; see {}", rejects.display()) } else { String::new() };
    for left_out in report.left_out.iter().take(5) {
        details += &format!("; left out: {}: {}", left_out.path.display(), left_out.reason);
    }
    for (reason, found) in report.skipped.0.iter().take(3) {
        details += &format!("; skipped {}: {reason}", found.count);
    }
    Err(IngestError::Empty { rows, rejected, skipped, details })
}

/// The words for kinds that nobody knows, with their counts and the lines that would map them.
#[must_use]
pub fn unknown_words(report: &IngestReport) -> Option<String> {
    let words = report.files.iter().flat_map(|file| &file.kinds).filter(|(_, word)| word.kind == "unknown");
    let mut unknown: Vec<(&String, u64)> = words.map(|(word, report)| (word, report.rows)).collect();
    unknown.sort_by_key(|(word, rows)| (std::cmp::Reverse(*rows), *word));
    unknown.truncate(10);
    let (first, _) = unknown.first()?;
    let shown: Vec<String> = unknown.iter().map(|(word, rows)| format!("{word} ({rows})")).collect();
    Some(format!(
        "unknown words for kinds: {}; map each to a kind or to skip: [ingest.kinds] {} = \"view\"",
        shown.join(", "),
        toml_key(first)
    ))
}

/// A word as a key of TOML.
#[must_use]
pub fn toml_key(word: &str) -> String {
    let bare =
        !word.is_empty() && word.chars().all(|character| character.is_ascii_alphanumeric() || "-_".contains(character));
    if bare { word.to_owned() } else { serde_json::Value::from(word).to_string() }
}
