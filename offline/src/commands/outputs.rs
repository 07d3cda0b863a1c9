//! Files that are written must not be among those that are read: they would be lost.

use std::path::{Path, PathBuf};

use anyhow::ensure;

/// Refuses an output that is an input.
///
/// * `inputs`: files and patterns; of a folder the files in it are not looked at, since readers pass over what is no input. Who
///   writes what would be an input gives the files that were found.
/// * `outputs`: by their options.
///
/// # Errors
/// When one is.
pub fn apart(inputs: impl IntoIterator<Item = PathBuf>, outputs: &[(&str, Option<&Path>)]) -> anyhow::Result<()> {
    let outputs = outputs.iter().filter_map(|(option, path)| Some((option, (*path)?.canonicalize().ok()?)));
    let outputs: Vec<(&&str, PathBuf)> = outputs.collect();
    if outputs.is_empty() {
        return Ok(());
    }
    for input in inputs {
        let matched = glob::glob(&input.to_string_lossy()).into_iter().flatten().flatten();
        for file in std::iter::once(input).chain(matched).filter_map(|file| file.canonicalize().ok()) {
            for (option, output) in &outputs {
                ensure!(file != *output, "{option} {}: is read; write to another file", output.display());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_that_is_read_is_refused_by_whatever_name() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let rows = folder.path().join("rows.csv");
        std::fs::write(&rows, "a\n1\n").expect("writes");
        let other = folder.path().join("./rows.csv");
        let pattern = folder.path().join("*.csv");
        for input in [rows.clone(), pattern] {
            let error = apart([input], &[("--out", Some(&other))]).expect_err("refused").to_string();
            assert!(error.starts_with("--out ") && error.ends_with("is read; write to another file"), "{error}");
        }
        let new = folder.path().join("new.csv");
        assert!(apart([rows], &[("--out", Some(&new)), ("--report", None)]).is_ok());
    }
}
