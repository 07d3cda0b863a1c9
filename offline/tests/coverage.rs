//! What a version says that it has of the service's event log: nothing that it has not.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use offline::config::Config;
use offline::log::ingest::{Catalogue, Log, ingest};
use proptest::prelude::*;
use shared::contract::artifact::Manifest;
use shared::contract::event::event_key;
use shared::contract::event_log::{self, Coverage, CoveredFile, LogFile, Place};
use shared::contract::kind::KindIdx;

use support::{champion, offline, text};

/// A line as the service writes it, of about 1000 bytes.
fn line(user: &str, item: &str, kind: &str, timestamp_ms: i64, event_id: &str) -> String {
    let order = "o".repeat(850);
    format!(
        r#"{{"timestamp":{timestamp_ms},"visitorid":"{user}","event":"{kind}","itemid":"{item}","transactionid":"{order}","event_id":"{event_id}","received":{timestamp_ms}}}"#
    ) + "\n"
}

fn read(paths: &[PathBuf], folder: &Path) -> Log {
    let mut config = Config::load(None, None).expect("defaults");
    config.ingest.max_reject_share = 1.0;
    // The clock of the log begins in 1970.
    config.ingest.earliest = "1970-01-01".to_owned();
    ingest(paths, Catalogue::default(), &config.ingest, &config.kinds, &folder.join("rejects.jsonl"), &|_| ())
        .expect("reads")
}

/// A line of the log, as it is to be written.
#[derive(Debug, Clone)]
enum Line {
    Purchase { user: u8, item: u8, timestamp_ms: i64, id: u8 },
    OfAnotherRelease,
    Rubbish,
}

fn any_line() -> impl Strategy<Value = Line> {
    let purchase = (0u8..3, 0u8..4, 0i64..100, 0u8..30);
    prop_oneof![
        20 => purchase.prop_map(|(user, item, timestamp_ms, id)| Line::Purchase { user, item, timestamp_ms, id }),
        1 => Just(Line::OfAnotherRelease),
        2 => Just(Line::Rubbish),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn a_purchase_that_is_covered_is_in_the_version(
        logs in prop::collection::vec(prop::collection::vec(any_line(), 1..40), 1..3),
        until_ms in 1i64..120,
    ) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut purchases = Vec::new();
        for (number, lines) in (1..).zip(&logs) {
            let path = event_log::path(folder.path(), "a", number);
            let mut text = line("first", "i0", "view", 0, &format!("first-{number}"));
            let mut ends = Vec::new();
            for (at, one) in lines.iter().enumerate() {
                text += &match one {
                    Line::Purchase { user, item, timestamp_ms, id } => {
                        line(&format!("u{user}"), &format!("i{item}"), "transaction", *timestamp_ms, &format!("e{id}"))
                    }
                    Line::OfAnotherRelease => line("u0", "i0", "of_another_release", 5, &format!("w{at}")),
                    Line::Rubbish => "rubbish\n".to_owned(),
                };
                ends.push(text.len() as u64);
            }
            fs::write(&path, text + "{\"timestamp\":").expect("writes");
            let file = LogFile::at(&path).expect("a name of the log").id().expect("reads").expect("a first line");
            for (one, end) in lines.iter().zip(ends) {
                if let Line::Purchase { user, id, .. } = one {
                    purchases.push((format!("u{user}"), event_key(&format!("e{id}")), Place { file, end }));
                }
            }
        }
        let log = read(&[folder.path().to_owned()], folder.path());
        let whole: Coverage = log.covered().iter().collect();
        let log = log.before(until_ms);
        let before: Coverage = log.covered().iter().collect();
        prop_assert!(whole.includes(&before));
        for (user, event_key, place) in purchases {
            let of_user = log.events.iter().filter(|event| *log.users[event.user.at()] == *user);
            let mut same = of_user.filter(|event| event.event_key == event_key && event.kind == KindIdx::TRANSACTION);
            prop_assert!(!before.covers(Some(place)) || same.next().is_some(), "{} {:?}", user, place);
        }
    }
}

fn run(events: &Path, artifacts: &Path, more: &[&str]) -> Vec<CoveredFile> {
    let arguments = ["run", "--events", text(events), "--artifacts", text(artifacts)];
    offline(&[&arguments, more].concat());
    Manifest::read(&champion(artifacts)).expect("a manifest").covered
}

#[test]
fn a_manifest_says_how_far_each_file_was_read_wherever_it_lies() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (log, archive) = (folder.path().join("log"), folder.path().join("archive"));
    fs::create_dir(&log).expect("a folder");
    let write = |replica: &str, number: u64, lines: &[String]| {
        fs::write(event_log::path(&log, replica, number), lines.concat()).expect("writes");
    };
    let of_a: Vec<String> = (0..30).map(|n| line("u", "x", "view", n * 60_000, &format!("a{n}"))).collect();
    let of_b: Vec<String> = (0..10).map(|n| line("v", "y", "view", n * 60_000, &format!("b{n}"))).collect();
    write("a", 1, &of_a[..20]);
    // The service is writing its last line, and has left a lock and a torn end beside the log.
    write("a", 2, &[&of_a[20..], &[of_b[0][..99].to_owned()]].concat());
    write("b", 1, &of_b);
    fs::write(event_log::lock_path(&log, "a"), "").expect("writes");
    fs::write(event_log::torn_path(&log, "a", 1, 99, 0), "{}").expect("writes");
    let covered = run(&log, &folder.path().join("artifacts"), &[]);
    let length = |lines: &[String]| lines.concat().len() as u64;
    let of = |covered: &[CoveredFile]| -> Vec<(String, u64, u64)> {
        covered.iter().map(|file| (file.replica.clone(), file.number, file.bytes)).collect()
    };
    let expected = [("a", 1, length(&of_a[..20])), ("a", 2, length(&of_a[20..])), ("b", 1, length(&of_b))];
    assert_eq!(of(&covered), expected.map(|(replica, number, bytes)| (replica.to_owned(), number, bytes)));
    // A copy is the same file, by a pattern too; the events after a time are not covered.
    fs::rename(&log, &archive).expect("renames");
    let again = run(&archive.join("events-*"), &folder.path().join("again"), &[]);
    assert_eq!(again, covered);
    let until = (25 * 60_000).to_string();
    let before = run(&archive, &folder.path().join("until"), &["--until", &until]);
    let bytes = |replica, number| before.iter().find(|file| (file.replica.as_str(), file.number) == (replica, number));
    assert_eq!(bytes("a", 1), covered.first());
    assert_eq!(bytes("b", 1), covered.last());
    // To 4096 bytes: five lines of some 1000.
    assert_eq!(bytes("a", 2).map(|file| file.bytes), Some(length(&of_a[20..25])));
}

#[test]
fn a_whole_line_that_is_no_event_is_a_reject() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = event_log::path(folder.path(), "a", 1);
    fs::write(&path, "{}\n".to_owned() + &line("u", "x", "view", 1, "e1")).expect("writes");
    let log = read(std::slice::from_ref(&path), folder.path());
    assert_eq!((log.events.len(), log.report.rejected.total()), (1, 1));
}

#[test]
fn an_event_id_identifies_within_one_user() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("log.jsonl");
    let lines = [("u", "x", 1, "same"), ("v", "x", 1, "same"), ("u", "y", 2, "same"), ("u", "y", 2, "other")];
    let lines = lines.map(|(user, item, time_ms, id)| line(user, item, "transaction", time_ms, id));
    fs::write(&path, lines.concat()).expect("writes");
    let log = read(&[path], folder.path());
    assert_eq!(log.report.skipped.0["duplicate event_id"].count, 1);
    let events: Vec<(&str, &str)> =
        log.events.iter().map(|event| (&*log.users[event.user.at()], &*log.items.ids[event.item.at()])).collect();
    assert_eq!(events, [("u", "x"), ("v", "x"), ("u", "y")]);
    assert!(log.covered().is_empty(), "no file of the service's log");
}
