//! Versions: the same bytes for the same input, nothing from after the split, nothing torn served.

use std::fs;

use shared::contract::artifact::ArtifactError;
use shared::engine::snapshot::Snapshot;

use crate::support::{QUICK, assert_same, champion, offline_small, offline_with, sample, succeeds, text};

#[test]
fn the_number_of_threads_does_not_change_a_byte() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (events, items) = sample();
    let versions = ["1", "3"].map(|threads| {
        let artifacts = folder.path().join(threads);
        let arguments = ["run", "--events", text(&events), "--items", text(&items), "--artifacts", text(&artifacts)];
        let output = offline_with(&arguments, &[("RAYON_NUM_THREADS", threads), ("POLARS_MAX_THREADS", threads)]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        champion(&artifacts)
    });
    assert_same(&versions[0], &versions[1]);
}

#[test]
fn other_events_after_the_time_leave_the_version_until_it_as_it_is() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (events, items) = sample();
    let log = fs::read_to_string(&events).expect("the sample");
    let (header, rows) = log.split_once('\n').expect("a header");
    let rows: Vec<&str> = rows.lines().collect();
    let until: i64 = time_of(rows[rows.len() * 3 / 4]);
    // After the time: other users, other items, other kinds, some of them known, in another order and in between.
    let later: Vec<String> = (0..4000)
        .map(|n| {
            let user = if n % 3 == 0 { format!("new-{n}") } else { format!("u{:06}", n % 700) };
            let item = if n % 4 == 0 { format!("0-new-{}", n % 50) } else { "basket-0001".to_owned() };
            let kind = ["view", "addtocart", "transaction"][n % 3];
            format!("{},{user},{kind},{item},", until + (n as i64 * 7919) % 86_400_000)
        })
        .collect();
    let earlier: Vec<&str> = rows.iter().copied().filter(|row| time_of(row) < until).collect();
    let mut mixed = vec![header.to_owned()];
    for (at, row) in earlier.iter().enumerate() {
        mixed.extend(later.get(at).cloned());
        mixed.push((*row).to_owned());
    }
    let replaced = folder.path().join("replaced.csv");
    fs::write(&replaced, mixed.join("\n") + "\n").expect("writes");

    let versions = [("a", &events), ("b", &replaced)].map(|(name, events)| {
        let artifacts = folder.path().join(name);
        let (to, until) = (text(&artifacts), until.to_string());
        let run = ["run", "--events", text(events), "--items", text(&items), "--artifacts", to, "--until", &until];
        succeeds(&run, &QUICK);
        champion(&artifacts)
    });
    assert_same(&versions[0], &versions[1]);
}

fn time_of(row: &str) -> i64 {
    row.split(',').next().and_then(|time| time.parse().ok()).expect("a timestamp")
}

#[test]
fn a_torn_file_is_refused_by_its_name() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (events, _) = sample();
    offline_small(&["run", "--events", text(&events), "--artifacts", text(folder.path())]);
    let version = champion(folder.path());
    let torn = version.join("als.safetensors");
    let bytes = fs::read(&torn).expect("reads");
    fs::write(&torn, &bytes[..bytes.len() - 1]).expect("writes");
    match Snapshot::load(&version) {
        Err(ArtifactError::Checksum { path }) => assert_eq!(path, torn),
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("a torn artifact was loaded"),
    }
}

#[test]
fn another_format_is_refused_with_the_command_to_run() {
    let folder = tempfile::tempdir().expect("temporary folder");
    fs::write(folder.path().join("manifest.json"), r#"{"format_version": 999}"#).expect("writes");
    let Err(error) = Snapshot::load(folder.path()) else { panic!("a foreign artifact was loaded") };
    assert!(error.to_string().contains("format 999") && error.to_string().contains("offline run"), "{error}");
}
