//! What may import what in this crate.

use std::fs;
use std::path::{Path, PathBuf};

#[path = "../../shared/tests/support/layers.rs"]
mod layers;

const TABLE: &layers::Table<'_> = &[
    ("log::generate", &[]),
    ("cholesky", &[]),
    ("durations", &[]),
    ("wilson", &[]),
    ("backoff", &[]),
    ("mirrored", &[]),
    ("notices", &["backoff", "durations"]),
    ("schedule", &["backoff", "durations", "mirrored", "notices", "runs"]),
    ("progress", &[]),
    ("page", &[]),
    ("log::parquet", &[]),
    ("config::ranges", &[]),
    ("config::knobs", &[]),
    ("log::ingest", &["log::parquet"]),
    ("outcomes", &["log::ingest", "log::parquet", "page", "wilson"]),
    ("log::fields", &["log::ingest"]),
    ("log::profiles", &["log::fields", "log::ingest"]),
    ("log::with_events", &["log::ingest"]),
    ("log::interactions", &["log::ingest", "log::with_events"]),
    ("log::baskets", &["log::ingest", "log::interactions"]),
    ("log::split", &["log::ingest", "log::interactions"]),
    ("user_tables", &["log::ingest", "log::interactions"]),
    ("trees", &["measure::metrics"]),
    ("rank::linear", &["trees"]),
    ("rank::rows", &["log::parquet", "trees"]),
    (
        "sources",
        &[
            "cholesky",
            "log::baskets",
            "log::ingest",
            "log::interactions",
            "log::profiles",
            "config::knobs",
            "progress",
            "config::ranges",
            "log::split",
            "log::with_events",
            "trees",
        ],
    ),
    ("measure::metrics", &[]),
    ("measure::evaluate", &["measure::metrics", "log::baskets", "log::ingest", "log::interactions", "sources"]),
    ("publish", &["config", "log::ingest", "progress"]),
    ("erase", &["config", "log::ingest", "publish"]),
    ("backup", &[]),
    ("bulk", &["log::ingest", "log::parquet"]),
    ("capacity", &["config", "publish"]),
    ("log::export", &["log::ingest"]),
    (
        "config",
        &[
            "measure::evaluate",
            "log::ingest",
            "log::interactions",
            "rank::linear",
            "config::ranges",
            "sources",
            "trees",
            "user_tables",
        ],
    ),
    ("log::cuts", &["config", "measure::evaluate", "log::ingest", "log::split"]),
    ("fit", &["config", "log::cuts", "measure::evaluate", "log::ingest", "progress", "sources"]),
    (
        "rank",
        &[
            "config",
            "log::cuts",
            "measure::evaluate",
            "measure::metrics",
            "fit",
            "log::ingest",
            "log::interactions",
            "rank::linear",
            "progress",
            "sources",
            "log::split",
            "trees",
            "user_tables",
        ],
    ),
    (
        "score",
        &[
            "config::knobs",
            "log::fields",
            "log::ingest",
            "log::parquet",
            "measure::evaluate",
            "measure::gate",
            "measure::tune",
            "page",
            "progress",
            "publish",
            "trees",
            "wilson",
        ],
    ),
    ("mlflow", &["config", "runs", "score"]),
    ("runs", &["config", "measure::evaluate", "progress"]),
    ("train", &["config", "fit", "log::ingest", "progress", "rank", "sources", "user_tables"]),
    ("measure::gate", &["config", "log::cuts", "measure::evaluate", "log::ingest", "progress", "sources", "train"]),
    (
        "measure::tune",
        &["config", "log::ingest", "config::knobs", "rank::linear", "progress", "rank", "sources", "trees"],
    ),
    (
        "report",
        &[
            "config",
            "log::cuts",
            "log::ingest",
            "log::interactions",
            "log::split",
            "measure::evaluate",
            "outcomes",
            "page",
            "progress",
            "publish",
            "rank",
            "runs",
            "sources",
            "train",
        ],
    ),
    (
        "commands",
        &[
            "backup",
            "bulk",
            "capacity",
            "config",
            "durations",
            "log::cuts",
            "measure::evaluate",
            "erase",
            "log::export",
            "fit",
            "measure::gate",
            "mirrored",
            "mlflow",
            "log::generate",
            "log::ingest",
            "log::profiles",
            "progress",
            "notices",
            "outcomes",
            "publish",
            "rank",
            "rank::rows",
            "report",
            "runs",
            "schedule",
            "log::split",
            "score",
            "train",
            "trees",
            "measure::tune",
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
