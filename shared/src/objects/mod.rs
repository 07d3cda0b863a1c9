//! Artifacts and event logs in an object store: S3 and its look-alikes, Google Cloud Storage, Azure.
//!
//! ```text
//! <prefix>/v000001-ab12cd34/manifest.json                   a version; complete when this is there
//! <prefix>/v000001-ab12cd34/<sha256>/als.safetensors        its files, under the start of what they hash to
//! <prefix>/champion, aliases/…, labels/…, runs/…, models/…  the small files of the artifacts folder, as they are there
//! <prefix>/.revision                                        changes with every publication
//! <prefix>/.lease.json                                      who may publish versions, until when
//! ```
//!
//! A folder is a *mirror* of it ([`mirror`]): [`pull`] brings to the folder what a command needs, [`push`] brings to the
//! store what it made. Whatever reads or writes artifacts knows folders alone. Small files and manifests are replaced
//! only where the store still has what the mirror last saw, by conditional writes; files of versions are never replaced.
//! A reader that follows the pointers never meets half a version.
//!
//! Nothing here starts threads or looks at a clock. Costs: a request for each file that differs, and one listing.

pub mod lease;
pub mod location;
pub mod logs;
pub mod mirror;
pub mod pull;
pub mod push;
mod remote;
mod transfer;
mod variables;

use std::io;
use std::path::PathBuf;

pub use location::Location;
pub use remote::{Remote, Tag};

use crate::contract::artifact::ArtifactError;
use crate::contract::complaint::one_line;

/// Why an object store can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    /// The text is no URL of a store.
    #[error("{text}: {reason}; give s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX")]
    Location {
        /// What was given, without credentials.
        text: String,
        /// What is wrong.
        reason: String,
    },
    /// A variable of the environment is not what it should be.
    #[error("{location}: {reason}")]
    Variable {
        /// The store.
        location: String,
        /// Which variable, and what it should be.
        reason: String,
    },
    /// The store fails, or refuses.
    #[error("{object}: {}", advice(.source))]
    Store {
        /// The object.
        object: String,
        /// What the store said.
        source: object_store::Error,
    },
    /// A file of the mirror can't be read or written.
    #[error("{path}: {}", crate::contract::artifact::advice(.source))]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A part of the mirror is no artifact.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// An object is not what its manifest says.
    #[error("{object}: torn or foreign: its SHA-256 is not the manifest's; publish the version again")]
    Checksum {
        /// The object.
        object: String,
    },
    /// Somebody else changed an object meanwhile.
    #[error("{object}: changed by another publisher meanwhile; nothing of it was overwritten; run the command again")]
    Conflict {
        /// The object.
        object: String,
    },
    /// Somebody else publishes.
    #[error(
        "{location}: held by {holder}; wait for its end with --wait, or end it; killed, it holds this for 2 minutes more"
    )]
    Held {
        /// The store.
        location: String,
        /// Who holds it.
        holder: String,
    },
    /// The store lists nothing of what this mirror had.
    #[error(
        "{location}: nothing of what {folder} had is there any more; nothing was removed here; look at the bucket, and if it is \
         empty on purpose, remove {folder}"
    )]
    Emptied {
        /// The store.
        location: String,
        /// The mirror.
        folder: PathBuf,
    },
    /// Nobody has published anything, and nothing is in the mirror.
    #[error("{location}: nothing is published there; `offline run --artifacts {location}` publishes")]
    Empty {
        /// The store.
        location: String,
    },
}

impl ObjectsError {
    /// Wraps an I/O error with its path.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// Whether another may succeed where this try did not: the store is away or busy.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Store { source: object_store::Error::Generic { .. }, .. })
    }
}

/// What an error of the store means, and what to do.
fn advice(error: &object_store::Error) -> String {
    use object_store::Error as E;
    let text = error.to_string();
    // Before the body, which may be a page, is what was asked.
    let (asked, body) = text.split_at(text.find('<').unwrap_or(text.len()));
    let told = format!("{asked}{}", one_line(body));
    let says = |codes: &[&str]| codes.iter().any(|code| text.contains(&format!("<Code>{code}</Code>")));
    match error {
        _ if says(&["NoSuchBucket"]) => format!("there is no such bucket; look at the URL ({told})"),
        _ if says(&["InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"]) => {
            format!("the store does not know the credentials; set them ({told})")
        }
        E::PermissionDenied { .. } => format!("the store refuses; give these credentials the right to it ({told})"),
        E::Unauthenticated { .. } => format!("the store does not know the credentials; set them ({told})"),
        E::NotFound { .. } => format!("there is no such object or bucket; look at the URL ({told})"),
        _ if says(&["AccessDenied"]) => {
            format!("the store refuses; give these credentials the right to it ({told})")
        }
        _ => format!("the store can't be reached, or fails: {told}; try again when it is back"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_store_refuses_is_told_alike_whatever_was_asked() {
        let told = |code: &str| {
            let page = format!("<?xml version=\"1.0\"?>\n<Error>\n  <Code>{code}</Code>\n{}</Error>", "x".repeat(900));
            advice(&object_store::Error::Generic { store: "S3", source: format!("GET failed: {page}").into() })
        };
        for (code, words) in [
            ("NoSuchBucket", "no such bucket"),
            ("InvalidAccessKeyId", "does not know the credentials"),
            ("AccessDenied", "the store refuses"),
            ("SlowDown", "try again when it is back"),
        ] {
            let told = told(code);
            assert!(told.contains(words) && told.contains(code), "{told}");
            assert!(!told.contains('\n') && told.len() < 500, "{told}");
        }
    }
}
