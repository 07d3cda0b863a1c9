//! What may import what in this crate.

#[path = "../../shared/tests/support/layers.rs"]
mod layers;

const TABLE: [(&str, &[&str]); 17] = [
    ("generate", &[]),
    ("progress", &[]),
    ("ingest", &[]),
    ("interactions", &["ingest"]),
    ("popularity", &["ingest"]),
    ("item_knn", &["ingest", "interactions"]),
    ("als", &["interactions"]),
    ("user_tables", &["ingest", "interactions"]),
    ("evaluate", &["ingest", "interactions", "popularity"]),
    ("publish", &["progress"]),
    ("export", &["ingest"]),
    ("config", &["als", "evaluate", "ingest", "interactions", "item_knn", "popularity", "publish", "user_tables"]),
    ("sources", &["als", "config", "ingest", "interactions", "item_knn", "popularity", "progress", "user_tables"]),
    ("blend", &["config", "evaluate", "ingest", "progress", "sources", "user_tables"]),
    ("train", &["blend", "config", "ingest", "progress", "sources", "user_tables"]),
    ("arguments", &["evaluate", "export"]),
    ("pipeline", &["arguments", "config", "evaluate", "export", "ingest", "progress", "publish", "train"]),
];

#[test]
fn modules_import_only_what_the_table_allows() {
    layers::check(env!("CARGO_MANIFEST_DIR"), &TABLE);
}
