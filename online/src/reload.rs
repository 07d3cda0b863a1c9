//! Files that are read again when they change: keys and certificates.
//!
//! In: paths. Out: their contents, at first and after every change. They are compared by their contents, since times of
//! changes are coarse, and those of mounted secrets don't move. Costs a read of small files a second.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use prometheus::IntCounter;

/// Why a file can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", .path.display())]
pub struct ReadError {
    /// The file.
    path: PathBuf,
    /// What the system said.
    source: io::Error,
}

/// Some files that belong together, and what they had when they were last read.
#[derive(Debug)]
pub struct Files<const N: usize> {
    paths: [PathBuf; N],
    contents: [Vec<u8>; N],
}

impl<const N: usize> Files<N> {
    /// Reads files.
    ///
    /// # Errors
    /// [`ReadError`] names the first that can't be read.
    pub fn read(paths: [PathBuf; N]) -> Result<Self, ReadError> {
        let mut contents = [const { Vec::new() }; N];
        for (content, path) in contents.iter_mut().zip(&paths) {
            *content = std::fs::read(path).map_err(|source| ReadError { path: path.clone(), source })?;
        }
        Ok(Self { paths, contents })
    }

    /// What they had.
    #[must_use]
    pub fn contents(&self) -> &[Vec<u8>; N] {
        &self.contents
    }

    /// Gives what the files have to `take` whenever it has changed, for ever. What can't be read, or taken, is logged
    /// and counted once, and what was taken before stays in use.
    pub async fn watch<E: std::error::Error>(
        mut self,
        every: Duration,
        failures: IntCounter,
        take: impl Fn(&[Vec<u8>; N]) -> Result<(), E>,
    ) {
        let mut told = String::new();
        loop {
            tokio::time::sleep(every).await;
            let paths = self.paths.clone();
            let error = match tokio::task::spawn_blocking(|| Self::read(paths)).await {
                Ok(Ok(read)) if read.contents == self.contents => {
                    told.clear();
                    continue;
                }
                Ok(Ok(read)) => {
                    told.clear();
                    self = read;
                    take(&self.contents).err().map(|error| error.to_string())
                }
                Ok(Err(error)) => Some(error.to_string()).filter(|error| *error != told),
                Err(error) => Some(error.to_string()),
            };
            if let Some(error) = error {
                failures.inc();
                tracing::error!(error, "a changed file can't be used; what was read before stays in use");
                told = error;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_change_is_taken_once_and_one_that_is_refused_is_counted_once() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("file");
        std::fs::write(&path, "a").expect("writes");
        let files = Files::read([path.clone()]).expect("reads");
        let failures = IntCounter::new("failures", "of the test").expect("a counter");
        let taken = Arc::new(AtomicUsize::new(0));
        let (count, failed) = (taken.clone(), failures.clone());
        let watch = tokio::spawn(files.watch(Duration::from_millis(1), failed, move |[text]: &[Vec<u8>; 1]| {
            count.fetch_add(1, Ordering::Relaxed);
            if text == b"bad" { Err(io::Error::other("bad")) } else { Ok(()) }
        }));
        for (text, changes, refused) in [("b", 1, 0), ("bad", 2, 1), ("c", 3, 1)] {
            let next = folder.path().join("next");
            std::fs::write(&next, text).expect("writes");
            std::fs::rename(&next, &path).expect("in place");
            let seen = async {
                while taken.load(Ordering::Relaxed) < changes || failures.get() < refused {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(20), seen).await.expect("taken");
            assert_eq!((taken.load(Ordering::Relaxed), failures.get()), (changes, refused));
        }
        // Each time that it is gone is one.
        for (refused, changes) in [(2, 4), (3, 5)] {
            std::fs::remove_file(&path).expect("removes");
            let seen = async {
                while failures.get() < refused {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                let next = folder.path().join("next");
                std::fs::write(&next, format!("back {refused}")).expect("writes");
                std::fs::rename(&next, &path).expect("in place");
                while taken.load(Ordering::Relaxed) < changes {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(20), seen).await.expect("counted");
            assert_eq!(failures.get(), refused);
        }
        watch.abort();
    }
}
