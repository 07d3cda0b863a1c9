//! What may import what in this crate.

#[path = "../../shared/tests/support/layers.rs"]
mod layers;

const TABLE: [(&str, &[&str]); 20] = [
    ("generate", &[]),
    ("progress", &[]),
    ("ingest", &[]),
    ("interactions", &["ingest"]),
    ("popularity", &["ingest"]),
    ("item_knn", &["ingest", "interactions"]),
    ("als", &["interactions"]),
    ("session_knn", &["ingest", "interactions"]),
    ("statistics", &["ingest", "interactions"]),
    ("user_tables", &["ingest", "interactions"]),
    ("evaluate", &["ingest", "interactions", "popularity"]),
    ("trees", &["evaluate"]),
    ("publish", &["progress"]),
    ("export", &["ingest"]),
    (
        "config",
        &[
            "als",
            "evaluate",
            "ingest",
            "interactions",
            "item_knn",
            "popularity",
            "publish",
            "session_knn",
            "trees",
            "user_tables",
        ],
    ),
    (
        "sources",
        &[
            "als",
            "config",
            "ingest",
            "interactions",
            "item_knn",
            "popularity",
            "progress",
            "session_knn",
            "statistics",
            "user_tables",
        ],
    ),
    ("ranker", &["config", "evaluate", "ingest", "progress", "sources", "trees", "user_tables"]),
    ("train", &["config", "ingest", "progress", "ranker", "sources", "user_tables"]),
    ("arguments", &["evaluate", "export"]),
    ("pipeline", &["arguments", "config", "evaluate", "export", "ingest", "progress", "publish", "train"]),
];

#[test]
fn modules_import_only_what_the_table_allows() {
    layers::check(env!("CARGO_MANIFEST_DIR"), &TABLE);
}
