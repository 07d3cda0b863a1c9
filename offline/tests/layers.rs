//! What may import what in this crate.

use std::fs;
use std::path::{Path, PathBuf};

#[path = "../../shared/tests/support/layers.rs"]
mod layers;

const TABLE: &layers::Table<'_> = &[
    ("generate", &[]),
    ("progress", &[]),
    ("parquet", &[]),
    ("ranges", &[]),
    ("knobs", &[]),
    ("ingest", &["parquet"]),
    ("interactions", &["ingest"]),
    ("split", &["ingest", "interactions"]),
    ("user_tables", &["ingest", "interactions"]),
    ("trees", &["evaluate::metrics"]),
    ("linear", &["trees"]),
    ("rows", &["parquet", "trees"]),
    ("sources", &["ingest", "interactions", "knobs", "progress", "ranges", "split", "trees"]),
    ("evaluate::metrics", &[]),
    ("evaluate", &["evaluate::metrics", "ingest", "interactions", "sources"]),
    ("publish", &["config", "ingest", "progress"]),
    ("export", &["ingest"]),
    ("config", &["evaluate", "ingest", "interactions", "linear", "ranges", "sources", "trees", "user_tables"]),
    ("cuts", &["config", "evaluate", "ingest", "split"]),
    ("fit", &["config", "cuts", "evaluate", "ingest", "progress", "sources"]),
    (
        "ranker",
        &[
            "config",
            "cuts",
            "evaluate",
            "evaluate::metrics",
            "fit",
            "ingest",
            "interactions",
            "linear",
            "progress",
            "sources",
            "split",
            "trees",
            "user_tables",
        ],
    ),
    ("train", &["config", "fit", "ingest", "progress", "ranker", "sources", "user_tables"]),
    ("gate", &["config", "cuts", "evaluate", "ingest", "progress", "sources", "train"]),
    ("tune", &["config", "ingest", "knobs", "linear", "progress", "ranker", "sources", "trees"]),
    (
        "commands",
        &[
            "config", "cuts", "evaluate", "export", "fit", "gate", "generate", "ingest", "progress", "publish",
            "ranker", "rows", "split", "train", "trees", "tune",
        ],
    ),
];

#[test]
fn modules_import_only_what_the_table_allows() {
    layers::check(env!("CARGO_MANIFEST_DIR"), TABLE);
}

#[test]
fn the_champion_pointer_is_moved_in_one_place() {
    fn sources(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
    }
    let moving = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let moving = moving.iter().filter(|path| fs::read_to_string(path).expect("text").contains("write_champion("));
    let moving: Vec<_> = moving.map(|path| path.file_name().expect("a name").to_owned()).collect();
    assert_eq!(moving, ["promote.rs"]);
}
