//! Records what a command does: `run`, `evaluate`, `tune`, `score train` and `score tune` go through [`Recorder::record`].

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;
use shared::contract::artifact::Manifest;
use shared::contract::complaint::complaint;

use super::mirrors::mirrored;
use super::options::MlflowOptions;
use crate::config::MlflowConfig;
use crate::log::ingest::Log;
use crate::measure::tune::Trials;
use crate::mlflow::{Client, MlflowError, Names, catch_up, enqueue};
use crate::progress::Progress;
use crate::publish::PublishError;
use crate::runs::record::{Data, Figure, InputFile, Status};
use crate::runs::{Replicates, Run, RunId, store};

/// The variable that names the artifacts folder.
const ARTIFACTS: &str = "TANDEM_ARTIFACTS__PATH";

/// Where a run is recorded, and as which.
#[derive(Debug, Args)]
pub struct Recorder {
    /// The id of the record that this run leaves; made up from the time if absent. `offline schedule` gives one.
    #[arg(long, global = true, value_name = "ID", env = "TANDEM_RUN_ID", hide_short_help = true)]
    run_id: Option<RunId>,
    /// The folder of the records of runs; `runs` in the artifacts folder if absent.
    #[arg(long, global = true, value_name = "FOLDER", env = "TANDEM_RUNS", hide_short_help = true)]
    runs: Option<PathBuf>,
    #[command(flatten)]
    mlflow: MlflowOptions,
    /// The folders that mirror object stores, and what the user calls those.
    #[clap(skip)]
    pub(super) stores: BTreeMap<PathBuf, String>,
    /// What is to be told when the command is over.
    #[clap(skip)]
    telling: RefCell<Option<Telling>>,
}

/// What an MLflow server is to be told of, when what was made is published and others may build: however slow it is, nobody
/// waits for it.
pub struct Telling {
    client: Client,
    names: Names,
    runs: PathBuf,
    artifacts: PathBuf,
}

impl fmt::Debug for Telling {
    /// The client may know a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telling").field("runs", &self.runs).finish_non_exhaustive()
    }
}

impl Telling {
    /// Tells of the runs that wait, and which versions are champions now. What can't be told waits for the next run, with a
    /// warning.
    pub fn tell(&self) {
        match catch_up(&self.client, &self.names, &self.runs, &self.artifacts) {
            Ok(0) => {}
            Ok(told) => eprintln!("mlflow: told of {told} runs"),
            Err(error) => eprintln!("warning: {error}"),
        }
    }
}

/// A run under way: what it notes of itself.
pub struct Recording {
    /// The record.
    pub run: Run,
    /// Its figures by replicate.
    pub replicates: Replicates,
    folder: PathBuf,
}

impl Recorder {
    /// Runs a command and records it: when it begins, and how it ended. A folder that can't be written is a warning, since
    /// what the command is for comes first.
    ///
    /// * `artifacts`: the artifacts folder of the command, if it has one; else the one that other commands take.
    /// * `mlflow`: the server that is to be told, unless the options name another; see [`Self::telling`].
    ///
    /// # Errors
    /// Those of the command.
    pub fn record(
        &self,
        command: &str,
        artifacts: Option<&Path>,
        mlflow: &MlflowConfig,
        progress: &mut Progress,
        work: impl FnOnce(&mut Recording, &mut Progress) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let folder = self.folder(artifacts);
        let mut recording = Recording { run: self.begins(command), replicates: Replicates::default(), folder };
        let begun = match store::begin(&recording.folder, &recording.run) {
            Ok(begun) => Some(begun),
            // An id that a caller chose must name this run and no other.
            Err(error) if self.run_id.is_some() => return Err(error.into()),
            Err(error) => {
                eprintln!("warning: this run is not recorded: {error}");
                None
            }
        };
        let result = work(&mut recording, progress);
        let Recording { mut run, replicates, .. } = recording;
        run.ended_ms = Some(Timestamp::now().as_millisecond());
        run.stages = progress.stages().to_vec();
        if let Some(data) = &mut run.data {
            called(&mut data.files, &self.stores);
        }
        match &result {
            Ok(()) if run.status == Status::Running => run.status = Status::Succeeded,
            Ok(()) => {}
            Err(error) => {
                let refused =
                    matches!(error.downcast_ref(), Some(PublishError::Loss(_) | PublishError::Overtaken { .. }));
                run.status = if refused { Status::Refused } else { Status::Failed };
                run.reason = Some(complaint(error.as_ref()));
            }
        }
        if let Some(begun) = begun {
            let kept = if replicates.0.is_empty() { Ok(()) } else { replicates.write(begun.folder(), &run.id) };
            match kept.map_err(Into::into).and_then(|()| begun.write(&run)) {
                Ok(()) => {
                    eprintln!("recorded: {}", run.id);
                    self.leave(Some(&run.id), artifacts, begun.folder(), mlflow);
                }
                Err(error) => eprintln!("warning: how this run ended is not recorded: {error}"),
            }
        }
        result
    }

    /// Leaves it to be told to MLflow which versions are champions now, and of which runs it was not told, where a server is
    /// named.
    pub fn leave_champions(&self, artifacts: &Path, mlflow: &MlflowConfig) {
        self.leave(None, Some(artifacts), &self.folder(Some(artifacts)), mlflow);
    }

    /// What the command left to be told.
    pub fn telling(&self) -> Option<Telling> {
        self.telling.take()
    }

    /// Leaves it to be told of a run, and of all that wait.
    fn leave(&self, run: Option<&RunId>, artifacts: Option<&Path>, runs: &Path, mlflow: &MlflowConfig) {
        let MlflowConfig { url, experiment, model, timeout_secs } = self.mlflow.over(mlflow);
        if url.is_empty() {
            return;
        }
        let names = Names { experiment, model };
        // It waits although nobody can be told now: the URL may be no URL.
        let noted = run.map_or(Ok(()), |id| enqueue(runs, id));
        let telling = noted.map_err(MlflowError::from).and_then(|()| {
            let client = Client::new(&url, Duration::from_secs(timeout_secs))?;
            Ok(Telling { client, names, runs: runs.to_owned(), artifacts: usual(artifacts) })
        });
        match telling {
            Ok(telling) => *self.telling.borrow_mut() = Some(telling),
            Err(error) => eprintln!("warning: {error}"),
        }
    }

    /// The folder of the records.
    pub fn folder(&self, artifacts: Option<&Path>) -> PathBuf {
        self.runs.clone().unwrap_or_else(|| store::folder(&usual(artifacts)))
    }

    /// The record of a run that begins.
    fn begins(&self, command: &str) -> Run {
        let now = Timestamp::now();
        let id = self.run_id.clone().unwrap_or_else(|| RunId::new(now, RandomState::new().hash_one(now) as u16));
        Run::begins(id, command, now)
    }
}

/// The artifacts folder of a command that has none of its own.
fn usual(artifacts: Option<&Path>) -> PathBuf {
    let named = || std::env::var(ARTIFACTS).ok().and_then(|text| mirrored(&text).ok());
    artifacts.map_or_else(|| named().unwrap_or_else(|| "artifacts".into()), Path::to_path_buf)
}

impl Recording {
    /// Notes what the run learns from, and says which earlier run came from the same.
    ///
    /// * `asked`: what else decides the outcome, such as the options of a measurement.
    pub fn learns(&mut self, data: Data, config: Value, asked: &Value) {
        self.run.learns(data, config, asked);
        // Nobody misses the word if the records can't be read.
        let (before, _) = store::list(&self.folder).unwrap_or_default();
        let same = |other: &&Run| other.identity == self.run.identity && other.status == Status::Succeeded;
        if let Some(other) = before.iter().rev().find(same) {
            let made = other.version.as_ref().map_or_else(String::new, |version| format!(", which made {version}"));
            eprintln!("the same data and settings as {}{made}", other.id);
        }
    }
}

impl Recording {
    /// Notes the version that was made, and its figures.
    pub fn made(&mut self, manifest: &Manifest) {
        let run = &mut self.run;
        run.version = Some(manifest.version.clone());
        run.gate = manifest.metrics.get("contest").cloned();
        for (name, fitted) in manifest.metrics["fit"].as_object().into_iter().flatten() {
            let Some(value) = fitted["richer_mean"].as_f64() else { continue };
            let figure = fitted["figure"].as_str().unwrap_or_default();
            run.metrics.insert(format!("fit {name} {figure}"), Figure::plain(value));
            gained(run, format!("fit {name} gain"), &fitted["difference"]);
        }
        if let Some(contest) = &run.gate.clone() {
            let metric = contest["metric"].as_str().unwrap_or_default();
            for side in ["new", "champion"] {
                let value = contest[side].as_f64().unwrap_or_default();
                run.metrics.insert(format!("contest {side} {metric}"), Figure::plain(value));
            }
            gained(run, format!("contest difference {metric}"), &contest["difference"]);
        }
    }

    /// Notes the trials of a search.
    pub fn searched(&mut self, trials: &Trials) {
        for trial in &trials.made {
            self.run.series.entry(trial.study.clone()).or_default().push(trial.figure);
            if let Some(best) = trials.best(&trial.study) {
                self.run.metrics.insert(format!("{} best", trial.study), Figure::plain(best.figure));
            }
        }
    }
}

/// Notes a difference as a manifest has it.
fn gained(run: &mut Run, name: String, difference: &Value) {
    if let Some(value) = difference["mean"].as_f64() {
        let bound = |side: &str| difference["interval"][side].as_f64();
        run.metrics.insert(name, Figure { value, low: bound("low"), high: bound("high") });
    }
}

/// What a log is, for the record.
pub fn data_of(log: &Log) -> Data {
    let counts = [
        ("rows", log.report.rows),
        ("events", log.events.len() as u64),
        ("rejected", log.report.rejected.total()),
        ("skipped", log.report.skipped.total()),
        ("users", log.users.len() as u64),
        ("items", log.items.len() as u64),
    ];
    Data {
        fingerprint: log.fingerprint(),
        files: files(log.report.files.iter().map(|file| file.path.as_path())),
        counts: counts.map(|(name, count)| (name.to_owned(), count)).into(),
        first_event_ms: Some(log.first_ms()),
        last_event_ms: Some(log.last_ms()),
    }
}

/// Calls files that were brought from object stores as the user does: a mirror is of this machine, and of no worth elsewhere.
fn called(files: &mut [InputFile], stores: &BTreeMap<PathBuf, String>) {
    for file in files {
        let within = |(folder, url): (&PathBuf, &String)| {
            let name = file.path.strip_prefix(folder).ok()?;
            Some(format!("{}/{}", url.trim_end_matches('/'), name.display()))
        };
        if let Some(called) = stores.iter().find_map(within) {
            file.path = PathBuf::from(called.trim_end_matches('/'));
        }
    }
}

/// The files with their lengths; 0 for one that is gone.
pub fn files<'a>(paths: impl Iterator<Item = &'a Path>) -> Vec<InputFile> {
    paths
        .map(|path| InputFile { path: path.to_owned(), bytes: fs::metadata(path).map_or(0, |file| file.len()) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_of_an_object_store_is_recorded_by_its_url_and_not_by_its_mirror() {
        let stores = [(PathBuf::from("/cache/s3---shop-log-ab12"), "s3://shop/log".to_owned())].into();
        let file = |path: &str| InputFile { path: path.into(), bytes: 1 };
        let mut files = [file("/cache/s3---shop-log-ab12/events-a-00000001.jsonl"), file("/data/more.csv")];
        called(&mut files, &stores);
        let paths = files.each_ref().map(|file| file.path.display().to_string());
        assert_eq!(paths, ["s3://shop/log/events-a-00000001.jsonl", "/data/more.csv"]);
    }
}
