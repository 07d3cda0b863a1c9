//! The two locks of a folder of versions: a long one for building, and a short one for what points to versions.
//!
//! ```text
//! .lock            Artifacts   for as long as a batch runs: versions are built, placed, rewritten, copied, removed
//! .pointers.lock   Pointers    for moments: champion, aliases, what is said of versions, the challenge of a model
//! ```
//!
//! Whoever moves a pointer takes the short lock alone, so that a rollback does not wait for a batch that builds. A batch takes
//! it beside the long one when it promotes and prunes: what is removed is decided while no pointer moves, so that no version
//! goes that was just named or rolled back to. What takes long is done before or after: `offline erase` takes the short lock for
//! each exchange of a version, `offline score train` when the contest is over and the version is written. The long one always
//! comes first, and nobody waits for it who has the short one.
//!
//! The locks are the operating system's, on files: they end with the process that holds them, even if that is killed. The text
//! in a file only tells people who holds the lock.

use std::fs::{self, File, TryLockError};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use shared::contract::artifact::ArtifactError;

use super::PublishError;

/// The file of the long lock, beside the versions.
const LOCK: &str = ".lock";
/// The file of the short one.
const POINTERS: &str = ".pointers.lock";
/// The time between two tries to take a lock that another process holds.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// An artifacts folder with its long lock: as long as this lives, no other process builds, places or removes versions in it.
#[derive(Debug)]
pub struct Artifacts {
    path: PathBuf,
    command: String,
    _lock: Lock,
}

impl Artifacts {
    /// Takes the lock of an artifacts folder, which is created if it does not exist.
    ///
    /// * `command`: the command that takes it, such as `offline run`. Without arguments, which may hold a password.
    /// * `patience`: how long to wait for another batch that holds the lock.
    ///
    /// # Errors
    /// [`PublishError::Held`] names the batch that holds the lock.
    pub fn hold(path: &Path, command: &str, patience: Duration) -> Result<Self, PublishError> {
        fs::create_dir_all(path).map_err(ArtifactError::io(path))?;
        let lock = Lock::take(path, LOCK, command, patience)?;
        Ok(Self { path: path.to_owned(), command: command.to_owned(), _lock: lock })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of a version in it.
    #[must_use]
    pub fn version(&self, version: &str) -> PathBuf {
        self.path.join(version)
    }

    /// Takes the short lock, too. A batch has worked for it, and waits as long as another process has it.
    ///
    /// # Errors
    /// [`PublishError::Artifact`] when the lock can't be written.
    pub fn pointers(&self) -> Result<Pointers, PublishError> {
        Pointers::take(&self.path, &self.command, Duration::MAX)
    }
}

/// A folder of versions with its short lock: as long as this lives, no other process moves its champion or its aliases, says
/// anything of its versions, or removes one.
#[derive(Debug)]
pub struct Pointers {
    path: PathBuf,
    _lock: Lock,
}

impl Pointers {
    /// Takes the lock of a folder of versions that is there.
    ///
    /// * `command`: as of [`Artifacts::hold`].
    /// * `patience`: how long to wait for another process that holds the lock.
    ///
    /// # Errors
    /// [`PublishError::NoFolder`], and [`PublishError::Held`], which names the process that holds the lock.
    pub fn take(path: &Path, command: &str, patience: Duration) -> Result<Self, PublishError> {
        if !path.is_dir() {
            return Err(PublishError::NoFolder(path.to_owned()));
        }
        Ok(Self { path: path.to_owned(), _lock: Lock::take(path, POINTERS, command, patience)? })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of a version in it.
    #[must_use]
    pub fn version(&self, version: &str) -> PathBuf {
        self.path.join(version)
    }
}

/// A lock that is held, with the words of its holder in its file.
#[derive(Debug)]
struct Lock(File);

impl Lock {
    fn take(folder: &Path, name: &str, command: &str, patience: Duration) -> Result<Self, PublishError> {
        let file = folder.join(name);
        let failed = || ArtifactError::io(&file);
        let lock = File::options().read(true).write(true).create(true).truncate(false).open(&file).map_err(failed())?;
        let (begin, mut told) = (Instant::now(), false);
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(failed()(error).into()),
                Err(TryLockError::WouldBlock) if begin.elapsed() < patience => {
                    if !told {
                        eprintln!("waiting for {}, which is held by {}", folder.display(), holder(&file));
                        told = true;
                    }
                    std::thread::sleep(LOOK_EVERY);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(PublishError::Held { artifacts: folder.to_owned(), holder: holder(&file) });
                }
            }
        }
        let mut lock = Self(lock);
        lock.sign(command).map_err(failed())?;
        Ok(lock)
    }

    fn sign(&mut self, command: &str) -> std::io::Result<()> {
        // If the system does not give its name, the process is identified by its number alone.
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "this machine".to_owned());
        let (pid, since) = (std::process::id(), Timestamp::now().strftime("%FT%TZ"));
        self.0.set_len(0)?;
        self.0.rewind()?;
        writeln!(self.0, "process {pid} on {}: `{command}`, since {since}", host.trim())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Text that is left here is overwritten by the next holder.
        let _ = self.0.set_len(0);
    }
}

/// The text in which the holder of a lock describes itself.
fn holder(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    if text.trim().is_empty() { "another process".to_owned() } else { text.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_holder_who_is_named_and_the_next_one_gets_it_afterwards() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let first = Artifacts::hold(folder.path(), "offline run", Duration::ZERO).expect("is free");
        let error = Artifacts::hold(folder.path(), "offline train", Duration::ZERO).expect_err("is held").to_string();
        assert!(error.contains(&format!("process {} on ", std::process::id())), "{error}");
        assert!(error.contains("`offline run`, since 20"), "{error}");
        drop(first);
        Artifacts::hold(folder.path(), "offline train", Duration::ZERO).expect("is free again");
    }

    #[test]
    fn the_words_of_a_holder_who_died_are_in_nobodys_way() {
        let folder = tempfile::tempdir().expect("temporary folder");
        fs::write(folder.path().join(LOCK), "process 1 on a-host-that-burnt: `offline run`, since 2026\n")
            .expect("writes");
        Artifacts::hold(folder.path(), "offline run", Duration::ZERO).expect("is free");
    }

    #[test]
    fn who_waits_gets_the_folder_when_the_holder_is_done() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let first = Artifacts::hold(folder.path(), "offline run", Duration::ZERO).expect("is free");
        std::thread::scope(|scope| {
            let second = scope.spawn(|| Artifacts::hold(folder.path(), "offline run", Duration::MAX).is_ok());
            drop(first);
            assert!(second.join().expect("no panic"));
        });
    }

    #[test]
    fn pointers_have_a_lock_of_their_own_which_a_batch_takes_beside_its_own() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let batch = Artifacts::hold(folder.path(), "offline run", Duration::ZERO).expect("is free");
        let rollback = Pointers::take(folder.path(), "offline rollback", Duration::ZERO).expect("is free");
        let error = Pointers::take(folder.path(), "offline versions", Duration::ZERO).expect_err("is held").to_string();
        assert!(error.contains("`offline rollback`, since 20"), "{error}");
        drop(rollback);
        let _pointers = batch.pointers().expect("is free");
        let absent = Pointers::take(&folder.path().join("absent"), "offline rollback", Duration::ZERO);
        assert!(matches!(absent, Err(PublishError::NoFolder(_))));
    }
}
