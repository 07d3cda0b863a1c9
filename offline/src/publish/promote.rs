//! Promotion: the one function by which a version becomes the champion, for `run`, `publish` and `rollback` alike.

use std::fs;
use std::io;
use std::path::Path;

use shared::contract::artifact::manifest::{read_champion, sync_folder, write_champion};
use shared::contract::artifact::{ArtifactError, Manifest};
use shared::engine::snapshot::Snapshot;
use shared::tables::Users;

use super::loss::{Accept, Champion, Comparison, Facts};
use super::{Artifacts, Pointers, PublishError, prune, store, versions};
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
    pub fn find(pointers: &Pointers, version: &str) -> Result<Self, PublishError> {
        let mut kept = versions::named(pointers.path(), version)?;
        kept.retain(|other| other != version);
        let (folder, version) = (pointers.path().to_owned(), version.to_owned());
        let manifest = match Snapshot::load(&pointers.version(&version)) {
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
/// The types ensure that the caller holds the short lock and that the version is complete.
///
/// # Errors
/// [`PublishError`]; the champion is then what it was before, and the version stays beside it.
pub fn promote(
    pointers: &Pointers,
    version: &Complete,
    by: Move,
    accept: Accept,
    config: &PublishConfig,
    progress: &mut Progress,
) -> Result<Option<Comparison>, PublishError> {
    let comparison = compared(pointers, version, accept)?;
    write_users(&pointers.version(version.version()), version, config, progress)?;
    swap(pointers, version, by, config, progress)?;
    Ok(comparison)
}

/// Makes the version that a batch has built the champion, as [`promote`] does, if the champion is still the one that the batch
/// began with. Where somebody moved it meanwhile, a person's word counts for more than that of a batch that did not hear it:
/// the champion stays, since the contest was not held with it and what was rolled back from may have the same faults.
///
/// User records, which may be millions, are written before the short lock is taken: nobody reads them as long as the version
/// is not the champion. If it does not become the champion, they get a lifetime.
///
/// * `seen`: the champion that the batch began with; `None` if there was none.
///
/// # Errors
/// [`PublishError::Overtaken`], and as [`promote`]; the champion stays what it is, and the version beside it.
pub fn succeed(
    artifacts: &Artifacts,
    version: &Complete,
    seen: Option<&str>,
    accept: Accept,
    config: &PublishConfig,
    progress: &mut Progress,
) -> Result<(), PublishError> {
    let name = version.version();
    write_users(&artifacts.version(name), version, config, progress)?;
    let pointers = artifacts.pointers()?;
    let champion = champion(artifacts.path())?;
    if champion.as_deref() == Some(name) {
        // Somebody could not wait for it.
        return Ok(());
    }
    let follows = if champion.as_deref() == seen {
        compared(&pointers, version, accept).map(drop)
    } else {
        let seen = seen.map(str::to_owned);
        Err(PublishError::Overtaken { version: name.to_owned(), seen, champion })
    };
    if follows.is_err() {
        retire(&pointers, name, config, progress);
        return follows;
    }
    swap(&pointers, version, Move::Forward, config, progress)
}

/// The champion of a folder of versions; `None` if there is none.
///
/// # Errors
/// [`ArtifactError::Io`] when the pointer can't be read.
pub fn champion(folder: &Path) -> Result<Option<String>, ArtifactError> {
    match read_champion(folder) {
        Ok(version) => Ok(Some(version)),
        Err(ArtifactError::NoChampion { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Checks that the champion is still the one that somebody saw who wants to leave it. Without that, a rollback that waited for
/// a batch's promotion would go back from the new version to the very one that it was to leave.
///
/// # Errors
/// [`PublishError::Moved`].
pub fn unmoved(pointers: &Pointers, seen: Option<&str>) -> Result<(), PublishError> {
    let champion = champion(pointers.path())?;
    if champion.as_deref() == seen {
        return Ok(());
    }
    Err(PublishError::Moved { seen: seen.map(str::to_owned), champion })
}

/// Compares a version with the champion of this moment; `None` if there is none.
fn compared(pointers: &Pointers, version: &Complete, accept: Accept) -> Result<Option<Comparison>, PublishError> {
    let champion = Champion::read(pointers.path())?;
    let facts = Facts::of_version(&version.manifest);
    Ok(champion.map(|champion| champion.check(&facts, accept)).transpose()?)
}

/// Writes the user records of a version to Redis, where one is named.
fn write_users(
    folder: &Path,
    version: &Complete,
    config: &PublishConfig,
    progress: &mut Progress,
) -> Result<(), PublishError> {
    if !config.redis_url.is_empty() {
        let (users, name) = (Users::open(folder)?, version.version());
        progress.counted("redis", users.len() as u64, |done| store::write_users(&users, name, config, done))?;
    }
    Ok(())
}

/// Moves the pointer to a version whose user records are written; those of the former champion get a lifetime.
fn swap(
    pointers: &Pointers,
    version: &Complete,
    by: Move,
    config: &PublishConfig,
    progress: &mut Progress,
) -> Result<(), PublishError> {
    let former = champion(pointers.path())?.filter(|former| former != version.version());
    point(pointers, version.version(), by)?;
    former.iter().for_each(|former| retire(pointers, former, config, progress));
    Ok(())
}

/// Gives the user records of a version that is not the champion a lifetime, where there are some.
fn retire(pointers: &Pointers, version: &str, config: &PublishConfig, progress: &mut Progress) {
    if config.redis_url.is_empty() {
        return;
    }
    if let Err(error) = prune::expire(pointers, version, config, progress) {
        // They take room, and do no harm.
        eprintln!("the user records of {version} stay in Redis until it is pruned: {error}");
    }
}

/// Moves the champion pointer of a folder of versions to one that is complete; the champions before it are kept for
/// rollback.
///
/// # Errors
/// [`ArtifactError::Io`]; the champion is then what it was before.
pub fn point(pointers: &Pointers, version: &str, by: Move) -> Result<(), ArtifactError> {
    let champions = moved(versions::champions(pointers.path())?, version, by);
    versions::write_champions(pointers, &champions)?;
    write_champion(pointers.path(), version)
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
pub fn before(pointers: &Pointers) -> Result<Complete, PublishError> {
    let champion = read_champion(pointers.path())?;
    let champions = versions::champions(pointers.path())?;
    let at = champions.iter().position(|version| *version == champion).unwrap_or(champions.len());
    for version in champions[..at].iter().rev() {
        match Complete::find(pointers, version) {
            Err(PublishError::Incomplete { source, .. }) => eprintln!("{version} is passed over: {source}"),
            found => return found,
        }
    }
    Err(PublishError::NothingBefore { artifacts: pointers.path().to_owned(), champion })
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
