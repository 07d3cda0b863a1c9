//! Sets a challenger beside the champion, for a share of the rows, and ends that.
//!
//! The service looks at the file as it looks at the champion pointer; no version is made anew for it.

use std::path::Path;
use std::time::Duration;

use shared::contract::artifact::manifest::read_champion;
use shared::engine::tabular::challenge::{Challenge, Mode};
use shared::engine::tabular::clients::places;
use shared::engine::tabular::model::Model;

use super::registry::{CHALLENGER, RegistryError, pointers};
use crate::publish::versions;

/// Sets a version beside the champion; the last one that lost against it if none is named.
///
/// * `share`: of the rows, above 0 and at most 1.
///
/// # Errors
/// [`RegistryError`] when there is none, it is the champion, not complete, or can't score the champion's rows.
pub fn begin(
    artifacts: &Path,
    name: &str,
    version: Option<&str>,
    mode: Mode,
    share: f64,
    patience: Duration,
) -> Result<Challenge, RegistryError> {
    let held = pointers(artifacts, name, "offline score challenge", patience)?;
    let (name, known) = (name.to_owned(), versions::list(held.path())?);
    let lost = std::fs::read_to_string(held.path().join(CHALLENGER)).unwrap_or_default();
    let version = version.unwrap_or(lost.trim()).to_owned();
    if version.is_empty() {
        return Err(RegistryError::NoChallenger { name, known });
    }
    if !known.contains(&version) {
        return Err(RegistryError::NoVersion { name, version, known });
    }
    let champion = read_champion(held.path())?;
    if champion == version {
        return Err(RegistryError::IsChampion { name, version });
    }
    let [one, other] = [&champion, &version].map(|version| Model::load(&held.version(version)));
    if let Err(difference) = places(one?.manifest(), other?.manifest()) {
        return Err(RegistryError::OtherRows { name, version, champion, difference });
    }
    let challenge = Challenge { version, mode, share };
    challenge.write(held.path())?;
    Ok(challenge)
}

/// Ends what was begun; nothing where nothing was.
///
/// # Errors
/// [`RegistryError`] when the folder can't be written.
pub fn end(artifacts: &Path, name: &str, patience: Duration) -> Result<(), RegistryError> {
    Ok(Challenge::end(pointers(artifacts, name, "offline score challenge", patience)?.path())?)
}
