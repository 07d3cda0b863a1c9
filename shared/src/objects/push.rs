//! From a folder to the store: files of versions, their manifests, small files, pointers, and then what is gone.
//!
//! ```text
//! files of new versions ─▶ manifests ─▶ small files ─▶ pointers ─▶ removals ─▶ revision
//! ```
//!
//! A version is there when its manifest is; a pointer moves after it. Each manifest and small file is written on the
//! condition that the store still has what this mirror saw: else somebody else published, and nothing of theirs is lost.
//! What is cut is taken up by the next push: files that are there are not brought again.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use object_store::Attributes;

use super::mirror::{Files, Found, Mirror, REVISION, digest, files_of, is_pointer, is_whole, look, object_of, part_of};
use super::pull::Seen;
use super::remote::If;
use super::transfer::upload;
use super::{ObjectsError, Remote};
use crate::contract::artifact::manifest::MANIFEST;

/// What becomes of files of versions in the store that have no manifest: those of a batch that was killed while it pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphans {
    /// They may be of a push that is under way.
    Stay,
    /// Nobody else builds: they are removed.
    Go,
}

/// Brings to the store what the folder has, and the store has not.
///
/// * `before`: the folder after [`super::pull::pull`]; what was in it and is gone is removed from the store.
/// * `seen`: what that pull saw.
/// * `orphans`: what becomes of files without a manifest.
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
    orphans: Orphans,
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
        wrote |= put(remote, folder, name, &content, &mut mirror).await?;
    }
    wrote |= remove_gone(remote, folder, before, &now, &mut mirror, seen).await?;
    if orphans == Orphans::Go {
        remove_orphans(remote, &now, seen).await?;
    }
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
    let wrote = put(remote, folder, &name, &manifest, mirror).await?;
    remove_stale(remote, version, &files, seen).await?;
    Ok(wrote)
}

/// Writes a small object, if the store has what this mirror saw.
async fn put(
    remote: &Remote,
    folder: &Path,
    name: &str,
    content: &[u8],
    mirror: &mut Mirror,
) -> Result<bool, ObjectsError> {
    let known = mirror.files.get(name);
    if known.is_some_and(|alike| alike.sha256 == digest(content)) {
        return Ok(false);
    }
    let when = known.map_or(If::Absent, |alike| If::Is(&alike.etag));
    let etag = remote.write(name, content, when).await?;
    mirror.alike(name, etag, content);
    mirror.write(folder)?;
    Ok(true)
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

/// Removes files of versions that are none.
async fn remove_orphans(remote: &Remote, now: &Found, seen: &Seen) -> Result<(), ObjectsError> {
    let is_version =
        |version: &str| now.versions.contains(version) || seen.objects.contains_key(&format!("{version}/{MANIFEST}"));
    for name in seen.objects.keys().filter(|name| part_of(name).is_some_and(|version| !is_version(version))) {
        remote.remove(name).await?;
    }
    Ok(())
}

/// Removes from the store what was in the folder before, and is no more.
async fn remove_gone(
    remote: &Remote,
    folder: &Path,
    before: &Found,
    now: &Found,
    mirror: &mut Mirror,
    seen: &Seen,
) -> Result<bool, ObjectsError> {
    let mut removed = false;
    for name in before.small.difference(&now.small) {
        remote.remove(name).await?;
        mirror.files.remove(name);
        removed = true;
    }
    for version in before.versions.difference(&now.versions) {
        // Without a manifest it is no version any more, whatever of it stays.
        let manifest = format!("{version}/{MANIFEST}");
        remote.remove(&manifest).await?;
        mirror.files.remove(&manifest);
        let begin = format!("{version}/");
        for name in seen.objects.keys().filter(|name| name.starts_with(&begin) && **name != manifest) {
            remote.remove(name).await?;
        }
        removed = true;
    }
    mirror.write(folder)?;
    Ok(removed)
}
