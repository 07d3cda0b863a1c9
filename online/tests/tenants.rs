//! Several shops in one process: a key opens one of them, and nothing of another shows.

use std::fs;
use std::path::Path;

use online::auth::issue::{Order, issue};
use online::auth::scopes::Scope;
use online::config::Config;
use serde_json::json;
use shared::contract::artifact::manifest::write_champion;

use crate::common::http::{Answer, Client};
use crate::common::{Running, config, event, eventually, shop};

/// What every id and text of the second shop has.
const MARK: &str = "oftheother";

/// A key with all scopes; returns it and its entry.
fn key(name: &str) -> (String, String) {
    let scopes = vec![Scope::Read, Scope::Write, Scope::Admin];
    let issued = issue(&Order { name: name.to_owned(), scopes, rate: None, burst: None }).expect("issued");
    (issued.secret, issued.entry)
}

/// The config of one tenant, below a folder of its own.
fn tenant(folder: &Path, name: &str, entry: &str) -> Config {
    let own = folder.join(name);
    fs::create_dir_all(&own).expect("a folder");
    let mut config = config(&own);
    config.auth.keys = own.join("keys.toml");
    fs::write(&config.auth.keys, entry).expect("writes");
    config
}

/// The config of a process with two shops, and the keys of lamps, books and an operator.
fn two(folder: &Path) -> (Config, [String; 3]) {
    let [(lamps, of_lamps), (books, of_books), (operator, of_operator)] = ["lamps", "books", "operator"].map(key);
    let mut process = config(folder);
    process.auth.keys = folder.join("operators.toml");
    fs::write(&process.auth.keys, of_operator).expect("writes");
    process.tenants.insert("books".to_owned(), tenant(folder, "books", &of_books));
    process.tenants.insert("lamps".to_owned(), tenant(folder, "lamps", &of_lamps));
    (process, [lamps, books, operator])
}

fn send(client: &Client, method: &str, target: &str, key: &str, body: &str) -> Answer {
    let headers = format!("authorization: Bearer {key}\r\ncontent-type: application/json\r\n");
    client.send(method, target, &headers, body.as_bytes()).unwrap_or_else(|error| panic!("{method} {target}: {error}"))
}

/// A service of which so many shops are open.
fn open(config: &Config, open: usize) -> Running {
    let service = Running::start(config);
    eventually("open", || (service.client.get("/ready").json()["open"] == open).then_some(()));
    service
}

fn text(answer: Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

#[test]
fn a_key_opens_one_shop_and_nothing_of_another_shows() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (config, [lamps, books, operator]) = two(folder.path());
    config.tenants.values().for_each(|tenant| shop::publish(&tenant.artifacts.path, "v1"));
    let service = open(&config, 2);
    let client = &service.client;
    let item = format!("{MARK}-item");
    let change = json!({"price": 7.0, "name": MARK}).to_string();
    assert_eq!(send(client, "PUT", &format!("/items/{item}"), &books, &change).status, 200);
    for at in 0..20 {
        let event = event(&format!("{MARK}-{at}"), "i01", &format!("{MARK}-e{at}"));
        assert_eq!(send(client, "POST", "/events", &books, &event).status, 200);
    }
    // Of one id, what each shop knows is its own.
    let same = json!({"visitorid": "u1", "itemid": "i02", "event": "view", "event_id": "same"}).to_string();
    assert_eq!(send(client, "POST", "/events", &books, &same).status, 200);
    let history = |key: &str| text(send(client, "GET", "/users/u1/history", key, ""));
    assert!(history(&books).contains("i02") && !history(&lamps).contains("i02"), "{}", history(&lamps));
    // Every path of the description, with every id of the other shop, and with what leads nowhere.
    let description = send(client, "GET", "/openapi.json", &lamps, "").json();
    let ids = [item.as_str(), &format!("{MARK}-1"), "..%2Fbooks", "%2e%2e%2f..%2fbooks%2flog", "books:u1", "u1%00"];
    let mut asked = 0;
    for (path, methods) in description["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys().map(|method| method.to_uppercase()) {
            for id in ids {
                let mut target = path.clone();
                for name in ["{item_id}", "{id}", "{name}"] {
                    target = target.replace(name, id);
                }
                let query = format!("user_id={id}&item_id=i01&k=500&q={id}&cursor={id}&tenant=books&prefix=books");
                for target in [target.clone(), format!("{target}?{query}")] {
                    let told = text(send(client, &method, &target, &lamps, "{}"));
                    // An error may quote what was asked.
                    let told = ids.iter().fold(told, |told, id| told.replace(id, ""));
                    assert!(!told.contains(MARK), "{method} {target}: {told}");
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 300, "{asked} calls");
    // What lamps withdrew, erased and was told above did nothing to books.
    assert_eq!(send(client, "GET", &format!("/items/{item}"), &books, "").json()["price"], 7.0);
    assert!(text(send(client, "GET", &format!("/users/{MARK}-1/history"), &books, "")).contains("i01"));
    // Nor is any file of one in the folder of the other.
    let files = |name: &str| fs::read_dir(folder.path().join(name).join("log")).expect("a log").count();
    assert!(files("books") > 0 && files("lamps") > 0);
    let logged = |name: &str| {
        let files = fs::read_dir(folder.path().join(name).join("log")).expect("a log");
        let texts = files.map(|file| fs::read(file.expect("a file").path()).unwrap_or_default());
        String::from_utf8_lossy(&texts.collect::<Vec<_>>().concat()).matches(MARK).count()
    };
    assert!(logged("books") > 20, "{}", logged("books"));
    // An operator sees how both are, and nothing that they have.
    let told = send(client, "GET", "/tenants", &operator, "").json();
    assert_eq!(told[0], json!({"name": "books", "open": true, "model_version": "v1"}));
    assert_eq!(told[1]["name"], "lamps");
    let metrics = text(send(client, "GET", "/metrics", &operator, ""));
    assert!(metrics.contains("tandem_ready{tenant=\"books\"} 1"), "{metrics}");
    assert_eq!(metrics.matches("process_resident_memory_bytes ").count(), 1 + 2, "the series, its help and its type");
    assert!(!text(send(client, "GET", "/metrics", &lamps, "")).contains("tenant="));
    send(client, "GET", "/users/u1/history", &operator, "").assert_problem(404, None);
    send(client, "GET", "/tenants", &lamps, "").assert_problem(404, None);
    send(client, "GET", "/popular", "tandem_00", "").assert_problem(401, None);
    send(client, "PUT", "/items/x", "tandem_00", "{}").assert_problem(401, None);
    client.send("GET", "/popular", "", b"").expect("an answer").assert_problem(401, None);
    assert_eq!(client.get("/health").status, 200);
    assert_eq!(client.get("/ready").json(), json!({"ready": true, "tenants": 2, "open": 2}));
    service.stop();
}

#[test]
fn a_shop_that_does_not_start_is_tried_again_and_the_others_are_open() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (config, [lamps, books, operator]) = two(folder.path());
    shop::publish(&config.tenants["lamps"].artifacts.path, "v1");
    let of_books = &config.tenants["books"].artifacts.path;
    fs::create_dir_all(of_books).expect("a folder");
    write_champion(of_books, "v0").expect("a pointer to nothing");
    let service = open(&config, 1);
    let client = &service.client;
    assert_eq!(send(client, "GET", "/popular", &lamps, "").status, 200);
    send(client, "GET", "/popular", &books, "").assert_problem(503, None);
    let told = eventually("it failed", || {
        let told = send(client, "GET", "/tenants", &operator, "").json();
        told[0]["reason"].as_str().is_some_and(|reason| reason.contains("artifacts")).then_some(told)
    });
    let metrics = text(send(client, "GET", "/metrics", &operator, ""));
    assert!(metrics.contains("tandem_tenant_open{tenant=\"books\"} 0"), "{metrics}");
    assert_eq!((&told[0]["open"], &told[1]["open"]), (&json!(false), &json!(true)));
    assert_eq!(client.get("/ready").json(), json!({"ready": true, "tenants": 2, "open": 1}));
    shop::publish(&config.tenants["books"].artifacts.path, "v2");
    eventually("open", || (send(client, "GET", "/popular", &books, "").status == 200).then_some(()));
    // What was acknowledged is there after a restart, in the shop that it was told to.
    assert_eq!(send(client, "POST", "/events", &books, &event("u", "i03", "e")).status, 200);
    service.stop();
    let service = open(&config, 2);
    let history = |key: &str| text(send(&service.client, "GET", "/users/u/history", key, ""));
    assert!(history(&books).contains("i03") && !history(&lamps).contains("i03"));
    service.stop();
}

#[test]
fn a_key_of_two_shops_opens_neither() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (config, [lamps, books, _]) = two(folder.path());
    config.tenants.values().for_each(|tenant| shop::publish(&tenant.artifacts.path, "v1"));
    let keys = |name: &str| config.tenants[name].auth.keys.clone();
    let own = fs::read_to_string(keys("lamps")).expect("reads");
    let both = format!("{own}{}", fs::read_to_string(keys("books")).expect("reads"));
    let service = open(&config, 2);
    let ask = |key: &str| send(&service.client, "GET", "/popular", key, "");
    assert_eq!((ask(&lamps).status, ask(&books).status), (200, 200));
    fs::write(keys("lamps"), &both).expect("writes");
    eventually("refused", || (ask(&books).status == 401).then_some(()));
    assert!(text(ask(&books)).contains("several tenants"));
    assert_eq!(ask(&lamps).status, 200);
    fs::write(keys("lamps"), &own).expect("writes");
    eventually("let in again", || (ask(&books).status == 200).then_some(()));
    service.stop();
    fs::write(keys("lamps"), &both).expect("writes");
    let error = || Running::try_start(&config).err().expect("a shared key").to_string();
    assert!(error().contains("a key of books is one of lamps, too (books)"), "{}", error());
    fs::write(keys("lamps"), fs::read_to_string(&config.auth.keys).expect("reads")).expect("writes");
    assert!(error().contains("a key of the operators is one of lamps, too (operator)"), "{}", error());
}
