//! What a version says that it has of the service's event log: nothing that it has not.

use std::fs;
use std::path::{Path, PathBuf};

use offline::config::Config;
use offline::log::ingest::{Catalogue, Log, ingest};
use proptest::prelude::*;
use shared::contract::artifact::Manifest;
use shared::contract::event::event_key;
use shared::contract::event_log::{self, Coverage, CoveredFile, LogFile, Place};
use shared::contract::kind::KindIdx;
use shared::engine::snapshot::Snapshot;
use shared::tables::{Items, Property};

use crate::support::{SMALL, champion, offline, offline_with, text, write_shop};

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

/// Name, price, categories, whether it is available, colours.
type ToldOf = (String, f32, Vec<String>, bool, Vec<String>);

/// What a version says of an item: name, price, categories, whether it is available, colours.
fn told_of(snapshot: &Snapshot, id: &str) -> Option<ToldOf> {
    let items: &Items = snapshot.items();
    let item = items.index(id)?;
    let names: Vec<&str> = items.categories().collect();
    let categories = items.categories_of(item).iter().map(|category| names[category.0 as usize].to_owned()).collect();
    let Some(Property::Texts(colours)) = snapshot.properties().get("colour") else { panic!("texts") };
    let texts = &snapshot.properties().texts;
    let colours = colours.of(item).iter().map(|&row| texts.get(row as usize).to_owned()).collect();
    let name = items.name(item).unwrap_or_default().to_owned();
    Some((name, items.price(item), categories, items.availability().at(item, i64::MAX - 1), colours))
}

#[test]
fn what_the_service_was_told_of_items_is_in_the_next_version_as_of_its_time() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (shop, table) = (folder.path().join("shop.csv"), folder.path().join("items.csv"));
    write_shop(&shop, 0..12, 0..4);
    let rows = (0..12).map(|item| format!("i{item:02},Item {item},plain,{item},{}\n", ["red", "blue"][item % 2]));
    fs::write(&table, "id,name,category,price,colour\n".to_owned() + &rows.collect::<String>()).expect("writes");
    // Day 2 ends at 259,200,000 ms.
    let changes = [
        r#"{"change":"i01","set":{"available":false,"category":["late"],"colour":["green","red"],"price":9.5},"timestamp":260000000,"received":260000000}"#,
        r#"{"change":"i01","set":{"name":"Early","price":5},"timestamp":90000000,"received":90000000}"#,
        r#"{"change":"new","set":{"category":["plain"],"colour":["blue"],"name":"New","price":3},"timestamp":260000001,"received":260000001}"#,
        r#"{"change":"i02","set":{"colour":null,"price":null},"timestamp":900000000,"received":900000000}"#,
    ];
    let log = event_log::path(&folder.path().join("log"), "a", 1);
    fs::create_dir_all(folder.path().join("log")).expect("a folder");
    fs::write(&log, changes.map(|line| format!("{line}\n")).concat()).expect("writes");
    let run = |artifacts: &Path, more: &[&str]| {
        let (log, table, artifacts_text) = (folder.path().join("log"), text(&table), text(artifacts));
        let fixed = ["run", "--events", text(&shop), text(&log), "--items", table, "--artifacts", artifacts_text];
        let output = offline_with(&[&fixed[..], more].concat(), &SMALL);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        (Snapshot::load(&champion(artifacts)).expect("loads"), said)
    };
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let (all, said) = run(&folder.path().join("all"), &[]);
    assert!(said.contains("skipped 4: what the service was told of an item"), "{said}");
    let changed = ("Early".to_owned(), 9.5, texts(&["late"]), false, texts(&["green", "red"]));
    assert_eq!(told_of(&all, "i01"), Some(changed));
    assert_eq!(told_of(&all, "new"), Some(("New".to_owned(), 3.0, texts(&["plain"]), true, texts(&["blue"]))));
    let cleared = told_of(&all, "i02").expect("known");
    assert!(cleared.1.is_nan() && cleared.4.is_empty());
    assert_eq!(told_of(&all, "i03"), Some(("Item 3".to_owned(), 3.0, texts(&["plain"]), true, texts(&["blue"]))));
    let bytes = log.metadata().expect("there").len();
    assert_eq!(all.manifest().covered.iter().map(|file| file.bytes).collect::<Vec<_>>(), [bytes]);
    // A table that was written later has what was said of its items until then.
    let (as_of, _) = run(&folder.path().join("as-of"), &["--items-as-of", "260000000"]);
    let as_listed = ("Item 1".to_owned(), 1.0, texts(&["plain"]), true, texts(&["blue"]));
    assert_eq!((told_of(&as_of, "i01"), told_of(&as_of, "new")), (Some(as_listed), told_of(&all, "new")));
    assert!(told_of(&as_of, "i02").is_some_and(|(_, price, ..)| price.is_nan()));
    // Of what came after a time nothing is in the version of that time.
    let (early, _) = run(&folder.path().join("early"), &["--until", "259200000"]);
    let until = ("Early".to_owned(), 5.0, texts(&["plain"]), true, texts(&["blue"]));
    assert_eq!((told_of(&early, "i01"), told_of(&early, "new")), (Some(until), None));
    assert!(early.manifest().covered.is_empty(), "the first line is of later");
}
