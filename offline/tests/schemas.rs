//! Every known schema reads the file of its shape right, without any setting.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{as_shipped, command, text};

/// The folders of fixtures.
fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas");
    let entries = fs::read_dir(root).expect("fixtures").map(|entry| entry.expect("an entry").path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.join("expected.jsonl").is_file()).collect();
    folders.sort();
    folders
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("reads");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The four fields that are compared.
fn native(line: &Value) -> Value {
    json!({ "timestamp": line["timestamp"], "visitorid": line["visitorid"], "event": line["event"], "itemid": line["itemid"] })
}

#[test]
fn a_file_of_each_schema_is_read_without_any_setting() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (out, report, rejects) =
        (folder.path().join("out"), folder.path().join("report"), folder.path().join("rejects"));
    let mut wrong = Vec::new();
    for fixture in folders() {
        let name = fixture.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let entries = fs::read_dir(&fixture).expect("a folder").map(|entry| entry.expect("an entry").path());
        let files: Vec<PathBuf> = entries.filter(|path| !path.to_string_lossy().contains("expected")).collect();
        let mut arguments = vec!["ingest", "--out", text(&out), "--report", text(&report), "--rejects", text(&rejects)];
        arguments.extend(["--events"].into_iter().chain(files.iter().map(|file| text(file))));
        // Some fixtures have a row of five that can't be read.
        let settings = [("TANDEM_INGEST__LATEST", "2026-11-26"), ("TANDEM_INGEST__MAX_REJECT_SHARE", "0.3")];
        let output = as_shipped(&arguments, &settings);
        if !output.status.success() {
            wrong.push(format!("{name}: {}", String::from_utf8_lossy(&output.stderr)));
            continue;
        }
        let expected: Vec<Value> = lines(&fixture.join("expected.jsonl")).iter().map(native).collect();
        let read: Vec<Value> = lines(&out).iter().map(native).collect();
        let report: Value = serde_json::from_slice(&fs::read(&report).expect("reads")).expect("JSON");
        let schema = report["files"][0]["schema"].as_str().unwrap_or_default();
        if read != expected {
            wrong.push(format!("{name} as {schema}: read {read:#?}\nexpected {expected:#?}"));
        } else if schema != if name.starts_with("generic") { "generic" } else { &name } {
            wrong.push(format!("{name}: taken for {schema}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_settings_that_explain_writes_read_the_same() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas/rees46");
    let entries = fs::read_dir(&fixture).expect("a folder").map(|entry| entry.expect("an entry").path());
    let file = entries.into_iter().find(|path| !path.to_string_lossy().contains("expected")).expect("a file");
    let config = folder.path().join("tandem.toml");
    let explained = command().args(["ingest", "--explain", text(&file)]).output().expect("the binary runs");
    fs::write(&config, explained.stdout).expect("writes");
    let outs = ["a", "b"].map(|name| folder.path().join(name));
    let rejects = folder.path().join("rejects");
    let with: [&[&str]; 2] = [&[], &["--config", text(&config)]];
    for (out, with) in outs.iter().zip(with) {
        let arguments =
            [&["ingest", "--events", text(&file), "--out", text(out), "--rejects", text(&rejects)], with].concat();
        assert!(command().args(&arguments).status().expect("the binary runs").success());
    }
    assert_eq!(fs::read(&outs[0]).expect("reads"), fs::read(&outs[1]).expect("reads"));
}
