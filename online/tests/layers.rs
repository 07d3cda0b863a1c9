//! What may import what in this crate.

#[path = "../../shared/tests/support/layers.rs"]
mod layers;

const TABLE: [(&str, &[&str]); 32] = [
    ("background", &[]),
    ("batch", &[]),
    ("reload", &[]),
    ("auth", &["reload"]),
    ("tls", &["reload"]),
    ("probe", &["tls"]),
    ("scenarios", &[]),
    ("named_filters", &[]),
    ("traces", &[]),
    ("config", &["named_filters", "scenarios", "traces"]),
    ("metrics", &["traces"]),
    ("catalogue", &["store"]),
    ("champion", &["background", "catalogue", "store", "metrics"]),
    ("models", &["background", "metrics"]),
    ("objects", &["background", "metrics"]),
    ("store", &["metrics"]),
    ("events", &["catalogue", "background", "store", "metrics"]),
    ("remember", &["events", "models", "store", "metrics"]),
    ("outcomes", &["events", "background", "metrics"]),
    ("lookup", &[]),
    ("per_snapshot", &[]),
    ("filters", &["per_snapshot"]),
    ("rules", &["per_snapshot", "scenarios", "metrics"]),
    ("recommender", &["store", "champion", "filters", "rules", "scenarios", "metrics", "traces"]),
    ("shadow", &["champion", "outcomes", "background", "recommender", "store", "metrics"]),
    ("compare", &["champion", "recommender", "store"]),
    // It answers with the errors of the store, but never calls it.
    (
        "api",
        &[
            "auth",
            "batch",
            "compare",
            "lookup",
            "recommender",
            "models",
            "remember",
            "events",
            "outcomes",
            "shadow",
            "metrics",
            "named_filters",
            "store",
            "traces",
        ],
    ),
    ("connections", &["api", "tls"]),
    ("doors", &["api", "auth", "config", "connections", "metrics", "background", "tls"]),
    (
        "shop",
        &[
            "batch",
            "compare",
            "config",
            "api",
            "catalogue",
            "champion",
            "store",
            "events",
            "models",
            "objects",
            "outcomes",
            "background",
            "remember",
            "recommender",
            "rules",
            "shadow",
            "metrics",
            "traces",
        ],
    ),
    ("tenants", &["config", "api", "auth", "doors", "metrics", "background", "shop"]),
    // Puts all of them together; the binary adds arguments, logging and signals.
    ("service", &["config", "api", "doors", "metrics", "background", "shop", "store", "tenants"]),
];

#[test]
fn modules_import_only_what_the_table_allows() {
    layers::check(env!("CARGO_MANIFEST_DIR"), &TABLE);
}
