//! A blend that trails its best source is not what is served.

use std::path::Path;

use serde_json::Value;
use shared::contract::source::Source;

use crate::support::{champion, offline_with, text, write_log};

const DAY_MS: i64 = 86_400_000;

/// Until the last day sessions go along a shelf, and many buy one item and nothing else. On the last day everybody looks at a
/// shelf and then wants what many bought: popularity knows it, what is near in sessions proposes the shelf.
fn shop(path: &Path) {
    let shelf: Vec<String> = (0..30).map(|place| format!("shelf-{place:02}")).collect();
    let users: Vec<String> = (0..660).map(|user| format!("u{user:03}")).collect();
    let mut rows = Vec::new();
    for (user, name) in (0..).zip(&users[..240]) {
        let view = |place: i64| (user * 60_000 + place, &**name, "view", &*shelf[((user + place) % 30) as usize]);
        rows.extend((0..3).map(view));
    }
    rows.extend((0..).zip(&users[240..540]).map(|(user, name)| (DAY_MS + user, &**name, "view", "wanted")));
    for (user, name) in (0..).zip(&users[540..]) {
        let time = 2 * DAY_MS + user * 60_000;
        rows.push((time, name, "view", &shelf[(user % 30) as usize]));
        rows.push((time + 1, name, "view", "wanted"));
    }
    write_log(path, &rows);
}

#[test]
fn where_single_steps_lead_nowhere_the_best_source_is_served_and_the_manifest_says_so() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (log, on) = (folder.path().join("log.csv"), [Source::ItemKnnSession, Source::SessionKnn, Source::Popularity]);
    shop(&log);
    let off = Source::ALL.into_iter().filter(|source| !on.contains(source)).map(Source::as_str);
    let off = format!("{:?}", off.collect::<Vec<_>>());
    let arguments = ["run", "--events", text(&log), "--artifacts", text(folder.path())];
    let output = offline_with(
        &arguments,
        &[
            ("TANDEM_BLEND__OFF", &*off),
            ("TANDEM_RANKER__KIND", "none"),
            // The last day: 240 of 1,260 events.
            ("TANDEM_BLEND__VALIDATION_SHARE", "0.19"),
            ("TANDEM_BLEND__WEIGHTS__POPULARITY", "0.00001"),
            ("TANDEM_ALS__FACTORS", "4"),
            ("TANDEM_EMBEDDING__FACTORS", "4"),
        ],
    );
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("blend: steps back to popularity: NDCG@20 "), "{told}");
    let manifest = std::fs::read(champion(folder.path()).join("manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    let blend = &manifest["metrics"]["fit"]["blend"];
    assert_eq!((&blend["simpler"], &blend["stepped_back"]), (&"popularity".into(), &true.into()));
    assert_eq!((&blend["questions"], &blend["simpler_mean"]), (&120.into(), &1.0.into()));
    let weights = &manifest["engine"]["weights"];
    let of = |source: Source| weights[source.as_str()].as_f64().expect("a weight");
    assert_eq!((of(Source::Popularity), of(Source::Als)), (1.0, 0.0));
    assert!((of(Source::SessionKnn) - 0.01).abs() < 1e-6, "it answers where popularity is silent: {weights}");
}
