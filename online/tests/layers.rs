//! What may import what in this crate.

#[path = "../../shared/tests/support/layers.rs"]
mod layers;

const TABLE: [(&str, &[&str]); 18] = [
    ("reload", &[]),
    ("auth", &["reload"]),
    ("tls", &["reload"]),
    ("probe", &["tls"]),
    ("config", &[]),
    ("metrics", &[]),
    ("catalogue", &["store"]),
    ("champion", &["catalogue", "metrics"]),
    ("models", &["metrics"]),
    ("store", &["metrics"]),
    ("events", &["catalogue", "store", "metrics"]),
    ("remember", &["events", "models", "store", "metrics"]),
    ("filters", &[]),
    ("recommender", &["store", "champion", "filters", "metrics"]),
    // It answers with the errors of the store, but never calls it.
    ("api", &["auth", "recommender", "models", "remember", "events", "metrics", "store"]),
    ("connections", &["api", "tls"]),
    ("doors", &["api", "auth", "config", "connections", "metrics", "tls"]),
    // Puts all of them together; the binary adds arguments, logging and signals.
    (
        "service",
        &[
            "config",
            "api",
            "catalogue",
            "champion",
            "doors",
            "store",
            "events",
            "models",
            "remember",
            "recommender",
            "metrics",
        ],
    ),
];

#[test]
fn modules_import_only_what_the_table_allows() {
    layers::check(env!("CARGO_MANIFEST_DIR"), &TABLE);
}
