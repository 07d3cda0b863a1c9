//! Names for versions: small files beside these, each with the name of one version.
//!
//! ```text
//! artifacts/champion          what is served unless a service is told otherwise
//! artifacts/aliases/<name>    any other alias, such as the one of a replica that serves a candidate
//! ```
//!
//! A model of rows has the same files in its own folder.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::ArtifactError;
use super::manifest::{CHAMPION, read_champion, replace, sync_folder};
use crate::contract::name::{LONGEST, is_plain};

/// The folder of the aliases but `champion`.
const ALIASES: &str = "aliases";

/// A name for a version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Alias(String);

/// Why a text is no alias.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an alias is 1 to {LONGEST} letters, digits, - and _, such as `candidate`")]
pub struct NoAlias;

/// The version that an alias names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// The version.
    pub version: String,
    /// Since when, milliseconds since the epoch.
    pub since_ms: i64,
}

impl Alias {
    /// The alias that is served unless a service is told otherwise.
    #[must_use]
    pub fn champion() -> Self {
        Self(CHAMPION.to_owned())
    }

    /// Whether it is that one.
    #[must_use]
    pub fn is_champion(&self) -> bool {
        self.0 == CHAMPION
    }

    /// The alias as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The version that it names in a folder of versions.
    ///
    /// # Errors
    /// [`ArtifactError::NoChampion`] and [`ArtifactError::NoAlias`] where it names none.
    pub fn read(&self, folder: &Path) -> Result<String, ArtifactError> {
        if self.is_champion() {
            return read_champion(folder);
        }
        let path = self.file(folder);
        let absent = || ArtifactError::NoAlias { path: path.clone(), alias: self.0.clone() };
        match fs::read_to_string(&path) {
            Ok(version) if !version.trim().is_empty() => Ok(version.trim().to_owned()),
            Ok(_) => Err(absent()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(absent()),
            Err(source) => Err(ArtifactError::Io { path, source }),
        }
    }

    /// Lets it name a version, atomically and durably. `champion` is moved by `offline`'s promotion alone.
    ///
    /// # Errors
    /// [`ArtifactError::Io`].
    pub fn write(&self, folder: &Path, version: &str) -> Result<(), ArtifactError> {
        let aliases = folder.join(ALIASES);
        fs::create_dir_all(&aliases).map_err(ArtifactError::io(&aliases))?;
        replace(&aliases, &self.0, format!("{version}\n"))?;
        sync_folder(folder)
    }

    /// Lets it name nothing.
    ///
    /// # Errors
    /// [`ArtifactError::NoAlias`] where it names nothing already.
    pub fn remove(&self, folder: &Path) -> Result<(), ArtifactError> {
        self.read(folder)?;
        let path = self.file(folder);
        fs::remove_file(&path).map_err(ArtifactError::io(&path))?;
        sync_folder(&folder.join(ALIASES))
    }

    fn file(&self, folder: &Path) -> PathBuf {
        if self.is_champion() { folder.join(CHAMPION) } else { folder.join(ALIASES).join(&self.0) }
    }
}

/// All aliases of a folder of versions.
///
/// # Errors
/// [`ArtifactError::Io`].
pub fn aliases(folder: &Path) -> Result<BTreeMap<Alias, Named>, ArtifactError> {
    let others = folder.join(ALIASES);
    let mut found = vec![Alias::champion()];
    match fs::read_dir(&others) {
        Ok(entries) => {
            for entry in entries {
                let name = entry.map_err(ArtifactError::io(&others))?.file_name();
                // A half-written file begins with a dot, which no alias has.
                found.extend(name.to_str().and_then(|name| name.parse::<Alias>().ok()));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(ArtifactError::Io { path: others, source }),
    }
    let mut named = BTreeMap::new();
    for alias in found {
        let path = alias.file(folder);
        let version = match alias.read(folder) {
            Ok(version) => version,
            Err(ArtifactError::NoChampion { .. } | ArtifactError::NoAlias { .. }) => continue,
            Err(error) => return Err(error),
        };
        let changed = fs::metadata(&path).and_then(|file| file.modified()).map_err(ArtifactError::io(&path))?;
        let since_ms = changed.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        named.insert(alias, Named { version, since_ms });
    }
    Ok(named)
}

impl FromStr for Alias {
    type Err = NoAlias;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_plain(text) { Ok(Self(text.to_owned())) } else { Err(NoAlias) }
    }
}

impl TryFrom<String> for Alias {
    type Error = NoAlias;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Alias> for String {
    fn from(alias: Alias) -> Self {
        alias.0
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::manifest::write_champion;
    use super::*;

    #[test]
    fn an_alias_names_a_version_until_it_is_removed() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let folder = folder.path();
        let candidate: Alias = "candidate".parse().expect("an alias");
        assert!(matches!(candidate.read(folder), Err(ArtifactError::NoAlias { .. })));
        assert!(aliases(folder).expect("lists").is_empty());
        write_champion(folder, "v1").expect("writes");
        candidate.write(folder, "v2").expect("writes");
        let named: Vec<(Alias, String)> =
            aliases(folder).expect("lists").into_iter().map(|(alias, named)| (alias, named.version)).collect();
        assert_eq!(named, [(candidate.clone(), "v2".to_owned()), (Alias::champion(), "v1".to_owned())]);
        candidate.remove(folder).expect("removes");
        assert!(candidate.remove(folder).is_err());
        assert_eq!(Alias::champion().read(folder).expect("reads"), "v1");
    }

    #[test]
    fn an_alias_is_a_plain_name() {
        assert!(["", ".", "..", "a/b", ".new", "ä"].iter().all(|text| text.parse::<Alias>().is_err()));
    }
}
