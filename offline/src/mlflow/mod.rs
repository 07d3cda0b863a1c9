//! Tells an MLflow server of runs and versions, when it answers.
//!
//! ```text
//! a run ends ─▶ runs/<id>.mlflow.json: waiting ─▶ [oldest first] run ▶ parameters, metrics, data, files ▶ version ▶ alias
//!                                              ◀─ sent, with MLflow's own id
//! ```
//!
//! A server that is away, slow or refuses who asks never fails a batch: what it was not told waits, and is told after the next
//! one. A run that it refuses for what it is told is set aside, so that those behind it are told. Every step may be repeated: a
//! run is found again by its tag, a version by its run, so that a kill in between doubles nothing.
//!
//! Source: the REST interface of MLflow 2 and 3, <https://mlflow.org/docs/latest/rest-api.html>.

mod client;
mod login;
mod names;
mod outbox;
mod translate;

use std::path::Path;

use shared::contract::artifact::alias::Alias;
use shared::contract::artifact::manifest::MANIFEST;

pub use client::{Client, MlflowError};
pub use outbox::enqueue;
use outbox::{Sent, waiting};

use crate::runs::{Run, RunId, store};
use crate::score::registry;

/// The tag of an MLflow run, and of a version, that says which of ours it is.
const RUN_TAG: &str = "tandem.run";
const VERSION_TAG: &str = "tandem.version";

/// Where runs go on the server.
#[derive(Debug, Clone)]
pub struct Names {
    /// The experiment of all runs.
    pub experiment: String,
    /// The registered model of the recommender; a model of rows is registered as `<this>-<its name>`.
    pub model: String,
}

/// Tells the server of all runs that wait, oldest first, and which version is the champion now. Returns how many runs it
/// knows that it did not before. One that it refuses for good is set aside, with a warning.
///
/// * `runs`: the folder of the records.
/// * `artifacts`: the artifacts folder, with the versions.
///
/// # Errors
/// [`MlflowError`] of the first that could not be told; the others wait behind it.
pub fn catch_up(client: &Client, names: &Names, runs: &Path, artifacts: &Path) -> Result<usize, MlflowError> {
    let mut told = 0;
    let ids = waiting(runs)?;
    if !ids.is_empty() {
        let experiment = client.experiment(&names.experiment)?;
        for id in &ids {
            // A record that is gone or torn has nothing to be told.
            if let Ok(run) = store::read(runs, id) {
                match tell(client, names, &experiment, artifacts, runs, &run) {
                    Err(error) if error.is_for_good() => set_aside(runs, id, &error)?,
                    sent => {
                        outbox::sent(runs, id, &sent?)?;
                        told += 1;
                    }
                }
            } else {
                outbox::forget(runs, id)?;
            }
        }
    }
    aliases(client, names, artifacts)?;
    Ok(told)
}

/// Lets those behind a run that the server refuses be told.
fn set_aside(runs: &Path, id: &RunId, error: &MlflowError) -> Result<(), MlflowError> {
    let [aside, before] = outbox::refused(runs, id, &error.to_string())?;
    eprintln!(
        "warning: {error}; the run {id} is set aside, and those after it are told; `mv {} {}` when the reason is mended, and the \
         next run tells it again",
        aside.display(),
        before.display()
    );
    Ok(())
}

/// Tells of one run; returns what the server calls it.
fn tell(
    client: &Client,
    names: &Names,
    experiment: &str,
    artifacts: &Path,
    runs: &Path,
    run: &Run,
) -> Result<Sent, MlflowError> {
    let known = client.run_tagged(experiment, RUN_TAG, run.id.as_str())?;
    let own = match known {
        Some(own) => own,
        None => client.create_run(experiment, run.id.as_str(), run.started_ms, &translate::tags(run))?,
    };
    client.log_parameters(&own.id, &translate::parameters(run))?;
    client.log_metrics(&own.id, &translate::metrics(run))?;
    if let Some(data) = &run.data {
        client.log_input(&own.id, &translate::dataset(data))?;
    }
    client.upload(&own, "run.json", &runs.join(format!("{}.json", run.id)))?;
    let folder = run.model.as_ref().map_or_else(|| artifacts.to_owned(), |name| registry::folder(artifacts, name));
    if let Some(version) = &run.version {
        let manifest = folder.join(version).join(MANIFEST);
        if manifest.is_file() {
            client.upload(&own, "manifest.json", &manifest)?;
        }
        let report = artifacts.join("reports").join(format!("{version}.html"));
        if report.is_file() {
            client.upload(&own, "report.html", &report)?;
        }
        let model = names.model_of(run.model.as_deref());
        client.register(&model, &own, VERSION_TAG, version)?;
    }
    client.end_run(&own.id, translate::status(run), run.ended_ms.unwrap_or(run.started_ms))?;
    Ok(Sent { run: own.id })
}

/// Moves the alias `champion` of every registered model to the version that is the champion here.
fn aliases(client: &Client, names: &Names, artifacts: &Path) -> Result<(), MlflowError> {
    let models = registry::models(artifacts).unwrap_or_default();
    let folders = models.iter().map(|name| (Some(name.as_str()), registry::folder(artifacts, name)));
    for (model, folder) in std::iter::once((None, artifacts.to_owned())).chain(folders) {
        let champion = Alias::champion();
        let Ok(version) = champion.read(&folder) else { continue };
        let registered = names.model_of(model);
        if let Some(number) = client.version_tagged(&registered, VERSION_TAG, &version)? {
            client.alias(&registered, champion.as_str(), &number)?;
        } else if let Some(other) = client.aliased(&registered, champion.as_str())? {
            eprintln!(
                "warning: mlflow does not know {version}, which is the champion: the alias `{champion}` of {registered} still \
                 names its version {other}; the run that made {version} was not told, or is set aside"
            );
        }
    }
    Ok(())
}

impl Names {
    /// The registered model of a model of rows, or of the recommender.
    fn model_of(&self, model: Option<&str>) -> String {
        model.map_or_else(|| self.model.clone(), |name| format!("{}-{name}", self.model))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::time::Duration;

    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;

    /// A server that answers calls: in, the call and what it is told; out, a status and what it says.
    fn server(answer: impl Fn(&str, &Value) -> (u16, Value) + Send + 'static) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
                let head: Vec<String> =
                    reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                let length = head.iter().find_map(|line| line.strip_prefix("content-length: "));
                let mut body = vec![0; length.map_or(0, |length| length.parse().expect("a length"))];
                reader.read_exact(&mut body).expect("a body");
                let call = head[0].split([' ', '?']).nth(1).expect("a path").trim_start_matches("/api/2.0/mlflow/");
                let (status, said) = answer(call, &serde_json::from_slice(&body).unwrap_or_default());
                let said = said.to_string();
                let head =
                    format!("HTTP/1.1 {status} -\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", said.len());
                stream.write_all((head + &said).as_bytes()).expect("writes");
            }
        });
        Client::new(&url, Duration::from_secs(20)).expect("a client")
    }

    /// A folder of records with some runs that wait.
    fn waiting_runs(ids: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("temporary folder");
        for id in ids {
            let run = Run::begins(id.parse().expect("a name"), "run", Timestamp::UNIX_EPOCH);
            store::begin(folder.path(), &run).expect("begins").write(&run).expect("writes");
            enqueue(folder.path(), &run.id).expect("writes");
        }
        folder
    }

    fn told(client: &Client, runs: &Path) -> Result<usize, MlflowError> {
        let names = Names { experiment: "tandem".to_owned(), model: "tandem".to_owned() };
        catch_up(client, &names, runs, &runs.join("artifacts"))
    }

    #[test]
    fn a_run_that_the_server_refuses_is_set_aside_and_those_behind_it_are_told() {
        let folder = waiting_runs(&["r1", "r2", "r3"]);
        let client = server(|call, asked| match call {
            "experiments/get-by-name" => (200, json!({ "experiment": { "experiment_id": "1" } })),
            "runs/create" if asked["run_name"] == "r2" => (400, json!({ "message": "r2 is not to our taste" })),
            "runs/create" => (200, json!({ "run": { "info": { "run_id": "a", "artifact_uri": "file:/a" } } })),
            _ => (200, json!({})),
        });
        assert_eq!(told(&client, folder.path()).expect("is told"), 2);
        assert!(waiting(folder.path()).expect("reads").is_empty());
        let aside = std::fs::read_to_string(folder.path().join("r2.mlflow-refused.json")).expect("is there");
        assert!(aside.contains("400: r2 is not to our taste"), "{aside}");
        assert_eq!(store::list(folder.path()).expect("reads").0.len(), 3, "its record is what it was");
        assert_eq!(told(&client, folder.path()).expect("is told"), 0);
    }

    #[test]
    fn runs_wait_while_the_experiment_is_deleted_and_the_word_for_it_says_how_to_restore_it() {
        let folder = waiting_runs(&["r1", "r2"]);
        let client = server(|call, _| match call {
            "experiments/get-by-name" => {
                (200, json!({ "experiment": { "experiment_id": "7", "lifecycle_stage": "deleted" } }))
            }
            "runs/create" => (400, json!({ "message": "must be in the 'active' state" })),
            _ => (200, json!({})),
        });
        let error = told(&client, folder.path()).expect_err("is deleted").to_string();
        assert!(
            error.contains("tandem is deleted; restore it by `mlflow experiments restore --experiment-id 7`"),
            "{error}"
        );
        assert_eq!(waiting(folder.path()).expect("reads").len(), 2);
        assert!(!folder.path().join("r1.mlflow-refused.json").exists());
    }

    #[test]
    fn runs_wait_for_a_server_that_refuses_who_asks_or_is_busy_and_the_word_for_it_says_what_to_set() {
        for (status, remedy) in [
            (401, "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"),
            (403, "EDIT the experiment"),
            (429, "429: no"),
            (503, "503: no"),
        ] {
            let folder = waiting_runs(&["r1"]);
            let client = server(move |call, _| match call {
                "experiments/get-by-name" => (200, json!({ "experiment": { "experiment_id": "1" } })),
                _ => (status, json!({ "message": "no" })),
            });
            let error = told(&client, folder.path()).expect_err("refuses").to_string();
            assert!(error.contains(remedy), "{error}");
            assert_eq!(waiting(folder.path()).expect("reads").len(), 1);
        }
    }
}
