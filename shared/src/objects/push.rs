//! From a folder to the store: files of versions, their manifests, small files, pointers, and then what is gone.
//!
//! ```text
//! files of new versions ─▶ manifests ─▶ small files ─▶ pointers ─▶ removals ─▶ revision
//! ```
//!
//! A version is there when its manifest is; a pointer moves after it. Each manifest and small file is written on the
//! condition that the store still has what this mirror saw: else somebody else published, and nothing of theirs is lost. What is
//! here is then given up, with the pointers that move together with it, unless another command of this machine made it, which
//! finds that out by itself.
//! What is cut is taken up by the next push: files that are there are not brought again.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use object_store::Attributes;

use super::mirror::{
    Files, Found, Mirror, REVISION, Stamp, digest, files_of, is_list, is_pointer, is_whole, look, move_together, names,
    object_of, part_of,
};
use super::pull::Seen;
use super::remote::{If, Listed};
use super::transfer::upload;
use super::{ObjectsError, Remote};
use crate::contract::artifact::manifest::{CHAMPION, MANIFEST};

/// After how long, in milliseconds, files of a version without a manifest are no push that is under way.
const ORPHAN_MS: i64 = 24 * 3_600_000;

/// Whose the push is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Of a command that makes no versions, and removes none.
    Noter,
    /// Of the one that has the lease: what it pruned is removed, and files of versions that were never completed.
    Builder,
}

/// Brings to the store what the folder has, and the store has not.
///
/// * `before`: the folder after [`super::pull::pull`]; what was in it and is gone is removed from the store.
/// * `seen`: what that pull saw.
/// * `by`: whose it is.
/// * `revision`: a text that no other push has.
/// * `tell`: is called for each file of a version that is brought, with its name and length in bytes.
///
/// Returns whether anything was written.
///
/// # Errors
/// [`ObjectsError::Conflict`] where another has published; any other error leaves what a later push takes up.
pub async fn push(
    remote: &Remote,
    folder: &Path,
    before: &Found,
    seen: &Seen,
    by: By,
    revision: &str,
    tell: &mut (dyn FnMut(&str, u64) + Send),
) -> Result<bool, ObjectsError> {
    let mut mirror = Mirror::read(folder, remote.location())?;
    let now = look(folder)?;
    let mut wrote = false;
    for version in &now.versions {
        wrote |= push_version(remote, folder, version, &mut mirror, seen, tell).await?;
    }
    let (pointers, others): (Vec<&String>, Vec<&String>) = now.small.iter().partition(|name| is_pointer(name));
    // The list of champions before the champion: a rollback must find it in there.
    let (lists, pointers): (Vec<&String>, Vec<&String>) =
        pointers.into_iter().partition(|name| name.ends_with("champions"));
    for name in others.into_iter().chain(lists).chain(pointers) {
        let content = fs::read(folder.join(name)).map_err(ObjectsError::file(folder.join(name)))?;
        let put = put(remote, folder, name, &content, &mut mirror, seen).await;
        if let Err(ObjectsError::Conflict { .. }) = put {
            give_up_with(name, folder, [before, &now], &mut mirror, seen)?;
        }
        wrote |= put?;
    }
    let gone = before.small.difference(&now.small).filter(|name| !is_list(name) && **name != CHAMPION);
    for name in gone.filter(|name| mirror.files.contains_key(*name)).cloned().collect::<Vec<_>>() {
        let removed = remove(remote, folder, &name, &mut mirror).await;
        if let Err(ObjectsError::Conflict { .. }) = removed {
            give_up_with(&name, folder, [before, &now], &mut mirror, seen)?;
        }
        removed?;
        wrote = true;
    }
    if by == By::Builder {
        wrote |= remove_versions(remote, before, &now, &mut mirror).await?;
    }
    mirror.write(folder)?;
    if wrote {
        remote.write(REVISION, revision.as_bytes(), If::Anyhow).await?;
    }
    Ok(wrote)
}

/// Brings a version to the store, unless it is there; its manifest last.
async fn push_version(
    remote: &Remote,
    folder: &Path,
    version: &str,
    mirror: &mut Mirror,
    seen: &Seen,
    tell: &mut (dyn FnMut(&str, u64) + Send),
) -> Result<bool, ObjectsError> {
    let path = folder.join(version).join(MANIFEST);
    let manifest = fs::read(&path).map_err(ObjectsError::file(&path))?;
    let name = format!("{version}/{MANIFEST}");
    if mirror.files.get(&name).is_some_and(|alike| alike.sha256 == digest(&manifest)) {
        return Ok(false);
    }
    let files = files_of(folder, version)?.unwrap_or_default();
    if !is_whole(folder, version, &files) {
        // Its files were never brought here: it is not this folder's to publish.
        return Ok(false);
    }
    for (file, sha256) in &files.files {
        let (from, object) = (folder.join(version).join(file), object_of(version, file, sha256));
        let bytes = fs::metadata(&from).map_err(ObjectsError::file(&from))?.len();
        if seen.objects.get(&object).is_some_and(|listed| listed.bytes == bytes) {
            continue;
        }
        tell(&format!("{version}/{file}"), bytes);
        upload(remote, &from, &object, Attributes::new()).await?;
    }
    if !put(remote, folder, &name, &manifest, mirror, seen).await? {
        return Ok(false);
    }
    remove_stale(remote, version, &files, seen).await?;
    Ok(true)
}

/// Writes a small object, if the store has what this mirror saw. What another command changed is left to that one if not.
async fn put(
    remote: &Remote,
    folder: &Path,
    name: &str,
    content: &[u8],
    mirror: &mut Mirror,
    seen: &Seen,
) -> Result<bool, ObjectsError> {
    let (known, is_given_up) = (mirror.files.get(name), mirror.is_given_up(name));
    if !is_given_up && known.is_some_and(|alike| alike.sha256 == digest(content)) {
        return Ok(false);
    }
    let written = if is_given_up {
        // By another command of this machine, since this one pulled.
        Err(ObjectsError::Conflict { object: remote.called(name) })
    } else {
        remote.write(name, content, known.map_or(If::Absent, |alike| If::Is(&alike.tag))).await
    };
    match written {
        Err(ObjectsError::Conflict { .. }) if is_left(folder, name, seen) => return Ok(false),
        Err(ObjectsError::Conflict { object }) => {
            mirror.give_up(name, content);
            mirror.write(folder)?;
            return Err(ObjectsError::Conflict { object });
        }
        tag => mirror.alike(name, tag?, content),
    }
    mirror.write(folder)?;
    Ok(true)
}

/// Whether a file is as another command had left it when this one pulled.
fn is_left(folder: &Path, name: &str, seen: &Seen) -> bool {
    seen.others.get(name).is_some_and(|left| Stamp::of(&folder.join(name)).as_ref() == Some(left))
}

/// Gives up, with a pointer that the store has another of, what was done here to those that move together with it: one that
/// stayed would be taken for another command's by the next pull.
///
/// * `found`: the folder before, and now.
fn give_up_with(
    name: &str,
    folder: &Path,
    [before, now]: [&Found; 2],
    mirror: &mut Mirror,
    seen: &Seen,
) -> Result<(), ObjectsError> {
    for other in now.small.iter().filter(|other| move_together(name, other)) {
        let content = fs::read(folder.join(other)).map_err(ObjectsError::file(folder.join(other)))?;
        let is_alike = mirror.files.get(other).is_some_and(|alike| alike.sha256 == digest(&content));
        if !is_alike && !is_left(folder, other, seen) {
            mirror.give_up(other, &content);
        }
    }
    // What was removed is brought again.
    for other in before.small.difference(&now.small).filter(|other| move_together(name, other)) {
        mirror.files.remove(other);
    }
    mirror.write(folder)
}

/// Removes a small object that was removed here, if the store has what this mirror saw; else the next pull brings it again.
async fn remove(remote: &Remote, folder: &Path, name: &str, mirror: &mut Mirror) -> Result<(), ObjectsError> {
    let known = mirror.files.remove(name);
    // Stores have no removal on a condition: what is written between the look and the removal is lost.
    let found = remote.read(name).await?;
    if found.is_some_and(|found| known.is_none_or(|alike| alike.tag != found.tag)) {
        mirror.write(folder)?;
        return Err(ObjectsError::Conflict { object: remote.called(name) });
    }
    remote.remove(name).await
}

/// Removes the files that an earlier manifest of a version had, and this one has not.
async fn remove_stale(remote: &Remote, version: &str, files: &Files, seen: &Seen) -> Result<(), ObjectsError> {
    let used: BTreeSet<String> = files.files.iter().map(|(file, sha256)| object_of(version, file, sha256)).collect();
    let (begin, manifest) = (format!("{version}/"), format!("{version}/{MANIFEST}"));
    for name in
        seen.objects.keys().filter(|name| name.starts_with(&begin) && **name != manifest && !used.contains(*name))
    {
        remote.remove(name).await?;
    }
    Ok(())
}

/// Removes from the store the versions that were in the folder before, and are no more, and files that are of none.
///
/// What is there is looked at again: a version that somebody has named meanwhile stays, and one that was completed.
async fn remove_versions(
    remote: &Remote,
    before: &Found,
    now: &Found,
    mirror: &mut Mirror,
) -> Result<bool, ObjectsError> {
    let manifest_of = |version: &str| format!("{version}/{MANIFEST}");
    let is_known = |version: &&String, mirror: &Mirror| mirror.files.contains_key(&manifest_of(version));
    let pruned: Vec<&String> =
        before.versions.difference(&now.versions).filter(|name| is_known(name, mirror)).collect();
    let objects = remote.list().await?;
    // The store's clock, by what was just written.
    let now_ms = objects.values().map(|listed| listed.modified_ms).max().unwrap_or_default();
    let mut pointers = Vec::new();
    for name in objects.keys().filter(|name| !pruned.is_empty() && is_pointer(name)) {
        let text = remote.read(name).await?.map(|small| small.bytes).unwrap_or_default();
        pointers.push((name, String::from_utf8_lossy(&text).into_owned()));
    }
    let mut removed = false;
    for version in pruned {
        if pointers.iter().any(|(pointer, text)| names(pointer, text, version)) {
            continue;
        }
        // Without a manifest it is no version any more, whatever of it stays.
        remote.remove(&manifest_of(version)).await?;
        mirror.files.remove(&manifest_of(version));
        for name in objects.keys().filter(|name| part_of(name) == Some(version)) {
            remote.remove(name).await?;
        }
        removed = true;
    }
    let is_old = |listed: &Listed| now_ms - listed.modified_ms > ORPHAN_MS;
    for (name, _) in objects.iter().filter(|(_, listed)| is_old(listed)) {
        let Some(version) = part_of(name) else { continue };
        let manifest = manifest_of(version);
        if !objects.contains_key(&manifest) && remote.read(&manifest).await?.is_none() {
            remote.remove(name).await?;
        }
    }
    Ok(removed)
}
