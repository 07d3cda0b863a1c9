//! Which runs the server was told of: a small file beside each record.
//!
//! ```text
//! <id>.mlflow.json           waiting, or sent
//! <id>.mlflow-refused.json   the server refused what it was told of this run, and why; it waits for nothing
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shared::contract::artifact::ArtifactError;
use shared::contract::artifact::manifest::replace;

use crate::runs::RunId;

/// The suffix of the file's name.
const OUTBOX: &str = ".mlflow.json";
/// That of a run that the server refused.
const REFUSED: &str = ".mlflow-refused.json";

/// Whether the server knows of a run.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum State {
    /// Not yet, or not all of it.
    Waiting,
    /// It does.
    Sent(Sent),
    /// It does not want to.
    Refused {
        /// What it said.
        reason: String,
    },
}

/// What the server calls a run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Sent {
    /// MLflow's id.
    pub run: String,
}

/// Notes that the server is to be told of a run.
///
/// # Errors
/// [`ArtifactError::Io`].
pub fn enqueue(runs: &Path, id: &RunId) -> Result<(), ArtifactError> {
    write(runs, id, &State::Waiting)
}

/// Notes that the server knows of a run.
pub fn sent(runs: &Path, id: &RunId, sent: &Sent) -> Result<(), ArtifactError> {
    write(runs, id, &State::Sent(Sent { run: sent.run.clone() }))
}

/// Sets a run aside that the server refuses. Who renames the file back to that of one that waits has it told again.
///
/// Returns the names of the file, and of the one that it was.
pub fn refused(runs: &Path, id: &RunId, reason: &str) -> Result<[PathBuf; 2], ArtifactError> {
    let [aside, before] = [REFUSED, OUTBOX].map(|suffix| format!("{id}{suffix}"));
    let state = State::Refused { reason: reason.to_owned() };
    replace(runs, &aside, serde_json::to_string(&state).expect("texts are JSON"))?;
    forget(runs, id)?;
    Ok([aside, before].map(|name| runs.join(name)))
}

/// Removes the note of a run whose record is gone.
pub fn forget(runs: &Path, id: &RunId) -> Result<(), ArtifactError> {
    let path = runs.join(format!("{id}{OUTBOX}"));
    fs::remove_file(&path).map_err(ArtifactError::io(&path))
}

/// The runs that wait, oldest first.
pub fn waiting(runs: &Path) -> Result<Vec<RunId>, ArtifactError> {
    let entries = match fs::read_dir(runs) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(ArtifactError::Io { path: runs.to_owned(), source }),
    };
    let mut ids = Vec::new();
    for entry in entries {
        let path = entry.map_err(ArtifactError::io(runs))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(id) = name.strip_suffix(OUTBOX).and_then(|id| id.parse::<RunId>().ok()) else { continue };
        let state = fs::read(&path).map_err(ArtifactError::io(&path))?;
        // A file that can't be read is told once more, which doubles nothing.
        if !matches!(serde_json::from_slice(&state), Ok(State::Sent(_))) {
            ids.push(id);
        }
    }
    ids.sort();
    Ok(ids)
}

fn write(runs: &Path, id: &RunId, state: &State) -> Result<(), ArtifactError> {
    let text = serde_json::to_string(state).expect("texts are JSON");
    replace(runs, &format!("{id}{OUTBOX}"), &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_told_waits_in_the_order_of_time() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let folder = folder.path();
        let [a, b, c] = ["r1", "r2", "r3"].map(|id| id.parse::<RunId>().expect("a name"));
        assert!(waiting(&folder.join("absent")).expect("none").is_empty());
        [&b, &a, &c].into_iter().for_each(|id| enqueue(folder, id).expect("writes"));
        sent(folder, &b, &Sent { run: "abc".to_owned() }).expect("writes");
        assert_eq!(waiting(folder).expect("reads"), [a.clone(), c.clone()]);
        forget(folder, &a).expect("removes");
        assert_eq!(waiting(folder).expect("reads"), std::slice::from_ref(&c));
        let [aside, before] = refused(folder, &c, "not to our taste").expect("writes");
        assert!(waiting(folder).expect("reads").is_empty());
        assert!(fs::read_to_string(&aside).expect("reads").contains("not to our taste"));
        fs::rename(aside, before).expect("renames");
        assert_eq!(waiting(folder).expect("reads"), [c]);
    }
}
