//! What may import what in this crate.

#[path = "support/layers.rs"]
mod layers;

const TABLE: &layers::Table<'_> = &[
    ("contract::id", &[]),
    ("contract::url", &[]),
    ("contract::kind", &[]),
    ("contract::event", &["contract::id", "contract::kind"]),
    ("contract::erasure", &["contract::event", "contract::id"]),
    ("contract::merge", &["contract::event", "contract::id"]),
    ("contract::complaint", &["contract::url"]),
    ("contract::impression", &["contract::event", "contract::id"]),
    ("contract::event_log", &["contract::erasure"]),
    (
        "contract::event_log::line",
        &["contract::erasure", "contract::impression", "contract::item_change", "contract::merge"],
    ),
    ("contract::item_change", &["contract::event", "contract::event_log", "contract::id"]),
    ("contract::name", &[]),
    ("contract::slate_log", &["contract::id"]),
    (
        "engine::attribution",
        &["contract::event", "contract::id", "contract::impression", "contract::kind", "contract::slate_log"],
    ),
    ("contract::expression", &[]),
    ("contract::time", &[]),
    ("contract::profile", &[]),
    ("contract::seen", &["contract::kind"]),
    ("contract::given", &["contract::id"]),
    (
        "contract::api",
        &["contract::given", "contract::id", "contract::kind", "contract::profile", "contract::seen", "contract::time"],
    ),
    ("engine::topk", &["contract::id"]),
    ("engine::stages", &[]),
    ("engine::dense", &["contract::id"]),
    ("engine::item_set", &["contract::id"]),
    ("engine::rules", &["contract::id", "engine::item_set"]),
    ("contract::source", &[]),
    ("contract::params", &["contract::kind", "contract::source"]),
    ("engine::factors", &[]),
    ("engine::rank::matrix", &[]),
    ("engine::rank::linear", &["engine::rank::matrix"]),
    ("engine::rank::trees", &["engine::rank::matrix"]),
    ("engine::rank::binned", &["engine::rank::matrix", "engine::rank::trees"]),
    (
        "engine::rank::cascade",
        &[
            "contract::id",
            "contract::params",
            "engine::rank::binned",
            "engine::rank::matrix",
            "engine::rank::trees",
            "engine::topk",
        ],
    ),
    ("contract::artifact", &["contract::id", "contract::event_log", "contract::name", "contract::params"]),
    ("objects", &["contract::artifact", "contract::complaint", "contract::event_log", "contract::url"]),
    ("engine::tabular::column", &["contract::artifact"]),
    ("engine::tabular::encoding", &["engine::tabular::column"]),
    ("engine::tabular::history", &["engine::tabular::column"]),
    ("engine::ann", &["contract::id", "engine::dense", "engine::topk", "engine::factors", "contract::artifact"]),
    (
        "tables",
        &[
            "contract::id",
            "engine::topk",
            "contract::source",
            "contract::params",
            "contract::artifact",
            "engine::ann",
            "engine::factors",
            "engine::rank::binned",
            "engine::rank::cascade",
            "engine::rank::linear",
            "engine::rank::matrix",
            "engine::rank::trees",
            "engine::tabular::column",
            "engine::tabular::encoding",
            "engine::tabular::history",
        ],
    ),
    (
        "engine::tabular",
        &["contract::artifact", "contract::id", "engine::rank::matrix", "engine::rank::trees", "tables"],
    ),
    ("engine::profiles", &["engine::tabular", "tables"]),
    (
        "engine::snapshot",
        &[
            "contract::artifact",
            "contract::event_log",
            "contract::params",
            "contract::source",
            "engine::profiles",
            "tables",
        ],
    ),
    (
        "engine::state",
        &["contract::id", "contract::kind", "contract::event_log", "contract::merge", "engine::topk", "tables"],
    ),
    ("engine::keys", &["contract::id", "engine::tabular", "engine::tabular::column"]),
    ("engine::seen", &["contract::kind", "contract::seen"]),
    ("engine::packed", &["contract::id", "contract::kind", "contract::event_log", "engine::state", "engine::topk"]),
    (
        "engine::slate",
        &[
            "contract::id",
            "contract::seen",
            "contract::source",
            "engine::item_set",
            "engine::rules",
            "engine::seen",
            "engine::state",
            "tables",
        ],
    ),
    ("engine::select", &["contract::expression", "contract::id", "engine::item_set", "engine::snapshot", "tables"]),
    (
        "engine::filter",
        &[
            "contract::id",
            "engine::dense",
            "engine::item_set",
            "engine::seen",
            "engine::slate",
            "engine::snapshot",
            "engine::state",
            "tables",
        ],
    ),
    (
        "engine::rerank",
        &[
            "contract::id",
            "engine::filter",
            "engine::item_set",
            "engine::rules",
            "engine::slate",
            "engine::snapshot",
            "engine::topk",
            "tables",
        ],
    ),
    ("engine::history", &["engine::dense", "contract::kind", "contract::id", "contract::params", "engine::state"]),
    (
        "engine::join",
        &[
            "contract::id",
            "contract::kind",
            "contract::event_log",
            "engine::history",
            "engine::snapshot",
            "engine::state",
        ],
    ),
    (
        "engine::question",
        &[
            "engine::dense",
            "contract::kind",
            "engine::history",
            "engine::slate",
            "engine::snapshot",
            "engine::state",
            "engine::topk",
            "tables",
        ],
    ),
    (
        "engine::retrieve",
        &[
            "engine::ann",
            "contract::id",
            "engine::dense",
            "engine::factors",
            "engine::filter",
            "engine::history",
            "contract::params",
            "engine::profiles",
            "engine::question",
            "engine::rank::matrix",
            "engine::snapshot",
            "contract::source",
            "engine::state",
            "tables",
            "engine::topk",
        ],
    ),
    (
        "engine::rank::features",
        &[
            "engine::ann",
            "contract::id",
            "engine::dense",
            "contract::kind",
            "engine::history",
            "contract::params",
            "engine::profiles",
            "engine::tabular",
            "engine::question",
            "engine::rank::matrix",
            "engine::retrieve",
            "contract::source",
            "engine::state",
            "tables",
        ],
    ),
    (
        "engine::load",
        &[
            "contract::artifact",
            "engine::profiles",
            "engine::rank::features",
            "engine::retrieve",
            "engine::snapshot",
            "tables",
        ],
    ),
    (
        "engine::recommend",
        &[
            "contract::id",
            "contract::api",
            "engine::dense",
            "engine::filter",
            "engine::item_set",
            "contract::params",
            "engine::question",
            "engine::rank::cascade",
            "engine::rank::features",
            "engine::rank::matrix",
            "engine::rank::trees",
            "engine::rerank",
            "engine::retrieve",
            "engine::rules",
            "engine::slate",
            "engine::snapshot",
            "contract::source",
            "engine::stages",
            "engine::state",
            "tables",
            "engine::topk",
        ],
    ),
    (
        "engine::patch",
        &["contract::artifact", "contract::id", "contract::item_change", "engine::snapshot", "engine::topk", "tables"],
    ),
    ("contract::settings", &[]),
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
    table[3].1 = &[];
    layers::check(env!("CARGO_MANIFEST_DIR"), &table);
}
