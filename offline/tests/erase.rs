//! Erasing users for good: every byte on disk and in Redis is looked through.

use std::fs;
use std::path::{Path, PathBuf};

use crate::redis_server::RedisServer;
use crate::support::service::Running;
use crate::support::{champion, eventually, offline_small, offline_with, text, versions, write_shop};
use serde_json::{Value, json};
use shared::contract::event_log::packed::pack;
use shared::contract::event_log::{self, LogFile};

/// Erased by the service first.
const ASKED: &str = "0b6f7c1e-58f3-4e0e-9a53-6d0a1c2b3d4e";
/// Erased by the command alone.
const FORCED: &str = "7d1f2a90-1c55-4c7a-8a31-5e9b8f7a6c10";
const OTHER: &str = "c4a5b6d7-2222-4b1b-9c0d-111213141516";

/// The files below a folder that have an id in their bytes.
fn having(folder: &Path, id: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(having(&path, id));
        } else if fs::read(&path).is_ok_and(|bytes| memchr::memmem::find(&bytes, id.as_bytes()).is_some()) {
            found.push(path);
        }
    }
    found
}

/// Whether an id stands in a key of Redis or in its value, as Redis packs it.
fn is_in_redis(server: &RedisServer, id: &str) -> bool {
    let keys: Vec<Vec<u8>> = server.command(&["KEYS", "*"]);
    let has = |bytes: &[u8]| memchr::memmem::find(bytes, id.as_bytes()).is_some();
    keys.iter().any(|key| {
        let dump: Option<Vec<u8>> = server.command(&["DUMP", &String::from_utf8_lossy(key)]);
        has(key) || dump.is_some_and(|dump| has(&dump))
    })
}

/// How many events of a user a slate goes by.
fn past(service: &Running, user: &str) -> usize {
    let answer = service.client.get(&format!("/recommendations?user_id={user}&explain=true"));
    answer.json()["history"].as_array().map_or(0, Vec::len)
}

#[test]
fn nothing_on_disk_or_in_redis_has_an_erased_user() {
    let (folder, outside, server) =
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"), RedisServer::start());
    let (log, artifacts, shop) =
        (folder.path().join("log"), folder.path().join("artifacts"), folder.path().join("shop.csv"));
    let profiles = outside.path().join("users.csv");
    write_shop(&shop, 0..20, 0..10);
    fs::write(&profiles, format!("user_id,segment\n{ASKED},a\n{FORCED},b\n{OTHER},a\nu001,b\nu002,a\n"))
        .expect("writes");
    let _: String = server.command(&["CONFIG", "SET", "appendonly", "yes"]);
    let redis_dir: Vec<String> = server.command(&["CONFIG", "GET", "dir"]);
    let redis_dir = PathBuf::from(&redis_dir[1]);
    let url = server.url();
    let build = |events: &[&str], users: &[&str]| {
        let output = ["--artifacts", text(&artifacts), "--redis", &url, "--no-gate", "--allow-shrink"];
        offline_small(&[&["run", "--events"][..], events, users, &output].concat());
    };
    build(&[text(&shop)], &[]);
    let start = || {
        Running::start_with(folder.path(), |config| {
            config.store.redis_url = url.clone().into();
            // The log of slates has a test of its own.
            config.slates.every = 0;
        })
    };
    let service = start();
    let view = |user: &str, item: usize| {
        let event = json!({"visitorid": user, "itemid": format!("i{item:02}"), "event": "view"}).to_string();
        assert_eq!(service.client.post("/events", &event).status, 200);
    };
    for item in 0..6 {
        [ASKED, FORCED, OTHER].iter().for_each(|user| view(user, item));
    }
    let users = ["--users", text(&profiles)];
    for user in [ASKED, FORCED, OTHER] {
        let page = service.client.get(&format!("/recommendations?user_id={user}&cursor=start"));
        assert!(page.json()["cursor"].is_string(), "{user}");
    }
    build(&[text(&shop), text(&log)], &users);
    let first = champion(&artifacts);
    for user in [ASKED, FORCED, OTHER] {
        assert!(!having(&first, user).is_empty() && !having(&redis_dir, user).is_empty() && is_in_redis(&server, user));
    }

    let told = service.client.send(
        "PUT",
        &format!("/users/{FORCED}"),
        "content-type: application/json\r\n",
        b"{\"segment\":\"a\"}",
    );
    assert_eq!(told.expect("an answer").status, 200);
    let erased = service.client.send("DELETE", &format!("/users/{ASKED}"), "", b"").expect("an answer");
    assert_eq!((erased.status, past(&service, ASKED), past(&service, FORCED)), (200, 0, 6));
    build(&[text(&shop), text(&log)], &users);
    assert!(having(&champion(&artifacts), ASKED).is_empty(), "the next version honours the line of the log");
    assert!(!having(&champion(&artifacts), FORCED).is_empty() && !having(&first, ASKED).is_empty());

    fs::write(log.join("events-0-00000001.torn-9"), format!("{{\"visitorid\":\"{ASKED}\"")).expect("writes");
    fs::write(artifacts.join("rejects.jsonl"), format!("{{\"raw\":\"{ASKED}\"}}\n{{\"raw\":\"{OTHER}\"}}\n"))
        .expect("writes");
    let list = outside.path().join("list");
    fs::write(&list, format!("{FORCED}\n")).expect("writes");
    let erase = |events: &[&str]| -> (bool, Value) {
        let users = ["erase", "--user", ASKED, "--users", text(&list), "--events"];
        let output = ["--artifacts", text(&artifacts), "--redis", &url, "--settle", "0", "--json"];
        let output = offline_with(&[&users[..], events, &output].concat(), &[]);
        (output.status.success(), serde_json::from_slice(&output.stdout).expect("JSON"))
    };
    let lines =
        |report: &Value| report["lines"].as_object().map(|files| files.values().filter_map(Value::as_u64).sum::<u64>());
    let (is_done, report) = erase(&[text(&shop), text(&log), text(&profiles)]);
    // Six events each, and what was said of one; the line of the erasure hides what the table has.
    assert_eq!((is_done, lines(&report), report["still_hidden"].as_u64()), (false, Some(13), Some(2)));
    assert_eq!(having(&log, ASKED).len(), 1);
    assert_eq!(report["versions"].as_object().map(serde_json::Map::len), Some(2), "{report}");
    assert_eq!((report["rejects"].as_u64(), report["torn_ends"].as_array().map(Vec::len)), (Some(1), Some(1)));
    let still_named = report["still_named"].as_array().expect("files");
    let line = json!(log.join("events-0-00000001.jsonl"));
    assert!(
        still_named.len() == 2 && still_named.contains(&json!(profiles)) && still_named.contains(&line),
        "{report}"
    );
    let again = erase(&[text(&shop), text(&log)]);
    assert_eq!((again.0, lines(&again.1), &again.1["still_named"]), (true, Some(1), &json!([])));
    for user in [ASKED, FORCED] {
        // Redis removes its old files behind the answer.
        eventually("the bytes are gone", || having(&redis_dir, user).is_empty());
        assert_eq!((having(folder.path(), user), is_in_redis(&server, user)), (Vec::new(), false));
    }
    assert!(is_in_redis(&server, OTHER) && !having(&champion(&artifacts), OTHER).is_empty());
    eventually("the rewritten version is served", || past(&service, FORCED) == 0);
    assert_eq!(past(&service, OTHER), 6);

    let (_, again) = erase(&[text(&shop), text(&log)]);
    assert!(
        again["versions"].as_object().is_some_and(serde_json::Map::is_empty) && again["redis"]["keys"] == 0,
        "{again}"
    );
    assert!(again["lines"].as_object().is_some_and(serde_json::Map::is_empty));
    view(ASKED, 3);
    assert_eq!(past(&service, ASKED), 1, "they came back");
    drop(service);
    let _: String = server.command(&["FLUSHALL"]);
    let service = start();
    assert_eq!((past(&service, ASKED), past(&service, FORCED), past(&service, OTHER)), (1, 0, 6), "from the log alone");
    assert_eq!(service.client.metric("tandem_event_log_bad_lines_total"), 0.0);
    build(&[text(&shop), text(&log)], &[]);
    assert!(having(&champion(&artifacts), FORCED).is_empty() && versions(&artifacts).len() >= 3);
}

#[test]
fn what_a_service_without_redis_remembers_for_feeds_is_overwritten_while_it_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let [artifacts, log, served] = ["artifacts", "log", "served"].map(|name| folder.path().join(name));
    let shop = folder.path().join("shop.csv");
    write_shop(&shop, 0..20, 0..20);
    offline_small(&["run", "--events", text(&shop), "--artifacts", text(&artifacts), "--no-gate"]);
    let page = |service: &Running, user: &str, at: &str| {
        let answer = service.client.get(&format!("/recommendations?user_id={user}&k=3&cursor={at}"));
        let at = answer.json()["cursor"].as_str().map(str::to_owned);
        at.map(|at| (answer.items(), at))
    };
    // The log of slates has a test of its own.
    let start = || Running::start_with(folder.path(), |config| config.slates.every = 0);
    let service = start();
    let (mut items, at) = page(&service, OTHER, "start").expect("a page");
    for user in [ASKED, FORCED] {
        page(&service, user, "start").expect("a page");
        assert_eq!(having(&served, user).len(), 1);
    }
    assert_eq!(service.client.send("DELETE", &format!("/users/{ASKED}"), "", b"").expect("an answer").status, 200);
    assert_eq!(having(&served, ASKED).len(), 1, "on disk it is left to the command");
    let output = ["--artifacts", text(&artifacts), "--served", text(&served), "--json"];
    let users = ["erase", "--user", ASKED, FORCED, "--events", text(&log)];
    let done = offline_with(&[&users[..], &output].concat(), &[]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let report: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    let slates = report["served"].as_object().expect("files");
    assert!(slates.len() == 1 && slates.values().all(|slates| slates == 2), "{report}");
    assert_eq!((having(folder.path(), ASKED), having(folder.path(), FORCED)), (Vec::new(), Vec::new()));
    // What the service appends meanwhile is read behind what was overwritten.
    let (second, at) = page(&service, OTHER, &at).expect("a page");
    drop(service);
    let service = start();
    let (third, _) = page(&service, OTHER, &at).expect("a page");
    items.extend(second.into_iter().chain(third));
    items.sort_unstable();
    items.dedup();
    assert_eq!(items.len(), 9);
}

#[test]
fn copies_of_a_log_name_the_same_users_and_a_pattern_that_misses_packed_files_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (artifacts, log, archive) =
        (folder.path().join("artifacts"), folder.path().join("log"), folder.path().join("archive"));
    [&artifacts, &log, &archive].into_iter().for_each(|path| fs::create_dir(path).expect("makes"));
    let event = |user: &str| json!({"timestamp": 1, "visitorid": user, "event": "view", "itemid": "i"}).to_string();
    let text_of_log = format!("{}\n{}\n", event(ASKED), event("u1"));
    for (folder, number) in [(&log, 1), (&archive, 1), (&log, 2), (&archive, 2)] {
        fs::write(event_log::path(folder, "0", number), &text_of_log).expect("writes");
    }
    let second = event_log::path(&archive, "0", 2);
    LogFile::at(&second).map(|log| pack(&log)).expect("a log file").expect("packs");
    let erase = |events: &[&str]| {
        let output = ["--artifacts", text(&artifacts), "--settle", "0", "--json"];
        offline_with(&[&["erase", "--user", ASKED, "u1", "--events"][..], events, &output].concat(), &[])
    };
    let pattern = archive.join("*.jsonl");
    let refused = erase(&[text(&log), text(&pattern)]);
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && told.contains("1 packed files") && told.contains("00000002"), "{told}");

    let output = erase(&[text(&log), text(&archive)]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let lines = report["lines"].as_object().expect("files");
    assert!(lines.len() == 4 && lines.values().all(|lines| lines == 2), "{report}");
    assert_eq!(report["not_looked_for"], 1);
    assert_eq!(having(folder.path(), ASKED), Vec::<PathBuf>::new());
}
