//! What may import what in this crate.

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
    ("publish", &["progress"]),
    ("export", &["ingest"]),
    (
        "config",
        &["evaluate", "ingest", "interactions", "linear", "publish", "ranges", "sources", "trees", "user_tables"],
    ),
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
    ("arguments", &["evaluate", "export"]),
    ("tune", &["config", "ingest", "knobs", "linear", "progress", "ranker", "sources", "trees"]),
    (
        "pipeline",
        &[
            "arguments",
            "config",
            "cuts",
            "evaluate",
            "export",
            "fit",
            "gate",
            "ingest",
            "progress",
            "publish",
            "ranker",
            "rows",
            "split",
            "train",
            "trees",
            "tune",
        ],
    ),
];

#[test]
fn modules_import_only_what_the_table_allows() {
    layers::check(env!("CARGO_MANIFEST_DIR"), TABLE);
}
