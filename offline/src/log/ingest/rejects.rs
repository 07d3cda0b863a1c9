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

    /// A file in place of one of an earlier run, which says nothing of this one.
    ///
    /// # Errors
    /// [`IngestError::Read`] if it is one of the files to read.
    pub fn instead_of_earlier(path: &Path, files: &[PathBuf]) -> Result<Self, IngestError> {
        let place = path.canonicalize().ok();
        if place.is_some() && files.iter().any(|file| file.canonicalize().ok() == place) {
            return Err(IngestError::read(path, "is a file of the log, and --rejects would write over it"));
        }
        if place.is_some_and(|place| place.is_file()) {
            std::fs::remove_file(path).map_err(|error| IngestError::read(path, error))?;
        }
        Ok(Self::new(path))
    }

    /// A file that goes on behind what was written by an earlier stage of the run.
    #[must_use]
    pub fn after_others(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None, goes_on: true }
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
    pub(crate) fn read(path: &Path, reason: impl ToString) -> Self {
        Self::Read { path: path.to_owned(), reason: reason.to_string() }
    }
}
