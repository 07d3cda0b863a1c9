//! The versions of a model: stored, compared with the champion, promoted, put back.
//!
//! ```text
//! artifacts/models/<name>/v000001-<fingerprint>/   a version
//! artifacts/models/<name>/champion                 the version that answers
//! artifacts/models/<name>/champions                the versions that rollback can go back to
//! artifacts/models/<name>/challenger               the last version that lost against the champion
//! artifacts/models/<name>/challenge                which version scores beside the champion, see `challenge`
//! ```
//!
//! A crash at any point leaves the old champion; a version is complete before it has its name.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use shared::contract::artifact::ArtifactError;
use shared::contract::artifact::manifest::{checksums, read_champion, replace, sync_folder, write_json};
use shared::engine::tabular::clients::other_clients;
use shared::engine::tabular::model::{MODELS, Model};

use super::build::Built;
use super::contest::{HeldOut, Outcome, contest};
use super::succession::{Became, succeed};
use super::table::Table;
use crate::publish::{self, Artifacts, Move, Pointers, PublishError, point, versions};

/// The file that names the last version that lost.
pub const CHALLENGER: &str = "challenger";

/// Why a version can't be stored, promoted or put back.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The folder can't be locked, read or written.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// There is no such model.
    #[error("{artifacts}: no model {name}; {}", others(known))]
    NoModel {
        /// The artifacts folder.
        artifacts: PathBuf,
        /// The name.
        name: String,
        /// The models that there are.
        known: Vec<String>,
    },
    /// There is no such version.
    #[error("model {name}: no version {version}; there are: {}", known.join(", "))]
    NoVersion {
        /// The model.
        name: String,
        /// The version.
        version: String,
        /// The versions that there are.
        known: Vec<String>,
    },
    /// The version expects another schema than the champion.
    #[error(
        "model {name}: {version} expects other rows than the champion {champion}: {difference}; if its clients know, \
         --allow-schema-change promotes it"
    )]
    OtherSchema {
        /// The model.
        name: String,
        /// The version.
        version: String,
        /// The champion.
        champion: String,
        /// Where they differ.
        difference: String,
    },
    /// No challenger is kept, and none is named.
    #[error("model {name}: no version has lost against the champion; name one with --version; there are: {}", known.join(", "))]
    NoChallenger {
        /// The model.
        name: String,
        /// The versions that there are.
        known: Vec<String>,
    },
    /// The version is the champion.
    #[error("model {name}: {version} is the champion; name another with --version, `offline score list` shows them")]
    IsChampion {
        /// The model.
        name: String,
        /// The version.
        version: String,
    },
    /// The version can't score the champion's rows.
    #[error("model {name}: {version} can't be measured beside the champion {champion}: {difference}")]
    OtherRows {
        /// The model.
        name: String,
        /// The version.
        version: String,
        /// The champion.
        champion: String,
        /// Where they differ.
        difference: String,
    },
    /// No version was the champion before.
    #[error("model {0}: no version that was the champion before is kept")]
    NothingBefore(String),
}

impl From<ArtifactError> for RegistryError {
    fn from(error: ArtifactError) -> Self {
        Self::Publish(error.into())
    }
}

fn others(known: &[String]) -> String {
    match known {
        [] => "`offline score train` makes one".to_owned(),
        known => format!("there are: {}", known.join(", ")),
    }
}

/// The folder of a model's versions.
#[must_use]
pub fn folder(artifacts: &Path, name: &str) -> PathBuf {
    artifacts.join(MODELS).join(name)
}

/// The models of an artifacts folder, by name.
///
/// # Errors
/// [`ArtifactError::Io`].
pub fn models(artifacts: &Path) -> Result<Vec<String>, ArtifactError> {
    let folder = artifacts.join(MODELS);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).map_err(ArtifactError::io(&folder))? {
        let path = entry.map_err(ArtifactError::io(&folder))?.path();
        if path.is_dir() && !versions::list(&path)?.is_empty() {
            names.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// Whether a version may expect other rows than the champion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// No: it would refuse the champion's clients.
    Same,
    /// Yes.
    Any,
}

/// A stored version.
#[derive(Debug)]
pub struct Stored {
    /// Its name.
    pub version: String,
    /// How it compares with the champion.
    pub outcome: Outcome,
    /// Whether it is the champion now.
    pub promoted: bool,
    /// If it is, what became of a challenge.
    pub challenge: Option<Became>,
}

/// A version that has become the champion.
#[derive(Debug)]
pub struct Promoted {
    /// Its name.
    pub version: String,
    /// What became of a challenge.
    pub challenge: Option<Became>,
}

/// Stores a model as a version, and makes it the champion unless it lost against it.
///
/// The contest is held and the version written while anybody may move the champion. The pointers are held for what is left then:
/// if the champion is another by now, the contest is held once more, with that one.
///
/// # Errors
/// [`RegistryError`]; the champion is then what it was before.
pub fn store(
    artifacts: &Path,
    built: &mut Built,
    table: &Table,
    schema: Schema,
    built_ms: i64,
    patience: Duration,
) -> Result<Stored, RegistryError> {
    let name = built.model.manifest().name.clone();
    let held = Artifacts::hold(&folder(artifacts, &name), "offline score train", patience)?;
    let held_out =
        HeldOut { table, rows: &built.parts.test, labels: &built.labels, probabilities: &built.probabilities };
    let version = versions::next(held.path(), &built.model.manifest().data_fingerprint)?;
    let working = versions::working_folder(&held)?;
    built.model.write(&working)?;
    let files = checksums(&working)?;
    let (outcome, pointers) = loop {
        let outcome = contest(held.path(), built.model.manifest(), &held_out)?;
        let metrics = metrics(built, &outcome);
        let manifest = built.model.manifest_mut();
        manifest.version.clone_from(&version);
        manifest.built_ms = built_ms;
        manifest.metrics = metrics;
        manifest.files.clone_from(&files);
        write_json(manifest, &working)?;
        let pointers = held.pointers()?;
        if publish::champion(held.path())?.as_deref() == outcome.against() {
            break (outcome, pointers);
        }
    };
    let promoted = outcome.promotes() || matches!(outcome, Outcome::OtherSchema { .. }) && schema == Schema::Any;
    let target = held.version(&version);
    fs::rename(&working, &target).map_err(ArtifactError::io(&target))?;
    sync_folder(held.path())?;
    let challenge = if promoted {
        move_pointer(&pointers, &version, Move::Forward)?
    } else {
        replace(held.path(), CHALLENGER, format!("{version}\n"))?;
        None
    };
    Ok(Stored { version, outcome, promoted, challenge })
}

/// What a manifest says of how good a version is.
fn metrics(built: &Built, outcome: &Outcome) -> Value {
    let mut metrics = json!({ "test": built.metrics, "contest": outcome, "leaks": built.leaks });
    if !built.of_labels.is_empty() {
        metrics["labels"] = json!(built.of_labels);
    }
    metrics
}

/// Makes a version the champion; the newest if none is named.
///
/// # Errors
/// [`RegistryError`] when there is none, it is not complete, or it expects other rows.
pub fn promote(
    artifacts: &Path,
    name: &str,
    version: Option<&str>,
    schema: Schema,
    patience: Duration,
) -> Result<Promoted, RegistryError> {
    let held = pointers(artifacts, name, "offline score promote", patience)?;
    let known = versions::list(held.path())?;
    let wanted = version.map(str::to_owned).or_else(|| known.last().cloned()).unwrap_or_default();
    if !known.contains(&wanted) {
        return Err(RegistryError::NoVersion { name: name.to_owned(), version: wanted, known });
    }
    let new = Model::load(&held.version(&wanted))?;
    if schema == Schema::Same
        && let Ok(champion) = read_champion(held.path())
        && let Ok(old) = Model::load(&held.version(&champion))
        && let Some(difference) = other_clients(old.manifest(), new.manifest())
    {
        return Err(RegistryError::OtherSchema { name: name.to_owned(), version: wanted, champion, difference });
    }
    let challenge = move_pointer(&held, &wanted, Move::Forward)?;
    Ok(Promoted { version: wanted, challenge })
}

/// Makes the version that was the champion before the champion again. Versions that are not complete are passed over.
///
/// # Errors
/// [`RegistryError::NothingBefore`] when there is none.
pub fn rollback(artifacts: &Path, name: &str, patience: Duration) -> Result<Promoted, RegistryError> {
    // Before the wait for the lock: it is this one that is to be left.
    let seen = publish::champion(&existing(artifacts, name)?)?;
    let held = pointers(artifacts, name, "offline score rollback", patience)?;
    publish::unmoved(&held, seen.as_deref())?;
    let champion = read_champion(held.path())?;
    let champions = versions::champions(held.path())?;
    let at = champions.iter().position(|version| *version == champion).unwrap_or(champions.len());
    for version in champions[..at].iter().rev() {
        match Model::load(&held.version(version)) {
            Ok(_) => {
                let challenge = move_pointer(&held, version, Move::Back)?;
                return Ok(Promoted { version: version.clone(), challenge });
            }
            Err(error) => eprintln!("{version} is passed over: {error}"),
        }
    }
    Err(RegistryError::NothingBefore(name.to_owned()))
}

/// The champion of a model, or one of its versions.
///
/// # Errors
/// [`RegistryError`] when there is no such model or version, or it is not complete.
pub fn load(artifacts: &Path, name: &str, version: Option<&str>) -> Result<Model, RegistryError> {
    let folder = existing(artifacts, name)?;
    let known = versions::list(&folder)?;
    let version = version.map_or_else(|| read_champion(&folder), |version| Ok(version.to_owned()))?;
    if !known.contains(&version) {
        return Err(RegistryError::NoVersion { name: name.to_owned(), version, known });
    }
    Ok(Model::load(&folder.join(version))?)
}

/// Makes a complete version the champion, and ends a challenge that makes no sense beside it.
fn move_pointer(held: &Pointers, version: &str, by: Move) -> Result<Option<Became>, ArtifactError> {
    point(held, version, by)?;
    succeed(held, version)
}

/// Takes the lock of a model that is there.
///
/// * `command`: the name of the command, without arguments.
/// * `patience`: how long to wait for another batch that holds it.
///
/// # Errors
/// [`RegistryError`] where there is no such model, or another batch holds it.
pub fn hold(artifacts: &Path, name: &str, command: &str, patience: Duration) -> Result<Artifacts, RegistryError> {
    Ok(Artifacts::hold(&existing(artifacts, name)?, command, patience)?)
}

/// Takes the short lock of a model that is there, for a command that moves pointers alone.
///
/// # Errors
/// [`RegistryError`] where there is no such model, or another command holds it.
pub fn pointers(artifacts: &Path, name: &str, command: &str, patience: Duration) -> Result<Pointers, RegistryError> {
    Ok(Pointers::take(&existing(artifacts, name)?, command, patience)?)
}

/// The folder of a model's versions, which must be there.
///
/// # Errors
/// [`RegistryError::NoModel`] where there is no such model.
pub fn existing(artifacts: &Path, name: &str) -> Result<PathBuf, RegistryError> {
    let known = models(artifacts)?;
    if known.iter().any(|known| known == name) {
        return Ok(folder(artifacts, name));
    }
    Err(RegistryError::NoModel { artifacts: artifacts.to_owned(), name: name.to_owned(), known })
}
