//! `manifest.json`: the data and the settings that a version was built from, and the checksums of its files.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ArtifactError;
use crate::contract::event_log::CoveredFile;
use crate::contract::params::EngineParams;

/// The artifact format this build reads and writes.
pub const FORMAT_VERSION: u32 = 2;
/// The manifest's file name.
pub const MANIFEST: &str = "manifest.json";
/// The champion pointer's file name, beside the versions.
pub const CHAMPION: &str = "champion";
/// The section of older manifests that says where user records went.
const PLACES: &str = "publish";

/// The data, settings and files of one version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// See [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The version's name, and its folder's.
    pub version: String,
    /// When it was built, milliseconds since the epoch: the one field that differs between equal builds.
    pub built_ms: i64,
    /// SHA-256 over the ingested events and items, in hexadecimal.
    pub data_fingerprint: String,
    /// How many rows, users, items and sessions went in, and what was rejected.
    pub counts: BTreeMap<String, u64>,
    /// The time of the first event, milliseconds since the epoch.
    pub first_event_ms: i64,
    /// The time of the last event, milliseconds since the epoch.
    pub last_event_ms: i64,
    /// How much of the service's event log is in this version, file by file; empty if the manifest does not say.
    #[serde(default)]
    pub covered: Vec<CoveredFile>,
    /// The parameters of the engine.
    pub engine: EngineParams,
    /// Every setting that decides what is learnt. URLs, folders and passwords are never in it.
    pub config: serde_json::Value,
    /// Offline metrics, if the version was measured: `fit` has the figures of blend and ranker on the windows that they
    /// were fitted on, `contest` the comparison that the gate made.
    pub metrics: serde_json::Value,
    /// SHA-256 of every other file, in hexadecimal, by name.
    pub files: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads the manifest of a version's folder.
    ///
    /// Builds of this format up to 2026-11 also wrote the section that says where user records went, with the password
    /// in the URL: it is dropped here.
    ///
    /// # Errors
    /// [`ArtifactError`] when it is absent, unreadable or of another format.
    pub fn read(folder: &Path) -> Result<Self, ArtifactError> {
        let mut manifest: Self = read_json(folder, FORMAT_VERSION)?;
        if let Some(sections) = manifest.config.as_object_mut() {
            sections.remove(PLACES);
        }
        Ok(manifest)
    }

    /// Fills in the checksums of the files in `folder`, writes the manifest beside them and syncs everything to disk.
    ///
    /// # Errors
    /// [`ArtifactError::Io`].
    pub fn seal(mut self, folder: &Path) -> Result<Self, ArtifactError> {
        self.files.extend(checksums(folder)?);
        self.write(folder)?;
        Ok(self)
    }

    /// Writes the manifest beside files that already match its checksums, and syncs it to disk.
    ///
    /// # Errors
    /// [`ArtifactError::Io`].
    pub fn write(&self, folder: &Path) -> Result<(), ArtifactError> {
        write_json(self, folder)
    }

    /// Compares every file of `folder` with its checksum.
    ///
    /// # Errors
    /// [`ArtifactError::Checksum`] names the first file that differs, [`ArtifactError::Io`] one that is missing.
    pub fn verify(&self, folder: &Path) -> Result<(), ArtifactError> {
        verify(&self.files, folder)
    }
}

/// Reads the manifest of a folder, of one format.
///
/// # Errors
/// [`ArtifactError`] when it is absent, unreadable or of another format.
pub fn read_json<T: DeserializeOwned>(folder: &Path, format: u32) -> Result<T, ArtifactError> {
    /// Read first: the other fields may differ between formats.
    #[derive(Deserialize)]
    struct Format {
        format_version: u32,
    }
    let path = folder.join(MANIFEST);
    let text = fs::read(&path).map_err(ArtifactError::io(&path))?;
    let parse_error = |source| ArtifactError::Manifest { path: path.clone(), source };
    let Format { format_version: found } = serde_json::from_slice(&text).map_err(parse_error)?;
    if found != format {
        return Err(ArtifactError::Version { path, found, expected: format });
    }
    serde_json::from_slice(&text).map_err(parse_error)
}

/// Reads a part of a manifest that all formats have.
///
/// # Errors
/// [`ArtifactError`] when it is absent or unreadable.
pub fn read_any<T: DeserializeOwned>(path: &Path) -> Result<T, ArtifactError> {
    let text = fs::read(path).map_err(ArtifactError::io(path))?;
    serde_json::from_slice(&text).map_err(|source| ArtifactError::Manifest { path: path.to_owned(), source })
}

/// Writes a manifest beside files that match its checksums, and syncs it to disk.
///
/// # Errors
/// [`ArtifactError::Io`].
pub fn write_json(manifest: &impl Serialize, folder: &Path) -> Result<(), ArtifactError> {
    let path = folder.join(MANIFEST);
    let text =
        serde_json::to_vec_pretty(manifest).map_err(|source| ArtifactError::Manifest { path: path.clone(), source })?;
    write_synced(&path, &text).map_err(ArtifactError::io(&path))?;
    sync_folder(folder)
}

/// The checksums of all files of a folder but its manifest, which are synced to disk.
///
/// # Errors
/// [`ArtifactError::Io`].
pub fn checksums(folder: &Path) -> Result<BTreeMap<String, String>, ArtifactError> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(ArtifactError::io(folder))? {
        let path = entry.map_err(ArtifactError::io(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name != MANIFEST {
            files.insert(name, sha256(&path).map_err(ArtifactError::io(&path))?);
            File::open(&path).and_then(|file| file.sync_all()).map_err(ArtifactError::io(&path))?;
        }
    }
    Ok(files)
}

/// Compares the files of a folder with their checksums.
///
/// # Errors
/// [`ArtifactError::Checksum`] names the first file that differs, [`ArtifactError::Io`] one that is missing.
pub fn verify(files: &BTreeMap<String, String>, folder: &Path) -> Result<(), ArtifactError> {
    for (name, expected) in files {
        let path = folder.join(name);
        if sha256(&path).map_err(ArtifactError::io(&path))? != *expected {
            return Err(ArtifactError::Checksum { path });
        }
    }
    Ok(())
}

/// The prefix of the name of a version that was built to be measured, on a part of the log.
pub const EVALUATED: &str = "evaluated-";

/// Whether the folder of this name in an artifacts folder is a version that `run`, `publish` or `rollback` makes the
/// champion by itself: neither a hidden folder, in which a version is built or removed, nor a version that was built to
/// be measured.
#[must_use]
pub fn may_be_served(name: &str) -> bool {
    !name.starts_with('.') && !name.starts_with(EVALUATED)
}

/// Reads the champion pointer of an artifacts folder.
///
/// # Errors
/// [`ArtifactError::NoChampion`] when nothing has been published.
pub fn read_champion(artifacts: &Path) -> Result<String, ArtifactError> {
    let path = artifacts.join(CHAMPION);
    match fs::read_to_string(&path) {
        Ok(version) if !version.trim().is_empty() => Ok(version.trim().to_owned()),
        Ok(_) => Err(ArtifactError::NoChampion { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ArtifactError::NoChampion { path }),
        Err(source) => Err(ArtifactError::Io { path, source }),
    }
}

/// Moves the champion pointer, atomically and durably.
///
/// # Errors
/// [`ArtifactError::Io`].
pub fn write_champion(artifacts: &Path, version: &str) -> Result<(), ArtifactError> {
    replace(artifacts, CHAMPION, format!("{version}\n"))
}

/// Replaces a small file of a folder, atomically and durably: a reader finds the old content or the new one, even after a
/// power cut.
///
/// # Errors
/// [`ArtifactError::Io`].
pub fn replace(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> Result<(), ArtifactError> {
    let (path, temporary) = (folder.join(name), folder.join(format!(".{name}.new")));
    write_synced(&temporary, content.as_ref()).map_err(ArtifactError::io(&temporary))?;
    fs::rename(&temporary, &path).map_err(ArtifactError::io(&path))?;
    sync_folder(folder)
}

/// Syncs a folder, so that the names in it survive a power cut.
///
/// # Errors
/// [`ArtifactError::Io`].
pub fn sync_folder(folder: &Path) -> Result<(), ArtifactError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(ArtifactError::io(folder))
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// [`io::Error`] when it can't be read.
pub fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&digest.finalize())),
            filled => digest.update(&buffer[..filled]),
        }
    }
}

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
