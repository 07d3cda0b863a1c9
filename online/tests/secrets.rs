//! No password reaches a log line, an error or an answer of the service.

mod common;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use shared::contract::artifact::manifest::MANIFEST;

use common::http::Client;
use common::redis_server::RedisServer;
use common::{eventually, shop};

const PASSWORD: &str = "correct-horse-battery";

/// Where a process will answer.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address")
}

/// The service over a folder, with its most talkative logs.
fn service(folder: &Path, address: SocketAddr, redis: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_online"));
    command
        .env("TANDEM_SERVER__LISTEN", address.to_string())
        .env("TANDEM_ARTIFACTS__PATH", folder.join("artifacts"))
        .env("TANDEM_EVENTS__PATH", folder.join("log"))
        .env("TANDEM_STORE__REDIS_URL", redis)
        .env("TANDEM_PUBLISH__REDIS_URL", redis)
        .env("TANDEM_LOG__LEVEL", "trace")
        .stdin(Stdio::null());
    command
}

/// A folder with a version of an earlier release, which wrote down where the batch sent user records.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    let artifacts = folder.path().join("artifacts");
    shop::publish(&artifacts, "v1");
    let path = artifacts.join("v1").join(MANIFEST);
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).expect("reads")).expect("JSON");
    let url = format!("redis://:{PASSWORD}@redis:6379");
    manifest["config"] = json!({"als": {"factors": 2}, "publish": {"keep": 3, "redis_url": url, "prefix": "tandem"}});
    fs::write(&path, manifest.to_string()).expect("writes");
    folder
}

fn assert_without_password(of: &str, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    assert!(!text.contains(PASSWORD), "{of}: {text}");
}

#[test]
fn a_service_on_a_redis_with_a_password_tells_it_nobody() {
    let redis = RedisServer::start_with_password(PASSWORD);
    let folder = folder();
    let address = free_address();
    let (log, errors) = (folder.path().join("stdout"), folder.path().join("stderr"));
    let mut child = service(folder.path(), address, &redis.url())
        .stdout(fs::File::create(&log).expect("a file"))
        .stderr(fs::File::create(&errors).expect("a file"))
        .spawn()
        .expect("starts");
    let client = Client::new(address);
    eventually("ready", || client.send("GET", "/ready", "", b"").ok().filter(|answer| answer.status == 200));
    assert_eq!(client.post("/events", r#"{"visitorid":"u","itemid":"i01","event":"view"}"#).status, 200);
    assert_eq!(client.get("/model/params").json()["config"], json!({"als": {"factors": 2}}));
    // The connection is lost, and the server does not know the password any more.
    redis.command::<()>(&["CONFIG", "SET", "requirepass", "another one"]);
    end_connections(&redis);
    eventually("away", || (client.metric("tandem_store_up") == 0.0).then_some(()));
    let targets =
        ["/model/params", "/model/metadata", "/model/metrics", "/metrics", "/health", "/ready", "/openapi.json"];
    for target in targets.into_iter().chain(["/recommendations?user_id=u&explain=true", "/users/u/history"]) {
        assert_without_password(target, &client.get(target).body);
    }
    child.kill().expect("own child");
    child.wait().expect("own child");
    for path in [&log, &errors] {
        assert_without_password("the log", &fs::read(path).expect("reads"));
    }
    let log = fs::read_to_string(&errors).expect("text");
    assert!(log.contains("artifact loaded"), "{log}");
}

/// Ends the connections of all clients but the one that asks.
fn end_connections(redis: &RedisServer) {
    let url = redis.url().replace(PASSWORD, "another one");
    let mut connection = redis::Client::open(url).expect("a URL").get_connection().expect("connects");
    let ended: i64 =
        redis::cmd("CLIENT").arg(&["KILL", "TYPE", "normal"]).query(&mut connection).expect("ends connections");
    assert!(ended > 0);
}

#[test]
fn a_redis_that_can_not_be_used_is_named_without_the_password() {
    let redis = RedisServer::start_with_password("another one");
    let folder = folder();
    let place = redis.url().rsplit_once('@').expect("a password").1.to_owned();
    let urls = [
        (format!("redis://shop:{PASSWORD}@{place}"), format!("Redis at redis://{place} can't be used")),
        (format!("redis://:{PASSWORD}@{}/", free_address()), "Redis at redis://127.0.0.1:".to_owned()),
        (format!("shop:{PASSWORD}@{place}"), "Redis at (not a URL) can't be used".to_owned()),
    ];
    for (url, named) in urls {
        let output = service(folder.path(), free_address(), &url).output().expect("runs");
        let told = [output.stdout, output.stderr].concat();
        assert_without_password(&named, &told);
        let told = String::from_utf8_lossy(&told);
        assert!(!output.status.success() && told.contains(&named), "{told}");
    }
}

#[test]
fn a_mistyped_command_line_or_setting_is_quoted_without_the_password() {
    let folder = folder();
    let url = format!("redis://:{PASSWORD}@127.0.0.1:1");
    let mut arguments = service(folder.path(), free_address(), "");
    let mut setting = service(folder.path(), free_address(), "");
    for command in [arguments.arg(&url), setting.env("TANDEM_STORE__TIMEOUT_MS", &url)] {
        let output = command.output().expect("runs");
        assert!(!output.status.success());
        assert_without_password("the error", &[output.stdout, output.stderr].concat());
    }
}
