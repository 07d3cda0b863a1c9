//! What operators do with a shop: its log is packed, they are told what it takes, and it is saved and restored.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::redis_server::RedisServer;
use crate::support::service::Running;
use crate::support::{SMALL, champion, eventually, offline_small, offline_with, succeeds, text, write_shop};
use offline::publish::Artifacts;
use serde_json::{Value, json};
use shared::contract::artifact::Manifest;
use shared::contract::event_log;

/// Runs `offline`, which must succeed, with a small model and settings.
fn offline_set(arguments: &[&str], settings: &[(&str, &str)]) -> String {
    succeeds(arguments, &[&SMALL, settings].concat())
}

/// Starts a service whose log files are small.
fn start(folder: &Path) -> Running {
    Running::start_with(folder, |config| config.events.max_file_bytes = 4096)
}

/// Sends events of a user.
fn view(service: &Running, user: &str, count: usize) {
    for number in 0..count {
        let event = json!({"visitorid": user, "itemid": format!("i{:02}", number % 12), "event": "view"});
        assert_eq!(service.client.post("/events", &event.to_string()).status, 200);
    }
}

fn get(service: &Running, target: &str) -> Value {
    service.client.get(target).json()
}

/// The files of the log in a folder that are packed, and that are not.
fn packed_and_plain(log: &Path) -> (usize, usize) {
    let files = event_log::list(log).expect("lists");
    let packed = files.iter().filter(|file| file.is_packed()).count();
    (packed, files.len() - packed)
}

#[test]
fn a_log_that_the_service_packs_is_the_same_log_to_whoever_reads_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (log, artifacts, shop) =
        (folder.path().join("log"), folder.path().join("artifacts"), folder.path().join("shop.csv"));
    write_shop(&shop, 0..20, 0..10);
    let build = |keep: &str| {
        let arguments = ["run", "--events", text(&shop), text(&log), "--artifacts", text(&artifacts), "--no-gate"];
        offline_set(&[&arguments[..], &["--allow-shrink"]].concat(), &[("TANDEM_PUBLISH__KEEP", keep)]);
        Manifest::read(&champion(&artifacts)).expect("a manifest")
    };
    fs::create_dir(&log).expect("a folder");
    build("2");
    let service = start(folder.path());
    view(&service, "u001", 60);
    view(&service, "u002", 20);
    let before = packed_and_plain(&log);
    assert!(before.0 == 0 && before.1 > 3, "{before:?}");
    let history = get(&service, "/users/u001/history");
    let first = build("2");
    // The version before lacks these events, so nothing is packed until it is gone.
    eventually("the version is served", || get(&service, "/model/metadata")["version"] == json!(first.version));
    assert_eq!(packed_and_plain(&log), before);
    build("1");
    let last = build("1");
    assert_eq!((&last.data_fingerprint, &last.covered), (&first.data_fingerprint, &first.covered));
    eventually("all but the last are packed", || packed_and_plain(&log) == (before.1 - 1, 1));
    // No event is new to the batch, none is lost, and the histories are made from packed files.
    let again = build("2");
    assert_eq!((&again.data_fingerprint, &again.covered), (&first.data_fingerprint, &first.covered));
    drop(service);
    let service = start(folder.path());
    assert_eq!(get(&service, "/users/u001/history"), history);
    assert_eq!(service.client.metric("tandem_events_reapplied_total"), 80.0);
    view(&service, "u001", 1);
    let (packed, plain) = packed_and_plain(&log);
    assert!(packed >= before.1 - 1 && packed + plain == before.1 + 1, "a new file is begun");
    offline_small(&[
        "erase",
        "--user",
        "u001",
        "--events",
        text(&log),
        "--artifacts",
        text(&artifacts),
        "--settle",
        "0",
    ]);
    for file in event_log::list(&log).expect("lists") {
        let mut lines = String::new();
        file.open().and_then(|mut text| text.read_to_string(&mut lines)).expect("reads");
        assert!(!lines.contains("u001"), "{}", file.path.display());
    }
    assert_eq!(build("1").covered[..before.1], first.covered);
}

#[test]
fn what_users_take_in_redis_is_what_the_formula_says() {
    let server = RedisServer::start();
    let url = server.url();
    let sizes = [["--events", "3", "--item-id", "4"], ["--events", "40", "--item-id", "12"]];
    for (size, cached) in sizes.iter().zip(["20", "100"]) {
        let shop =
            ["capacity", "--users", "10000000", "--items", "50000", "--json", "--redis", &url, "--measure", "20000"];
        let report = offline_set(&[&shop, &size[..]].concat(), &[("TANDEM_USERS__CACHED", cached)]);
        let report: Value = serde_json::from_str(&report).expect("JSON");
        for part in ["histories", "records"] {
            let bytes = |of: &str| report["measured"][of][part].as_f64().expect("a number");
            let off = bytes("predicted") / bytes("measured") - 1.0;
            assert!(off.abs() < 0.15, "{size:?}: {part} off by {off:.3}: {report}");
        }
        assert_eq!(server.command::<u64>(&["DBSIZE"]), 0);
    }
}

/// What a shop answers: histories, and slates with the version that they are of.
fn answers(service: &Running) -> Vec<Value> {
    let users = (0..24).map(|number| format!("u{number:03}"));
    let of_user = |user: String| {
        let slate = get(service, &format!("/recommendations?user_id={user}&k=10&explain=true"));
        let history = get(service, &format!("/users/{user}/history"));
        // Scores may go by the time of day.
        let items = slate["items"].as_array().expect("items").iter().map(|item| item["item_id"].clone());
        json!([items.collect::<Vec<_>>(), slate["history"], slate["model_version"], history["events"]])
    };
    users.map(of_user).collect()
}

#[test]
fn a_shop_comes_back_from_its_backup_alone() {
    let (folder, redis) = (tempfile::tempdir().expect("a folder"), [RedisServer::start(), RedisServer::start()]);
    let (shop, restored) = (folder.path().join("shop"), folder.path().join("restored"));
    let (log, artifacts, events) = (shop.join("log"), shop.join("artifacts"), folder.path().join("shop.csv"));
    let place = |of: &Path, name: &str| of.join(name).to_str().expect("a path in UTF-8").to_owned();
    write_shop(&events, 0..20, 0..10);
    offline_small(&[
        "run",
        "--events",
        text(&events),
        "--artifacts",
        text(&artifacts),
        "--redis",
        &redis[0].url(),
        "--no-gate",
    ]);
    let start = |folder: &Path, url: String| {
        Running::start_with(folder, |config| {
            config.events.max_file_bytes = 4096;
            config.store.redis_url = url.into();
        })
    };
    let command = |name: &str, of: &Path, more: &[&str]| {
        let (artifacts, log, rows) = (place(of, "artifacts"), place(of, "log"), place(of, "rows"));
        let arguments = [name, "--artifacts", &artifacts, "--events", &log, "--rows", &rows];
        offline_with(&[&arguments[..], more].concat(), &SMALL)
    };
    let service = start(&shop, redis[0].url());
    view(&service, "u003", 30);

    // While it serves: what was acknowledged before is there, and every line is whole.
    let (stop, first) = (AtomicBool::new(false), folder.path().join("first"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                view(&service, "u005", 1)
            }
        });
        let accepted = || service.client.metric("tandem_events_accepted_total");
        eventually("events come in", || accepted() > 60.0);
        let before = accepted();
        let saved = command("backup", &shop, &["--to", text(&first)]);
        stop.store(true, Ordering::Relaxed);
        assert!(saved.status.success(), "{}", String::from_utf8_lossy(&saved.stderr));
        let files = event_log::list(&first.join("events")).expect("lists");
        let lines: String = files.iter().map(|file| fs::read_to_string(&file.path).expect("text")).collect();
        assert!(lines.ends_with('\n') && lines.lines().count() as f64 >= before);
        assert!(lines.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    });

    assert_eq!(service.client.send("DELETE", "/users/u007", "", b"").expect("an answer").status, 200);
    let of_another = event_log::path(&log, "gone", 1);
    fs::write(&of_another, "{\"timestamp\":1,\"visit").expect("writes");
    let backup = folder.path().join("backup");
    assert!(command("backup", &shop, &["--to", text(&backup)]).status.success());
    let before = answers(&service);
    drop(service);

    let output = command("restore", &restored, &["--from", text(&backup)]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read(event_log::path(&restored.join("log"), "gone", 1)).expect("reads"), b"");
    for url in [redis[1].url(), String::new()] {
        let service = start(&restored, url);
        assert_eq!(answers(&service), before);
        assert_eq!(get(&service, "/users/u007/history")["events"], json!([]));
    }
    let refused = |of: &Path, from: &Path| {
        let output = command("restore", of, &["--from", text(from)]);
        assert!(!output.status.success());
        String::from_utf8(output.stderr).expect("text")
    };
    assert!(refused(&restored, &backup).contains("is not empty"));
    let again = command("backup", &shop, &["--to", text(&backup)]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("is not empty"));
    // One byte of one file, and a backup that was not finished.
    let mut bytes = fs::read(event_log::path(&backup.join("events"), "0", 1)).expect("reads");
    bytes[20] ^= 1;
    fs::write(event_log::path(&backup.join("events"), "0", 1), bytes).expect("writes");
    assert!(
        refused(&folder.path().join("none"), &backup)
            .contains("events-0-00000001.jsonl: is not the file that was saved")
    );
    fs::remove_file(backup.join("backup.json")).expect("removes");
    assert!(refused(&folder.path().join("none"), &backup).contains("no whole backup"));
    assert!(!folder.path().join("none").exists());
}

#[test]
fn a_backup_is_of_one_moment_and_has_every_folder_of_logs() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("a path in UTF-8").to_owned();
    let model = folder.path().join("artifacts/models/loans");
    fs::create_dir_all(model.join("v000001-aa")).expect("makes");
    fs::write(model.join("v000001-aa/manifest.json"), "{}").expect("writes");
    for (log, line) in [("log", "{\"a\":1}\n"), ("older", "{\"a\":2}\n")] {
        fs::create_dir(folder.path().join(log)).expect("makes");
        fs::write(event_log::path(&folder.path().join(log), "0", 1), line).expect("writes");
    }
    let run = |command: &[&str], logs: &[&str]| {
        let logs: Vec<String> = logs.iter().map(|name| path(name)).collect();
        let logs: Vec<&str> = logs.iter().map(String::as_str).collect();
        let output = offline_with(&[command, &["--rows", &path("rows"), "--events"], &logs].concat(), &[]);
        (output.status.success(), String::from_utf8(output.stderr).expect("text"))
    };
    let (artifacts, to, restored) = (path("artifacts"), path("backup"), path("restored"));
    let backup = ["backup", "--artifacts", &artifacts, "--to", &to];
    let restore = ["restore", "--artifacts", &restored, "--from", &to];

    let held = Artifacts::hold(&model, "offline score train", Duration::ZERO).expect("is free");
    let (saved, told) = run(&backup, &["log", "older"]);
    assert!(!saved && told.contains("models/loans: held by") && told.contains("offline score train"), "{told}");
    drop(held);
    let (saved, told) = run(&backup, &["log", "older"]);
    assert!(saved, "{told}");
    let (is_whole, told) = run(&restore, &["log-2"]);
    assert!(!is_whole && told.contains("the backup has events-2"), "{told}");
    assert!(!folder.path().join("log-2").exists(), "nothing was begun");
    assert!(run(&restore, &["log-2", "older-2"]).0);
    for (log, line) in [("log-2", "{\"a\":1}\n"), ("older-2", "{\"a\":2}\n")] {
        assert_eq!(fs::read_to_string(event_log::path(&folder.path().join(log), "0", 1)).expect("reads"), line);
    }
}
