//! One tiny artifact per format version, kept for ever: this build reads that of its own format and answers from it as
//! the build did that wrote it, and refuses older ones. See `golden/README.md`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use shared::contract::api::Seen;
use shared::engine::packed::unpack_user;
use shared::engine::recommend::{Query, Scratch, recommend};
use shared::engine::snapshot::Snapshot;
use shared::engine::state::{LiveHistory, UserState};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Slates of all users under all policies, as text.
fn slates(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    let mut scratch = Scratch::default();
    for (user, record) in snapshot.users().iter() {
        for seen in [Seen::Allow, Seen::ExcludePurchased, Seen::ExcludeAll] {
            let state = UserState::join(snapshot, unpack_user(record).expect("a record"), &LiveHistory::default())
                .with_profile(snapshot.profile_of(user));
            let query = Query::of(4, seen);
            let now_ms = snapshot.manifest().last_event_ms;
            let slate = recommend(snapshot, &state, &query, now_ms, &mut scratch);
            write!(text, "{user} {seen:?}:").expect("writes");
            for pick in slate.picks {
                let sources: Vec<&str> = pick.sources.iter().map(|source| source.as_str()).collect();
                let because = pick.because.map_or("", |item| snapshot.items().id(item));
                let item = snapshot.items().id(pick.item);
                write!(text, " {item} {:.4} [{}] {because};", pick.score, sources.join(",")).expect("writes");
            }
            text.push('\n');
        }
    }
    text
}

#[test]
fn format_2_is_read_and_answers_as_it_did() {
    answers_as_it_did("format_2");
}

#[test]
fn format_2_with_the_names_of_what_repeat_looks_at_is_read_and_answers_as_it_did() {
    let snapshot = answers_as_it_did("format_2_named");
    assert!(!snapshot.manifest().metrics["fit"].is_null());
}

#[test]
fn format_2_with_profiles_is_read_and_answers_as_it_did() {
    let snapshot = answers_as_it_did("format_2_profiles");
    let names: Vec<&str> =
        snapshot.profiles().expect("profiles").fields().iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["age", "segment"]);
    assert!(snapshot.users().record("newcomer").is_none() && snapshot.profile_of("newcomer").is_some());
}

/// Loads a golden artifact, whose answers must be those of the build that wrote it.
fn answers_as_it_did(name: &str) -> Snapshot {
    let snapshot = Snapshot::load(&golden().join(name)).expect("loads");
    let answers = slates(&snapshot);
    let path = golden().join(format!("{name}.slates.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &answers).expect("writes");
    }
    assert_eq!(answers, std::fs::read_to_string(&path).expect("the golden answers"));
    snapshot
}

#[test]
fn format_1_is_refused_with_what_to_run() {
    let error = Snapshot::load(&golden().join("format_1")).err().expect("an older format").to_string();
    assert!(error.contains("format 1") && error.contains("offline run"), "{error}");
}

#[test]
fn an_item_of_the_table_without_events_is_still_known() {
    let snapshot = Snapshot::load(&golden().join("format_2")).expect("loads");
    let new = snapshot.items().index("new").expect("listed");
    assert_eq!(snapshot.items().name(new), Some("New"));
    let office = snapshot.items().category("office").expect("a category");
    assert_eq!(snapshot.items().categories_of(new), [office]);
    assert_eq!(snapshot.popularity().order(Some(office)).len(), 3);
}
