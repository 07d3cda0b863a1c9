//! What may import what in this crate.

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
    ("linear", &["trees"]),
    ("rows", &["trees"]),
    ("publish", &["progress"]),
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
            "publish",
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
            "ingest",
            "interactions",
            "item_knn",
            "popularity",
            "progress",
            "session_knn",
            "slim",
            "statistics",
            "user_tables",
        ],
    ),
    ("ranker", &["config", "evaluate", "ingest", "linear", "progress", "sources", "split", "trees", "user_tables"]),
    ("train", &["config", "ingest", "progress", "ranker", "sources", "user_tables"]),
    ("gate", &["config", "evaluate", "ingest", "progress", "ranker", "sources", "train"]),
    ("arguments", &["evaluate", "export"]),
    ("tune", &["config", "ingest", "progress", "ranker", "trees"]),
    (
        "pipeline",
        &[
            "arguments",
            "config",
            "evaluate",
            "export",
            "gate",
            "ingest",
            "progress",
            "publish",
            "ranker",
            "rows",
            "sources",
            "split",
            "train",
            "trees",
            "tune",
        ],
    ),
];

#[test]
fn modules_import_only_what_the_table_allows() {
    layers::check(env!("CARGO_MANIFEST_DIR"), &TABLE);
}
