//! `load-test audit`: checks that no acknowledged event is lost or doubled.
//!
//! In: the log that `stream` wrote, the service's event log files, and the running service. Every acknowledged event
//! must be in the files (a line with its id; a repeated line is harmless, since an id is one event) and exactly once
//! in its user's history. The files are read line by line; memory grows with the acknowledged events only.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde::{Deserialize, Serialize};
use shared::contract::api::UserHistory;
use shared::contract::id::{ItemId, UserId};

use crate::acknowledged::{self, Acknowledged, LogError};
use crate::client::{Call, ClientError, Connection, encode};
use crate::options::{self, Common};
use crate::progress::Progress;
use crate::verdict::{Format, Verdict};

/// The maximum number of problems that are shown.
const SHOWN: usize = 5;
/// The pause before a history that lacks events is requested again.
const PAUSE: Duration = Duration::from_millis(100);

/// Compares the events that `stream` saw acknowledged with the service's log and histories
#[derive(Debug, Clone, Args)]
pub struct AuditArgs {
    #[command(flatten)]
    common: Common,
    /// The acknowledged events: what `load-test stream --log` wrote
    #[arg(long, value_name = "FILE")]
    log: PathBuf,
    /// A folder with event log files (*.jsonl and *.jsonl.zst, in subfolders too); once per replica
    #[arg(long, value_name = "DIR", required = true)]
    event_log: Vec<PathBuf>,
    /// How many seconds a history may lack events before they count as lost, such as after a refill of the store
    #[arg(long, value_name = "SECS", default_value = "0", value_parser = options::seconds_or_none)]
    within: Duration,
}

/// Why the audit could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The log of acknowledged events cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log of acknowledged events is empty.
    #[error("{0} has no acknowledged events")]
    Empty(PathBuf),
    /// An event log cannot be read.
    #[error("event log {path}: {source}")]
    EventLog {
        /// Which file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A history could not be read.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// What the audit found.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// Events that were acknowledged.
    pub acknowledged: usize,
    /// Their users.
    pub users: usize,
    /// Acknowledged events that are in no event log.
    pub lost_from_log: usize,
    /// Events that are in an event log more than once; the batch reads them once.
    pub logged_again: usize,
    /// Lines of event logs that are no JSON, such as the last one before a kill.
    pub unreadable_lines: usize,
    /// Acknowledged events that are not in the user's history.
    pub lost_from_history: usize,
    /// Events that are in the user's history more than once.
    pub doubled_in_history: usize,
    /// The first problems.
    pub examples: Vec<String>,
}

impl AuditArgs {
    /// How the report is to be written.
    pub fn format(&self) -> Format {
        self.common.format
    }
}

/// Reads the event logs, then requests every user's history.
///
/// # Errors
/// [`AuditError`] if a file cannot be read or the service does not answer.
pub async fn audit(args: &AuditArgs) -> Result<AuditReport, AuditError> {
    let acknowledged = acknowledged::read(&args.log)?;
    if acknowledged.is_empty() {
        return Err(AuditError::Empty(args.log.clone()));
    }
    let mut report = AuditReport { acknowledged: acknowledged.len(), ..AuditReport::default() };
    check_logs(&args.event_log, &acknowledged, &mut report)?;
    let mut by_user: BTreeMap<&UserId, Vec<&Acknowledged>> = BTreeMap::new();
    for event in &acknowledged {
        by_user.entry(&event.user).or_default().push(event);
    }
    report.users = by_user.len();
    let progress = Progress::start("histories".to_owned(), Some(by_user.len() as u64));
    let mut connection = args.common.connection();
    let end = Instant::now() + args.within;
    for (user, events) in by_user {
        let places = history(&mut connection, user, &events, end).await?;
        for event in events {
            match places.get(&(event.item.clone(), event.timestamp)).copied().unwrap_or_default() {
                0 => report.lost_from_history += report.example("not in the history", event),
                1 => (),
                _ => report.doubled_in_history += report.example("twice in the history", event),
            }
        }
        progress.done();
    }
    Ok(report)
}

/// The field of an event log line that matters here.
#[derive(Deserialize)]
struct Logged {
    event_id: Option<String>,
}

fn check_logs(folders: &[PathBuf], acknowledged: &[Acknowledged], report: &mut AuditReport) -> Result<(), AuditError> {
    let mut lines: HashMap<&str, usize> = acknowledged.iter().map(|event| (event.event_id.as_str(), 0)).collect();
    for folder in folders {
        for path in log_files(folder)? {
            let failed = |source| AuditError::EventLog { path: path.clone(), source };
            for line in lines_of(&path).map_err(failed)?.split(b'\n') {
                match serde_json::from_slice::<Logged>(&line.map_err(failed)?) {
                    Ok(Logged { event_id }) => {
                        if let Some(count) = event_id.as_deref().and_then(|id| lines.get_mut(id)) {
                            *count += 1;
                        }
                    }
                    Err(_) => report.unreadable_lines += 1,
                }
            }
        }
    }
    for event in acknowledged {
        match lines[event.event_id.as_str()] {
            0 => report.lost_from_log += report.example("in no event log", event),
            1 => (),
            _ => report.logged_again += 1,
        }
    }
    Ok(())
}

/// The lines of a file, which is unpacked if the service has packed it.
fn lines_of(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let file = File::open(path)?;
    if path.extension().is_some_and(|extension| extension == "zst") {
        return Ok(Box::new(BufReader::new(zstd::Decoder::new(file)?)));
    }
    Ok(Box::new(BufReader::new(file)))
}

/// All `*.jsonl` and `*.jsonl.zst` files below a folder, by name.
fn log_files(folder: &Path) -> Result<Vec<PathBuf>, AuditError> {
    let failed = |source| AuditError::EventLog { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            files.extend(log_files(&path)?);
        } else if [".jsonl", ".jsonl.zst"].iter().any(|ending| path.to_string_lossy().ends_with(ending)) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// How often each event is in a user's history, which is requested again until `end` as long as it lacks one of
/// `events`.
async fn history(
    connection: &mut Connection,
    user: &UserId,
    events: &[&Acknowledged],
    end: Instant,
) -> Result<HashMap<(ItemId, i64), usize>, ClientError> {
    let call = Call::get(&format!("/users/{}/history", encode(user.as_str())));
    loop {
        let (_, history) = connection.fetch_json::<UserHistory>(&call).await?;
        let mut places = HashMap::new();
        for event in history.events {
            *places.entry((event.item_id, event.timestamp)).or_default() += 1;
        }
        let complete = events.iter().all(|event| places.contains_key(&(event.item.clone(), event.timestamp)));
        if complete || Instant::now() >= end {
            return Ok(places);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl AuditReport {
    /// Keeps a problem if it is among the first [`SHOWN`]; returns 1.
    fn example(&mut self, problem: &str, event: &Acknowledged) -> usize {
        if self.examples.len() < SHOWN {
            let Acknowledged { user, item, timestamp, event_id, .. } = event;
            self.examples.push(format!("{event_id} (user {user}, item {item}, timestamp {timestamp}): {problem}"));
        }
        1
    }

    /// Broken by any event lost or doubled.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let problems = self.lost_from_log + self.lost_from_history + self.doubled_in_history;
        if problems == 0 { Verdict::Kept } else { Verdict::Broken }
    }

    /// The report for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "{} acknowledged events of {} users\nevent log: {} lost, {} logged again, {} unreadable lines\n\
             histories: {} lost, {} doubled\n",
            self.acknowledged,
            self.users,
            self.lost_from_log,
            self.logged_again,
            self.unreadable_lines,
            self.lost_from_history,
            self.doubled_in_history
        );
        for example in &self.examples {
            text.push_str(&format!("  {example}\n"));
        }
        let kept = self.verdict() == Verdict::Kept;
        text.push_str(if kept { "kept: 0 lost, 0 doubled\n" } else { "BROKEN: acknowledged events lost or doubled\n" });
        text
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use clap::Parser;
    use shared::contract::api::HistoryItem;
    use shared::contract::kind::KindName;

    use super::*;
    use crate::acknowledged::AcknowledgedLog;
    use crate::stub;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        audit: AuditArgs,
    }

    /// Audits events 0, 1, 2 of one user; `logged` are in the event log, the n-th answer has `histories[n]`.
    async fn audited(logged: &[u32], torn: &str, histories: &'static [&[u32]], options: &str) -> AuditReport {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = AcknowledgedLog::create(&folder.path().join("log")).expect("created");
        let item = |n: u32| ItemId::new(format!("i{n}")).expect("an id");
        let user = UserId::new("u 1").expect("an id");
        for n in 0..3 {
            let (timestamp, event_id) = (i64::from(n), format!("e{n}"));
            log.add(&Acknowledged { user: user.clone(), item: item(n), timestamp, event_id, applied: true })
                .expect("written");
        }
        let lines: String = logged.iter().map(|n| format!("{{\"event_id\":\"e{n}\",\"itemid\":\"i\"}}\n")).collect();
        let event_log = folder.path().join("events/replica");
        fs::create_dir_all(&event_log).expect("created");
        let (closed, open) = lines.split_at(lines.find('\n').map_or(0, |at| at + 1));
        fs::write(event_log.join("1.jsonl.zst"), zstd::encode_all(closed.as_bytes(), 1).expect("packs"))
            .expect("written");
        fs::write(event_log.join("2.jsonl"), open.to_owned() + torn).expect("written");
        fs::write(event_log.join("3.txt"), "not a log").expect("written");
        let answered = AtomicUsize::new(0);
        let stub = stub::serve(move |asked| {
            assert_eq!(asked.path, "/users/u%201/history");
            let which = answered.fetch_add(1, Ordering::SeqCst).min(histories.len() - 1);
            let event = |&n: &u32| HistoryItem { item_id: item(n), event: KindName::VIEW, timestamp: n.into() };
            stub::json(&UserHistory { user_id: user.clone(), events: histories[which].iter().map(event).collect() })
        })
        .await;
        let folder = folder.path().display();
        let line = format!("a --url {} --log {folder}/log --event-log {folder}/events {options}", stub.url());
        audit(&Cli::try_parse_from(line.split_whitespace()).expect("good options").audit).await.expect("audited")
    }

    #[tokio::test]
    async fn all_there_once_is_kept_even_if_a_line_is_repeated_or_torn() {
        let report = audited(&[0, 1, 2, 1, 9], "{\"event_i", &[&[0, 1, 2, 7]], "").await;
        assert_eq!((report.verdict(), report.logged_again, report.unreadable_lines), (Verdict::Kept, 1, 1));
        assert!(report.text().ends_with("kept: 0 lost, 0 doubled\n"));
    }

    #[tokio::test]
    async fn lost_and_doubled_events_are_counted() {
        let report = audited(&[0, 2], "", &[&[1, 1, 2]], "").await;
        assert_eq!((report.lost_from_log, report.lost_from_history, report.doubled_in_history), (1, 1, 1));
        assert_eq!(report.examples.len(), 3);
        assert_eq!(report.examples[0], "e1 (user u 1, item i1, timestamp 1): in no event log");
        assert_eq!(report.verdict(), Verdict::Broken);
    }

    #[tokio::test]
    async fn a_history_may_be_completed_within_the_time_given() {
        const LATE: &[&[u32]] = &[&[0], &[0, 1, 2]];
        assert_eq!(audited(&[0, 1, 2], "", LATE, "").await.lost_from_history, 2);
        assert_eq!(audited(&[0, 1, 2], "", LATE, "--within 30").await.lost_from_history, 0);
    }
}
