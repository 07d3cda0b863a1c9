//! Shows how a file would be read: what it is, its first rows, and the settings that say so.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;
use shared::contract::kind::Kinds;

use super::check::toml_key;
use super::first_row::Orders;
use super::gather::plausible;
use super::pasts::Pasts;
use super::plan::{Plan, plan};
use super::raw::{Keep, RawLog};
use super::read::{Encoding, FirstRow, Layout, Names, Quoting, first_rows};
use super::rows::{Judge, SeenIds, Verdict, refund};
use super::settings::{IngestConfig, Role};
use super::times::Clock;
use super::words::KindWords;
use super::{IngestError, unread};

/// The number of rows that are shown.
const ROWS: usize = 10;

/// How a file would be read.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// Compression, encoding and layout, in words.
    pub form: String,
    /// The name of the schema.
    pub schema: String,
    /// The schema in words.
    pub title: String,
    /// How times are written, in words.
    pub times: String,
    /// The first rows, each as the event that it is or with the reason why it is none.
    pub rows: Vec<String>,
    /// What looks wrong, in words.
    pub warnings: Vec<String>,
    /// The settings that read the file in this way, as TOML.
    pub config: String,
}

/// Explains how a file would be read under these settings.
///
/// # Errors
/// As for reading the file.
pub fn explain(path: &Path, config: &IngestConfig, kinds: &Kinds) -> Result<Explanation, IngestError> {
    let plan = plan(path, config, kinds, plausible(config)?)?.ok_or_else(|| IngestError::read(path, "empty"))?;
    let words = KindWords::new(&plan.reading, kinds)?;
    let (refund, keep) = (refund(kinds), Keep::Learnt);
    let pasts = Pasts::default();
    let mut judge = Judge { plan: &plan, words, refund, config, keep, file: 0, pasts: &pasts, of_service: false };
    let mut orders = Orders::new(&plan);
    let (mut raw, mut seen_ids) = (RawLog::default(), SeenIds::new());
    let mut row = |row: &FirstRow| {
        let values: Vec<Option<&str>> = match &row.values {
            Ok(values) => values.iter().map(Option::as_deref).collect(),
            Err(reason) => return format!("rejected: {reason}"),
        };
        match judge.judge(&orders.filled(&values), row.at.element, None, &mut seen_ids, &mut raw) {
            Verdict::Event(event) => format!(
                "{}: user {} {} item {}",
                jiff::Timestamp::from_millisecond(event.timestamp_ms).map(|time| time.to_string()).unwrap_or_default(),
                raw.users.text(event.user),
                kinds.get(event.kind).name,
                raw.items.text(event.item)
            ),
            Verdict::Rejected(reason) => format!("rejected: {reason}"),
            Verdict::Skipped(reason) => format!("skipped: {reason}"),
            Verdict::Duplicate { .. } => "skipped: duplicate event_id".to_owned(),
        }
    };
    let rows = first_rows(&plan.form, &plan.wanted, ROWS)?.iter().map(&mut row).collect();
    Ok(Explanation {
        form: plan.form.to_string(),
        schema: plan.schema.to_owned(),
        title: plan.title.clone(),
        times: plan.times.as_ref().map_or("none".to_owned(), |times| times.clock().in_words()),
        rows,
        warnings: unread::warnings(&plan)?,
        config: as_config(&plan, path),
    })
}

/// The settings that read a file as a plan does.
fn as_config(plan: &Plan, path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let mut toml = format!("[[ingest.files]]\npattern = {}\n", quoted(&glob::Pattern::escape(&name)));
    let mut line = |key: &str, value: String| {
        let _ = writeln!(toml, "{key} = {value}");
    };
    if plan.schema != "generic" {
        line("schema", quoted(plan.schema));
    }
    if plan.form.encoding != Encoding::UTF_8 {
        line("encoding", quoted(&plan.form.encoding.to_string()));
    }
    if let Layout::Delimited(how) = &plan.form.layout {
        line("separator", quoted(&how.separator));
        if how.quoting != Quoting::Double {
            line("quoting", serde_json::json!(how.quoting).to_string());
        }
        if how.names == Names::Numbers {
            line("header", quoted("no"));
        }
    }
    match plan.times.as_ref().map(super::times::Times::clock) {
        Some(Clock::Unit(unit)) => line("timestamp_unit", quoted(unit.as_str())),
        Some(Clock::Formats(formats)) => {
            let formats: Vec<String> = formats.iter().map(|format| quoted(format.as_str())).collect();
            line(
                "timestamp_format",
                if let [one] = &formats[..] { one.clone() } else { format!("[{}]", formats.join(", ")) },
            );
        }
        Some(Clock::Iso) | None => {}
    }
    if let Some(zone) = &plan.reading.time_zone {
        line("time_zone", quoted(zone));
    }
    if let Some(kind) = &plan.reading.default_event {
        line("default_event", quoted(kind));
    }
    toml.push_str("[ingest.files.columns]\n");
    for role in Role::ALL {
        let columns: Vec<String> = plan.reading.columns.of(role).iter().map(|column| quoted(column)).collect();
        let _ = match &columns[..] {
            [] => Ok(()),
            [column] => writeln!(toml, "{} = {column}", role.as_str()),
            several => writeln!(toml, "{} = [{}]", role.as_str(), several.join(", ")),
        };
    }
    let own: Vec<(&String, &String)> = plan.reading.kinds.iter().collect();
    if !own.is_empty() && plan.schema == "generic" {
        toml.push_str("[ingest.files.kinds]\n");
        for (word, kind) in own {
            let _ = writeln!(toml, "{} = {}", toml_key(word), quoted(kind));
        }
    }
    toml
}

/// A text as TOML writes it; JSON's escapes are TOML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
