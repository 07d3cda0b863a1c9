//! Refuses a log of which too little can be used, and warns of what looks wrong.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::IngestError;
use super::gather::DUPLICATE;
use super::raw::RawLog;
use super::report::IngestReport;
use super::schema::{self, usual_roles};
use super::settings::{IngestConfig, Role};

/// The number of events from which on it is noticed that nearly each has a user of its own.
const EVENTS: usize = 100;
/// The number of users per event above which they may be no people.
const USERS_PER_EVENT: f64 = 0.9;

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

/// Refuses folders of which no file is a log.
///
/// * `folder_of`: the folder of each file that was found in one.
///
/// # Errors
/// [`IngestError::NoLog`].
pub fn folders(folder_of: &BTreeMap<PathBuf, PathBuf>, report: &IngestReport) -> Result<(), IngestError> {
    let left_out = |path: &Path| report.left_out.iter().find(|file| file.path == path && file.reason != "empty");
    let mut folders: BTreeMap<&Path, Vec<(&Path, Option<&str>)>> = BTreeMap::new();
    for (path, folder) in folder_of {
        folders.entry(folder).or_default().push((path, left_out(path).map(|file| file.reason.as_str())));
    }
    let Some((folder, files)) = folders.iter().find(|(_, files)| files.iter().all(|(_, reason)| reason.is_some()))
    else {
        return Ok(());
    };
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let reason = |(path, reason): &(&Path, Option<&str>)| Some(format!("{}: {}", name(path), (*reason)?));
    let reasons: Vec<String> = files.iter().filter_map(reason).take(5).collect();
    Err(IngestError::NoLog { path: folder.to_path_buf(), reasons: reasons.join("; ") })
}

/// Warns where users are probably no people: an order or a session each, or a number of the row.
pub fn users(raw: &RawLog, config: &IngestConfig, report: &mut IngestReport) {
    let mut warnings = Vec::new();
    let remedy = "ingest.columns.user = \"…\" names another column";
    if config.columns.of(Role::User).is_empty() {
        for file in report.files.iter().filter(|file| file.schema == schema::GENERIC) {
            let Some([column]) = file.columns.get(Role::User.as_str()).map(Vec::as_slice) else { continue };
            let what = usual_roles(column).find_map(|role| match role {
                Role::Transaction => Some("an order"),
                Role::Session => Some("a session"),
                _ => None,
            });
            warnings.extend(what.map(|what| {
                format!(
                    "{}: column `{column}` stands for the user, so that {what} is one; {remedy}",
                    file.path.display()
                )
            }));
        }
    }
    let (users, events) = (raw.users.len(), raw.events.len());
    if events >= EVENTS && users as f64 > USERS_PER_EVENT * events as f64 {
        warnings.push(format!(
            "{users} users have {events} events: nearly every event has a user of its own, from which nothing is learnt; {remedy}"
        ));
    }
    warnings.extend(guests(raw, config, report));
    report.warnings.extend(warnings);
}

/// Words that shops write where nobody was logged in.
const GUESTS: [&str; 16] = [
    "0",
    "-1",
    "guest",
    "guests",
    "anonymous",
    "anonym",
    "unknown",
    "nobody",
    "walk-in",
    "walkin",
    "gast",
    "invit\u{e9}",
    "invitado",
    "visitante",
    "ospite",
    "00000000-0000-0000-0000-000000000000",
];

/// Warns where the user with twice the events of any other is none: the guests of all orders as one.
fn guests(raw: &RawLog, config: &IngestConfig, report: &IngestReport) -> Option<String> {
    let of_generic = report.files.iter().any(|file| file.schema == schema::GENERIC);
    let mut events = vec![0_u64; raw.users.len()];
    raw.events.iter().for_each(|event| events[event.user as usize] += 1);
    let busiest = (0..events.len()).max_by_key(|user| events[*user]).filter(|_| of_generic)?;
    let next = (0..events.len()).filter(|user| *user != busiest).map(|user| events[user]).max().unwrap_or(0);
    // Where all users are numbers from 0 on, the first is one of them.
    if events[busiest] < 2 * next {
        return None;
    }
    let name = raw.users.text(busiest as u32);
    let is_guest = GUESTS.contains(&name.to_lowercase().as_str()) && !config.no_user.iter().any(|none| none == name);
    is_guest.then(|| {
        format!(
            "user `{name}` has the most events, {}, and is probably no person but all guests; ingest.no_user = [{}] skips \
             their rows",
            events[busiest],
            serde_json::Value::from(name)
        )
    })
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
        "unknown words for kinds: {}; map each to a kind or to skip: ingest.kinds.{} = \"view\"",
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
