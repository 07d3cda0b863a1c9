//! What keeps strangers out: API keys, their scopes and limits, where the service listens, TLS, and origins of pages.

mod pages;

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use online::auth::issue::{Order, issue};
use online::auth::scopes::Scope;
use online::config::Config;
use serde_json::{Value, json};

use crate::common::http::{Answer, Client};
use crate::common::process::{end, free_address, online, with_settings};
use crate::common::tls::{Certificate, certificate, connect};
use crate::common::{PATIENCE, Running, config, event, eventually, folder};

/// Makes a key; returns it and its entry.
pub fn new_key(name: &str, scopes: &[Scope], rate: Option<u32>) -> (String, String) {
    let order = Order { name: name.to_owned(), scopes: scopes.to_vec(), rate, burst: None };
    let issued = issue(&order).expect("issued");
    (issued.secret, issued.entry)
}

/// Puts a file in its place as an editor does: whole.
fn replace(path: &Path, text: &str) {
    let next = path.with_extension("next");
    fs::write(&next, text).expect("writes");
    fs::rename(&next, path).expect("in place");
}

/// A config with a file of keys.
pub fn with_keys(folder: &Path, entries: &str) -> Config {
    let mut config = config(folder);
    config.auth.keys = folder.join("keys.toml");
    replace(&config.auth.keys, entries);
    config
}

fn send(client: &Client, method: &str, target: &str, key: &str) -> Answer {
    let headers = format!("authorization: Bearer {key}\r\ncontent-type: application/json\r\n");
    client.send(method, target, &headers, b"").unwrap_or_else(|error| panic!("{method} {target}: {error}"))
}

/// The value of a metric, asked for with a key.
fn metric(client: &Client, key: &str, name: &str) -> f64 {
    let text = String::from_utf8(send(client, "GET", "/metrics", key).body).expect("text");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().expect("a number"))
}

#[test]
fn every_route_but_the_probes_asks_for_a_key_with_its_scope() {
    let folder = folder();
    let keys = [Scope::Read, Scope::Write, Scope::Admin].map(|scope| new_key(scope.as_str(), &[scope], None));
    let entries: String = keys.iter().map(|(_, entry)| entry.as_str()).collect();
    let service = Running::start(&with_keys(folder.path(), &entries));
    let client = service.client;
    let description = send(&client, "GET", "/openapi.json", &keys[0].0).json();
    let mut calls = vec![("GET".to_owned(), "/docs/".to_owned()), ("GET".to_owned(), "/nowhere".to_owned())];
    for (path, methods) in description["paths"].as_object().expect("paths") {
        let path = path.replace("{item_id}", "i01").replace("{id}", "u").replace("{name}", "m");
        let methods = methods.as_object().expect("methods").keys();
        calls.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
    }
    assert!(calls.len() > 20, "{calls:?}");
    for (method, path) in &calls {
        let none = client.send(method, path, "", b"").expect("an answer");
        let stranger = send(&client, method, path, "tandem_00");
        if ["/health", "/ready"].contains(&path.as_str()) {
            assert_eq!((none.status, stranger.status), (200, 200), "{path}");
            continue;
        }
        none.assert_problem(401, None);
        assert_eq!(none.header("www-authenticate"), Some(r#"Bearer realm="tandem""#));
        stranger.assert_problem(401, None);
        assert!(stranger.header("www-authenticate").is_some_and(|value| value.contains("invalid_token")));
        let answers = keys.each_ref().map(|(key, _)| send(&client, method, path, key));
        let allowed: Vec<bool> = answers.iter().map(|answer| ![401, 403, 429].contains(&answer.status)).collect();
        assert_eq!(allowed.iter().filter(|allowed| **allowed).count(), 1, "{method} {path}: {allowed:?}");
        for refused in answers.iter().filter(|answer| answer.status == 403) {
            refused.assert_problem(403, None);
            let needed = ["read", "write", "admin"][allowed.iter().position(|allowed| *allowed).expect("one")];
            let detail = refused.json()["detail"].as_str().expect("a detail").to_owned();
            assert!(detail.contains(&format!("`{needed}`")), "{method} {path}: {detail}");
        }
    }
    let scope_of = |method: &str, path: &str| {
        keys.iter().position(|(key, _)| send(&client, method, path, key).status != 403).map(|at| ["r", "w", "a"][at])
    };
    assert_eq!(scope_of("POST", "/recommendations"), Some("r"));
    assert_eq!(scope_of("POST", "/events"), Some("w"));
    assert_eq!(scope_of("GET", "/users/u/history"), Some("a"));
    assert_eq!(scope_of("DELETE", "/popular"), Some("a"), "what no route answers needs the most");
    service.stop();
}

#[test]
fn strangers_take_no_room_from_those_who_have_keys() {
    let folder = folder();
    let (key, entry) = new_key("shop", &[Scope::Read, Scope::Write], None);
    let mut config = with_keys(folder.path(), &entry);
    config.server.max_in_flight = 1;
    let service = Running::start(&config);
    let client = &service.client;
    // A request whose body has not come yet is inside, and is told to go on once it is.
    let mut inside = client.connect().expect("connects");
    let head =
        format!("POST /events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\ncontent-length: 9\r\n");
    inside
        .write_all(format!("{head}content-type: application/json\r\nexpect: 100-continue\r\n\r\n").as_bytes())
        .expect("writes");
    let mut go_on = [0; 12];
    inside.read_exact(&mut go_on).expect("an answer");
    assert_eq!(&go_on, b"HTTP/1.1 100");
    let shed = "http_requests_shed_total{reason=\"in_flight\"}";
    send(client, "POST", "/events", &key).assert_problem(503, None);
    let before = metric(client, &key, shed);
    for _ in 0..5 {
        send(client, "POST", "/events", "tandem_00").assert_problem(401, None);
    }
    assert_eq!(metric(client, &key, shed), before);
    drop(inside);
    service.stop();
}

#[test]
fn a_key_in_a_header_of_its_own_does_too_and_the_answer_is_that_of_no_keys() {
    let folder = folder();
    let (key, entry) = new_key("shop", &[Scope::Read, Scope::Write], None);
    let service = Running::start(&with_keys(folder.path(), &entry));
    let headers = format!("x-api-key: {key}\r\n");
    let answer = service.client.send("GET", "/recommendations?user_id=known", &headers, b"").expect("an answer");
    assert!(!answer.items().is_empty());
    let headers = format!("{headers}content-type: application/json\r\n");
    let event = event("u", "i01", "e1");
    let answer = service.client.send("POST", "/events", &headers, event.as_bytes()).expect("an answer");
    assert_eq!(answer.status, 200);
    service.stop();
}

#[test]
fn a_key_that_leaves_the_file_is_refused_without_a_restart() {
    let folder = folder();
    let [(shop, of_shop), (desk, of_desk)] = ["shop", "desk"].map(|name| new_key(name, &[Scope::Read], None));
    let config = with_keys(folder.path(), &format!("{of_shop}{of_desk}"));
    let service = Running::start(&config);
    let status = |key: &str| send(&service.client, "GET", "/popular", key).status;
    assert_eq!((status(&shop), status(&desk)), (200, 200));
    replace(&config.auth.keys, &of_desk);
    eventually("withdrawn", || (status(&shop) == 401).then_some(()));
    assert_eq!(status(&desk), 200);
    replace(&config.auth.keys, "[[keys]]\nname = \"half\"");
    let failures = "tandem_reload_failures_total{file=\"keys\"}";
    eventually("told", || (metric(&service.client, &desk, failures) == 1.0).then_some(()));
    assert_eq!(status(&desk), 200, "what was read before stays in use");
    service.stop();
}

#[test]
fn a_key_that_sends_too_much_is_told_when_to_come_back_and_others_are_not_touched() {
    let folder = folder();
    let (busy, of_busy) = new_key("busy", &[Scope::Read], Some(1));
    let (calm, of_calm) = new_key("calm", &[Scope::Read], None);
    let service = Running::start(&with_keys(folder.path(), &format!("{of_busy}{of_calm}")));
    let client = service.client;
    let refused =
        eventually("refused", || Some(send(&client, "GET", "/popular", &busy)).filter(|answer| answer.status != 200));
    refused.assert_problem(429, None);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(send(&client, "GET", "/popular", &calm).status, 200);
    assert_eq!(send(&client, "GET", "/health", &busy).status, 200);
    for (reason, least) in [("rate", 1.0), ("no_key", 1.0), ("unknown_key", 1.0), ("scope", 1.0)] {
        client.send("GET", "/popular", "", b"").expect("an answer");
        send(&client, "GET", "/popular", "tandem_00");
        send(&client, "POST", "/events", &calm);
        let name = format!("tandem_requests_refused_total{{reason=\"{reason}\"}}");
        assert!(metric(&client, &calm, &name) >= least, "{name}");
    }
    let metrics = String::from_utf8(send(&client, "GET", "/metrics", &calm).body).expect("text");
    assert!([&busy, &calm].iter().all(|key| !metrics.contains(*key)) && !metrics.contains("\"calm\""));
    service.stop();
}

#[test]
fn without_keys_other_machines_are_let_in_only_where_the_config_says_so() {
    let folder = folder();
    let mut open = config(folder.path());
    open.server.listen = "0.0.0.0:0".to_owned();
    let error = Running::try_start(&open).err().expect("no start").to_string();
    for remedy in ["auth.keys", "online keys new", "127.0.0.1", "TANDEM_AUTH__OPEN=true"] {
        assert!(error.contains(remedy), "{error}");
    }
    open.auth.open = true;
    Running::start(&open).stop();
    let (_, entry) = new_key("shop", &[Scope::Read], None);
    let mut keyed = with_keys(folder.path(), &entry);
    keyed.server.listen = "0.0.0.0:0".to_owned();
    Running::start(&keyed).stop();
    keyed.auth.keys = folder.path().join("none.toml");
    let error = Running::try_start(&keyed).err().expect("no start").to_string();
    assert!(error.contains("none.toml") && error.contains("online keys new"), "{error}");
}

#[test]
fn what_is_for_operators_answers_at_the_admin_address_alone() {
    let folder = folder();
    let (key, entry) = new_key("desk", &[Scope::Read, Scope::Admin], None);
    let mut config = with_keys(folder.path(), &entry);
    config.server.admin_listen = "127.0.0.1:0".to_owned();
    let service = Running::start(&config);
    let (public, admin) = (service.client, Client::new(service.admin_address().expect("an admin address")));
    let why = "/recommendations/why?user_id=u";
    let operators = ["/metrics", "/docs/", "/docs/index.css", "/openapi.json", "/users/u/history", why, "/"];
    for target in operators {
        send(&public, "GET", target, &key).assert_problem(404, None);
        assert!(send(&admin, "GET", target, &key).status < 400, "{target}");
        admin.send("GET", target, "", b"").expect("an answer").assert_problem(401, None);
    }
    for target in ["/health", "/ready", "/popular", "/model/metadata"] {
        for client in [&public, &admin] {
            assert_eq!(send(client, "GET", target, &key).status, 200, "{target}");
        }
    }
    service.stop();
    config.server.admin_listen = "0.0.0.0:0".to_owned();
    config.auth.keys = "".into();
    let error = Running::try_start(&config).err().expect("no start").to_string();
    assert!(error.contains("online keys new"), "{error}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    config.server.admin_listen = taken.local_addr().expect("an address").to_string();
    let error = Running::try_start(&config).err().expect("no start").to_string();
    assert!(error.contains("TANDEM_SERVER__ADMIN_LISTEN"), "{error}");
}

/// A config with a certificate.
fn with_tls(folder: &Path, certificate: &Certificate) -> Config {
    let mut config = config(folder);
    (config.tls.certificate, config.tls.key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    replace(&config.tls.certificate, &certificate.pem);
    replace(&config.tls.key, &certificate.key);
    config
}

#[test]
fn a_new_certificate_is_taken_up_and_connections_go_on() {
    let folder = folder();
    let [old, new] = [certificate(), certificate()];
    let config = with_tls(folder.path(), &old);
    let service = Running::start(&config);
    let address = service.client.address();
    let mut begun = connect(address, &old, &["h2", "http/1.1"]).expect("connects");
    assert_eq!(begun.get("/health").expect("an answer").status, 200);
    let failures = "tandem_reload_failures_total{file=\"certificate\"} ";
    let told = |metrics: &Answer| String::from_utf8_lossy(&metrics.body).contains(failures);
    assert!(connect(address, &new, &[]).is_err(), "not this one yet");
    // Half of the change is no pair: it is told, and the old one stays.
    replace(&config.tls.certificate, &new.pem);
    eventually("told", || told(&begun.get("/metrics").expect("an answer")).then_some(()));
    assert!(connect(address, &old, &[]).is_ok());
    replace(&config.tls.key, &new.key);
    let mut next = eventually("taken up", || connect(address, &new, &["http/1.1"]).ok());
    assert_eq!(next.get("/health").expect("an answer").status, 200);
    assert!(connect(address, &old, &[]).is_err(), "not that one any more");
    assert_eq!(begun.get("/health").expect("the connection goes on").status, 200);
    assert!(connect(address, &new, &["h2"]).is_err(), "HTTP/1.1 alone is spoken");
    service.stop();
}

#[test]
fn who_speaks_no_tls_or_nothing_is_sent_away_and_keeps_nobody_waiting() {
    let folder = folder();
    let certificate = certificate();
    let mut config = with_tls(folder.path(), &certificate);
    config.server.idle_timeout_ms = 300;
    let service = Running::start(&config);
    let address = service.client.address();
    // More than there are threads, none of which says a word.
    let mut silent: Vec<_> = (0..8).map(|_| service.client.connect().expect("connects")).collect();
    let mut plain = service.client.connect().expect("connects");
    plain.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("writes");
    let mut said = Vec::new();
    // The connection ends, in order or by a reset.
    let _ = plain.read_to_end(&mut said);
    assert!(!String::from_utf8_lossy(&said).contains("HTTP/1.1"), "nothing is said in the clear");
    assert_eq!(connect(address, &certificate, &[]).expect("connects").get("/health").expect("an answer").status, 200);
    for stream in &mut silent {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        assert_eq!(stream.read(&mut [0; 1]).expect("closed by the service"), 0);
    }
    let metrics = connect(address, &certificate, &[]).expect("connects").get("/metrics").expect("an answer").body;
    let failed = String::from_utf8_lossy(&metrics).contains("tandem_tls_handshake_failures_total 9\n");
    assert!(failed, "{}", String::from_utf8_lossy(&metrics));
    service.stop();
}

#[test]
fn the_health_check_speaks_what_the_config_says() {
    let folder = folder();
    let config = with_tls(folder.path(), &certificate());
    let address = free_address();
    let with_certificate = |arguments: &[&str]| {
        let mut command = online();
        with_settings(&mut command, folder.path(), address, "")
            .env("TANDEM_TLS__CERTIFICATE", &config.tls.certificate)
            .env("TANDEM_TLS__KEY", &config.tls.key)
            .args(arguments)
            .spawn()
            .expect("starts")
    };
    let service = with_certificate(&[]);
    let asked = || with_certificate(&["--health-check"]).wait().expect("own child").success();
    eventually("healthy", || asked().then_some(()));
    let mut plain = online();
    let plain = with_settings(&mut plain, folder.path(), address, "").arg("--health-check");
    assert!(!plain.status().expect("runs").success());
    end(service);
    assert!(!asked());
}

#[test]
fn a_certificate_without_its_key_keeps_the_service_from_starting() {
    let folder = folder();
    let mut config = with_tls(folder.path(), &certificate());
    replace(&config.tls.key, &certificate().key);
    let error = Running::try_start(&config).err().expect("no start").to_string();
    assert!(error.contains("certificate.pem") && error.contains("key.pem"), "{error}");
    config.tls.key = "".into();
    let error = Running::try_start(&config).err().expect("no start").to_string();
    assert!(error.contains("tls.key"), "{error}");
}

#[test]
fn the_description_says_how_a_key_is_given() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let description: Value = service.client.get("/openapi.json").json();
    let schemes = &description["components"]["securitySchemes"];
    assert_eq!((&schemes["bearer"]["scheme"], &schemes["header"]["name"]), (&"bearer".into(), &"X-API-Key".into()));
    assert_eq!(description["security"].as_array().map(Vec::len), Some(3), "either of them, or none");
    let answers = |path: &str, method: &str| -> Vec<String> {
        description["paths"][path][method]["responses"].as_object().expect("answers").keys().cloned().collect()
    };
    assert_eq!(answers("/events", "post"), ["200", "202", "400", "401", "403", "413", "415", "429", "503", "507"]);
    assert_eq!(answers("/items/{item_id}", "put"), answers("/events", "post"));
    assert_eq!(answers("/popular", "get"), ["200", "400", "401", "403", "404", "429", "503"]);
    assert_eq!(answers("/health", "get"), ["200", "503"], "a probe needs no key");
    let schemas = &description["components"]["schemas"];
    let kinds = |schema: &str, id: &str| schemas[schema]["properties"][id]["type"].clone();
    assert_eq!(kinds("NewEvent", "visitorid"), json!(["string", "null", "number"]), "a session may stand for a user");
    assert_eq!(kinds("NewEvent", "itemid"), json!(["string", "number"]), "an id is a text or a number");
    assert_eq!(kinds("RecommendationQuery", "item_id"), json!(["string", "null", "number"]));
    let excluded = &schemas["RecommendationQuery"]["properties"]["exclude"];
    assert_eq!(excluded["items"]["type"], json!(["string", "number"]));
    service.stop();
}
