//! The lock of an artifacts folder, which lets only one batch at a time write to it.
//!
//! The lock is the operating system's, on the file `.lock`: it ends with the process that holds it, even if that is
//! killed. The text in the file only tells people who holds the lock.

use std::fs::{self, File, TryLockError};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use shared::contract::artifact::ArtifactError;

use super::PublishError;

/// The lock's file, beside the versions.
const LOCK: &str = ".lock";
/// The time between two tries to take a lock that another batch holds.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// An artifacts folder with its lock: as long as this lives, no other process builds, publishes or prunes in it.
#[derive(Debug)]
pub struct Artifacts {
    path: PathBuf,
    lock: File,
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
        let file = path.join(LOCK);
        let failed = || ArtifactError::io(&file);
        let lock = File::options().read(true).write(true).create(true).truncate(false).open(&file).map_err(failed())?;
        let (begin, mut told) = (Instant::now(), false);
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(failed()(error).into()),
                Err(TryLockError::WouldBlock) if begin.elapsed() < patience => {
                    if !told {
                        eprintln!("waiting for {}, which is held by {}", path.display(), holder(&file));
                        told = true;
                    }
                    std::thread::sleep(LOOK_EVERY);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(PublishError::Held { artifacts: path.to_owned(), holder: holder(&file) });
                }
            }
        }
        let mut artifacts = Self { path: path.to_owned(), lock };
        artifacts.sign(command).map_err(failed())?;
        Ok(artifacts)
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

    fn sign(&mut self, command: &str) -> std::io::Result<()> {
        // If the system does not give its name, the process is identified by its number alone.
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "this machine".to_owned());
        let (pid, since) = (std::process::id(), Timestamp::now().strftime("%FT%TZ"));
        self.lock.set_len(0)?;
        self.lock.rewind()?;
        writeln!(self.lock, "process {pid} on {}: `{command}`, since {since}", host.trim())
    }
}

impl Drop for Artifacts {
    fn drop(&mut self) {
        // Text that is left here is overwritten by the next holder.
        let _ = self.lock.set_len(0);
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
}
