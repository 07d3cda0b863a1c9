//! The files of the event log and that of slates: shipped by each replica, and brought to the batch.
//!
//! ```text
//! <prefix>/events-<replica>-<number>.jsonl[.zst]     as in the folder of the log; noted beside it: the id of the file
//! <prefix>/slates-<replica>-<number>.jsonl[.zst]     the same; of one prefix or of two
//! ```
//!
//! A file is shipped again when it has changed: the open one grows, erased lines are overwritten, a closed one is packed.
//! What a replica removes stays in the store. Names are of the replica's choosing, so that two logs may claim one: a
//! file is never written over that of another log, which the ids tell apart.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use object_store::{Attribute, Attributes, Error, GetOptions};

use super::mirror::Mirror;
use super::remote::Listed;
use super::transfer::{Wanted, download, upload};
use super::{ObjectsError, Remote};
use crate::contract::event_log::{FileId, Log, LogFile};

/// What is noted beside a file.
const ID: Attribute = Attribute::Metadata(Cow::Borrowed("tandemid"));

/// So often the store is listed, should it change meanwhile.
const LOOKS: u32 = 5;

/// Which files are shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ship {
    /// Those that are written no more.
    Closed,
    /// The one that is being written too, as far as it is.
    All,
}

/// What of a log is in the store, by the names of its files.
#[derive(Debug, Default)]
pub struct Shipped(BTreeMap<String, State>);

/// A file when it was shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    bytes: u64,
    modified_ns: u128,
}

/// What a round of shipping did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// How many files were shipped.
    pub files: usize,
    /// How many bytes they have.
    pub bytes: u64,
    /// Files that stay, because the store has one of another log under their name.
    pub foreign: Vec<String>,
}

/// Ships what has changed of a replica's log.
///
/// # Errors
/// [`ObjectsError`]; what was not shipped is by the next round.
pub async fn ship(
    remote: &Remote,
    log: Log,
    folder: &Path,
    replica: &str,
    which: Ship,
    shipped: &mut Shipped,
) -> Result<Round, ObjectsError> {
    let files = log.of_replica(folder, replica).map_err(ObjectsError::file(folder))?;
    let open = files.last().map(|file| file.number);
    let mut round = Round::default();
    let mut there: Option<BTreeMap<String, Listed>> = None;
    for file in files {
        if which == Ship::Closed && Some(file.number) == open {
            continue;
        }
        match ship_file(remote, &file, &mut there, shipped, &mut round).await {
            // It was packed since it was listed, or removed: the log of slates is bounded.
            Err(ObjectsError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            done => done?,
        }
    }
    Ok(round)
}

/// Ships a file that has changed.
///
/// * `there`: what the store has, once it was asked.
async fn ship_file(
    remote: &Remote,
    file: &LogFile,
    there: &mut Option<BTreeMap<String, Listed>>,
    shipped: &mut Shipped,
    round: &mut Round,
) -> Result<(), ObjectsError> {
    let Some(name) = file.path.file_name().and_then(|name| name.to_str()) else { return Ok(()) };
    let state = state(file)?;
    if shipped.0.get(name) == Some(&state) {
        return Ok(());
    }
    let there = match there {
        Some(there) => there,
        there => there.insert(remote.list().await?),
    };
    let Some(id) = file.id().map_err(ObjectsError::file(&file.path))? else { return Ok(()) };
    let listed = there.get(name);
    if listed.is_some() && id_of(remote, name).await? != Some(id) {
        round.foreign.push(name.to_owned());
        return Ok(());
    }
    // After a start: what is as long there as here, and was written there since, was shipped before.
    let was_shipped = |listed: &Listed| {
        listed.bytes == state.bytes
            && listed.modified_ms > (state.modified_ns / 1_000_000) as i64
            && !shipped.0.contains_key(name)
    };
    if !listed.is_some_and(was_shipped) {
        let attributes = Attributes::from_iter([(ID, id.to_string())]);
        round.bytes += upload(remote, &file.path, name, attributes).await?;
        round.files += 1;
    }
    if let Some(plain) = name.strip_suffix(".zst").filter(|_| file.is_packed())
        && there.contains_key(plain)
        && id_of(remote, plain).await? == Some(id)
    {
        remote.remove(plain).await?;
    }
    shipped.0.insert(name.to_owned(), state);
    Ok(())
}

/// Length and time of a file.
fn state(file: &LogFile) -> Result<State, ObjectsError> {
    let found = fs::metadata(&file.path).map_err(ObjectsError::file(&file.path))?;
    let modified = found.modified().map_err(ObjectsError::file(&file.path))?;
    let modified_ns = modified.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    Ok(State { bytes: found.len(), modified_ns })
}

/// The id of the file that the store has under a name.
async fn id_of(remote: &Remote, name: &str) -> Result<Option<FileId>, ObjectsError> {
    let options = GetOptions { head: true, ..GetOptions::default() };
    let found = remote.store().get_opts(&remote.path(name), options).await.map_err(remote.failed(name))?;
    let noted = found.attributes.get(&ID).and_then(|id| u64::from_str_radix(id, 16).ok());
    Ok(noted.and_then(FileId::new))
}

/// Brings to a folder all files of a log that the store has, of all replicas, as they are there now.
///
/// * `tell`: is called for each file that is brought, with its name and length in bytes.
///
/// Returns how many bytes were brought.
///
/// # Errors
/// [`ObjectsError`]; what was brought stays.
pub async fn fetch(
    remote: &Remote,
    log: Log,
    folder: &Path,
    tell: &mut (dyn FnMut(&str, u64) + Send),
) -> Result<u64, ObjectsError> {
    fs::create_dir_all(folder).map_err(ObjectsError::file(folder))?;
    let (mut brought, mut looks) = (0, 0);
    loop {
        looks += 1;
        match fetch_listed(remote, log, folder, &mut brought, tell).await {
            // A file was shipped anew, or packed, since the listing.
            Err(ObjectsError::Conflict { .. } | ObjectsError::Store { source: Error::NotFound { .. }, .. })
                if looks < LOOKS => {}
            fetched => return fetched.map(|()| brought),
        }
    }
}

/// Brings what a listing has.
async fn fetch_listed(
    remote: &Remote,
    log: Log,
    folder: &Path,
    brought: &mut u64,
    tell: &mut (dyn FnMut(&str, u64) + Send),
) -> Result<(), ObjectsError> {
    let mut mirror = Mirror::read(folder, remote.location())?;
    let objects = remote.list().await?;
    for (name, listed) in &objects {
        let path = folder.join(name);
        let is_same = mirror.files.get(name).is_some_and(|alike| alike.tag == listed.tag) && path.is_file();
        if name.contains('/') || log.file_at(&path).is_none() || is_same {
            continue;
        }
        tell(name, listed.bytes);
        *brought += download(remote, name, Wanted::Tagged(&listed.tag), &path).await?;
        mirror.note(name, listed.tag.clone());
        mirror.write(folder)?;
    }
    for file in log.list(folder).map_err(ObjectsError::file(folder))? {
        let name = file.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // One that was packed has another name there.
        if !objects.contains_key(name) && mirror.files.remove(name).is_some() {
            fs::remove_file(&file.path).map_err(ObjectsError::file(&file.path))?;
        }
    }
    mirror.write(folder)
}
