//! The tables of a version: refused, or answered from. Checksums are left out, as if whoever wrote the file had written
//! the manifest, too.

use shared::contract::artifact::Manifest;
use shared::contract::artifact::columns::TableWriter;
use shared::engine::snapshot::Snapshot;
use shared::tables::{Table, Tables};

use super::scratch::{Scratch, golden};
use super::shop::{SHOP, ask};

/// A version with a ranker, and one with profiles.
const VERSIONS: [&str; 2] = ["format_2", "format_2_profiles"];
const PROPERTIES: &str = "properties.safetensors";

thread_local! {
    static VERSION: [(Manifest, Scratch); 2] = VERSIONS.map(version);
}

/// A golden version, with properties beside its tables.
fn version(name: &str) -> (Manifest, Scratch) {
    let mut manifest = Manifest::read(&golden(name)).expect("a manifest");
    manifest.files.insert(PROPERTIES.to_owned(), String::new());
    let mut scratch = Scratch::of_golden(name);
    let mut writer = TableWriter::default();
    SHOP.properties().add_to(&mut writer);
    writer.write(scratch.path(), PROPERTIES).expect("writes");
    scratch.take_up(PROPERTIES);
    (manifest, scratch)
}

pub fn run(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    VERSION.with(|versions| {
        let (manifest, scratch) = &versions[usize::from(*first) % versions.len()];
        scratch.with(bytes, |folder| {
            let Ok(tables) = Tables::open(folder, manifest) else { return };
            if let Ok(snapshot) = Snapshot::new(manifest.clone(), tables) {
                ask(&snapshot);
            }
        });
    });
}

pub fn seeds() -> Vec<Vec<u8>> {
    VERSION.with(|versions| {
        let of = |(at, (_, scratch)): (u8, &(Manifest, Scratch))| {
            let seeds = scratch.seeds().into_iter().filter(|seed| seed.get(1) != Some(&b'{'));
            seeds.map(move |seed| [&[at], &seed[..]].concat()).collect::<Vec<_>>()
        };
        (0..).zip(versions).flat_map(of).collect()
    })
}
