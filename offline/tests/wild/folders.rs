//! Folders with other files in them.

use std::fs;

use super::reading::{HEADER, try_read, views};
use crate::support::{command, text};

#[test]
fn what_is_no_log_in_a_folder_is_left_out_with_the_reason() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for (name, content) in [
        ("log.csv", format!("{HEADER}{}", views(0..40))),
        ("README.txt", "These are the logs of the shop.\nAsk Ann.\n".to_owned()),
        ("links.csv", "movieId,imdbId\n1,114709\n".to_owned()),
        ("~$log.csv", "Ann".to_owned()),
    ] {
        fs::write(folder.path().join(name), content).expect("writes");
    }
    let read = try_read(&[folder.path().to_owned()], None, None, &[]).expect("reads");
    assert_eq!(read.counts(), (40, 40, 0, 0));
    let left_out = read.report["left_out"].as_array().expect("files");
    let reason = |name: &str| {
        let file = left_out.iter().find(|file| file["path"].as_str().is_some_and(|path| path.ends_with(name)));
        file.and_then(|file| file["reason"].as_str()).unwrap_or_default().to_owned()
    };
    assert!(reason("links.csv").contains("no column tells the user"), "{left_out:?}");
    assert!(reason("README.txt").contains("no column tells the user"), "{left_out:?}");
    assert!(reason("~$log.csv").contains("lock"), "{left_out:?}");
    // One that is named is refused.
    assert!(try_read(&[folder.path().join("links.csv")], None, None, &[]).is_err());
    assert!(try_read(&[folder.path().to_owned(), folder.path().join("links.csv")], None, None, &[]).is_err());
    assert!(try_read(&[folder.path().join("*s.csv")], None, None, &[]).is_err());
}

#[test]
fn a_folder_without_a_log_is_refused_with_the_reasons() {
    let folder = tempfile::tempdir().expect("temporary folder");
    fs::write(folder.path().join("items.csv"), "sku,title\np,Lamp\n").expect("writes");
    let said = try_read(&[folder.path().to_owned()], None, None, &[]).err().expect("no log");
    assert!(said.contains("no file in it is a log") && said.contains("items.csv"), "{said}");
}

#[test]
fn settings_for_a_file_are_about_its_very_name() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (log, config) = (folder.path().join("log[1].csv"), folder.path().join("tandem.toml"));
    fs::write(&log, "user_id,item_id,event,timestamp\nu,i,view,1760000000\n").expect("writes");
    let explained = command().args(["ingest", "--explain", text(&log)]).output().expect("the binary runs");
    fs::write(&config, explained.stdout).expect("writes");
    let read = try_read(&[log], Some(&config), None, &[]).expect("reads");
    assert_eq!(read.report["warnings"], serde_json::json!([]));
}
