//! How long the stages of a version's batch took, of the records of runs in the artifacts folder (`runs/<id>.json`).

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::progress;

/// The folder of the records in an artifacts folder.
const RUNS: &str = "runs";

/// A run that made a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its name; none of one without a record.
    pub id: Option<String>,
    /// The command.
    pub command: String,
    /// When it began, milliseconds since the epoch; none of one without a record.
    pub started_ms: Option<i64>,
    /// When it ended; none of one that has not.
    pub ended_ms: Option<i64>,
    /// The version that it made.
    pub version: Option<String>,
    /// Its stages, in order.
    #[serde(default)]
    pub stages: Vec<Stage>,
}

/// A stage of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its name; those of a group have the group's before it, with a colon.
    pub name: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// The process's peak memory while it ran, in MiB; 0 if the system does not report it.
    pub peak_mib: u64,
}

impl Run {
    /// The run that is under way.
    #[must_use]
    pub fn under_way(command: &str, version: &str, stages: &[progress::Stage]) -> Self {
        let stage =
            |own: &progress::Stage| Stage { name: own.name.clone(), seconds: own.seconds, peak_mib: own.peak_mib };
        Self {
            id: None,
            command: command.to_owned(),
            started_ms: None,
            ended_ms: None,
            version: Some(version.to_owned()),
            stages: stages.iter().map(stage).collect(),
        }
    }
}

/// The last run that made a version; none where no record says so. Records that this build can't read are passed over: the
/// report is about the version.
#[must_use]
pub fn of_version(artifacts: &Path, version: &str) -> Option<Run> {
    let entries = fs::read_dir(artifacts.join(RUNS)).ok()?.filter_map(Result::ok);
    let texts = entries.filter_map(|entry| fs::read(entry.path()).ok());
    let runs = texts.filter_map(|text| serde_json::from_slice::<Run>(&text).ok());
    let own = runs.filter(|run| run.version.as_deref() == Some(version));
    own.max_by(|a, b| a.started_ms.cmp(&b.started_ms).then_with(|| a.id.cmp(&b.id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_run_that_made_a_version_is_found_among_others_and_what_is_none() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let runs = folder.path().join(RUNS);
        fs::create_dir(&runs).expect("creates");
        assert_eq!(of_version(folder.path(), "v1"), None);
        let write = |name: &str, text: &str| fs::write(runs.join(name), text).expect("writes");
        let run = |id: &str, at: u32, version: &str| {
            format!(
                r#"{{"id": "{id}", "command": "run", "status": "succeeded", "started_ms": {at}, "ended_ms": null, "version": {version},
                    "stages": [{{"name": "ingest", "seconds": 1.5, "peak_mib": 20}}]}}"#
            )
        };
        write("a.json", &run("a", 5, "\"v1\""));
        write("b.json", &run("b", 6, "\"v1\""));
        write("c.json", &run("c", 7, "null"));
        write("d.json", "{");
        let found = of_version(folder.path(), "v1").expect("a run");
        assert_eq!((found.id.as_deref(), &*found.stages[0].name), (Some("b"), "ingest"));
    }
}
