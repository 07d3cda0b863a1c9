//! What may import what in this crate.

#[path = "support/layers.rs"]
mod layers;

const TABLE: &layers::Table<'_> = &[
    ("id", &[]),
    ("url", &[]),
    ("event", &["id"]),
    ("event_log", &[]),
    ("api", &["id", "event"]),
    ("topk", &["id"]),
    ("dense", &["id", "topk"]),
    ("source", &[]),
    ("params", &["source"]),
    ("factors", &[]),
    ("rank::matrix", &[]),
    ("rank::linear", &["rank::matrix"]),
    ("rank::trees", &["rank::matrix"]),
    ("artifact", &["id", "event_log", "params"]),
    ("ann", &["id", "topk", "factors", "artifact"]),
    (
        "tables",
        &[
            "id",
            "topk",
            "source",
            "params",
            "artifact",
            "ann",
            "factors",
            "rank::linear",
            "rank::matrix",
            "rank::trees",
        ],
    ),
    ("snapshot", &["artifact", "params", "source", "tables"]),
    ("state", &["id", "event", "event_log", "topk", "snapshot"]),
    ("keys", &["id", "event", "event_log", "state", "topk"]),
    ("slate", &["id", "api", "source", "state", "tables"]),
    ("filter", &["id", "api", "dense", "event", "slate", "snapshot", "state", "tables"]),
    ("history", &["dense", "event", "id", "params", "state"]),
    ("question", &["dense", "event", "history", "slate", "snapshot", "state", "topk"]),
    (
        "retrieve",
        &[
            "id",
            "dense",
            "factors",
            "filter",
            "history",
            "params",
            "question",
            "rank::matrix",
            "snapshot",
            "source",
            "state",
            "tables",
            "topk",
        ],
    ),
    (
        "rank::features",
        &[
            "id",
            "dense",
            "event",
            "factors",
            "history",
            "params",
            "question",
            "rank::matrix",
            "retrieve",
            "source",
            "state",
            "tables",
        ],
    ),
    ("load", &["artifact", "rank::features", "retrieve", "snapshot", "tables"]),
    (
        "recommend",
        &[
            "id",
            "api",
            "dense",
            "filter",
            "params",
            "question",
            "rank::features",
            "rank::matrix",
            "rank::trees",
            "retrieve",
            "slate",
            "snapshot",
            "source",
            "state",
            "tables",
            "topk",
        ],
    ),
    ("settings", &[]),
];

#[test]
fn modules_import_only_what_the_table_allows() {
    layers::check(env!("CARGO_MANIFEST_DIR"), TABLE);
}

#[test]
fn grouped_and_single_imports_are_read() {
    let text = "use crate::metrics::Metrics;\nuse crate::{api::App, serve};\nlet x = crate::store::{a, b::c};";
    let expected = ["api::App", "metrics::Metrics", "serve", "store::a", "store::b::c"].map(str::to_owned);
    assert_eq!(layers::imports(text), expected.into());
}

#[test]
#[should_panic(expected = "must not import")]
fn a_forbidden_import_is_found() {
    let mut table = TABLE.to_vec();
    table[2].1 = &[];
    layers::check(env!("CARGO_MANIFEST_DIR"), &table);
}
