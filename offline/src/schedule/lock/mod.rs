//! What lets one scheduler at a time run the jobs; another one waits until the first is gone.
//!
//! The lock of the state folder is always taken. A lease in Redis or in an object store comes on top where the folder is
//! that of several machines, whose locks may not reach each other.

mod file;
mod objects;
mod redis;

use std::path::Path;

use jiff::Timestamp;
use shared::contract::artifact::ArtifactError;
use shared::objects::ObjectsError;

use crate::schedule::config::LockConfig;

pub use file::{FileLock, holder_of};
pub use objects::ObjectLease;
pub use redis::{Lease, LeaseError};

/// Why no lock can be asked for.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The folder can't be used.
    #[error(transparent)]
    Folder(#[from] ArtifactError),
    /// Redis is away.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The object store is away.
    #[error("the lock: {0}; or correct schedule.lock")]
    Objects(#[from] ObjectsError),
}

/// A lock that is held.
#[derive(Debug)]
pub enum Held {
    /// That of the folder.
    File(FileLock),
    /// That of the folder, and a lease in Redis.
    Redis(FileLock, Box<Lease>),
    /// That of the folder, and a lease in an object store.
    Objects(FileLock, Box<ObjectLease>),
}

impl Held {
    /// Whether it can be relied on now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        match self {
            Self::File(_) => true,
            Self::Redis(_, lease) => lease.is_held(),
            Self::Objects(_, lease) => lease.is_held(),
        }
    }

    /// Gives it back.
    pub async fn release(self) {
        match self {
            Self::File(_) => {}
            Self::Redis(_, lease) => lease.release().await,
            Self::Objects(_, lease) => lease.release().await,
        }
    }
}

/// This process, as others are told of it.
#[must_use]
pub fn holder() -> String {
    // If the system does not give its name, the process is identified by its number alone.
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "this machine".to_owned());
    let (pid, since) = (std::process::id(), Timestamp::now().strftime("%FT%T%.3fZ"));
    format!("process {pid} on {}, since {since}", host.trim())
}

/// Takes the lock.
///
/// # Errors
/// [`LockError`] where it can't be asked for. `Ok(Err)` names the holder.
pub async fn take(config: &LockConfig, name: &str, folder: &Path) -> Result<Result<Held, String>, LockError> {
    let holder = holder();
    let file = match file::take(folder, &holder).map_err(ArtifactError::io(folder))? {
        Ok(file) => file,
        Err(who) => return Ok(Err(who)),
    };
    match config {
        LockConfig::File => Ok(Ok(Held::File(file))),
        LockConfig::Redis(url) => {
            let lease = redis::take(url, name, &holder).await?;
            Ok(lease.map(|lease| Held::Redis(file, Box::new(lease))))
        }
        LockConfig::Objects(location) => {
            let lease = objects::take(location.open()?, name, &holder).await?;
            Ok(lease.map(|lease| Held::Objects(file, Box::new(lease))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_has_one_holder_who_is_named_and_the_next_one_gets_it_afterwards() {
        let folder = tempfile::tempdir().expect("a folder");
        let take = || take(&LockConfig::File, "shop", folder.path());
        let first = take().await.expect("asks").expect("is free");
        let who = take().await.expect("asks").expect_err("is held");
        assert!(who.starts_with(&format!("process {} on ", std::process::id())), "{who}");
        assert_eq!(holder_of(folder.path()), Some(who));
        first.release().await;
        assert_eq!(holder_of(folder.path()), None);
        assert!(take().await.expect("asks").is_ok());
    }
}
