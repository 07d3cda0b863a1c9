//! From the store to a folder: manifests, the files of the versions that are needed, and then the small files, pointers last.
//!
//! ```text
//! list ─▶ manifests, pointers (in memory) ─▶ files of versions to .incoming/ ─▶ rename ─▶ small files ─▶ pointers
//! ```
//!
//! What is cut goes on where it was: a file of a version is kept in `.incoming/` up to the byte that came. Where a small
//! file or a manifest changed on both sides the store's is taken: nobody but the folder knew of the other. But where another command
//! works in the folder it may have been changed by that one: it is left, with the tag that was seen, and the other's push finds
//! that the store has moved on.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::mirror::{
    Alike, Files, Found, Mirror, Stamp, digest, files_of, is_list, is_pointer, is_whole, look, names, object_of,
    part_of, version_of,
};
use super::remote::{Listed, Small};
use super::transfer::{Wanted, download};
use super::{ObjectsError, Remote};
use crate::contract::artifact::manifest::{MANIFEST, replace, sha256 as hash, sync_folder};

/// Where versions are brought together.
const INCOMING: &str = ".incoming";
/// The name that a version has while another of its name takes its place.
const OUTGOING: &str = ".outgoing";
/// So many small objects are asked for at once.
const READS_AT_ONCE: usize = 16;
/// So many files of a version are brought at once.
const DOWNLOADS_AT_ONCE: usize = 4;

/// Which versions are brought with all their files; of the others the manifest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// None.
    Manifests,
    /// Those that a pointer names: champions, aliases, challengers.
    Named,
    /// These, and those that a rollback can go back to. One that can't be brought is passed over, with a word.
    Champions,
    /// All.
    All,
}

/// Who else works in the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// Nobody: what is other than it was brought is of a command that was killed.
    Nobody,
    /// Other commands, which bring to the store themselves what they changed.
    Others,
}

/// What a store had when it was looked at.
#[derive(Debug, Default)]
pub struct Seen {
    /// All objects.
    pub objects: BTreeMap<String, Listed>,
    /// How many bytes of versions were brought.
    pub brought: u64,
    /// What other commands have changed in the folder and not brought to the store yet, by name. Who writes one anew makes it
    /// its own.
    pub others: BTreeMap<String, Stamp>,
}

/// Brings to a folder what the store has.
///
/// * `beside`: who else works in the folder.
/// * `also`: names of versions that are needed, too.
/// * `tell`: is called for each file of a version that is brought, with its name and length in bytes.
///
/// # Errors
/// [`ObjectsError`]; the folder's pointers are then what they were.
pub async fn pull(
    remote: &Remote,
    folder: &Path,
    need: Need,
    beside: Beside,
    also: &[String],
    tell: &mut (dyn FnMut(&str, u64) + Send),
) -> Result<Seen, ObjectsError> {
    fs::create_dir_all(folder).map_err(ObjectsError::file(folder))?;
    let mut mirror = Mirror::read(folder, remote.location())?;
    let (objects, contents) = look_at(remote, folder, &mirror).await?;
    let pointers = pointers(folder, objects.keys(), &contents)?;
    let had = |(name, _): &(&String, &Alike)| is_pointer(name);
    if pointers.is_empty() && mirror.files.iter().any(|file| had(&file)) {
        return Err(ObjectsError::Emptied { location: remote.location().to_owned(), folder: folder.to_owned() });
    }
    let mut brought = 0;
    for version in objects.keys().filter_map(|name| version_of(name)).filter(|name| is_plain(name)) {
        let name = format!("{version}/{MANIFEST}");
        if is_others(beside, folder, &mirror, &name)? {
            continue;
        }
        let manifest = changed(remote, folder, &mirror, &name, &objects[&name]).await?;
        let is_named = pointers.iter().any(|(pointer, text)| !is_list(pointer) && names(pointer, text, version));
        let is_asked_for = also.iter().any(|name| version.rsplit('/').next() == Some(name));
        let is_needed = match need {
            Need::Manifests => is_asked_for,
            Need::Named => is_named || is_asked_for,
            Need::Champions => is_asked_for || pointers.iter().any(|(pointer, text)| names(pointer, text, version)),
            Need::All => true,
        };
        brought += match bring(remote, folder, version, manifest.as_ref(), is_needed, &objects, tell).await {
            Err(error) if need == Need::Champions && !is_named && !is_asked_for && !error.may_pass() => {
                tell(&format!("{version}: passed over: {error}"), 0);
                continue;
            }
            brought => brought?,
        };
        if let Some(Small { bytes, tag }) = manifest {
            mirror.alike(&name, tag, &bytes);
            mirror.write(folder)?;
        }
    }
    let (last, first): (Vec<_>, Vec<_>) = contents.into_iter().partition(|(name, _)| is_pointer(name));
    for (name, Small { bytes, tag }) in first.into_iter().chain(last) {
        if is_others(beside, folder, &mirror, &name)? {
            continue;
        }
        put(folder, &name, &bytes)?;
        mirror.alike(&name, tag, &bytes);
    }
    remove_gone(folder, beside, &mut mirror, &objects)?;
    remove_folder(&folder.join(INCOMING))?;
    mirror.write(folder)?;
    Ok(Seen { objects, brought, others: of_others(beside, folder, &mirror)? })
}

/// Small objects by name.
type Contents = BTreeMap<String, Small>;

/// Lists what the store has, and reads the small objects that the folder lacks: those of the listing, and no later ones,
/// which might point to what is not in it.
async fn look_at(
    remote: &Remote,
    folder: &Path,
    mirror: &Mirror,
) -> Result<(BTreeMap<String, Listed>, Contents), ObjectsError> {
    for is_last in [false, false, false, true] {
        let objects = remote.list().await?;
        let small = objects.iter().filter(|(name, _)| is_small(name));
        let reads = stream::iter(small).map(|(name, listed)| async move {
            Ok::<_, ObjectsError>((name.clone(), changed(remote, folder, mirror, name, listed).await?))
        });
        let read: Vec<_> = reads.buffer_unordered(READS_AT_ONCE).try_collect().await?;
        let contents: Contents = read.into_iter().filter_map(|(name, content)| Some((name, content?))).collect();
        let moved = contents.iter().find(|&(name, small)| is_pointer(name) && small.tag != objects[name].tag);
        match moved {
            Some((name, _)) if is_last => return Err(ObjectsError::Conflict { object: remote.called(name) }),
            Some(_) => {}
            None => return Ok((objects, contents)),
        }
    }
    unreachable!("the last look returns")
}

/// Whether an object is a file of the artifacts folder that is no part of a version.
fn is_small(name: &str) -> bool {
    is_plain(name) && version_of(name).is_none() && part_of(name).is_none()
}

/// Whether no part of a name is one that a folder, or the store, keeps for itself.
fn is_plain(name: &str) -> bool {
    name.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && !part.contains('\\'))
}

/// Whether a file was made, changed or removed here since the folder and the store were alike, by a command that is not over.
fn is_others(beside: Beside, folder: &Path, mirror: &Mirror, name: &str) -> Result<bool, ObjectsError> {
    if beside == Beside::Nobody {
        return Ok(false);
    }
    let here = read_if_there(&folder.join(name))?.map(|content| digest(&content));
    Ok(here.as_ref() != mirror.files.get(name).map(|alike| &alike.sha256))
}

/// What others have made or changed here, and not brought to the store.
fn of_others(beside: Beside, folder: &Path, mirror: &Mirror) -> Result<BTreeMap<String, Stamp>, ObjectsError> {
    let found = if beside == Beside::Others { look(folder)? } else { Found::default() };
    let manifests = found.versions.iter().map(|version| format!("{version}/{MANIFEST}"));
    let mut others = BTreeMap::new();
    for name in found.small.iter().cloned().chain(manifests) {
        // Before the content: one that is written anew in between is not taken for what was compared.
        let stamp = Stamp::of(&folder.join(&name));
        if is_others(beside, folder, mirror, &name)?
            && let Some(stamp) = stamp
        {
            others.insert(name, stamp);
        }
    }
    Ok(others)
}

/// The content of a small object, unless the folder has it.
async fn changed(
    remote: &Remote,
    folder: &Path,
    mirror: &Mirror,
    name: &str,
    listed: &Listed,
) -> Result<Option<Small>, ObjectsError> {
    let is_here = folder.join(name).is_file();
    if is_here && mirror.files.get(name).is_some_and(|alike| alike.tag == listed.tag) {
        return Ok(None);
    }
    // One that is gone since the listing is taken for gone at the next look.
    remote.read(name).await
}

/// The texts of all pointers, as they will be.
fn pointers<'a>(
    folder: &Path,
    objects: impl Iterator<Item = &'a String>,
    contents: &Contents,
) -> Result<Vec<(String, String)>, ObjectsError> {
    let mut pointers = Vec::new();
    for name in objects.filter(|name| is_small(name) && is_pointer(name)) {
        let text = match contents.get(name) {
            Some(content) => content.bytes.clone(),
            None => read_if_there(&folder.join(name))?.unwrap_or_default(),
        };
        pointers.push((name.clone(), String::from_utf8_lossy(&text).into_owned()));
    }
    Ok(pointers)
}

/// Brings a version to the folder: with its files where they are needed, or were there before.
///
/// * `manifest`: the store's, if the folder has another or none.
async fn bring(
    remote: &Remote,
    folder: &Path,
    version: &str,
    manifest: Option<&Small>,
    is_needed: bool,
    objects: &BTreeMap<String, Listed>,
    tell: &mut (dyn FnMut(&str, u64) + Send),
) -> Result<u64, ObjectsError> {
    let here = files_of(folder, version)?;
    let was_whole = here.as_ref().is_some_and(|files| is_whole(folder, version, files));
    let there: Files = match (manifest, &here) {
        (Some(small), _) => parse(remote, version, &small.bytes)?,
        (None, Some(files)) => files.clone(),
        (None, None) => return Ok(0),
    };
    let is_same = here.as_ref().is_some_and(|here| here.files == there.files);
    let is_wanted = is_needed || was_whole;
    if !is_wanted || is_same && was_whole {
        if let Some(small) = manifest {
            put(folder, &format!("{version}/{MANIFEST}"), &small.bytes)?;
        }
        return Ok(0);
    }
    let (target, incoming) = (folder.join(version), folder.join(INCOMING).join(version));
    fs::create_dir_all(&incoming).map_err(ObjectsError::file(&incoming))?;
    let mut wanted = Vec::new();
    for (file, sha256) in &there.files {
        if !is_plain(file) || file.contains('/') {
            return Err(ObjectsError::Checksum { object: remote.called(&format!("{version}/{file}")) });
        }
        let to = incoming.join(file);
        // It may be that of an earlier manifest, whose pull was cut.
        if to.exists() && hash(&to).map_err(ObjectsError::file(&to))? != *sha256 {
            remove_file(&to)?;
        }
        let is_here =
            here.as_ref().is_some_and(|here| here.files.get(file) == Some(sha256)) && target.join(file).is_file();
        if is_here && !to.exists() {
            fs::hard_link(target.join(file), &to).map_err(ObjectsError::file(&to))?;
        }
        if !to.exists() {
            let object = object_of(version, file, sha256);
            tell(&format!("{version}/{file}"), objects.get(&object).map_or(0, |listed| listed.bytes));
            wanted.push((object, sha256, to));
        }
    }
    let downloads = wanted.iter().map(|(object, sha256, to)| download(remote, object, Wanted::Digest(sha256), to));
    let brought: Vec<u64> = stream::iter(downloads).buffer_unordered(DOWNLOADS_AT_ONCE).try_collect().await?;
    let bytes = match manifest {
        Some(small) => small.bytes.clone(),
        None => fs::read(target.join(MANIFEST)).map_err(ObjectsError::file(&target))?,
    };
    put(&incoming, MANIFEST, &bytes)?;
    take_place(folder, &incoming, &target)?;
    Ok(brought.iter().sum())
}

fn parse(remote: &Remote, version: &str, manifest: &[u8]) -> Result<Files, ObjectsError> {
    let object = || remote.called(&format!("{version}/{MANIFEST}"));
    serde_json::from_slice(manifest).map_err(|_| ObjectsError::Checksum { object: object() })
}

/// Gives a folder that was brought its name.
fn take_place(folder: &Path, incoming: &Path, target: &Path) -> Result<(), ObjectsError> {
    let outgoing = folder.join(OUTGOING);
    remove_folder(&outgoing)?;
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(ObjectsError::file(parent))?;
    }
    match fs::rename(target, &outgoing) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(ObjectsError::file(target)(error)),
        _ => {}
    }
    fs::rename(incoming, target).map_err(ObjectsError::file(target))?;
    sync_folder(target.parent().unwrap_or(folder))?;
    remove_folder(&outgoing)
}

/// Removes what the folder had of the store, and the store has no more.
fn remove_gone(
    folder: &Path,
    beside: Beside,
    mirror: &mut Mirror,
    objects: &BTreeMap<String, Listed>,
) -> Result<(), ObjectsError> {
    let gone: Vec<String> = mirror.files.keys().filter(|&name| !objects.contains_key(name)).cloned().collect();
    for name in gone {
        if is_others(beside, folder, mirror, &name)? {
            continue;
        }
        match version_of(&name) {
            Some(version) => remove_folder(&folder.join(version))?,
            None => remove_file(&folder.join(&name))?,
        }
        mirror.files.remove(&name);
    }
    Ok(())
}

/// Removes the files of versions that no pointer names, oldest first, until the versions take no more than `most` bytes;
/// their manifests stay. Returns how many bytes were freed.
///
/// # Errors
/// [`ObjectsError::File`].
pub fn shrink(folder: &Path, most: u64) -> Result<u64, ObjectsError> {
    let found = look(folder)?;
    let pointers = pointers(folder, found.small.iter(), &BTreeMap::new())?;
    let (mut sizes, mut total) = (Vec::new(), 0);
    for version in &found.versions {
        let Some(files) = files_of(folder, version)? else { continue };
        let length = |file: &String| fs::metadata(folder.join(version).join(file)).map_or(0, |file| file.len());
        let bytes: u64 = files.files.keys().map(length).sum();
        total += bytes;
        if !pointers.iter().any(|(pointer, text)| !is_list(pointer) && names(pointer, text, version)) {
            sizes.push((version, files, bytes));
        }
    }
    let before = total;
    for (version, files, bytes) in sizes {
        if total <= most {
            break;
        }
        files.files.keys().try_for_each(|file| remove_file(&folder.join(version).join(file)))?;
        total -= bytes;
    }
    Ok(before - total)
}

fn put(folder: &Path, name: &str, content: &[u8]) -> Result<(), ObjectsError> {
    let path = folder.join(name);
    if fs::read(&path).is_ok_and(|old| digest(&old) == digest(content)) {
        return Ok(());
    }
    let (Some(parent), Some(file)) = (path.parent(), path.file_name().and_then(|file| file.to_str())) else {
        return Ok(());
    };
    fs::create_dir_all(parent).map_err(ObjectsError::file(parent))?;
    replace(parent, file, content)?;
    Ok(())
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, ObjectsError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ObjectsError::file(path)(error)),
    }
}

fn remove_file(path: &Path) -> Result<(), ObjectsError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ObjectsError::file(path)(error)),
        _ => Ok(()),
    }
}

fn remove_folder(path: &Path) -> Result<(), ObjectsError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ObjectsError::file(path)(error)),
        _ => Ok(()),
    }
}
