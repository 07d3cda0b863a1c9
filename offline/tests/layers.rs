//! What may import what in this crate.

use std::fs;
use std::path::{Path, PathBuf};

#[path = "../../shared/tests/support/layers.rs"]
mod layers;

const TABLE: [(&str, &[&str]); 27] = [
    ("generate", &[]),
    ("progress", &[]),
    ("ingest", &[]),
    ("interactions", &["ingest"]),
    ("split", &["ingest", "interactions"]),
    ("popularity", &["ingest"]),
    ("item_knn", &["ingest", "interactions"]),
    ("als", &["interactions"]),
    ("slim", &["interactions", "item_knn"]),
    ("content", &["ingest", "item_knn"]),
    ("session_knn", &["ingest", "interactions"]),
    ("statistics", &["ingest", "interactions"]),
    ("user_tables", &["ingest", "interactions"]),
    ("evaluate", &["ingest", "interactions", "popularity"]),
    ("trees", &["evaluate"]),
    ("repeat", &["ingest", "interactions", "split", "statistics", "trees"]),
    ("linear", &["trees"]),
    ("rows", &["trees"]),
    ("publish", &["config", "ingest", "progress"]),
    ("export", &["ingest"]),
    (
        "config",
        &[
            "als",
            "content",
            "evaluate",
            "ingest",
            "interactions",
            "item_knn",
            "linear",
            "popularity",
            "repeat",
            "session_knn",
            "slim",
            "trees",
            "user_tables",
        ],
    ),
    (
        "sources",
        &[
            "als",
            "config",
            "content",
            "evaluate",
            "ingest",
            "interactions",
            "item_knn",
            "popularity",
            "progress",
            "repeat",
            "session_knn",
            "slim",
            "split",
            "statistics",
            "trees",
            "user_tables",
        ],
    ),
    (
        "ranker",
        &[
            "config",
            "evaluate",
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
    ("train", &["config", "ingest", "progress", "ranker", "sources", "user_tables"]),
    ("gate", &["config", "evaluate", "ingest", "progress", "ranker", "sources", "train"]),
    ("tune", &["config", "ingest", "linear", "progress", "ranker", "trees"]),
    (
        "commands",
        &[
            "config", "evaluate", "export", "gate", "generate", "ingest", "progress", "publish", "ranker", "rows",
            "sources", "split", "train", "trees", "tune",
        ],
    ),
];

#[test]
fn modules_import_only_what_the_table_allows() {
    layers::check(env!("CARGO_MANIFEST_DIR"), &TABLE);
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
