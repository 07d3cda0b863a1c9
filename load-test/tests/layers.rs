//! What may import what in this crate.

#[path = "../../shared/tests/support/layers.rs"]
mod layers;

/// A command may import what is above it; `stub` is a server for the tests beside the code.
const TABLE: &layers::Table<'_> = &[
    ("clock", &[]),
    ("plan", &[]),
    ("progress", &[]),
    ("stub", &["target"]),
    ("target", &[]),
    ("verdict", &[]),
    ("json_lines", &[]),
    ("acknowledged", &["json_lines"]),
    ("client", &["stub", "target"]),
    ("events", &["client", "json_lines"]),
    ("traffic", &["client", "events"]),
    ("options", &["client", "events", "target", "traffic", "verdict"]),
    ("memory", &["client"]),
    ("tally", &["client"]),
    ("measure", &["client", "plan", "progress", "stub", "tally", "target", "traffic"]),
    ("report", &["tally", "verdict"]),
    // The commands, which do not know each other.
    ("run", &["events", "measure", "options", "plan", "report", "stub", "traffic", "verdict"]),
    ("overload", &["events", "measure", "memory", "options", "plan", "stub", "tally", "traffic", "verdict"]),
    ("soak", &["events", "measure", "memory", "options", "plan", "report", "stub", "traffic", "verdict"]),
    ("replay", &["client", "events", "json_lines", "options", "progress", "stub", "verdict"]),
    ("consistency", &["client", "clock", "events", "options", "progress", "stub", "verdict"]),
    ("stream", &["acknowledged", "client", "clock", "events", "options", "progress", "stub", "verdict"]),
    ("feed", &["client", "events", "options", "stub", "target", "verdict"]),
    ("audit", &["acknowledged", "client", "options", "progress", "stub", "verdict"]),
];

#[test]
fn modules_import_only_what_the_table_allows() {
    layers::check(env!("CARGO_MANIFEST_DIR"), TABLE);
}
