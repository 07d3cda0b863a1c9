//! Why the event log refuses.

use std::io;
use std::path::PathBuf;

use shared::contract::id::UserId;

use crate::store::StoreError;

/// Why the event log can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file system refuses.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It has reached its bound.
    #[error(
        "{folder}: the log has reached events.max_disk_bytes = {bound}; move its oldest packed files (.jsonl.zst) to another folder \
         that the batch reads too, or raise the bound"
    )]
    NoRoom {
        /// The folder.
        folder: PathBuf,
        /// The bound, in bytes.
        bound: u64,
    },
    /// Another process holds its lock.
    #[error("{0}: another process writes this replica's log; stop it, or give this one its own events.replica")]
    Locked(PathBuf),
    /// The histories can't be brought up to date.
    #[error("the log can't be applied: {0}")]
    Store(#[from] StoreError),
}

impl LogError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// Whether the disk, a quota, a limit of the process or the bound of the log leaves no room.
    pub(crate) fn lacks_room(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match self {
            Self::NoRoom { .. } => true,
            Self::Io { source, .. } => matches!(source.kind(), StorageFull | QuotaExceeded | FileTooLarge),
            Self::Locked(_) | Self::Store(_) => false,
        }
    }
}

/// Why events are not accepted.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AcceptError {
    /// Too many requests wait for the log.
    #[error("too many events are waiting to be written")]
    Full,
    /// The events can't be written; none of them is in the log.
    #[error("event log can't be written: {0}")]
    Write(String),
    /// There is no room for them; none of them is in the log.
    #[error("event log has no room: {0}")]
    NoRoom(String),
    /// The service is stopping.
    #[error("the event log is closed")]
    Closed,
}

impl From<&LogError> for AcceptError {
    fn from(error: &LogError) -> Self {
        let text = error.to_string();
        if error.lacks_room() { Self::NoRoom(text) } else { Self::Write(text) }
    }
}

/// Why a merge is not undone.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// There is no such merge, or none that is still remembered.
    #[error(
        "no merge of `{from}` into `{into}` is known; one is forgotten after history.ttl_days, and when 256 others of \
         `{from}` came after it"
    )]
    NotMerged {
        /// Whose past it would have been.
        from: UserId,
        /// Whose it would be.
        into: UserId,
    },
    /// It was undone before.
    #[error("the last merge of `{from}` into `{into}` was undone already")]
    Undone {
        /// Whose past it is.
        from: UserId,
        /// Whose it was.
        into: UserId,
    },
    /// The undo can't be written.
    #[error(transparent)]
    Accept(#[from] AcceptError),
    /// What is known of the merge can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}
