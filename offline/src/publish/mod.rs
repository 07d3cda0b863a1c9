//! Publishing: the only writer of the artifacts folder, of user records in Redis, and of the champion pointer.
//!
//! ```text
//! working folder ─▶ rename to artifacts/<version>/ ─▶ compare with the champion ─▶ user records to Redis
//!                ─▶ champion pointer ─▶ prune
//! ```
//!
//! Who builds or removes versions holds the folder's long lock ([`Artifacts`]), who moves a pointer the short one
//! ([`Pointers`]); every version that becomes the champion goes through [`promote`], or through [`succeed`] from a batch.
//! The pointer moves only when the version and its user records are complete. A crash at any point leaves the old
//! champion served, and at worst a folder that the next run cleans up.

pub mod labels;
mod lock;
pub mod loss;
mod promote;
mod prune;
pub mod servers;
pub mod store;
pub mod versions;

use std::path::{Path, PathBuf};

use shared::contract::artifact::ArtifactError;
use shared::contract::artifact::manifest::read_champion;
use shared::engine::snapshot::Snapshot;

pub use lock::{Artifacts, Pointers};
use loss::Loss;
pub use promote::{Complete, Move, before, champion, place_evaluated, point, promote, succeed, unmoved};
pub use prune::{EVALUATING, in_use, prune};
use store::StoreError;

/// Why a version can't be published or put back.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Another batch holds the folder's lock.
    #[error("{artifacts}: held by {holder}; wait for its end with --wait, or end it")]
    Held {
        /// The artifacts folder.
        artifacts: PathBuf,
        /// The batch that holds it.
        holder: String,
    },
    /// An artifact can't be read or written.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// Redis can't be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log lost a part of its data.
    #[error("{0}\nthe champion stays; look for what the log lacks, or accept it as it is with --allow-shrink")]
    Loss(#[from] Box<Loss>),
    /// There is no such artifacts folder.
    #[error("{0}: no such folder; `offline run --artifacts {0}` makes it")]
    NoFolder(PathBuf),
    /// There is no such version.
    #[error("{artifacts}: no version {version}; {}", kept_or_build(kept))]
    NoVersion {
        /// The artifacts folder.
        artifacts: PathBuf,
        /// The requested version.
        version: String,
        /// The existing versions.
        kept: Vec<String>,
    },
    /// A version is torn, foreign or of another format.
    #[error("{artifacts}: version {version} is not complete: {source}; {}", kept_or_build(kept))]
    Incomplete {
        /// The artifacts folder.
        artifacts: PathBuf,
        /// The requested version.
        version: String,
        /// The other existing versions.
        kept: Vec<String>,
        /// What is wrong with it.
        source: Box<ArtifactError>,
    },
    /// A version's folder has another name than the version.
    #[error("{artifacts}: the folder {version} holds the version {manifest}; give it back that name (`mv`)")]
    Renamed {
        /// The artifacts folder.
        artifacts: PathBuf,
        /// The requested version.
        version: String,
        /// The version that the manifest names.
        manifest: String,
    },
    /// Somebody moved the champion while a batch built its successor.
    #[error(
        "the champion was {}, and is {} since somebody moved it while {version} was built: that stays beside it; `offline \
         publish --version {version}` makes it the champion, the next `offline run` compares with the one that is",
        or_none(seen),
        or_none(champion)
    )]
    Overtaken {
        /// The version that was built.
        version: String,
        /// The champion that it was to follow.
        seen: Option<String>,
        /// The champion now.
        champion: Option<String>,
    },
    /// The champion moved while a rollback waited for the lock.
    #[error(
        "the champion was {}, and has become {} while this waited; look at `offline versions list`, and ask again for what is \
         still wanted",
        or_none(seen),
        or_none(champion)
    )]
    Moved {
        /// The champion that was to be left.
        seen: Option<String>,
        /// The champion now.
        champion: Option<String>,
    },
    /// No version was the champion before.
    #[error(
        "{artifacts}: no version that was the champion before {champion} is kept; `offline run` builds a new one, \
         `offline rollback --to VERSION` takes any"
    )]
    NothingBefore {
        /// The artifacts folder.
        artifacts: PathBuf,
        /// The version being served.
        champion: String,
    },
}

fn or_none(champion: &Option<String>) -> &str {
    champion.as_deref().unwrap_or("none")
}

/// The advice if a version is missing.
fn kept_or_build(kept: &[String]) -> String {
    if kept.is_empty() {
        return "there is no other; build one with `offline train`".to_owned();
    }
    format!("there are: {}; `offline train` builds another", kept.join(", "))
}

/// The champion of a folder, after a check that it can be served.
///
/// # Errors
/// [`ArtifactError`] when there is none, or it is torn or of another format.
pub fn servable(artifacts: &Path) -> Result<String, ArtifactError> {
    let champion = read_champion(artifacts)?;
    Snapshot::load(&artifacts.join(&champion))?;
    Ok(champion)
}
