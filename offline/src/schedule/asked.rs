//! What `--now` asks for: a file for each job in the state folder, which the scheduler that runs the jobs takes up.

use std::fs;
use std::path::Path;

use shared::contract::artifact::ArtifactError;
use shared::contract::artifact::manifest::replace;

use crate::schedule::lock::holder;

const FOLDER: &str = "now";

/// Asks for a run of a job as soon as may be.
///
/// # Errors
/// [`ArtifactError::Io`].
pub fn ask(state: &Path, job: &str) -> Result<(), ArtifactError> {
    let folder = state.join(FOLDER);
    fs::create_dir_all(&folder).map_err(ArtifactError::io(&folder))?;
    // No two requests have the same text, so that each is taken up once.
    replace(&folder, job, format!("{}\n", holder()))
}

/// The request for a job, if there is one.
#[must_use]
pub fn request(state: &Path, job: &str) -> Option<String> {
    fs::read_to_string(state.join(FOLDER).join(job)).ok()
}

/// Removes a request that was taken up; another one that came meanwhile stays.
pub fn done(state: &Path, job: &str, request: &str) {
    if self::request(state, job).is_some_and(|own| own == request) {
        // One that stays is known by its text.
        let _ = fs::remove_file(state.join(FOLDER).join(job));
    }
}
