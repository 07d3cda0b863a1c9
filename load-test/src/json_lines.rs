//! Reads files of JSON lines: one value per line, read one at a time, so that a file may be larger than the memory.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// Why a file of JSON lines cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LinesError {
    /// The file cannot be opened or read.
    #[error("cannot read {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A line is not such a value.
    #[error("{path}, line {line}: {source}")]
    Line {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Reads the values of a file, each with the number of its line, from 1. Empty lines are passed over.
///
/// # Errors
/// [`LinesError::File`] when the file cannot be opened. An item is an error when reading fails or a line is no such
/// value.
pub fn read<T: DeserializeOwned>(
    path: &Path,
) -> Result<impl Iterator<Item = Result<(usize, T), LinesError>>, LinesError> {
    let failed = |source| LinesError::File { path: path.to_owned(), source };
    let lines = (1..).zip(BufReader::new(File::open(path).map_err(failed)?).lines());
    let value = move |(line, text): (usize, std::io::Result<String>)| match text {
        Ok(text) if text.trim().is_empty() => None,
        Ok(text) => {
            let wrong = |source| LinesError::Line { path: path.to_owned(), line, source };
            Some(serde_json::from_str(&text).map(|value| (line, value)).map_err(wrong))
        }
        Err(source) => Some(Err(LinesError::File { path: path.to_owned(), source })),
    };
    Ok(lines.filter_map(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_with_their_lines_until_one_is_wrong() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), "1\n\n3\r\nfour\n5").expect("written");
        let mut values = read::<u8>(file.path()).expect("opens");
        assert_eq!(values.next().expect("a line").expect("a number"), (1, 1));
        assert_eq!(values.next().expect("a line").expect("a number"), (3, 3));
        assert!(matches!(values.next(), Some(Err(LinesError::Line { line: 4, .. }))));
        assert_eq!(values.next().expect("a line").expect("a number"), (5, 5));
        assert!(values.next().is_none());
    }
}
