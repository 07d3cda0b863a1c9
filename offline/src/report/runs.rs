//! How long the stages of a version's batch took, of the records of runs in the artifacts folder.

use std::path::Path;

use crate::runs::{Run, store};

/// The last run that made a version of the recommender; none where no record says so. Records that this build can't read are
/// passed over: the report is about the version.
#[must_use]
pub fn of_version(artifacts: &Path, version: &str) -> Option<Run> {
    let (runs, _) = store::list(&store::folder(artifacts)).ok()?;
    runs.into_iter().rfind(|run| run.model.is_none() && run.version.as_deref() == Some(version))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn the_last_run_that_made_a_version_is_found_among_others_and_what_is_none() {
        let folder = tempfile::tempdir().expect("temporary folder");
        assert_eq!(of_version(folder.path(), "v1"), None);
        let runs = store::folder(folder.path());
        let made = |id: &str, at: i64, version: Option<&str>, model: Option<&str>| {
            let now = Timestamp::from_millisecond(at).expect("a time");
            let begun = Run::begins(id.parse().expect("a name"), "run", now);
            let run = Run { version: version.map(str::to_owned), model: model.map(str::to_owned), ..begun };
            drop(store::begin(&runs, &run).expect("writes"));
        };
        made("b", 5, Some("v1"), None);
        made("a", 6, Some("v1"), None);
        made("c", 7, None, None);
        made("d", 8, Some("v1"), Some("loans"));
        std::fs::write(runs.join("e.json"), "{").expect("writes");
        assert_eq!(of_version(folder.path(), "v1").expect("a run").id.as_str(), "a");
    }
}
