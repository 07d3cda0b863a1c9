//! No password and no API key reaches a log line, an error or an answer of the service.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

use online::auth::issue::{Order, issue};
use online::auth::scopes::Scope;
use serde_json::{Value, json};
use shared::contract::artifact::manifest::MANIFEST;

use crate::common::http::Client;
use crate::common::redis_server::RedisServer;
use crate::common::{self, eventually, shop};

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
        .env("TANDEM_SLATES__PATH", folder.join("slates"))
        .env("TANDEM_SERVED__PATH", folder.join("served"))
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

/// Sends a request with a header, and checks that the answer does not quote the key in it.
fn ask(client: &Client, target: &str, header: &str, key: &str) -> u16 {
    let answer = client.send("GET", target, &format!("{header}{key}\r\n"), b"").expect("an answer");
    assert!(!String::from_utf8_lossy(&answer.body).contains(key), "{target}");
    assert!(answer.headers.iter().all(|(_, value)| !value.contains(key)), "{target}: {:?}", answer.headers);
    answer.status
}

#[test]
fn api_keys_right_and_wrong_ones_are_told_nobody() {
    let (folder, address) = (folder(), free_address());
    let issued =
        issue(&Order { name: "desk".to_owned(), scopes: vec![Scope::Read, Scope::Admin], rate: None, burst: None });
    let issued = issued.expect("issued");
    let (secret, keys) = (issued.secret.as_str(), folder.path().join("keys.toml"));
    let certificate = common::tls::certificate();
    fs::write(&keys, &issued.entry).expect("writes");
    let errors = folder.path().join("stderr");
    let mut child = service(folder.path(), address, "")
        .env("TANDEM_AUTH__KEYS", &keys)
        .env("TANDEM_ARTIFACTS__POLL_MS", "10")
        .stdout(Stdio::null())
        .stderr(fs::File::create(&errors).expect("a file"))
        .spawn()
        .expect("starts");
    let client = Client::new(address);
    eventually("ready", || client.send("GET", "/ready", "", b"").ok().filter(|answer| answer.status == 200));
    // One letter is missing: nearly the key.
    let wrong = &secret[..secret.len() - 1];
    for header in ["authorization: Bearer ", "x-api-key: "] {
        for target in ["/recommendations?user_id=u", "/users/u/history", "/metrics", "/openapi.json"] {
            assert_eq!(ask(&client, target, header, secret), 200);
            assert_eq!(ask(&client, target, header, wrong), 401);
        }
    }
    assert_eq!(ask(&client, "/popular", "authorization: Basic ", secret), 401);
    // What people paste where the hash belongs.
    for line in [format!("sha256 = \"{secret}\""), format!("sha256 = {secret}"), format!("key = \"{secret}\"")] {
        let said = || fs::read_to_string(&errors).expect("text").matches("can't be used").count();
        let before = said();
        fs::write(&keys, format!("[[keys]]\nname = \"desk\"\nscopes = [\"read\"]\n{line}\n")).expect("writes");
        eventually("told", || (said() > before).then_some(()));
    }
    child.kill().expect("own child");
    child.wait().expect("own child");
    let log = fs::read_to_string(&errors).expect("text");
    assert!(log.contains("an admin call") && log.contains("desk"), "{log}");
    assert!(!log.contains(wrong), "{log}");
    // A key of TLS in place of the certificate.
    let (pem, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    fs::write(&pem, &certificate.key).expect("writes");
    fs::write(&key, &certificate.key).expect("writes");
    let mut swapped = service(folder.path(), address, "");
    let output = swapped.env("TANDEM_TLS__CERTIFICATE", &pem).env("TANDEM_TLS__KEY", &key).output().expect("runs");
    let told = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
    assert!(!output.status.success() && told.contains("c.pem: no certificate"), "{told}");
    assert!(certificate.key.lines().all(|line| line.starts_with("-----") || !told.contains(line)), "{told}");
}

#[test]
fn a_printed_config_has_no_setting_of_the_environment() {
    let folder = folder();
    let url = format!("redis://:{PASSWORD}@127.0.0.1:1");
    let output = service(folder.path(), free_address(), &url).arg("--print-config").output().expect("runs");
    assert!(output.status.success());
    assert_without_password("the config", &[output.stdout, output.stderr].concat());
}

#[test]
fn a_new_key_is_shown_once_and_its_entry_is_by_itself() {
    let new = ["keys", "new", "--name", "shop", "--scopes", "read,write", "--rate", "50"];
    let output = Command::new(env!("CARGO_BIN_EXE_online")).args(new).output().expect("runs");
    let (entry, told) =
        (String::from_utf8(output.stdout).expect("text"), String::from_utf8(output.stderr).expect("text"));
    let secret = told.trim_end().rsplit(' ').next().expect("a key");
    assert!(output.status.success() && secret.starts_with("tandem_") && !entry.contains(secret), "{told}");
    let keys = online::auth::keys::Keys::parse(&entry).expect("an entry");
    let key = keys.find(secret.as_bytes()).expect("its entry");
    assert_eq!((key.name.as_str(), key.scopes.len(), key.limit.is_some()), ("shop", 2, true));
    let unknown = ["keys", "new", "--name", "shop", "--scopes", "reed"];
    let output = Command::new(env!("CARGO_BIN_EXE_online")).args(unknown).output().expect("runs");
    assert!(String::from_utf8_lossy(&output.stderr).contains("read"), "the scopes are listed");
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
