//! What may import what in this crate.

#[path = "support/layers.rs"]
mod layers;

const TABLE: [(&str, &[&str]); 21] = [
    ("id", &[]),
    ("url", &[]),
    ("event", &["id"]),
    ("topk", &["id"]),
    ("params", &[]),
    ("factors", &[]),
    ("matrix", &[]),
    ("linear", &["matrix"]),
    ("schema", &["params"]),
    ("trees", &["matrix"]),
    ("api", &["id", "event"]),
    ("artifact", &["id", "params"]),
    ("ann", &["id", "topk", "factors", "artifact"]),
    ("snapshot", &["id", "artifact", "ann", "factors", "linear", "matrix", "params", "schema", "trees"]),
    ("state", &["id", "event", "topk", "snapshot"]),
    ("keys", &["id", "event", "state", "topk"]),
    ("retrieve", &["id", "event", "params", "snapshot", "state", "topk", "factors", "ann", "matrix", "schema"]),
    ("features", &["id", "event", "factors", "matrix", "params", "retrieve", "schema", "snapshot", "state"]),
    ("slate", &["id", "api", "params", "retrieve", "snapshot", "state"]),
    ("rerank", &["id", "api", "event", "params", "retrieve", "slate", "snapshot", "state"]),
    (
        "recommend",
        &[
            "id", "api", "event", "features", "matrix", "params", "rerank", "retrieve", "schema", "slate", "snapshot",
            "state", "topk", "trees",
        ],
    ),
];

#[test]
fn modules_import_only_what_the_table_allows() {
    layers::check(env!("CARGO_MANIFEST_DIR"), &TABLE);
}

#[test]
fn grouped_and_single_imports_are_read() {
    let text = "use crate::metrics::Metrics;\nuse crate::{api::App, serve};\nlet x = crate::store::by_user(a, b);";
    let expected = ["api", "metrics", "serve", "store"].map(str::to_owned);
    assert_eq!(layers::imports(text), expected.into());
}

#[test]
#[should_panic(expected = "must not import")]
fn a_forbidden_import_is_found() {
    let mut table = TABLE;
    table[2].1 = &[];
    layers::check(env!("CARGO_MANIFEST_DIR"), &table);
}
