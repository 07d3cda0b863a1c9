//! Writes bad rows as JSON lines.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::IngestError;
use super::read::RowAt;

/// The file that bad rows are written to; it is made for the first one.
pub struct Rejects {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    goes_on: bool,
}

impl Rejects {
    /// A file in place of any that is there.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None, goes_on: false }
    }

    /// A file that goes on behind what was written by an earlier stage of the run.
    #[must_use]
    pub fn after_others(path: &Path) -> Self {
        Self { goes_on: true, ..Self::new(path) }
    }

    /// Writes a row.
    ///
    /// * `raw`: what the file has in its place.
    ///
    /// # Errors
    /// [`IngestError::Read`] when it can't be written.
    pub fn write(&mut self, file: &Path, at: RowAt, reason: &str, raw: &str) -> Result<(), IngestError> {
        if self.file.is_none() {
            let mut options = File::options();
            let options = options.create(true).write(true).append(self.goes_on).truncate(!self.goes_on);
            let created = options.open(&self.path).map_err(|error| IngestError::read(&self.path, error))?;
            self.file = Some(BufWriter::new(created));
        }
        let Some(out) = &mut self.file else { return Ok(()) };
        let line = serde_json::json!({ "file": file, "row": at.number, "reason": reason, "raw": raw });
        writeln!(out, "{line}").map_err(|error| IngestError::read(&self.path, error))
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    /// [`IngestError::Read`] when it can't be written.
    pub fn close(self) -> Result<(), IngestError> {
        match self.file {
            Some(mut file) => file.flush().map_err(|error| IngestError::read(&self.path, error)),
            None => Ok(()),
        }
    }
}

impl IngestError {
    /// A file that can't be read.
    pub(super) fn read(path: &Path, reason: impl ToString) -> Self {
        Self::Read { path: path.to_owned(), reason: reason.to_string() }
    }
}
