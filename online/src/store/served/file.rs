//! The file of the slates that an embedded store remembers: appended to before an answer goes out, so that it outlives
//! the process, and rewritten when most of it is out of date.
//!
//! ```text
//! start ─▶ read up to the last whole frame ─▶ rewritten with what still counts
//! slate ─▶ one frame at the end (shared::engine::served::frame), not synced: a power failure may cost the last ones
//! sweep ─▶ longer than OUTGROWN times what counts ─▶ rewritten beside, while slates go on to be appended; renamed into place
//! ```
//!
//! It begins with the first slate that is to be remembered: a service that is asked for no feed has none. A frame that
//! fails half-way is overwritten by the next.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use shared::contract::id::UserId;
use shared::engine::served::ServedSlate;
use shared::engine::served::frame::{Frame, file_name, frames};

/// How many times as long as what counts in it the file may become.
const OUTGROWN: u64 = 4;
/// Up to this length it is not worth while.
const SMALL_BYTES: u64 = 1 << 20;

/// Why slates can't be kept.
#[derive(Debug, thiserror::Error)]
pub enum ServedFileError {
    /// The file can't be read or written.
    #[error("{path}: {source}; let the service write there, or name another folder by served.path")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process writes it.
    #[error(
        "{0} is held by another process; give each replica an events.replica, or a folder (served.path), of its own"
    )]
    Locked(PathBuf),
}

impl ServedFileError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}

/// The file.
#[derive(Debug)]
pub struct ServedFile {
    path: PathBuf,
    /// `None` until it is there.
    open: Mutex<Option<Open>>,
}

/// A file that this process writes.
#[derive(Debug)]
struct Open {
    file: File,
    /// Where the next frame goes.
    end: u64,
    /// What was appended since a rewrite began, if one is under way.
    since: Option<Vec<u8>>,
    /// Held for as long as the file is written.
    _lock: File,
}

impl ServedFile {
    /// The file of a replica in a folder.
    #[must_use]
    pub fn new(folder: &Path, replica: &str) -> Self {
        Self { path: folder.join(file_name(replica)), open: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `each` with the slates in it, in the order in which they were appended; there are none if there is no
    /// file.
    ///
    /// # Errors
    /// [`ServedFileError`].
    pub fn read(&self, mut each: impl FnMut(UserId, ServedSlate)) -> Result<(), ServedFileError> {
        let mut state = self.state();
        if !self.path.is_file() {
            return Ok(());
        }
        let open = self.opened(&mut state)?;
        let bytes = fs::read(&self.path).map_err(ServedFileError::io(&self.path))?;
        for Frame { user, slate, .. } in frames(&bytes[..open.end as usize]) {
            if let Some((user, slate)) = user.zip(slate) {
                each(user, slate);
            }
        }
        Ok(())
    }

    /// Appends a frame.
    ///
    /// # Errors
    /// [`ServedFileError`].
    pub fn append(&self, frame: &[u8]) -> Result<(), ServedFileError> {
        let mut state = self.state();
        let open = self.opened(&mut state)?;
        open.file.write_all_at(frame, open.end).map_err(ServedFileError::io(&self.path))?;
        open.end += frame.len() as u64;
        if let Some(since) = &mut open.since {
            since.extend(frame);
        }
        Ok(())
    }

    /// Whether it should be rewritten.
    ///
    /// * `live`: the bytes of what counts in it.
    #[must_use]
    pub fn is_outgrown(&self, live: u64) -> bool {
        self.state().as_ref().is_some_and(|open| open.end > SMALL_BYTES.max(OUTGROWN * live))
    }

    /// Rewrites it; slates may be appended meanwhile.
    ///
    /// * `live`: passes the frames of what counts to its argument.
    ///
    /// # Errors
    /// [`ServedFileError`]; the file is as it was.
    pub fn rewrite(
        &self,
        live: impl FnOnce(&mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()>,
    ) -> Result<(), ServedFileError> {
        match &mut *self.state() {
            Some(open) => open.since = Some(Vec::new()),
            None => return Ok(()),
        }
        let beside = self.path.with_extension("rewriting");
        let failed = || ServedFileError::io(&beside);
        let write = || {
            let mut writer = BufWriter::new(File::create(&beside)?);
            live(&mut |frame| writer.write_all(frame))?;
            let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
            // Else a power failure might leave neither the old nor the new one.
            file.sync_data()?;
            let end = file.metadata()?.len();
            Ok((file, end))
        };
        let written = write();
        let mut state = self.state();
        let Some(open) = &mut *state else { return Ok(()) };
        let since = open.since.take();
        let (file, end) = written.map_err(failed())?;
        // Without it somebody was erased meanwhile, of whom the new file may tell.
        let Some(since) = since else { return fs::remove_file(&beside).map_err(failed()) };
        file.write_all_at(&since, end).map_err(failed())?;
        fs::rename(&beside, &self.path).map_err(failed())?;
        (open.file, open.end) = (file, end + since.len() as u64);
        Ok(())
    }

    /// Gives up a rewrite that is under way, since something in it counts no more. A later one does without.
    pub fn abandon_rewrite(&self) {
        if let Some(open) = &mut *self.state() {
            open.since = None;
        }
    }

    fn opened<'a>(&self, state: &'a mut Option<Open>) -> Result<&'a mut Open, ServedFileError> {
        match state {
            Some(open) => Ok(open),
            closed => Ok(closed.insert(self.open()?)),
        }
    }

    /// Opens it, or makes it; what a crash tore off its end will be overwritten.
    fn open(&self) -> Result<Open, ServedFileError> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(ServedFileError::io(folder))?;
        }
        let lock_path = self.path.with_extension("lock");
        let lock = writable(&lock_path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ServedFileError::Locked(lock_path)),
            Err(TryLockError::Error(source)) => return Err(ServedFileError::io(&lock_path)(source)),
        }
        let file = writable(&self.path)?;
        let bytes = fs::read(&self.path).map_err(ServedFileError::io(&self.path))?;
        let end = frames(&bytes).last().map_or(0, |frame| frame.place.end as u64);
        if end < bytes.len() as u64 {
            tracing::info!(path = %self.path.display(), end, "a torn end of the served slates is cut off");
            file.set_len(end).map_err(ServedFileError::io(&self.path))?;
        }
        Ok(Open { file, end, since: None, _lock: lock })
    }
}

/// Opens a file for reading and writing, or makes it.
fn writable(path: &Path) -> Result<File, ServedFileError> {
    let opened = File::options().create(true).read(true).write(true).truncate(false).open(path);
    opened.map_err(ServedFileError::io(path))
}

#[cfg(test)]
mod tests {
    use shared::contract::id::ItemId;
    use shared::engine::served::SlateId;
    use shared::engine::served::frame::frame;

    use super::*;

    fn framed(user: &str, id: u64) -> Vec<u8> {
        let items = vec![ItemId::new("i").expect("an id")];
        let slate = ServedSlate { id: SlateId(id), feed: SlateId(id), served_ms: 5, items };
        frame(&UserId::new(user).expect("an id"), &slate)
    }

    fn read(file: &ServedFile) -> String {
        let mut found = Vec::new();
        file.read(|user, slate| found.push(format!("{}{}", user.as_str(), slate.id.0))).expect("reads");
        found.join(" ")
    }

    #[test]
    fn a_file_begins_with_the_first_slate_and_goes_on_behind_a_torn_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("served");
        assert_eq!(read(&ServedFile::new(&path, "a")), "");
        assert!(!path.exists());
        let file = ServedFile::new(&path, "a");
        [framed("u", 1), framed("v", 2)].iter().for_each(|frame| file.append(frame).expect("appends"));
        let locked = ServedFile::new(&path, "a").append(&framed("u", 3)).expect_err("is held").to_string();
        assert!(locked.contains("events.replica"), "{locked}");
        ServedFile::new(&path, "b").append(&framed("w", 9)).expect("another replica's");
        drop(file);
        let at = path.join(file_name("a"));
        let whole = fs::read(&at).expect("reads");
        fs::write(&at, [&whole[..], &framed("u", 4)[..9]].concat()).expect("writes");
        let file = ServedFile::new(&path, "a");
        assert_eq!(read(&file), "u1 v2");
        file.append(&framed("u", 5)).expect("appends");
        drop(file);
        assert_eq!(read(&ServedFile::new(&path, "a")), "u1 v2 u5");
    }

    #[test]
    fn what_is_appended_during_a_rewrite_is_in_the_new_file_and_an_erasure_ends_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = ServedFile::new(folder.path(), "a");
        (0..9).for_each(|id| file.append(&framed("u", id)).expect("appends"));
        assert!(!file.is_outgrown(0), "it is short");
        file.rewrite(|write| {
            write(&framed("u", 8))?;
            file.append(&framed("v", 9)).map_err(io::Error::other)
        })
        .expect("rewrites");
        assert_eq!(read(&file), "u8 v9");
        file.append(&framed("v", 10)).expect("appends");
        file.rewrite(|write| {
            file.abandon_rewrite();
            write(&framed("u", 8))
        })
        .expect("is given up");
        file.rewrite(|_| Err(io::Error::other("full"))).expect_err("fails");
        drop(file);
        assert_eq!(read(&ServedFile::new(folder.path(), "a")), "u8 v9 v10");
    }
}
