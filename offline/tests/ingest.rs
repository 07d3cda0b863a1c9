//! Logs of every kind and in every state.

use std::fs;
use std::path::Path;

use crate::support::{self, assert_same, champion, offline, offline_fails, offline_small, sample, text, write_log};

#[test]
fn json_lines_of_the_same_events_give_the_same_version() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (events, items) = sample();
    let lines = folder.path().join("events.jsonl");
    offline(&["ingest", "--events", text(&events), "--out", text(&lines), "--rejects", text(&folder.path().join("r"))]);
    let versions = [("csv", &events), ("jsonl", &lines)].map(|(name, events)| {
        let artifacts = folder.path().join(name);
        offline_small(&["run", "--events", text(events), "--items", text(&items), "--artifacts", text(&artifacts)]);
        champion(&artifacts)
    });
    assert_same(&versions[0], &versions[1]);
}

#[test]
fn a_missing_column_is_named_with_those_there_are() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let log = folder.path().join("log.csv");
    fs::write(&log, "timestamp,who,event,itemid\n1,a,view,x\n").expect("writes");
    let error = offline_fails(&["run", "--events", text(&log), "--artifacts", text(folder.path())]);
    assert!(error.contains("no column tells the user") && error.contains("who, event, itemid"), "{error}");
    assert!(error.contains("ingest.columns.user ="), "{error}");
    let lines = folder.path().join("log.jsonl");
    fs::write(&lines, "{\"timestamp\":1,\"user\":\"a\"}\n").expect("writes");
    let error = offline_fails(&["run", "--events", text(&lines), "--artifacts", text(folder.path())]);
    assert!(error.contains("no column tells the item"), "{error}");
    let arguments = ["run", "--events", text(&log), "--artifacts", text(folder.path())];
    let output = support::offline_with(&arguments, &[("TANDEM_INGEST__COLUMNS__USER", "customer")]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("no column `customer`"), "{error}");
}

#[test]
fn bad_rows_are_counted_by_reason_and_written_out() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (log, rejects) = (folder.path().join("log.csv"), folder.path().join("rejects.jsonl"));
    let good = "1000,a,view,x\n".repeat(100);
    let bad = "soon,a,view,x\n1000,,view,x\n1000,a,stare,x\n1000,a,view,\n";
    fs::write(&log, format!("timestamp,visitorid,event,itemid\n{good}{bad}")).expect("writes");
    offline(&["ingest", "--events", text(&log), "--rejects", text(&rejects)]);
    let reasons: Vec<String> = lines(&rejects).iter().map(|row| row["reason"].to_string()).collect();
    assert_eq!(
        reasons,
        ["\"timestamp not readable\"", "\"no user\"", "\"unknown kind of event\"", "\"no item\""].map(str::to_owned)
    );
    assert_eq!(lines(&rejects)[0]["row"], 101);
}

#[test]
fn an_unreadable_line_of_json_is_a_reject_not_the_end() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (log, rejects) = (folder.path().join("log.jsonl"), folder.path().join("rejects.jsonl"));
    let good = r#"{"timestamp":1000,"visitorid":7,"event":"view","itemid":"x"}"#;
    let mut text_of = vec![good; 40];
    text_of[20] = "{\"timestamp\":1000,\"visi";
    fs::write(&log, text_of.join("\n")).expect("writes");
    offline(&["ingest", "--events", text(&log), "--rejects", text(&rejects)]);
    assert_eq!(lines(&rejects).len(), 1);
    assert_eq!(lines(&rejects)[0]["reason"], "unreadable line");
}

fn lines(path: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(path).expect("reads");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn too_many_bad_rows_fail_the_run() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let log = folder.path().join("log.csv");
    write_log(&log, &[(1, "a", "view", "x"), (2, "a", "stare", "x")]);
    let error = offline_fails(&["run", "--events", text(&log), "--artifacts", text(folder.path())]);
    assert!(error.contains("1 of 2 rows rejected") && error.contains("max_reject_share"), "{error}");
}

#[test]
fn an_empty_log_says_so() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for (name, content) in [("empty.csv", ""), ("header.csv", "timestamp,visitorid,event,itemid\n"), ("e.jsonl", "")] {
        let log = folder.path().join(name);
        fs::write(&log, content).expect("writes");
        let error = offline_fails(&["run", "--events", text(&log), "--artifacts", text(folder.path())]);
        assert!(error.contains("the log has no events"), "{name}: {error}");
    }
}

#[test]
fn an_absent_file_says_so() {
    let error = offline_fails(&["run", "--events", "/nonexistent/log.csv", "--artifacts", "/nonexistent"]);
    assert!(error.contains("No such file") || error.contains("no such file"), "{error}");
}

#[test]
fn logs_with_one_user_one_item_or_only_purchases_work() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let minute = 60_000;
    let one_user: Vec<_> = (0..30).map(|n| (n * minute, "a", "view", ["x", "y", "z"][n as usize % 3])).collect();
    let users = ["a", "b", "c", "d"];
    let one_item: Vec<_> = (0..30).map(|n| (n * minute, users[n as usize % 4], "view", "x")).collect();
    let purchases: Vec<_> =
        (0..30).map(|n| (n * minute, users[n as usize % 4], "transaction", ["x", "y"][n as usize % 2])).collect();
    let one_event = vec![(5, "a", "view", "x")];
    for (name, rows) in [("user", one_user), ("item", one_item), ("purchases", purchases), ("event", one_event)] {
        let (log, artifacts) = (folder.path().join(format!("{name}.csv")), folder.path().join(name));
        write_log(&log, &rows);
        offline(&["run", "--events", text(&log), "--artifacts", text(&artifacts)]);
        shared::engine::snapshot::Snapshot::load(&champion(&artifacts)).expect(name);
    }
}

#[test]
fn the_same_event_id_twice_is_one_event() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let log = folder.path().join("log.jsonl");
    let line = |id: &str| format!(r#"{{"timestamp":1,"visitorid":"a","event":"view","itemid":"x","event_id":"{id}"}}"#);
    fs::write(&log, [line("1"), line("2"), line("1")].join("\n")).expect("writes");
    let out = folder.path().join("out.jsonl");
    offline(&["ingest", "--events", text(&log), "--out", text(&out), "--rejects", text(&folder.path().join("r"))]);
    assert_eq!(lines(&out).len(), 2);
}

/// Reads a log with the default settings; returns the events as JSON lines, and the rejected rows.
fn ingested(log: &Path) -> (String, Vec<serde_json::Value>) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (out, rejects) = (folder.path().join("out.jsonl"), folder.path().join("rejects.jsonl"));
    offline(&["ingest", "--events", text(log), "--out", text(&out), "--rejects", text(&rejects)]);
    (fs::read_to_string(&out).expect("reads"), if rejects.exists() { lines(&rejects) } else { Vec::new() })
}

#[test]
fn a_row_with_more_fields_than_the_header_is_a_reject_and_one_with_fewer_lacks_them() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let log = folder.path().join("log.csv");
    let good = "1000,a,view,x,\n".repeat(100);
    // A comma in an id, and the last field left out.
    let rows = "1000,a,b,view,x,\n1000,a,view,x\n";
    fs::write(&log, format!("timestamp,visitorid,event,itemid,transactionid\n{good}{rows}")).expect("writes");
    let (events, rejects) = ingested(&log);
    assert_eq!(events.lines().count(), 101);
    assert_eq!((rejects.len(), &rejects[0]["row"]), (1, &101.into()));
    assert_eq!(rejects[0]["reason"], "more fields than the header");
    assert_eq!(rejects[0]["raw"], "1000,a,b,view,x,");
}

#[test]
fn text_that_is_not_utf8_is_a_reject_where_it_is_mapped() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for ending in ["csv", "jsonl"] {
        let log = folder.path().join(format!("log.{ending}"));
        let row = |item: &[u8], other: &[u8]| match ending {
            "csv" => [b"1000,a,view,", item, b",", other, b"\n"].concat(),
            _ => [br#"{"timestamp":1000,"visitorid":"a","event":"view","itemid":""#, item, b"\"}\n"].concat(),
        };
        let header = if ending == "csv" { "timestamp,visitorid,event,itemid,other\n" } else { "" };
        let good = row(b"x", b"\xff").repeat(40);
        fs::write(&log, [header.as_bytes(), &good, &row(b"caf\xe9", b"")].concat()).expect("writes");
        let (events, rejects) = ingested(&log);
        assert_eq!((events.lines().count(), rejects.len()), (40, 1), "{ending}");
        let reason = rejects[0]["reason"].as_str().expect("a text");
        assert!(reason.starts_with("not UTF-8; ingest.encoding"), "{reason}");
        assert!(rejects[0]["raw"].to_string().contains("caf\u{fffd}"), "{}", rejects[0]);
    }
}

#[test]
fn ids_of_many_digits_stay_apart() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let log = folder.path().join("log.jsonl");
    let line = |user: &str| format!(r#"{{"timestamp":1,"visitorid":{user},"event":"view","itemid":"\u0078\""}}"#);
    let users = ["123456789012345678901", "123456789012345678902"];
    fs::write(&log, users.map(line).join("\n")).expect("writes");
    let (events, _) = ingested(&log);
    for user in users {
        assert!(events.contains(&format!("\"{user}\"")), "{events}");
    }
    assert!(events.contains(r#""x\"""#), "{events}");
}

#[test]
fn a_column_without_a_name_is_not_the_one_that_an_empty_setting_stands_for() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let log = folder.path().join("log.csv");
    fs::write(&log, "\"\",timestamp,visitorid,event,itemid\n0,1000,a,view,x\n1,2000,a,view,x\n").expect("writes");
    let artifacts = folder.path().join("artifacts");
    offline(&["run", "--events", text(&log), "--artifacts", text(&artifacts)]);
    let items = offline(&["export", "--artifacts", text(&artifacts), "--table", "items"]);
    assert!(!items.contains("\"name\":\"0\""), "the number of a row is no name: {items}");
}

#[test]
fn a_file_that_is_read_is_never_written_also_where_a_folder_names_it() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (log, rejects) = (folder.path().join("log.csv"), folder.path().join("r"));
    write_log(&log, &[(1, "u", "view", "i"), (2, "u", "view", "j")]);
    let before = fs::read(&log).expect("reads");
    for events in [&log, &folder.path().join("*.csv"), folder.path()] {
        let given = ["ingest", "--events", text(events), "--out", text(&log), "--rejects", text(&rejects)];
        let told = offline_fails(&given);
        assert!(told.contains("--out ") && told.contains("log.csv: is read; write to another file"), "{told}");
        assert_eq!(fs::read(&log).expect("reads"), before);
    }
}
