//! The binary as a process: kills, a full disk, signals, exit codes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use online::events::reader;
use online::store::Position;
use serde_json::json;
use shared::contract::event::Event;
use shared::contract::event_log;

use crate::common::eventually;
use crate::common::http::Client;
use crate::common::process::{await_health, end, folder, free_address, online, start, with_settings};
use crate::common::redis_server::RedisServer;

const KILLS: usize = 20;

fn run(arguments: &[&str], folder: &Path, address: std::net::SocketAddr, redis: &str) -> Output {
    let mut command = online();
    let command = with_settings(&mut command, folder, address, redis).args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().expect("runs")
}

/// Kills the service again and again while clients post events, each until it is acknowledged.
fn kills_lose_and_double_nothing(redis: &str, between_kills: impl Fn(usize)) {
    let folder = folder();
    let address = free_address();
    let client = Client::new(address);
    let acknowledged: Mutex<BTreeMap<String, Vec<String>>> = Mutex::default();
    let done = AtomicBool::new(false);
    let mut child = start(folder.path(), address, redis);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (acknowledged, done) = (&acknowledged, &done);
            scope.spawn(move || {
                for number in 0.. {
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                    // 40 events a user: under the history's bound.
                    let user = format!("u{thread}-{}", number / 40);
                    let (id, item) = (format!("e{thread}-{number}"), format!("i{:02}", number % 12));
                    let event = json!({"visitorid": user, "itemid": item, "event": "view", "event_id": id}).to_string();
                    while !client.try_post("/events", &event).is_ok_and(|answer| matches!(answer.status, 200 | 202)) {
                        if done.load(Ordering::Relaxed) {
                            return;
                        }
                    }
                    acknowledged.lock().expect("not poisoned").entry(user).or_default().push(id);
                }
            });
        }
        for kill in 0..KILLS {
            let count = || acknowledged.lock().expect("not poisoned").values().map(Vec::len).sum::<usize>();
            let before = count();
            eventually("events stream in", || (count() > before + 20).then_some(()));
            child.kill().expect("own child");
            child.wait().expect("own child");
            between_kills(kill);
            child = start(folder.path(), address, redis);
        }
        done.store(true, Ordering::Relaxed);
    });
    let log =
        reader::read::<Event>(&folder.path().join("log"), "7", Position::START, None, 0, u64::MAX).expect("reads");
    assert_eq!(log.bad_lines, 0);
    let logged: BTreeSet<&str> = log.events.iter().map(|logged| logged.event.event_id.as_str()).collect();
    let acknowledged = acknowledged.into_inner().expect("not poisoned");
    assert!(acknowledged.values().map(Vec::len).sum::<usize>() > KILLS * 20);
    for (user, ids) in &acknowledged {
        assert!(ids.iter().all(|id| logged.contains(id.as_str())), "an acknowledged event is not in the log");
        let of_user = log.events.iter().map(|logged| &logged.event).filter(|event| event.user.as_str() == user);
        let distinct: BTreeSet<&str> = of_user.map(|event| event.event_id.as_str()).collect();
        let history = client.get(&format!("/users/{user}/history")).json();
        assert_eq!(history["events"].as_array().map(Vec::len), Some(distinct.len()), "{user}: {history}");
    }
    end(child);
}

#[test]
fn kills_of_an_embedded_service_lose_and_double_nothing() {
    kills_lose_and_double_nothing("", |_| {});
}

#[test]
fn kills_of_a_service_on_redis_lose_and_double_nothing_even_if_redis_forgets() {
    let server = RedisServer::start();
    kills_lose_and_double_nothing(&server.url(), |kill| {
        if kill % 5 == 4 {
            server.command::<()>(&["FLUSHALL"]);
        }
    });
}

/// An event.
const VIEW: &str = r#"{"visitorid":"u","itemid":"i01","event":"view"}"#;

/// A service whose files can't have more than so many blocks: that behaves as a full disk does, for each file by itself.
/// A write stops half way, the next fails.
fn start_with_limit(blocks: u32, folder: &Path, address: SocketAddr, stderr: Stdio) -> Child {
    let script = format!("ulimit -f {blocks}; exec {}", env!("CARGO_BIN_EXE_online"));
    let mut shell = Command::new("sh");
    let command = with_settings(shell.args(["-c", &script]), folder, address, "").stderr(stderr);
    let child = command.spawn().expect("starts");
    await_health(address);
    child
}

#[test]
fn a_full_disk_refuses_events_and_leaves_the_log_whole() {
    let folder = folder();
    let address = free_address();
    let client = Client::new(address);
    let child = start_with_limit(8, folder.path(), address, Stdio::null());
    let (mut acknowledged, mut refused) = (0, 0);
    while refused < 3 {
        let event = json!({"visitorid": "u", "itemid": "i01", "event": "view", "event_id": format!("e{acknowledged}")});
        let answer = client.post("/events", &event.to_string());
        if answer.status == 200 {
            acknowledged += 1;
            assert!(acknowledged < 1000, "the limit was never met");
        } else {
            refused += 1;
            answer.assert_problem(507, None);
            assert_eq!(answer.header("retry-after"), Some("30"));
            assert_eq!(client.get("/recommendations?user_id=u").status, 200);
        }
    }
    assert!(acknowledged > 15);
    assert!(client.metric("tandem_events_refused_total{reason=\"no_room\"}") > 2.0);
    end(child);
    // What was refused was taken back, and what followed went into another file.
    let files = event_log::list(&folder.path().join("log")).expect("lists");
    assert_eq!(files.len(), 3);
    let texts = files.iter().map(|file| std::fs::read_to_string(&file.path).expect("text"));
    let lines = texts.inspect(|text| assert!(text.ends_with('\n'), "half a line is in the log"));
    assert_eq!(lines.map(|text| text.lines().count()).sum::<usize>(), acknowledged);
}

#[test]
fn a_disk_without_any_room_refuses_events_and_leaves_nothing() {
    let folder = folder();
    let address = free_address();
    let client = Client::new(address);
    let log = folder.path().join("log");
    std::fs::create_dir(&log).expect("a folder");
    let whole = format!("{}\n", r#"{"timestamp":5,"visitorid":"u","event":"view","itemid":"i01","event_id":"e"}"#);
    // What a power cut left; there is no room to keep it, and the service starts.
    std::fs::write(event_log::path(&log, "7", 1), format!("{whole}{{\"timest")).expect("writes");
    let child = start_with_limit(0, folder.path(), address, Stdio::null());
    for _ in 0..5 {
        client.post("/events", VIEW).assert_problem(507, None);
    }
    client.send("DELETE", "/users/u", "", b"").expect("an answer").assert_problem(507, None);
    assert_eq!(client.get("/recommendations?user_id=u").status, 200);
    end(child);
    assert_eq!(std::fs::read_to_string(event_log::path(&log, "7", 1)).expect("text"), whole);
    let others: Vec<_> = std::fs::read_dir(&log).expect("lists").map(|entry| entry.expect("an entry").path()).collect();
    assert!(others.iter().all(|path| !path.to_string_lossy().contains("torn")), "{others:?}");
}

/// Starts a service whose event log lies on a disk of its own of so many KiB; `None` where this user may not mount one.
fn start_on_small_disk(kib: u32, folder: &Path, address: SocketAddr) -> Option<Child> {
    let log = folder.join("log");
    std::fs::create_dir(&log).expect("a folder");
    let script = format!("mount -t tmpfs -o size={kib}k tmpfs {} && exec \"$@\"", log.display());
    // As root, or as one who is root in a namespace alone. The disk goes with the process.
    let ways: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];
    let unshare = |way: &[&str], program: &str| {
        let mut command = Command::new("unshare");
        command.args(way).args(["sh", "-c", &script, "sh", program]).stderr(Stdio::null());
        command
    };
    let works = |way: &&&[&str]| unshare(way, "true").status().is_ok_and(|status| status.success());
    let way = ways.iter().find(works)?;
    let mut command = unshare(way, env!("CARGO_BIN_EXE_online"));
    let child = with_settings(&mut command, folder, address, "").spawn().expect("starts");
    await_health(address);
    Some(child)
}

#[test]
fn a_full_disk_loses_nothing_and_takes_events_again_when_there_is_room() {
    let folder = folder();
    let address = free_address();
    let client = Client::new(address);
    let Some(child) = start_on_small_disk(64, folder.path(), address) else {
        eprintln!("skipped: this user may not mount a file system");
        return;
    };
    // The log as the process sees it.
    let log = Path::new("/proc")
        .join(child.id().to_string())
        .join("root")
        .join(folder.path().canonicalize().expect("a path").join("log").strip_prefix("/").expect("absolute"));
    let ballast = log.join("ballast");
    std::fs::write(&ballast, vec![0; 48 << 10]).expect("writes");
    let mut acknowledged = Vec::new();
    let mut send = || {
        let id = format!("e{}", acknowledged.len());
        let event = json!({"visitorid": "u", "itemid": "i01", "event": "view", "event_id": id});
        let answer = client.post("/events", &event.to_string());
        match answer.status {
            200 => acknowledged.push(id),
            _ => answer.assert_problem(507, None),
        }
        answer.status
    };
    let answers: Vec<u16> = (0..300).map(|_| send()).collect();
    let first = answers.iter().position(|&status| status == 507).expect("the disk is full");
    assert!(first > 20 && answers.ends_with(&[507; 20]), "{answers:?}");
    assert_eq!(client.get("/recommendations?user_id=u").status, 200);
    std::fs::remove_file(ballast).expect("removes");
    assert_eq!([send(), send()], [200, 200]);
    let files = event_log::list(&log).expect("lists");
    let text: String = files.iter().map(|file| std::fs::read_to_string(&file.path).expect("text")).collect();
    assert!(text.ends_with('\n'));
    let ids = text.lines().map(|line| serde_json::from_str::<Event>(line).expect("a whole line").event_id);
    assert_eq!(ids.collect::<Vec<_>>(), acknowledged);
    end(child);
}

#[test]
fn a_process_whose_log_thread_dies_ends_with_an_error() {
    let folder = folder();
    let address = free_address();
    let mut child = start_with_limit(0, folder.path(), address, Stdio::piped());
    // Nobody reads what the thread is about to complain of: it panics over that.
    drop(child.stderr.take());
    let refused = Client::new(address).try_post("/events", r#"{"visitorid":"u","itemid":"i01","event":"view"}"#);
    // It may be gone before it answers.
    assert!(refused.is_err() || refused.is_ok_and(|answer| answer.status == 507));
    let status = eventually("ended", || child.try_wait().expect("own child"));
    assert!(!status.success(), "{status}");
}

#[test]
fn the_health_check_tells_a_living_service_from_none() {
    let folder = folder();
    let address = free_address();
    assert!(!run(&["--health-check"], folder.path(), address, "").status.success());
    let child = start(folder.path(), address, "");
    assert!(run(&["--health-check"], folder.path(), address, "").status.success());
    end(child);
}

#[test]
fn a_service_listens_on_the_name_of_a_host() {
    let folder = folder();
    let listen = format!("localhost:{}", free_address().port());
    let by_name = |arguments: &[&str]| {
        let mut command = online();
        with_settings(&mut command, folder.path(), free_address(), "")
            .env("TANDEM_SERVER__LISTEN", &listen)
            .args(arguments);
        command.spawn().expect("starts")
    };
    let child = by_name(&[]);
    eventually("healthy", || by_name(&["--health-check"]).wait().expect("own child").success().then_some(()));
    end(child);
}

#[test]
fn what_keeps_the_service_from_starting_is_said_with_its_remedy() {
    let folder = folder();
    let address = free_address();
    let failure = |folder: &Path, redis: &str| {
        let output = run(&[], folder, address, redis);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).expect("text")
    };
    let closed = format!("redis://{}/", free_address());
    assert!(failure(folder.path(), &closed).contains("redis-server"));
    assert!(failure(folder.path(), "nonsense").contains("store.redis_url"));
    let taken = TcpListener::bind(address).expect("free");
    assert!(failure(folder.path(), "").contains("server.listen"));
    drop(taken);
    let output = online().env("TANDEM_STORE__REDIS", "x").output().expect("runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--print-config"));
}

#[test]
fn one_environment_may_hold_the_settings_of_both_programs() {
    let folder = folder();
    let address = free_address();
    let mut command = online();
    let with_the_batch_s =
        command.env("TANDEM_ALS__FACTORS", "128").env("TANDEM_DATA", "/data").env("TANDEM_DATASETS", "/datasets");
    let child = with_settings(with_the_batch_s, folder.path(), address, "").spawn().expect("starts");
    await_health(address);
    end(child);
}

#[test]
fn a_misspelt_variable_is_an_error_that_names_it_and_the_nearest_setting() {
    for (wrong, nearest) in [
        ("TANDEM_STOER__REDIS_URL", "TANDEM_STORE__REDIS_URL"),
        ("TANDEM_STORE__REDIS_ULR", "TANDEM_STORE__REDIS_URL"),
        ("TANDEM_STORE_REDIS_URL", "TANDEM_STORE__REDIS_URL"),
        ("TANDEM_ASL__FACTORS", "TANDEM_ALS__FACTORS"),
    ] {
        let output = online().env(wrong, "1").output().expect("runs");
        assert_eq!(output.status.code(), Some(1), "{wrong}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(wrong) && said.contains(nearest), "{said}");
    }
}

#[test]
fn the_printed_config_is_one_that_loads() {
    let output = online().arg("--print-config").output().expect("runs");
    assert!(output.status.success());
    let mut file = tempfile::NamedTempFile::new().expect("temporary file");
    std::io::Write::write_all(&mut file, &output.stdout).expect("writes");
    online::config::Config::load(Some(file.path())).expect("loads");
    let mut text = String::new();
    file.reopen().expect("opens").read_to_string(&mut text).expect("text");
    assert!(text.contains("redis_url"));
}
