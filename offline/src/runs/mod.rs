//! What the batch records of its own runs: a file a run, beside the artifacts.
//!
//! ```text
//! artifacts/runs/<id>.json                     what ran, on what, with which settings, how it went, and its figures
//! artifacts/runs/<id>.replicates.safetensors   its figures on each bootstrap replicate of its questions
//! artifacts/runs/.<id>.lock                    held as long as it runs
//! ```
//!
//! A record is written when a run begins and when it ends, each time whole, by a rename. A run that neither ended nor holds
//! its lock was killed. The files need no server and no index: any number of runs and hosts may write at once, and whatever
//! copies files copies the history.

pub mod compare;
mod id;
pub mod record;
mod replicates;
pub mod store;

pub use id::RunId;
pub use record::Run;
pub use replicates::Replicates;

use std::path::PathBuf;

use shared::contract::artifact::ArtifactError;

/// Why a record can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A file can't be read or written.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// No run has this name.
    #[error("{folder}: no run `{name}`; `offline runs list` shows them")]
    Unknown {
        /// The folder of the records.
        folder: PathBuf,
        /// What was asked for.
        name: String,
    },
    /// Several runs have ids that begin so.
    #[error("`{name}` is the beginning of {}; give one of them, or more of it", ids.join(", "))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// The ids.
        ids: Vec<String>,
    },
    /// A record is there already.
    #[error("{folder}: there is a run {id} already; every run has an id of its own")]
    Taken {
        /// The folder of the records.
        folder: PathBuf,
        /// The id.
        id: RunId,
    },
    /// A record is not what this release writes.
    #[error("{path}: not a record of a run: {source}")]
    Torn {
        /// The file.
        path: PathBuf,
        /// Where it goes wrong.
        source: serde_json::Error,
    },
}
