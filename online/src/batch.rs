//! Runs the batch's program for who looks at the page: it alone writes the artifacts folder, and checks what it is asked,
//! so that the page promotes and rolls back by the very rules of the command line.
//!
//! In: the program of `page.batch`, and an order. Out: what it lists, as JSON, or a [`Job`] to be looked at until it ends.
//! One job runs at a time. Nothing of an order is read by a shell.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::Command;
use tokio::sync::Semaphore;

/// How long a list may take.
const LIST_TIME: Duration = Duration::from_secs(5);
/// Within this time the service has taken up what a job has published.
const TAKEN_UP: Duration = Duration::from_secs(10);
/// So many lists are made at once, for all who look.
const LISTS_AT_ONCE: usize = 2;
/// So much of what it says is kept, in bytes.
const MOST_SAID: u64 = 64 << 10;
/// The longest complaint that is shown.
const TOLD: usize = 600;
/// The longest name of a version or a model.
const LONGEST: usize = 100;

/// What the batch is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// To make a version the champion: of a model of rows, or of the recommender.
    Publish {
        /// The model of rows; none: the recommender.
        model: Option<Name>,
        /// Which one.
        version: Name,
    },
    /// To show how it would read a log.
    Explain {
        /// The file.
        log: PathBuf,
    },
    /// To learn from a log, and to publish what is learnt.
    Learn {
        /// The file.
        log: PathBuf,
        /// The item table, if there is one.
        items: Option<PathBuf>,
    },
    /// To make the champion before the champion again.
    RollBack {
        /// The model of rows; none: the recommender.
        model: Option<Name>,
    },
}

/// The name of a version or a model, which is never taken for an option of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

/// A text that is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it must be the name of a version or a model: letters, digits, and `-_.` after the first")]
pub struct BadName;

impl Name {
    /// Checks a name.
    ///
    /// # Errors
    /// [`BadName`].
    pub fn new(text: &str) -> Result<Self, BadName> {
        let begins = text.starts_with(|letter: char| letter.is_ascii_alphanumeric());
        let letters = text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
        if begins && letters && text.len() <= LONGEST { Ok(Self(text.to_owned())) } else { Err(BadName) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What became of an order.
#[derive(Debug, Clone)]
pub struct Job {
    /// What was ordered.
    pub order: Order,
    /// When.
    pub began: Instant,
    /// How it ended, with what it said, or why it refused; `None` while it runs.
    pub ended: Option<Result<String, String>>,
    /// When it began, or ended.
    pub changed: Instant,
}

/// Why the batch does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// Another order is under way.
    #[error("another order is under way; wait until it has ended")]
    Busy,
    /// The program does not run.
    #[error("the batch's program does not run: {0}; page.batch names it")]
    Program(std::io::Error),
    /// It says no.
    #[error("{0}")]
    Refused(String),
    /// It did not answer in time.
    #[error("the batch's program did not answer within {} s", LIST_TIME.as_secs())]
    Late,
}

/// The batch's program.
#[derive(Debug, Clone)]
pub struct Batch {
    program: PathBuf,
    config: Option<PathBuf>,
    artifacts: String,
    job: Arc<Mutex<Option<Job>>>,
    /// Turns to list: each is a process.
    lists: Arc<Semaphore>,
}

impl Batch {
    /// The program, its config file, and the folder or the URL of the artifacts that it publishes to.
    #[must_use]
    pub fn new(program: PathBuf, config: Option<PathBuf>, artifacts: String) -> Self {
        Self { program, config, artifacts, job: Arc::default(), lists: Arc::new(Semaphore::new(LISTS_AT_ONCE)) }
    }

    /// What became of the last order.
    #[must_use]
    pub fn job(&self) -> Option<Job> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether what is served may soon be another: a job is under way, or has just ended.
    #[must_use]
    pub fn is_lively(&self) -> bool {
        self.job().is_some_and(|job| job.ended.is_none() || job.changed.elapsed() < TAKEN_UP)
    }

    /// The versions, oldest first, as `offline versions list --json` prints them.
    ///
    /// * `model`: the model of rows; none: the recommender.
    ///
    /// # Errors
    /// [`BatchError`] says why there is no list.
    pub async fn versions(&self, model: Option<&Name>) -> Result<Value, BatchError> {
        let of_model = model.map(|model| ["--model", model.as_str()]).into_iter().flatten();
        self.list(["versions", "list", "--json"].into_iter().chain(of_model)).await
    }

    /// The last runs, as `offline runs list --json` prints them.
    ///
    /// # Errors
    /// [`BatchError`] says why there is no list.
    pub async fn runs(&self, last: usize) -> Result<Value, BatchError> {
        let last = last.to_string();
        self.list(["runs", "list", "--json", "--last", &last]).await
    }

    async fn list<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<Value, BatchError> {
        let mut command = self.command(arguments.into_iter().map(OsStr::new));
        command.arg("--artifacts").arg(&self.artifacts);
        let output = async {
            let _turn = self.lists.acquire().await;
            command.output().await
        };
        let output = tokio::time::timeout(LIST_TIME, output).await.map_err(|_| BatchError::Late)?;
        let output = output.map_err(BatchError::Program)?;
        if !output.status.success() {
            return Err(BatchError::Refused(complaint(&output.stderr)));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| BatchError::Refused(error.to_string()))
    }

    /// Begins to do what is ordered.
    ///
    /// # Errors
    /// [`BatchError::Busy`] while another order is under way, [`BatchError::Program`] where the program does not run.
    pub fn begin(&self, order: Order) -> Result<(), BatchError> {
        let mut last = self.job.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_some_and(|job| job.ended.is_none()) {
            return Err(BatchError::Busy);
        }
        let mut command = self.command(words(&order));
        if takes_artifacts(&order) {
            command.arg("--artifacts").arg(&self.artifacts);
        }
        command.args(
            self.config
                .iter()
                .filter(|_| takes_config(&order))
                .flat_map(|path| ["--config".as_ref(), path.as_os_str()]),
        );
        // It goes on whatever becomes of who ordered it: what it says goes to a file, and what is sent to the service's group of
        // processes is not for it. What ends all that a unit or a container has started ends it, too.
        let said = tempfile::tempfile().map_err(BatchError::Program)?;
        let writes = said.try_clone().map_err(BatchError::Program)?;
        // How it reads a log stands where it can be kept as a config.
        let (reads, shown) = (matches!(order, Order::Explain { .. }), writes.try_clone().map_err(BatchError::Program)?);
        let stdout = if reads { Stdio::from(shown) } else { Stdio::null() };
        command.kill_on_drop(false).process_group(0).stdout(stdout).stderr(writes);
        let mut child = command.spawn().map_err(BatchError::Program)?;
        let now = Instant::now();
        *last = Some(Job { order, began: now, ended: None, changed: now });
        let job = self.job.clone();
        tokio::spawn(async move {
            let status = child.wait().await;
            let said = tokio::task::spawn_blocking(move || whole(said)).await.unwrap_or_default();
            let ended = match status {
                Ok(status) if status.success() => Ok(String::from_utf8_lossy(&said).into_owned()),
                Ok(_) => Err(complaint(&said)),
                Err(error) => Err(error.to_string()),
            };
            if let Some(job) = &mut *job.lock().unwrap_or_else(PoisonError::into_inner) {
                (job.ended, job.changed) = (Some(ended), Instant::now());
            }
        });
        Ok(())
    }

    fn command<'a>(&self, arguments: impl IntoIterator<Item = &'a OsStr>) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }
}

/// The command of an order.
fn words(order: &Order) -> Vec<&OsStr> {
    let words: Vec<&OsStr> = match order {
        Order::Publish { model: None, version } => words_of(&["publish", "--version", version.as_str()]),
        Order::Publish { model: Some(model), version } => {
            words_of(&["score", "promote", "--model", model.as_str(), "--version", version.as_str()])
        }
        Order::RollBack { model: None } => words_of(&["rollback"]),
        Order::RollBack { model: Some(model) } => words_of(&["score", "rollback", "--model", model.as_str()]),
        Order::Explain { log } => [&words_of(&["ingest", "--explain"])[..], &[log.as_os_str()]].concat(),
        Order::Learn { log, items } => {
            let mut words = words_of(&["run", "--events"]);
            words.push(log.as_os_str());
            words.extend(items.iter().flat_map(|items| [OsStr::new("--items"), items.as_os_str()]));
            words
        }
    };
    words
}

fn words_of<'a>(words: &[&'a str]) -> Vec<&'a OsStr> {
    words.iter().map(|word| OsStr::new(*word)).collect()
}

/// Models of rows have no config of the shop's.
fn takes_config(order: &Order) -> bool {
    !matches!(order, Order::Publish { model: Some(_), .. } | Order::RollBack { model: Some(_) })
}

/// Whether a command knows the folder of artifacts.
fn takes_artifacts(order: &Order) -> bool {
    !matches!(order, Order::Explain { .. })
}

/// What a program said, the last [`MOST_SAID`] bytes of it.
fn whole(mut said: File) -> Vec<u8> {
    let mut bytes = Vec::new();
    let length = said.seek(SeekFrom::End(0)).unwrap_or_default();
    let from = length.saturating_sub(MOST_SAID);
    // What can't be read was not said.
    let _ = said.seek(SeekFrom::Start(from)).and_then(|_| said.read_to_end(&mut bytes));
    bytes
}

/// The last of what a program said.
fn complaint(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let line = said.trim().lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it did not say why");
    let text = line.strip_prefix("error: ").unwrap_or(line);
    text.chars().take(TOLD).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).expect("a name")
    }

    #[test]
    fn a_name_is_no_option_and_no_path() {
        assert!(["v000001-ab12", "credit", "a.b_c"].into_iter().all(|text| Name::new(text).is_ok()));
        assert!(
            ["", "--force", "../x", "a b", "a/b", "a;b", &"a".repeat(101)]
                .into_iter()
                .all(|text| Name::new(text).is_err())
        );
    }

    #[test]
    fn an_order_is_the_command_of_the_batch() {
        let publish = |model: Option<&str>| Order::Publish { model: model.map(name), version: name("v2") };
        assert_eq!(words(&publish(None)), ["publish", "--version", "v2"]);
        assert_eq!(words(&publish(Some("credit"))), ["score", "promote", "--model", "credit", "--version", "v2"]);
        assert_eq!(words(&Order::RollBack { model: Some(name("credit")) }), ["score", "rollback", "--model", "credit"]);
        let learn = Order::Learn { log: "a.csv".into(), items: Some("b.csv".into()) };
        assert_eq!(words(&learn), ["run", "--events", "a.csv", "--items", "b.csv"]);
    }

    #[tokio::test]
    async fn one_order_at_a_time_runs_and_its_complaint_is_kept() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (program, gate) = (folder.path().join("batch"), folder.path().join("gate"));
        let script = format!(
            "#!/bin/sh\nif [ $1 = versions ]; then echo '[1]'; exit; fi\nwhile [ ! -e {} ]; do sleep 0.01; done\necho \"error: no $2 $3 $5\" >&2\nexit 1\n",
            gate.display()
        );
        std::fs::write(&program, script).expect("writes");
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("runs");
        let batch = Batch::new(program, None, "a".to_owned());
        assert_eq!(batch.versions(None).await.expect("a list"), serde_json::json!([1]));
        let order = Order::Publish { model: None, version: name("v2") };
        batch.begin(order.clone()).expect("begins");
        assert!(matches!(batch.begin(Order::RollBack { model: None }), Err(BatchError::Busy)));
        std::fs::write(&gate, "").expect("writes");
        let ended = async {
            loop {
                match batch.job().and_then(|job| job.ended) {
                    Some(ended) => return ended,
                    None => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(20), ended).await.expect("ends");
        assert_eq!(ended, Err("no --version v2 a".to_owned()));
        assert_eq!(batch.job().map(|job| job.order), Some(order));
        let none = Batch::new(folder.path().join("none"), None, "a".to_owned());
        assert!(matches!(none.runs(3).await, Err(BatchError::Program(_))));
    }
}
