//! Folders that mirror a store in memory, for tests.

// Each test binary uses its own part of this module.
#![allow(dead_code)]

use std::fs;
use std::path::Path as Folder;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use shared::contract::artifact::manifest::{CHAMPION, MANIFEST, replace, sha256};
use shared::objects::mirror::{Found, look};
use shared::objects::pull::{Beside, Need, Seen, pull};
use shared::objects::push::{By, push};
use shared::objects::{ObjectsError, Remote};
use tempfile::TempDir;

pub fn store() -> Remote {
    remote(Arc::new(InMemory::new()))
}

pub fn remote(store: Arc<dyn ObjectStore>) -> Remote {
    Remote::new(store, Path::from("shop/a"), "memory://shop/a".to_owned())
}

pub fn folder() -> TempDir {
    tempfile::tempdir().expect("temporary folder")
}

pub fn write(folder: &Folder, name: &str, content: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("has one")).expect("makes folders");
    fs::write(path, content).expect("writes");
}

pub fn read(folder: &Folder, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap_or_default()
}

/// Makes a version of one file, as a batch does.
pub fn publish(folder: &Folder, version: &str, content: &str) {
    write(folder, &format!("{version}/table.safetensors"), content);
    let digest = sha256(&folder.join(version).join("table.safetensors")).expect("hashes");
    write(folder, &format!("{version}/{MANIFEST}"), &format!(r#"{{"files":{{"table.safetensors":"{digest}"}}}}"#));
}

/// Moves the champion and the list of those before it, as a rollback does.
pub fn point(folder: &Folder, champions: &str, champion: &str) {
    replace(folder, "champions", champions).expect("writes");
    replace(folder, CHAMPION, champion).expect("writes");
}

/// A folder with a version that is the champion.
pub fn publisher(version: &str) -> TempDir {
    let folder = folder();
    publish(folder.path(), version, version);
    write(folder.path(), CHAMPION, version);
    folder
}

pub async fn pulled(remote: &Remote, folder: &Folder, need: Need) -> (Seen, Found) {
    let seen = pull(remote, folder, need, Beside::Nobody, &[], &mut |_, _| {}).await.expect("pulls");
    (seen, look(folder).expect("looks"))
}

pub async fn push_from(remote: &Remote, folder: &Folder, (seen, before): (Seen, Found)) -> Result<bool, ObjectsError> {
    push(remote, folder, &before, &seen, By::Builder, "revision", &mut |_, _| {}).await
}
