//! The objects under a prefix, by names relative to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{
    Error, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutResult, UpdateVersion,
};
use serde::{Deserialize, Serialize};

use super::ObjectsError;

/// A prefix of a store.
#[derive(Debug, Clone)]
pub struct Remote {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    location: String,
}

/// What tells the content of an object from the one before: by its entity tag, or its generation where that is what the
/// store makes conditions of (Google).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Tag {
    /// The entity tag, as it was sent.
    etag: String,
    /// The generation or version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

impl Tag {
    fn of(meta: ObjectMeta) -> Self {
        Self { etag: meta.e_tag.unwrap_or_default(), version: meta.version }
    }

    /// The entity tag as a condition of a request.
    pub(super) fn as_condition(&self) -> String {
        self.etag.clone()
    }

    /// Whether it is that of no object.
    pub(super) fn is_of_none(&self) -> bool {
        self.plain().is_empty()
    }

    /// The entity tag without what some answers put around it, and others don't.
    fn plain(&self) -> &str {
        self.etag.trim_matches('"')
    }
}

/// Listings of some stores name no versions.
impl PartialEq for Tag {
    fn eq(&self, other: &Self) -> bool {
        self.plain() == other.plain()
    }
}

impl Eq for Tag {}

/// What a listing says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its length in bytes.
    pub bytes: u64,
    /// What tells its content from the one before.
    pub tag: Tag,
    /// When it was written by the store's clock, milliseconds since the epoch.
    pub modified_ms: i64,
}

/// A small object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Small {
    /// The content.
    pub bytes: Vec<u8>,
    /// What tells this content from the one before.
    pub tag: Tag,
}

/// What must be so for an object to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum If<'a> {
    /// There is none.
    Absent,
    /// It is the one with this tag.
    Is(&'a Tag),
    /// Whatever is there.
    Anyhow,
}

impl Remote {
    /// A prefix of a store.
    ///
    /// * `location`: what people call it, in errors.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, prefix: Path, location: String) -> Self {
        Self { store, prefix, location }
    }

    /// What people call it.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Where an object is in the store.
    pub(super) fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    /// What people call an object.
    pub(super) fn called(&self, name: &str) -> String {
        format!("{}/{name}", self.location)
    }

    pub(super) fn store(&self) -> &dyn ObjectStore {
        &*self.store
    }

    pub(super) fn failed(&self, name: &str) -> impl FnOnce(Error) -> ObjectsError {
        let object = self.called(name);
        move |source| match source {
            Error::AlreadyExists { .. } | Error::Precondition { .. } => ObjectsError::Conflict { object },
            source => ObjectsError::Store { object, source },
        }
    }

    /// All objects, by name.
    ///
    /// # Errors
    /// [`ObjectsError::Store`].
    pub async fn list(&self) -> Result<BTreeMap<String, Listed>, ObjectsError> {
        let mut listed = BTreeMap::new();
        let mut objects = self.store.list(Some(&self.prefix));
        while let Some(object) = objects.try_next().await.map_err(self.failed(""))? {
            let Some(parts) = object.location.prefix_match(&self.prefix) else { continue };
            let name = parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/");
            let (bytes, modified_ms) = (object.size, object.last_modified.timestamp_millis());
            listed.insert(name, Listed { bytes, tag: Tag::of(object), modified_ms });
        }
        Ok(listed)
    }

    /// Reads a small object; `None` where there is none.
    ///
    /// # Errors
    /// [`ObjectsError::Store`].
    pub async fn read(&self, name: &str) -> Result<Option<Small>, ObjectsError> {
        Ok(self.read_unless(name, None).await?.flatten())
    }

    /// Reads a small object unless it is the one with a tag: `None` for that one, `Some(None)` where there is none.
    ///
    /// # Errors
    /// [`ObjectsError::Store`].
    pub async fn read_unless(&self, name: &str, tag: Option<&Tag>) -> Result<Option<Option<Small>>, ObjectsError> {
        let options = GetOptions { if_none_match: tag.map(Tag::as_condition), ..GetOptions::default() };
        let got = match self.store.get_opts(&self.path(name), options).await {
            Err(Error::NotModified { .. }) => return Ok(None),
            Err(Error::NotFound { .. }) => return Ok(Some(None)),
            got => got.map_err(self.failed(name))?,
        };
        let tag = Tag::of(got.meta.clone());
        let bytes = got.bytes().await.map_err(self.failed(name))?.to_vec();
        Ok(Some(Some(Small { bytes, tag })))
    }

    /// Writes a small object, and returns its new tag.
    ///
    /// # Errors
    /// [`ObjectsError::Conflict`] where the condition does not hold.
    pub async fn write(&self, name: &str, bytes: &[u8], when: If<'_>) -> Result<Tag, ObjectsError> {
        let mode = match when {
            If::Absent => PutMode::Create,
            If::Is(tag) => {
                PutMode::Update(UpdateVersion { e_tag: Some(tag.etag.clone()), version: tag.version.clone() })
            }
            If::Anyhow => PutMode::Overwrite,
        };
        let put = self.store.put_opts(&self.path(name), bytes.to_vec().into(), PutOptions::from(mode)).await;
        let written = match put {
            // A try whose answer was lost may have written it.
            Err(error) if is_conflict(&error, when) => match self.read(name).await? {
                Some(found) if found.bytes == bytes => return Ok(found.tag),
                _ => return Err(ObjectsError::Conflict { object: self.called(name) }),
            },
            put => put.map_err(self.failed(name))?,
        };
        let PutResult { e_tag, version, .. } = written;
        Ok(Tag { etag: e_tag.unwrap_or_default(), version })
    }

    /// Removes an object; one that is not there is gone already.
    ///
    /// # Errors
    /// [`ObjectsError::Store`].
    pub async fn remove(&self, name: &str) -> Result<(), ObjectsError> {
        match self.store.delete(&self.path(name)).await {
            Err(Error::NotFound { .. }) => Ok(()),
            removed => removed.map_err(self.failed(name)),
        }
    }
}

/// Whether an object was not written because the condition does not hold. A condition on one that is gone finds none.
fn is_conflict(error: &Error, when: If<'_>) -> bool {
    match error {
        Error::AlreadyExists { .. } | Error::Precondition { .. } => true,
        Error::NotFound { .. } => matches!(when, If::Is(_)),
        _ => false,
    }
}
