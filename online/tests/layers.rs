//! What may import what in this crate.

#[path = "../../shared/tests/support/layers.rs"]
mod layers;

const TABLE: [(&str, &[&str]); 19] = [
    ("reload", &[]),
    ("auth", &["reload"]),
    ("tls", &["reload"]),
    ("probe", &["tls"]),
    ("scenarios", &[]),
    ("config", &["scenarios"]),
    ("metrics", &[]),
    ("champion", &["metrics"]),
    ("models", &["metrics"]),
    ("store", &["metrics"]),
    ("events", &["store", "metrics"]),
    ("remember", &["events", "models", "store", "metrics"]),
    ("filters", &[]),
    ("rules", &["scenarios", "metrics"]),
    ("recommender", &["store", "champion", "filters", "rules", "scenarios", "metrics"]),
    // It answers with the errors of the store, but never calls it.
    ("api", &["auth", "recommender", "models", "remember", "events", "metrics", "store"]),
    ("connections", &["api", "tls"]),
    ("doors", &["api", "auth", "config", "connections", "metrics", "tls"]),
    // Puts all of them together; the binary adds arguments, logging and signals.
    (
        "service",
        &["config", "api", "champion", "doors", "store", "events", "models", "remember", "recommender", "metrics"],
    ),
];

#[test]
fn modules_import_only_what_the_table_allows() {
    layers::check(env!("CARGO_MANIFEST_DIR"), &TABLE);
}
