//! Packs the closed files of this replica's log that every version covers, which bounds what the log takes on disk.
//!
//! In: what is covered, whenever it changes. Out: packed files, see [`shared::contract::event_log::packed`]. A file is packed
//! when it is not the last one, so that nothing is appended to it, and every version in the folder has all its events. Those
//! are rarely read again: by the next batch, and where a history or a store is made anew. Another replica's files are its own
//! to pack.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use shared::contract::event_log::packed::pack;
use shared::contract::event_log::{Coverage, LogFile, Place, of_replica};
use tokio::sync::watch;

/// How long to wait after a failure, such as on a full disk.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// Packs what is covered, now and whenever that changes, as long as there is somebody to tell it.
pub async fn watch(folder: PathBuf, replica: String, mut covered: watch::Receiver<Arc<Coverage>>) {
    loop {
        let now = covered.borrow_and_update().clone();
        match pack_covered(&folder, &replica, &now).await {
            Ok(()) => {
                if covered.changed().await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "the event log can't be packed; it is tried again");
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }
}

/// Packs the files that are covered, one after the other.
async fn pack_covered(folder: &Path, replica: &str, covered: &Coverage) -> io::Result<()> {
    for file in to_pack(folder, replica, covered)? {
        let path = file.path.clone();
        // One file at a time, so that a service that stops does not wait for all of them.
        let freed = crate::background::blocking(move || pack(&file)).await;
        let freed = freed.unwrap_or_else(|panic| Err(io::Error::other(panic)))?;
        tracing::info!(path = %path.display(), freed, "a file of the event log is packed: every version has its events");
    }
    Ok(())
}

/// The files of a replica that are to be packed: plain ones before the last, with nothing that a version lacks.
///
/// # Errors
/// [`io::Error`] when the folder or a file can't be read.
pub fn to_pack(folder: &Path, replica: &str, covered: &Coverage) -> io::Result<Vec<LogFile>> {
    let mut files = of_replica(folder, replica)?;
    files.pop();
    let mut found = Vec::new();
    for file in files.into_iter().filter(|file| !file.is_packed()) {
        let end = file.length()?;
        if covered.covers(file.id()?.map(|file| Place { file, end })) {
            found.push(file);
        }
    }
    Ok(found)
}
