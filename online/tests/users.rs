//! What is said of users over HTTP: it is in the very next slate, after a restart, on every replica, and gone with the user.

use serde_json::{Value, json};
use shared::contract::artifact::manifest::write_champion;
use shared::contract::event_log::{CoveredFile, list};

use crate::common::http::{Answer, Client};
use crate::common::redis_server::RedisServer;
use crate::common::{Running, config, event, eventually, folder, shop};
use crate::profiles::publish;

const JSON: &str = "content-type: application/json\r\n";

fn put(client: &Client, target: &str, body: &Value) -> Answer {
    client.send("PUT", target, JSON, body.to_string().as_bytes()).expect("an answer")
}

fn erase(client: &Client, user: &str) {
    let answer = client.send("DELETE", &format!("/users/{user}"), "", b"").expect("an answer");
    assert_eq!((answer.status, answer.json()["applied"].as_bool()), (200, Some(true)));
}

fn slate(client: &Client, user: &str) -> Vec<String> {
    client.get(&format!("/recommendations?user_id={user}&k=5")).items()
}

/// What was said of a user: field and value.
fn said(client: &Client, user: &str) -> Value {
    let answer = client.get(&format!("/users/{user}"));
    if answer.status == 404 {
        return Value::Null;
    }
    let said = answer.json()["said"].as_object().expect("fields").clone();
    said.into_iter().map(|(field, said)| (field, said["value"].clone())).collect()
}

/// The ids of all pages of users.
fn listed(client: &Client, query: &str) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = client.get(&format!("/users?{query}{cursor}"));
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        let page = answer.json();
        let users = page["users"].as_array().expect("users");
        all.extend(users.iter().map(|user| user["user_id"].as_str().expect("an id").to_owned()));
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[test]
fn what_is_said_of_a_user_is_in_the_very_next_slate_and_after_a_restart() {
    let folder = tempfile::tempdir().expect("temporary folder");
    publish(folder.path());
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    let (sailor, nobody) = (slate(&client, "newcomer"), slate(&client, "nobody"));
    assert_ne!(sailor, nobody);
    let answer = put(&client, "/users/fresh", &json!({"age": 31, "segment": "sailor", "shoe": 44}));
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"changed": 1, "applied": true, "unknown_to_version": ["shoe"]}))
    );
    assert_eq!(slate(&client, "fresh"), sailor);
    assert_eq!(said(&client, "fresh"), json!({"age": 31.0, "segment": "sailor", "shoe": 44.0}));
    // On top of what the version knows: what is not named stays, and null is nothing.
    let clerk = client.post(
        "/recommendations",
        &json!({"user_id": "x", "k": 5, "profile": {"age": 31, "segment": "clerk"}}).to_string(),
    );
    assert_eq!(put(&client, "/users/newcomer", &json!({"segment": "clerk"})).status, 200);
    assert_eq!(slate(&client, "newcomer"), clerk.items());
    let known = client.get("/users/newcomer").json();
    assert_eq!((&known["in_version"], &known["profile"]["segment"]), (&json!(false), &json!("sailor")), "{known}");
    assert!(known["profile"]["age"].is_object(), "{known}");
    let old = json!({"segment": "sailor", "timestamp": "2020-01-01T00:00:00Z"});
    assert_eq!(put(&client, "/users/newcomer", &old).status, 200);
    assert_eq!(slate(&client, "newcomer"), clerk.items(), "the later one counts");
    let unknown = json!({"age": null, "segment": null});
    assert_eq!(put(&client, "/users/fresh", &unknown).status, 200);
    assert_ne!(slate(&client, "fresh"), sailor);
    service.stop();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    assert_eq!(said(&client, "fresh"), json!({"age": null, "segment": null, "shoe": 44.0}));
    assert_eq!(slate(&client, "newcomer"), clerk.items());
    // Erased is erased, also what the version knows; what is said after it counts.
    erase(&client, "newcomer");
    assert_eq!((said(&client, "newcomer"), slate(&client, "newcomer")), (Value::Null, nobody));
    assert!(!listed(&client, "").contains(&"newcomer".to_owned()));
    assert_eq!(put(&client, "/users/newcomer", &json!({"age": 31, "segment": "sailor"})).status, 200);
    assert_eq!(slate(&client, "newcomer"), sailor);
    assert_eq!(client.metric("tandem_user_changes_total"), 1.0);
    service.stop();
}

#[test]
fn users_are_listed_page_by_page_and_taken_in_lists() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    assert_eq!(listed(&client, ""), ["known"]);
    let many: Vec<Value> = (0..250).map(|at| json!({"user_id": format!("n{at:03}"), "city": "Bern"})).collect();
    let answer = put(&client, "/users", &json!(many));
    assert_eq!(answer.json(), json!({"changed": 250, "applied": true, "unknown_to_version": ["city"]}));
    assert_eq!(client.post("/events", &event("passer-by", "i01", "e1")).status, 200);
    for limit in [1, 7, 500] {
        let all = listed(&client, &format!("limit={limit}"));
        assert_eq!((all.len(), all[0].as_str(), all[250].as_str()), (251, "known", "n249"));
        assert!(all.is_sorted());
    }
    assert_eq!(listed(&client, "limit=2&q=n24").len(), 10);
    assert_eq!(listed(&client, "q=nobody"), Vec::<String>::new());
    let known = client.get("/users/known").json();
    assert_eq!((&known["in_version"], &known["live_events"]), (&json!(true), &json!(0)));
    assert_eq!(client.get("/users/passer-by").json()["live_events"], 1);
    client.get("/users/stranger").assert_problem(404, None);
    for (target, body, field) in [
        ("/users/u", json!({}), None),
        ("/users/u", json!([]), None),
        ("/users/u", json!({"city": ["Bern"]}), Some("city")),
        ("/users/u", json!({"user_id": "v"}), Some("user_id")),
        ("/users/u?k=3", json!({"city": "Bern"}), Some("k")),
        ("/users", json!([{"user_id": "u", "city": "Bern"}, {"user_id": "v", "city": {}}]), Some("[1].city")),
        ("/users", json!([{"user_id": "u", "city": "Bern"}, {"city": "Bern"}]), Some("[1].user_id")),
    ] {
        put(&client, target, &body).assert_problem(400, field);
    }
    client.get("/users/u").assert_problem(404, None);
    client.get("/users?limit=0").assert_problem(400, Some("limit"));
    client.get("/users?cursor=x").assert_problem(400, Some("cursor"));
    service.stop();
}

#[test]
fn every_replica_knows_at_once_what_one_was_told_and_a_redis_that_was_emptied_again() {
    let (folder, server) = (folder(), RedisServer::start());
    let own = |replica: &str| {
        let mut config = config(folder.path());
        config.store.redis_url = server.url().into();
        config.events.replica = replica.to_owned();
        config
    };
    let (a, b) = (Running::start(&own("a")), Running::start(&own("b")));
    assert_eq!(
        put(&a.client, "/users/u", &json!({"age": 34, "vip": true, "timestamp": 1_600_000_000_000_i64})).status,
        200
    );
    assert_eq!(put(&b.client, "/users/u", &json!({"age": 35})).status, 200);
    for client in [&a.client, &b.client] {
        assert_eq!(said(client, "u"), json!({"age": 35.0, "vip": true}));
        assert_eq!(listed(client, "limit=1"), ["known", "u"]);
    }
    server.command::<()>(&["FLUSHALL"]);
    eventually("both logs are applied again", || {
        (said(&a.client, "u") == json!({"age": 35.0, "vip": true}) && listed(&b.client, "") == ["known", "u"])
            .then_some(())
    });
    erase(&b.client, "u");
    assert_eq!((said(&a.client, "u"), listed(&a.client, "")), (Value::Null, vec!["known".to_owned()]));
    assert_eq!(server.command::<Vec<String>>(&["HKEYS", "tandem:{users}:stamps"]), Vec::<String>::new());
    assert_eq!(put(&a.client, "/users/u", &json!({"age": 36})).status, 200);
    assert_eq!(said(&b.client, "u"), json!({"age": 36.0}));
    a.stop();
    b.stop();
}

#[test]
fn what_every_version_has_is_let_go_and_comes_back_with_a_version_that_lacks_it() {
    let (folder, server) = (folder(), RedisServer::start());
    let artifacts = folder.path().join("artifacts");
    let mut config = config(folder.path());
    config.store.redis_url = server.url().into();
    let service = Running::start(&config);
    let client = service.client;
    assert_eq!(put(&client, "/users/u", &json!({"age": 34})).status, 200);
    let log = list(&folder.path().join("log")).expect("reads").remove(0);
    let (id, bytes) = (log.id().expect("reads").expect("a line"), log.path.metadata().expect("there").len());
    assert_eq!(put(&client, "/users/v", &json!({"age": 34})).status, 200);
    shop::write_covering(&artifacts, "v2", vec![CoveredFile { replica: "0".to_owned(), number: 1, id, bytes }]);
    write_champion(&artifacts, "v2").expect("pointer");
    eventually("swapped", || (client.get("/popular").json()["model_version"] == "v2").then_some(()));
    assert_eq!(said(&client, "u"), json!({"age": 34.0}), "the first version lacks it still");
    std::fs::remove_dir_all(artifacts.join("v1")).expect("pruned");
    shop::write_covering(&artifacts, "v3", vec![CoveredFile { replica: "0".to_owned(), number: 1, id, bytes }]);
    write_champion(&artifacts, "v3").expect("pointer");
    eventually("let go", || (said(&client, "u") == Value::Null).then_some(()));
    assert_eq!(
        (said(&client, "v"), listed(&client, "")),
        (json!({"age": 34.0}), vec!["known".to_owned(), "v".to_owned()])
    );
    assert_eq!(server.command::<Option<Vec<u8>>>(&["GET", "tandem:{u}:history"]), None);
    shop::write(&artifacts, "v4");
    write_champion(&artifacts, "v4").expect("pointer");
    eventually("applied again", || (said(&client, "u") == json!({"age": 34.0})).then_some(()));
    service.stop();
}
