//! Promotion: the one function by which a version becomes the champion, for `run`, `publish` and `rollback` alike.

use std::fs;
use std::io;
use std::path::Path;

use shared::contract::artifact::manifest::{read_champion, sync_folder, write_champion};
use shared::contract::artifact::{ArtifactError, Manifest};
use shared::engine::snapshot::Snapshot;
use shared::tables::Users;

use super::loss::{Accept, Champion, Comparison, Facts};
use super::{Artifacts, PublishError, prune, store, versions};
use crate::config::PublishConfig;
use crate::progress::Progress;

/// A version that is in the artifacts folder and complete.
#[derive(Debug)]
pub struct Complete {
    manifest: Manifest,
}

impl Complete {
    /// Its name.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.manifest.version
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Moves a working folder that was just sealed into the artifacts folder.
    ///
    /// # Errors
    /// [`ArtifactError::Io`] when the folder can't be moved.
    pub fn place(artifacts: &Artifacts, working: &Path, manifest: Manifest) -> Result<Self, ArtifactError> {
        place(artifacts.path(), working, &manifest)?;
        Ok(Self { manifest })
    }

    /// Finds a version of the artifacts folder and compares all its files with their checksums.
    ///
    /// # Errors
    /// [`PublishError::NoVersion`] when there is none of that name, [`PublishError::Incomplete`] when it is not
    /// complete.
    pub fn find(artifacts: &Artifacts, version: &str) -> Result<Self, PublishError> {
        let mut kept = versions::named(artifacts.path(), version)?;
        kept.retain(|other| other != version);
        let (folder, version) = (artifacts.path().to_owned(), version.to_owned());
        let manifest = match Snapshot::load(&artifacts.version(&version)) {
            Ok(snapshot) => snapshot.manifest().clone(),
            Err(source) => {
                return Err(PublishError::Incomplete { artifacts: folder, version, kept, source: Box::new(source) });
            }
        };
        if manifest.version != version {
            return Err(PublishError::Renamed { artifacts: folder, version, manifest: manifest.version });
        }
        Ok(Self { manifest })
    }
}

/// Moves a sealed folder into the artifacts folder, under the name of its version.
///
/// # Errors
/// [`ArtifactError::Io`] when the folder can't be moved.
fn place(artifacts: &Path, working: &Path, manifest: &Manifest) -> Result<(), ArtifactError> {
    let target = artifacts.join(&manifest.version);
    fs::rename(working, &target).map_err(ArtifactError::io(&target))?;
    sync_folder(artifacts)
}

/// Moves a sealed folder into the artifacts folder, under the next name of an evaluated version; returns the name. Any
/// number of evaluations may do so at once.
///
/// # Errors
/// [`ArtifactError::Io`] when the folder can't be moved.
pub fn place_evaluated(artifacts: &Path, working: &Path, mut manifest: Manifest) -> Result<String, ArtifactError> {
    loop {
        manifest.version = versions::next_evaluated(artifacts, &manifest.data_fingerprint)?;
        manifest.write(working)?;
        match place(artifacts, working, &manifest) {
            // Another evaluation took the name just before.
            Err(ArtifactError::Io { source, .. }) if is_taken(&source) => {}
            placed => return placed.map(|()| manifest.version),
        }
    }
}

/// Whether a folder can't be renamed because another one has the name.
fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists)
}

/// The kind of promotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// A version follows the champion.
    Forward,
    /// The champion was bad: a later rollback goes back neither to it nor to any champion after `version`.
    Back,
}

/// Makes a version the champion: compares it with the champion, writes its user records to Redis, and moves the pointer.
/// Returns the comparison with the former champion; `None` if there was none.
///
/// The records of the former champion get a lifetime, in which every replica goes over to the new one. One that does not reads
/// users from the artifact that it serves, as with a Redis that is empty.
///
/// The types ensure that the caller holds the folder's lock and that the version is complete.
///
/// # Errors
/// [`PublishError`]; the champion is then what it was before, and the version stays beside it.
pub fn promote(
    artifacts: &Artifacts,
    version: &Complete,
    by: Move,
    accept: Accept,
    config: &PublishConfig,
    progress: &mut Progress,
) -> Result<Option<Comparison>, PublishError> {
    let champion = Champion::read(artifacts.path())?;
    let facts = Facts::of_version(&version.manifest);
    let comparison = champion.map(|champion| champion.check(&facts, accept)).transpose()?;
    let name = version.version();
    if !config.redis_url.is_empty() {
        let users = Users::open(&artifacts.version(name))?;
        progress.counted("redis", users.len() as u64, |done| store::write_users(&users, name, config, done))?;
    }
    let former = read_champion(artifacts.path()).ok().filter(|former| former != name);
    point(artifacts, name, by)?;
    if let Some(former) = former.filter(|_| !config.redis_url.is_empty())
        && let Err(error) = prune::expire(artifacts, &former, config, progress)
    {
        // They take room, and do no harm.
        eprintln!("the user records of {former} stay in Redis until it is pruned: {error}");
    }
    Ok(comparison)
}

/// Moves the champion pointer of a folder of versions to one that is complete; the champions before it are kept for
/// rollback.
///
/// # Errors
/// [`ArtifactError::Io`]; the champion is then what it was before.
pub fn point(artifacts: &Artifacts, version: &str, by: Move) -> Result<(), ArtifactError> {
    let champions = moved(versions::champions(artifacts.path())?, version, by);
    versions::write_champions(artifacts, &champions)?;
    write_champion(artifacts.path(), version)
}

/// The champions that rollback can go back to, after a promotion.
fn moved(mut champions: Vec<String>, version: &str, by: Move) -> Vec<String> {
    let at = champions.iter().position(|champion| champion == version);
    match (at, by) {
        (Some(at), Move::Back) => champions.truncate(at),
        (Some(at), Move::Forward) => drop(champions.remove(at)),
        (None, _) => {}
    }
    champions.push(version.to_owned());
    champions
}

/// The latest complete version that was the champion before the current one. Versions that are not complete are passed
/// over, with a word.
///
/// # Errors
/// [`PublishError::NothingBefore`] when no such version is kept, or there was none.
pub fn before(artifacts: &Artifacts) -> Result<Complete, PublishError> {
    let champion = read_champion(artifacts.path())?;
    let champions = versions::champions(artifacts.path())?;
    let at = champions.iter().position(|version| *version == champion).unwrap_or(champions.len());
    for version in champions[..at].iter().rev() {
        match Complete::find(artifacts, version) {
            Err(PublishError::Incomplete { source, .. }) => eprintln!("{version} is passed over: {source}"),
            found => return found,
        }
    }
    Err(PublishError::NothingBefore { artifacts: artifacts.path().to_owned(), champion })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The champions after a promotion; each character of a text is a version.
    fn after(champions: &str, version: &str, by: Move) -> String {
        moved(champions.chars().map(String::from).collect(), version, by).concat()
    }

    #[test]
    fn evaluations_that_end_at_once_keep_a_version_each() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/golden/format_2");
        let manifest = Manifest { data_fingerprint: "aa".to_owned(), ..Manifest::read(&golden).expect("reads") };
        let place = |name: &str| {
            let working = folder.path().join(name);
            fs::create_dir(&working).expect("creates");
            place_evaluated(folder.path(), &working, manifest.clone()).expect("places")
        };
        let names = std::thread::scope(|scope| {
            let threads = ["a", "b", "c", "d"].map(|name| scope.spawn(move || place(name)));
            threads.map(|thread| thread.join().expect("no panic"))
        });
        let expected: Vec<String> = (1..5).map(|number| format!("evaluated-{number:06}-aa")).collect();
        let mut names = names.to_vec();
        names.sort();
        assert_eq!(names, expected);
    }

    #[test]
    fn a_promotion_goes_on_top_and_a_rollback_takes_off_what_was_above() {
        assert_eq!(after("", "1", Move::Forward), "1");
        assert_eq!(after("12", "3", Move::Forward), "123");
        assert_eq!(after("123", "2", Move::Back), "12");
        assert_eq!(after("12", "4", Move::Forward), "124", "3 was no good and is not gone back to");
        assert_eq!(after("124", "1", Move::Forward), "241", "published again");
        assert_eq!(after("12", "9", Move::Back), "129", "named by hand");
    }
}
