//! A version's `manifest.json`: refused, or answered from with the golden tables.

use std::fs;

use shared::contract::artifact::Manifest;
use shared::engine::snapshot::Snapshot;
use shared::tables::Tables;

use super::scratch::{Scratch, golden};
use super::shop::ask;

/// Versions with and without a ranker, profiles and names.
const VERSIONS: [&str; 3] = ["format_2", "format_2_named", "format_2_profiles"];

thread_local! {
    static FOLDERS: [Scratch; 3] = VERSIONS.map(Scratch::of_golden);
}

pub fn run(bytes: &[u8]) {
    let Some((first, text)) = bytes.split_first() else { return };
    FOLDERS.with(|folders| {
        let scratch = &folders[usize::from(*first) % folders.len()];
        scratch.put("manifest.json", text);
        let Ok(manifest) = Manifest::read(scratch.path()) else { return };
        let Ok(tables) = Tables::open(scratch.path(), &manifest) else { return };
        if let Ok(snapshot) = Snapshot::new(manifest, tables) {
            ask(&snapshot);
        }
    });
}

pub fn seeds() -> Vec<Vec<u8>> {
    let text = |name: &str| fs::read(golden(name).join("manifest.json")).expect("a manifest");
    (0u8..).zip(VERSIONS).map(|(at, name)| [&[at], &text(name)[..]].concat()).collect()
}
