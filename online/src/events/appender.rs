//! The end of a log on disk: appends whole lines and syncs them, file after file.
//!
//! A write that fails is cut off again. A file that was cut, or that was written before this start, is never appended
//! to: else new lines could stand at offsets where a reader has already seen other ones.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use shared::contract::event_log::{Log, LogFile};

use super::LogError;
use super::lock::{last_number, lock, note_number};
use super::repair::cut_torn_end;
use crate::store::Position;

/// A log, and where it lies.
#[derive(Debug, Clone)]
pub struct Target {
    /// Which log.
    pub log: Log,
    /// Its folder.
    pub folder: PathBuf,
    /// The replica that writes it.
    pub replica: String,
    /// The size at which a new file is begun, in bytes.
    pub max_file_bytes: u64,
}

impl Target {
    /// The files of the log, in the order they were written.
    ///
    /// # Errors
    /// [`LogError::Io`] when the folder can't be read.
    pub fn files(&self) -> Result<Vec<LogFile>, LogError> {
        self.log.of_replica(&self.folder, &self.replica).map_err(LogError::io(&self.folder))
    }

    /// How many bytes its files have on disk.
    ///
    /// # Errors
    /// [`LogError::Io`] when the folder can't be read.
    pub fn stored(&self) -> Result<u64, LogError> {
        // A file that is moved away meanwhile has none.
        Ok(self.files()?.iter().filter_map(|file| file.path.metadata().ok()).map(|file| file.len()).sum())
    }

    fn path(&self, number: u64) -> PathBuf {
        self.log.path(&self.folder, &self.replica, number)
    }

    fn lock_path(&self) -> PathBuf {
        self.log.lock_path(&self.folder, &self.replica)
    }
}

/// The writing end of a log.
pub struct Appender {
    target: Target,
    file: File,
    path: PathBuf,
    /// The end of the log; everything before it is synced.
    end: Position,
    tail: Tail,
    /// Held as long as the appender lives.
    lock: File,
    /// The number that it holds.
    noted: u64,
}

/// The state of the file after its synced end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// Lines may be appended.
    Open,
    /// The next lines go into a new file, unless this one is empty.
    Closed,
    /// Parts of a failed append may follow; they are to be cut off.
    Torn,
}

/// Opens a file of the log, and makes its name durable if it is new.
fn open_file(folder: &Path, path: &Path) -> Result<File, LogError> {
    let file = File::options().create(true).read(true).append(true).open(path).map_err(LogError::io(path))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(LogError::io(folder))?;
    Ok(file)
}

impl Appender {
    /// Takes the lock of the log, and cuts off an unfinished last line.
    ///
    /// # Errors
    /// [`LogError`] when another process holds the lock, or the folder can't be written.
    pub fn open(target: Target) -> Result<Self, LogError> {
        let Target { log, folder, replica, .. } = &target;
        fs::create_dir_all(folder).map_err(LogError::io(folder))?;
        let lock = lock(&target.lock_path())?;
        let last = target.files()?.pop();
        let noted = last_number(&lock).map_err(LogError::io(target.lock_path()))?;
        let number = match last.filter(|last| last.number >= noted) {
            // One that is packed is closed for ever.
            Some(last) => last.number + u64::from(last.is_packed()),
            // The last one was moved away, and keeps its name to itself.
            None => noted + 1,
        };
        let path = target.path(number);
        let mut file = open_file(folder, &path)?;
        let log = LogFile { log: *log, replica: replica.clone(), number, path };
        let offset = cut_torn_end(folder, &log, &mut file)?;
        let end = Position { file: number, offset };
        Ok(Self { file, path: log.path, end, tail: Tail::Closed, lock, noted, target })
    }

    /// The log that is appended to.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The position where the log ends.
    #[must_use]
    pub fn end(&self) -> Position {
        self.end
    }

    /// Appends whole lines and syncs them; returns where they begin. The first lines of a file begin at its start. After
    /// an error none of them is in the log.
    ///
    /// # Errors
    /// [`LogError::Io`], such as on a full disk.
    pub fn append(&mut self, lines: &[u8]) -> Result<Position, LogError> {
        if self.tail == Tail::Torn {
            self.take_back()?;
        }
        let Position { file: number, offset: start } = self.end;
        if !self.path.exists() {
            tracing::error!(path = %self.path.display(), "the log's file is gone, and what was in it; a new one is begun");
            fs::create_dir_all(&self.target.folder).map_err(LogError::io(&self.target.folder))?;
            self.begin_file(number + 1)?;
        } else if start > 0 && (self.tail == Tail::Closed || start >= self.target.max_file_bytes) {
            self.begin_file(number + 1)?;
        }
        self.note_number()?;
        if let Err(source) = self.write(lines) {
            self.tail = Tail::Torn;
            // If this fails, it is tried again before the next append.
            if let Err(error) = self.take_back() {
                tracing::error!(%error, "a failed append can't be taken back yet");
            }
            return Err(LogError::Io { path: self.path.clone(), source });
        }
        let start = self.end;
        self.end.offset += lines.len() as u64;
        self.tail = Tail::Open;
        Ok(start)
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.file.write_all(lines)?;
        self.file.sync_data()
    }

    fn begin_file(&mut self, number: u64) -> Result<(), LogError> {
        let path = self.target.path(number);
        self.file = open_file(&self.target.folder, &path)?;
        (self.path, self.end) = (path, Position { file: number, offset: 0 });
        Ok(())
    }

    /// Notes that the name of the file is taken, before it is first written to.
    fn note_number(&mut self) -> Result<(), LogError> {
        if self.end.file > self.noted {
            note_number(&self.lock, self.end.file).map_err(LogError::io(self.target.lock_path()))?;
            self.noted = self.end.file;
        }
        Ok(())
    }

    /// Cuts off the parts of a failed append. The lock of the file keeps out who overwrites erased lines: a line that was
    /// cut off must not be written again.
    fn take_back(&mut self) -> Result<(), LogError> {
        let cut = self.file.lock().and_then(|()| {
            let cut = self.file.set_len(self.end.offset).and_then(|()| self.file.sync_all());
            self.file.unlock().and(cut)
        });
        cut.map_err(LogError::io(&self.path))?;
        self.tail = Tail::Closed;
        Ok(())
    }
}
