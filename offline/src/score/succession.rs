//! What becomes of a challenge when another version becomes the champion.
//!
//! A challenger that is the champion now, or that can't score its rows, challenges nobody: the challenge ends. Any other goes
//! on beside the new champion.

use std::fmt::{self, Display, Formatter};
use std::fs;

use shared::contract::artifact::ArtifactError;
use shared::engine::tabular::challenge::Challenge;
use shared::engine::tabular::clients::places;
use shared::engine::tabular::manifest::ModelManifest;

use super::registry::CHALLENGER;
use crate::publish::Pointers;

/// What became of a challenge.
#[derive(Debug, Clone, PartialEq)]
pub enum Became {
    /// It goes on beside the new champion.
    GoesOn(Challenge),
    /// It has ended, since the challenger is the champion.
    Won(String),
    /// It has ended, since the challenger can't be measured beside the champion.
    Ended {
        /// The challenger.
        version: String,
        /// Why it can't.
        reason: String,
    },
    /// It can't be read, and is left.
    Unreadable(String),
}

impl Display for Became {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::GoesOn(Challenge { version, mode, share }) => write!(
                f,
                "the challenge goes on: {version}, {}, share {share}; `offline score challenge --share 0` ends it",
                mode.as_str()
            ),
            Self::Won(version) => write!(f, "the challenge has ended: its challenger {version} is the champion"),
            Self::Ended { version, reason } => {
                write!(f, "the challenge has ended: {version} can't be measured beside this champion: {reason}")
            }
            Self::Unreadable(reason) => write!(f, "the challenge is not in use: {reason}"),
        }
    }
}

/// Ends the challenge of a model's folder if it makes no sense beside a new champion; `None` where there is none. A version
/// that has become the champion is no longer the last one that lost.
///
/// # Errors
/// [`ArtifactError`] when the champion can't be read, or the folder not be written.
pub fn succeed(held: &Pointers, champion: &str) -> Result<Option<Became>, ArtifactError> {
    let lost = held.path().join(CHALLENGER);
    if fs::read_to_string(&lost).is_ok_and(|version| version.trim() == champion) {
        fs::remove_file(&lost).map_err(ArtifactError::io(&lost))?;
    }
    let challenge = match Challenge::read(held.path()) {
        Ok(None) => return Ok(None),
        Ok(Some(challenge)) => challenge,
        Err(error) => return Ok(Some(Became::Unreadable(error.to_string()))),
    };
    let read = |version: &str| ModelManifest::read(&held.version(version));
    let became = if challenge.version == champion {
        Became::Won(challenge.version)
    } else {
        let champion = read(champion)?;
        let fits = read(&challenge.version).map_err(|error| error.to_string());
        match fits.and_then(|challenger| places(&champion, &challenger).map(|_| ())) {
            Ok(()) => return Ok(Some(Became::GoesOn(challenge))),
            Err(reason) => Became::Ended { version: challenge.version, reason },
        }
    };
    Challenge::end(held.path())?;
    Ok(Some(became))
}
