//! The calls of MLflow's REST interface that are made, blocking, with a limit of time.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use reqwest::blocking::{Client as Http, RequestBuilder};
use serde_json::{Value, json};
use shared::contract::artifact::ArtifactError;
use shared::contract::complaint::one_line;

use super::login::Login;
use super::translate::Metric;

/// How long the server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(3);
/// The most parameters and metrics of one call, by the server's limits.
const PARAMETERS: usize = 100;
const METRICS: usize = 1000;
/// The beginning of the places of files that the server stores for its clients.
const PROXIED: &str = "mlflow-artifacts:";

/// Why the server could not be told.
#[derive(Debug, thiserror::Error)]
pub enum MlflowError {
    /// It did not answer.
    #[error("mlflow at {server}: {reason}; what it was not told waits for the next run")]
    Away {
        /// The server, without a password.
        server: String,
        /// What happened.
        reason: String,
    },
    /// It refused.
    #[error("mlflow at {server}: {call}: {status}: {message}{}", advice(*status))]
    Refused {
        /// The server.
        server: String,
        /// The call.
        call: String,
        /// The status of the answer.
        status: u16,
        /// What it said.
        message: String,
    },
    /// The experiment was deleted, and keeps its name.
    #[error(
        "mlflow at {server}: the experiment {name} is deleted; restore it by `mlflow experiments restore --experiment-id {id}`, or \
         name another by `experiment` in [mlflow]; what it was not told waits for the next run"
    )]
    Deleted {
        /// The server.
        server: String,
        /// The experiment.
        name: String,
        /// Its id there.
        id: String,
    },
    /// The URL is none.
    #[error(
        "the URL of MLflow is http://host:port or https://host:port, with user:password@ before the host where it asks for them; \
         what it was not told waits for the next run"
    )]
    Url,
    /// A file can't be read or written.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

impl MlflowError {
    /// Whether the server will say the same of this again, however often it is told: it refuses what it was told, and not who
    /// tells it, how often, or how slowly.
    #[must_use]
    pub fn is_for_good(&self) -> bool {
        matches!(self, Self::Refused { status: 400..=499, .. })
            && !matches!(self, Self::Refused { status: 401 | 403 | 408 | 429, .. })
    }
}

/// What to do about a refusal of who asks.
fn advice(status: u16) -> &'static str {
    match status {
        401 => {
            "; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, to what this server knows, or \
             correct `url` in [mlflow]; what it was not told waits for the next run"
        }
        403 => {
            "; let the user of MLFLOW_TRACKING_USERNAME, or of MLFLOW_TRACKING_TOKEN, EDIT the experiment and its registered \
             models, or name another by `experiment` and `model` in [mlflow]; what it was not told waits for the next run"
        }
        _ => "",
    }
}

/// A server.
pub struct Client {
    http: Http,
    base: String,
    login: Login,
}

/// A run on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its id.
    pub id: String,
    /// Where its files are.
    pub place: String,
}

impl Client {
    /// A client of the server at a URL, who asks as `Login::of` says.
    ///
    /// * `patience`: how long a call may take.
    ///
    /// # Errors
    /// [`MlflowError::Url`].
    pub fn new(url: &str, patience: Duration) -> Result<Self, MlflowError> {
        let mut url = reqwest::Url::parse(url.trim()).map_err(|_| MlflowError::Url)?;
        if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() {
            return Err(MlflowError::Url);
        }
        let login = Login::of(&url, |name| std::env::var(name).ok());
        url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| MlflowError::Url)?;
        // There is one provider in the tree; who came first has installed the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Http::builder().timeout(patience).connect_timeout(CONNECT).build();
        let http = http.map_err(|error| MlflowError::Away { server: url.to_string(), reason: error.to_string() })?;
        Ok(Self { http, base: url.as_str().trim_end_matches('/').to_owned(), login })
    }

    /// The id of an experiment, which is made if it is not there.
    ///
    /// # Errors
    /// [`MlflowError`]; [`MlflowError::Deleted`] where it takes no runs.
    pub fn experiment(&self, name: &str) -> Result<String, MlflowError> {
        let found = self.get("experiments/get-by-name", &[("experiment_name", name)]);
        let made = match found {
            Err(MlflowError::Refused { status: 404, .. }) => {
                match self.post("experiments/create", &json!({ "name": name })) {
                    // Another batch made it just before.
                    Err(MlflowError::Refused { status: 400, .. }) => {
                        self.get("experiments/get-by-name", &[("experiment_name", name)])?["experiment"].clone()
                    }
                    made => made?,
                }
            }
            found => found?["experiment"].clone(),
        };
        let id = text(&made["experiment_id"])?;
        // It is found by its name all the same.
        if made["lifecycle_stage"] == "deleted" {
            return Err(MlflowError::Deleted { server: self.base.clone(), name: name.to_owned(), id });
        }
        Ok(id)
    }

    /// The run of an experiment that has a tag.
    pub fn run_tagged(&self, experiment: &str, tag: &str, value: &str) -> Result<Option<Remote>, MlflowError> {
        let filter = format!("tags.`{tag}` = '{value}'");
        let asked = json!({ "experiment_ids": [experiment], "filter": filter, "max_results": 1 });
        let found = self.post("runs/search", &asked)?;
        found["runs"].get(0).map(Remote::of).transpose()
    }

    /// Makes a run.
    pub fn create_run(
        &self,
        experiment: &str,
        name: &str,
        started_ms: i64,
        tags: &BTreeMap<String, String>,
    ) -> Result<Remote, MlflowError> {
        let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
        let asked = json!({ "experiment_id": experiment, "run_name": name, "start_time": started_ms, "tags": tags });
        Remote::of(&self.post("runs/create", &asked)?["run"])
    }

    /// Logs parameters.
    pub fn log_parameters(&self, run: &str, parameters: &[(String, String)]) -> Result<(), MlflowError> {
        for part in parameters.chunks(PARAMETERS) {
            let part: Vec<Value> = part.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
            self.post("runs/log-batch", &json!({ "run_id": run, "params": part }))?;
        }
        Ok(())
    }

    /// Logs metrics.
    pub fn log_metrics(&self, run: &str, metrics: &[Metric]) -> Result<(), MlflowError> {
        let metric =
            |(key, value, at, step): &Metric| json!({ "key": key, "value": value, "timestamp": at, "step": step });
        for part in metrics.chunks(METRICS) {
            let part: Vec<Value> = part.iter().map(metric).collect();
            self.post("runs/log-batch", &json!({ "run_id": run, "metrics": part }))?;
        }
        Ok(())
    }

    /// Logs what a run learnt from.
    pub fn log_input(&self, run: &str, dataset: &Value) -> Result<(), MlflowError> {
        self.post("runs/log-inputs", &json!({ "run_id": run, "datasets": [dataset] })).map(drop)
    }

    /// Stores a file of a run, where the server stores files for its clients; else nothing is done.
    pub fn upload(&self, run: &Remote, name: &str, file: &Path) -> Result<(), MlflowError> {
        let Some(place) = run.place.strip_prefix(PROXIED) else { return Ok(()) };
        // `mlflow-artifacts:/1/abc/artifacts`, or with the server's address in front.
        let path = place.strip_prefix("//").map_or(place, |rest| rest.split_once('/').map_or("", |(_, path)| path));
        let call = format!("mlflow-artifacts/artifacts/{}/{name}", path.trim_start_matches('/'));
        let body = File::open(file).map_err(ArtifactError::io(file))?;
        self.answer(&call, self.http.put(self.at(&call)).body(body)).map(drop)
    }

    /// Ends a run.
    pub fn end_run(&self, run: &str, status: &str, ended_ms: i64) -> Result<(), MlflowError> {
        self.post("runs/update", &json!({ "run_id": run, "status": status, "end_time": ended_ms })).map(drop)
    }

    /// Registers the version that a run made, unless it is registered.
    pub fn register(&self, model: &str, run: &Remote, tag: &str, version: &str) -> Result<(), MlflowError> {
        if self.version_tagged(model, tag, version)?.is_some() {
            return Ok(());
        }
        match self.post("registered-models/create", &json!({ "name": model })) {
            // It is there already.
            Err(MlflowError::Refused { status: 400, .. }) => {}
            made => drop(made?),
        }
        let tags = json!([{ "key": tag, "value": version }]);
        let asked =
            json!({ "name": model, "source": run.place, "run_id": run.id, "tags": tags, "description": version });
        self.post("model-versions/create", &asked).map(drop)
    }

    /// The number of the version of a registered model that has a tag.
    pub fn version_tagged(&self, model: &str, tag: &str, value: &str) -> Result<Option<String>, MlflowError> {
        let filter = format!("name = '{model}' AND tags.`{tag}` = '{value}'");
        let found = self.get("model-versions/search", &[("filter", &filter), ("max_results", "1")])?;
        found["model_versions"].get(0).map(|own| text(&own["version"])).transpose()
    }

    /// The number of the version of a registered model that an alias names.
    pub fn aliased(&self, model: &str, alias: &str) -> Result<Option<String>, MlflowError> {
        match self.get("registered-models/alias", &[("name", model), ("alias", alias)]) {
            // Releases differ in how they say that there is none.
            Err(MlflowError::Refused { status: 400 | 404, .. }) => Ok(None),
            found => Ok(found?["model_version"]["version"].as_str().map(str::to_owned)),
        }
    }

    /// Lets an alias of a registered model name one of its versions.
    pub fn alias(&self, model: &str, alias: &str, number: &str) -> Result<(), MlflowError> {
        let asked = json!({ "name": model, "alias": alias, "version": number });
        self.post("registered-models/alias", &asked).map(drop)
    }

    fn at(&self, call: &str) -> String {
        format!("{}/api/2.0/{call}", self.base)
    }

    fn get(&self, call: &str, query: &[(&str, &str)]) -> Result<Value, MlflowError> {
        let call = format!("mlflow/{call}");
        let mut url = reqwest::Url::parse(&self.at(&call)).map_err(|_| MlflowError::Url)?;
        url.query_pairs_mut().extend_pairs(query);
        self.answer(&call, self.http.get(url))
    }

    fn post(&self, call: &str, body: &Value) -> Result<Value, MlflowError> {
        let call = format!("mlflow/{call}");
        self.answer(&call, self.http.post(self.at(&call)).json(body))
    }

    fn answer(&self, call: &str, request: RequestBuilder) -> Result<Value, MlflowError> {
        let away = |error: reqwest::Error| MlflowError::Away {
            server: self.base.clone(),
            reason: chain(&error.without_url()),
        };
        let answer = self.login.sign(request).send().map_err(away)?;
        let status = answer.status();
        let body = answer.text().map_err(away)?;
        let parsed: Value = serde_json::from_str(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(parsed);
        }
        let said = parsed["message"].as_str().unwrap_or(&body);
        Err(MlflowError::Refused {
            server: self.base.clone(),
            call: call.to_owned(),
            status: status.as_u16(),
            message: one_line(said),
        })
    }
}

impl Remote {
    fn of(run: &Value) -> Result<Self, MlflowError> {
        Ok(Self { id: text(&run["info"]["run_id"])?, place: text(&run["info"]["artifact_uri"])? })
    }
}

/// A text of an answer that must be there.
fn text(value: &Value) -> Result<String, MlflowError> {
    value.as_str().map(str::to_owned).ok_or_else(|| MlflowError::Away {
        server: "this URL".to_owned(),
        reason: "the answer is not one of MLflow; look whether the URL is that of its server".to_owned(),
    })
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
