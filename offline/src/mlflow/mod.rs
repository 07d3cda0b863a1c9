//! Tells an MLflow server of runs and versions, when it answers.
//!
//! ```text
//! a run ends ─▶ runs/<id>.mlflow.json: waiting ─▶ [oldest first] run ▶ parameters, metrics, data, files ▶ version ▶ alias
//!                                              ◀─ sent, with MLflow's own id
//! ```
//!
//! A server that is away, slow or refuses never fails a batch: what it was not told waits, and is told after the next one.
//! Every step may be repeated: a run is found again by its tag, a version by its run, so that a kill in between doubles
//! nothing.
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

use crate::runs::{Run, store};
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
/// knows that it did not before.
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
                let sent = tell(client, names, &experiment, artifacts, runs, &run)?;
                outbox::sent(runs, id, &sent)?;
                told += 1;
            } else {
                outbox::forget(runs, id)?;
            }
        }
    }
    aliases(client, names, artifacts)?;
    Ok(told)
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
