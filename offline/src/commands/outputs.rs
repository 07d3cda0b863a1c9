//! Files that are written: whole, and none of those that are read, which would be lost.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

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

/// Writes a file beside its place and moves it there when it is whole.
///
/// # Errors
/// When it can't be written.
pub fn write(path: &Path, write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = || format!("can't write {}", path.display());
    if path.exists() && !path.is_file() {
        // A pipe or a terminal.
        let mut out = std::io::BufWriter::new(std::fs::File::create(path).with_context(failed)?);
        write(&mut out).with_context(failed)?;
        return out.flush().with_context(failed);
    }
    // With the rights that any new file gets.
    let rights = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    let file = tempfile::Builder::new().permissions(rights).tempfile_in(folder).with_context(failed)?;
    let mut file = std::io::BufWriter::new(file);
    write(&mut file).with_context(failed)?;
    let file = file.into_inner().map_err(std::io::IntoInnerError::into_error).with_context(failed)?;
    file.persist(path).with_context(failed)?;
    Ok(())
}

/// As [`write()`]; the file's folder is made if it is not there.
///
/// # Errors
/// When it can't be written.
pub fn write_made(path: &Path, content: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> anyhow::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    write(path, content)
}

/// Where a page is in an artifacts folder, for the service to find it.
///
/// * `name`: what it is about.
#[must_use]
pub fn page_of(artifacts: &Path, name: &str) -> PathBuf {
    artifacts.join("reports").join(format!("{name}.html"))
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
