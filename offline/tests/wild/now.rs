//! Versions of logs with one absurd row: what is popular stays so.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::reading::{BASE_MS, DAY_MS, HEADER};
use crate::support::{SMALL, as_shipped, champion, offline, text};

/// Ten users who look at one of twelve items a day each, for 20 days, the first item more often than others.
fn shop() -> String {
    let view = |(day, user): (i64, i64)| {
        let item = if user < 4 { 0 } else { (day + user) % 12 };
        format!("{},u{user},view,i{item:02}\n", BASE_MS + day * DAY_MS + user * 60_000)
    };
    let rows: String = (0..20).flat_map(|day| (0..10).map(move |user| (day, user))).map(view).collect();
    format!("{HEADER}{rows}")
}

/// The popularity of the items of a version that is learnt from a log.
fn popularity(folder: &Path, log: &str) -> Vec<(String, f64)> {
    let (path, artifacts) = (folder.join("log.csv"), folder.join("artifacts"));
    fs::write(&path, log).expect("writes");
    let output = as_shipped(&["run", "--events", text(&path), "--artifacts", text(&artifacts)], &SMALL);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(champion(&artifacts).is_dir());
    let items = offline(&["export", "--artifacts", text(&artifacts), "--table", "items"]);
    let item = |line: &str| {
        let item: Value = serde_json::from_str(line).expect("JSON");
        (item["item_id"].as_str().expect("text").to_owned(), item["popularity"].as_f64().expect("a finite number"))
    };
    items.lines().map(item).collect()
}

#[test]
fn one_row_that_is_no_time_leaves_popularity_as_it_was() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let plain = popularity(folder.path(), &shop());
    for time in ["-9223372036854775808", "9223372036854775807", "4070908800000", "0"] {
        let folder = tempfile::tempdir().expect("temporary folder");
        assert_eq!(popularity(folder.path(), &format!("{}{time},u1,view,i00\n", shop())), plain, "{time}");
    }
}

#[test]
fn one_row_long_after_the_others_is_not_the_only_thing_that_is_popular() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let late = BASE_MS + 400 * DAY_MS;
    let scores = popularity(folder.path(), &format!("{}{late},u1,view,i99\n", shop()));
    let of = |id: &str| scores.iter().find(|(item, _)| item == id).map_or(0.0, |(_, score)| *score);
    assert!(of("i00") > 0.001 * of("i99") && of("i00") > 0.0, "{scores:?}");
    assert!(of("i00") > of("i07"), "{scores:?}");
}
