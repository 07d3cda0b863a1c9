//! What the batch says: no option that was not given, no file that is not there, nothing twice.

use std::fs;
use std::path::Path;

use crate::support::{SMALL, offline_fails, offline_with, text, write_log, write_shop};

#[test]
fn a_log_that_can_not_be_split_by_itself_does_not_blame_an_option() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let log = folder.path().join("log.csv");
    write_log(&log, &[(5, "a", "view", "x"), (5, "b", "view", "y")]);
    let told = offline_fails(&["evaluate", "--task", "next-item", "--events", text(&log)]);
    assert!(!told.contains("--split") && told.contains("nothing can be held out"), "{told}");
    let told = offline_fails(&["evaluate", "--task", "next-item", "--events", text(&log), "--split", "5"]);
    assert!(told.contains("--split 5: no events on one side"), "{told}");
}

#[test]
fn a_config_to_compare_that_is_not_there_does_not_blame_another_option() {
    let pair = ["--compare", "/nowhere.toml", "/elsewhere.toml"];
    let told = offline_fails(&[&["evaluate", "--task", "next-item", "--events", "x.csv"][..], &pair].concat());
    assert!(told.contains("/nowhere.toml: no such config file") && !told.contains("--config"), "{told}");
}

#[test]
fn a_cause_is_said_once() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let log = folder.path().join("log.csv");
    write_shop(&log, 0..3, 0..9);
    let artifacts = folder.path().join("a file");
    fs::write(&artifacts, "in the way").expect("writes");
    let told = offline_fails(&["run", "--events", text(&log), "--artifacts", text(&artifacts)]);
    assert_eq!(told.matches("(os error").count(), 1, "{told}");
}

#[test]
fn rejected_rows_of_an_evaluation_are_where_it_says() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let log = folder.path().join("log.csv");
    write_shop(&log, 0..20, 0..30);
    let bad = fs::read_to_string(&log).expect("reads") + ",u000,view,i00,\n";
    fs::write(&log, bad).expect("writes");
    let output = offline_with(&["evaluate", "--task", "top-k", "--seen", "allow", "--events", text(&log)], &SMALL);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let (_, rest) = told.split_once("rejected rows are in ").expect("a place");
    let rejects = Path::new(rest.lines().next().expect("a line"));
    assert!(fs::read_to_string(rejects).expect("is there").contains("no timestamp"));
    fs::remove_file(rejects).expect("removes");
}
