//! Large files: brought from a store and to it, each checked against its SHA-256.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use futures_util::TryStreamExt;
use object_store::{Attributes, GetOptions, GetRange, ObjectStoreExt, PutOptions, WriteMultipart};

use super::{ObjectsError, Remote, Tag};
use crate::contract::artifact::manifest::sha256;

/// The size of a part of an upload, in bytes; what is not larger is written by one request. With 10,000 parts at most,
/// S3 takes files of up to 160 GB in such parts.
const PART_BYTES: usize = 16 << 20;
/// How many parts are on their way at once.
const PARTS_AT_ONCE: usize = 2;
/// How often a download that brought nothing is begun again where it was cut; one that brought something does not count.
const TRIES: u32 = 5;
/// The ending of a file that is being brought.
const PARTIAL: &str = "part";

/// What a file must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// Bytes with this SHA-256, which the object has for ever.
    Digest(&'a str),
    /// What the object has now, by its tag. It may be another soon.
    Tagged(&'a Tag),
}

/// Brings an object to a file, which has its name only once all of it is there, and right. Of an object that stays the
/// same, what an earlier try brought is kept, and the rest is asked for.
///
/// # Errors
/// [`ObjectsError::Checksum`] when all of it was brought, and is not what it must be; [`ObjectsError::Conflict`] when the
/// object became another meanwhile.
pub async fn download(remote: &Remote, name: &str, wanted: Wanted<'_>, to: &Path) -> Result<u64, ObjectsError> {
    let partial = to.with_extension(match to.extension() {
        Some(ending) => format!("{}.{PARTIAL}", ending.to_string_lossy()),
        None => PARTIAL.to_owned(),
    });
    let tag = match wanted {
        Wanted::Digest(_) => None,
        Wanted::Tagged(tag) => {
            File::create(&partial).map_err(ObjectsError::file(&partial))?;
            Some(tag)
        }
    };
    let (mut brought, mut in_vain) = (0, 0);
    loop {
        let new = append(remote, name, tag, &partial).await;
        let (bytes, cut) = new.map_or_else(|(bytes, error)| (bytes, Some(error)), |bytes| (bytes, None));
        brought += bytes;
        let Some(error) = cut else { break };
        in_vain = if bytes == 0 { in_vain + 1 } else { 0 };
        if !error.may_pass() || in_vain >= TRIES {
            return Err(error);
        }
    }
    let is_right = match wanted {
        Wanted::Digest(digest) => sha256(&partial).map_err(ObjectsError::file(&partial))? == digest,
        Wanted::Tagged(_) => true,
    };
    if !is_right {
        // Another try begins from nothing.
        fs::remove_file(&partial).map_err(ObjectsError::file(&partial))?;
        return Err(ObjectsError::Checksum { object: remote.called(name) });
    }
    File::open(&partial).and_then(|file| file.sync_all()).map_err(ObjectsError::file(&partial))?;
    fs::rename(&partial, to).map_err(ObjectsError::file(to))?;
    Ok(brought)
}

/// Appends what a file lacks of an object; returns how many bytes came, also where it was cut.
///
/// * `tag`: that of the object, if it must be one.
async fn append(remote: &Remote, name: &str, tag: Option<&Tag>, partial: &Path) -> Result<u64, (u64, ObjectsError)> {
    let broken = |error| (0, ObjectsError::file(partial)(error));
    let mut file = File::options().create(true).append(true).open(partial).map_err(broken)?;
    let have = file.seek(SeekFrom::End(0)).map_err(broken)?;
    let range = (have > 0).then_some(GetRange::Offset(have));
    let options = GetOptions { range, if_match: tag.map(Tag::as_condition), ..GetOptions::default() };
    let got = remote.store().get_opts(&remote.path(name), options).await;
    let got = match got {
        Ok(got) => got,
        // A range that begins at the end of the object is refused: all of it is here.
        Err(_) if have > 0 && remote.store().head(&remote.path(name)).await.is_ok_and(|head| head.size <= have) => {
            return Ok(0);
        }
        Err(error) => return Err((0, remote.failed(name)(error))),
    };
    if got.range.start != have {
        // A store without ranges gives all of it.
        file.set_len(0).map_err(broken)?;
    }
    let mut bytes = 0;
    let mut chunks = got.into_stream();
    loop {
        match chunks.try_next().await {
            Ok(Some(chunk)) => {
                file.write_all(&chunk).map_err(|error| (bytes, ObjectsError::file(partial)(error)))?;
                bytes += chunk.len() as u64;
            }
            Ok(None) => return Ok(bytes),
            Err(error) => return Err((bytes, remote.failed(name)(error))),
        }
    }
}

/// Brings a file to an object, which is there as a whole or not at all.
///
/// * `attributes`: what is noted beside it.
///
/// # Errors
/// [`ObjectsError`]; then nothing is there that was not before.
pub async fn upload(remote: &Remote, from: &Path, name: &str, attributes: Attributes) -> Result<u64, ObjectsError> {
    let mut file = File::open(from).map_err(ObjectsError::file(from))?;
    let bytes = file.metadata().map_err(ObjectsError::file(from))?.len();
    let path = remote.path(name);
    if bytes <= PART_BYTES as u64 {
        let mut content = Vec::with_capacity(PART_BYTES.min(bytes as usize));
        file.read_to_end(&mut content).map_err(ObjectsError::file(from))?;
        let options = PutOptions { attributes, ..PutOptions::default() };
        remote.store().put_opts(&path, content.into(), options).await.map_err(remote.failed(name))?;
        return Ok(bytes);
    }
    let begun = remote.store().put_multipart_opts(&path, attributes.into()).await.map_err(remote.failed(name))?;
    let mut parts = WriteMultipart::new_with_chunk_size(begun, PART_BYTES);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let filled = match file.read(&mut buffer) {
            Ok(filled) => filled,
            Err(error) => {
                // Parts that stay there are the store's to clean up; the cause matters more.
                let _ = parts.abort().await;
                return Err(ObjectsError::file(from)(error));
            }
        };
        if filled == 0 {
            break;
        }
        parts.write(&buffer[..filled]);
        if let Err(error) = parts.wait_for_capacity(PARTS_AT_ONCE).await {
            let _ = parts.abort().await;
            return Err(remote.failed(name)(error));
        }
    }
    // It aborts by itself where it fails.
    parts.finish().await.map_err(remote.failed(name))?;
    Ok(bytes)
}
