//! Sessions without users, and pasts that become another's: over HTTP, on both stores, on two replicas at once, and under
//! kills. What histories show is compared with the rule, worked out from the logs.

mod under_kills;

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use online::config::Config;
use online::store::{Arrival, Bounds, Embedded, Moved, Redis, Retention, UserStore};
use serde_json::json;
use shared::contract::event::Event;
use shared::contract::event_log::line::Line;
use shared::contract::event_log::{self, Coverage, FileId, Place};
use shared::contract::id::{ItemId, UserId};
use shared::contract::kind::KindName;
use shared::contract::merge::{Merge, Merges, Merging, Undo};
use shared::engine::state::LiveEvent;

use crate::common::http::{Answer, Client};
use crate::common::redis_server::RedisServer;
use crate::common::{Running, config, eventually, folder};

fn post(client: &Client, path: &str, body: serde_json::Value) -> Answer {
    client.post(path, &body.to_string())
}

fn view(client: &Client, who: (&str, &str), item: &str, id: &str) -> u16 {
    let (field, value) = who;
    post(client, "/events", json!({field: value, "itemid": item, "event": "view", "event_id": id})).status
}

/// How many events the history of each has.
fn lengths<const N: usize>(client: &Client, users: [&str; N]) -> [usize; N] {
    users.map(|user| items(client, user).len())
}

fn items(client: &Client, user: &str) -> Vec<String> {
    let history = client.get(&format!("/users/{user}/history")).json();
    let events = history["events"].as_array().cloned().unwrap_or_default();
    events.iter().filter_map(|event| Some(event["item_id"].as_str()?.to_owned())).collect()
}

/// Whose events there are, by the rule and the logs of a folder.
fn by_the_logs(folder: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let (mut merges, mut events) = (Merges::default(), Vec::new());
    for log in event_log::list(folder).expect("lists") {
        for line in log.open().expect("opens").lines().map_while(Result::ok) {
            match Line::read(line.as_bytes()) {
                Line::Merging(merging) => merges.add(&merging),
                Line::Other => events.extend(serde_json::from_str::<Event>(&line)),
                _ => {}
            }
        }
    }
    let mut of_users: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for event in events {
        let owner = merges.stays(event.user.as_str(), event.received_ms).last().expect("a stay").user.to_owned();
        of_users.entry(owner).or_default().insert(event.item.to_string());
    }
    of_users
}

/// The items of each user's history, which are all different ones.
fn by_the_service(client: &Client, users: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let of_user = |user: &&str| {
        let found = items(client, user);
        let all: BTreeSet<String> = found.iter().cloned().collect();
        assert_eq!(all.len(), found.len(), "an event is there twice");
        (!all.is_empty()).then(|| ((*user).to_owned(), all))
    };
    users.iter().filter_map(of_user).collect()
}

#[test]
fn somebody_without_a_user_is_known_by_the_session_and_their_past_is_the_users_who_logs_in() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    assert_eq!(
        (view(&client, ("sessionid", "S"), "i01", "e1"), view(&client, ("visitorid", "u"), "i02", "e2")),
        (200, 200)
    );
    let slate = client.get("/recommendations?session_id=S&explain=true&seen=allow").json();
    assert_eq!((&slate["user_id"], &slate["history"][0]["item_id"]), (&json!("session:S"), &json!("i01")));
    assert_eq!(
        slate["items"],
        client.get("/recommendations?user_id=session:S&explain=true&seen=allow").json()["items"]
    );

    let merged = post(&client, "/users/u/merge", json!({"session_id": "S"}));
    assert_eq!(merged.status, 200);
    assert_eq!(merged.json(), json!({"user_id": "u", "merged": "session:S", "applied": true}));
    assert_eq!((items(&client, "u"), items(&client, "session:S").len()), (vec!["i01".to_owned(), "i02".to_owned()], 0));
    // What comes later is another's, until it is merged, too.
    assert_eq!(view(&client, ("sessionid", "S"), "i03", "e3"), 200);
    assert_eq!(lengths(&client, ["u", "session:S"]), [2, 1]);
    assert_eq!(post(&client, "/users/v/merge", json!({"session_id": "S"})).status, 200);
    assert_eq!(lengths(&client, ["u", "session:S", "v"]), [2, 0, 1]);
    // On to another: a chain.
    assert_eq!(post(&client, "/users/w/merge", json!({"user_id": "u"})).status, 200);
    assert_eq!(lengths(&client, ["u", "v", "w"]), [0, 1, 2]);
    service.stop();

    let service = Running::start(&config(folder.path()));
    let client = service.client;
    assert_eq!(lengths(&client, ["u", "session:S", "v", "w"]), [0, 0, 1, 2], "the log says so");
    let undo = |into: &str, of: serde_json::Value| post(&client, &format!("/users/{into}/merge/undo"), of);
    assert_eq!(undo("u", json!({"session_id": "S"})).status, 200);
    // Without the first merge, all of the session was merged by the second.
    assert_eq!(lengths(&client, ["u", "session:S", "v", "w"]), [0, 0, 2, 1]);
    undo("u", json!({"session_id": "S"})).assert_problem(409, None);
    undo("u", json!({"session_id": "T"})).assert_problem(404, None);
    undo("v", json!({"user_id": "u"})).assert_problem(404, None);
    assert_eq!((undo("w", json!({"user_id": "u"})).status, undo("v", json!({"session_id": "S"})).status), (200, 200));
    assert_eq!(lengths(&client, ["u", "session:S", "v", "w"]), [1, 2, 0, 0]);
    assert_eq!(post(&client, "/users/u/merge", json!({"session_id": "S"})).status, 200);
    assert_eq!(lengths(&client, ["u", "session:S"]), [3, 0]);
    // Who is erased is erased with what was merged into them.
    assert_eq!(client.send("DELETE", "/users/u", "", b"").expect("an answer").status, 200);
    assert_eq!(lengths(&client, ["u", "session:S"]), [0, 0]);
    service.stop();
    let service = Running::start(&config(folder.path()));
    assert_eq!(lengths(&service.client, ["u", "session:S"]), [0, 0]);
    service.stop();
}

#[test]
fn what_names_nobody_or_two_is_refused() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = &service.client;
    let refused = |path: &str, body: serde_json::Value, field: &str| {
        post(client, path, body).assert_problem(400, Some(field));
    };
    refused("/users/u/merge", json!({"user_id": "u"}), "user_id");
    refused("/users/session:S/merge", json!({"session_id": "S"}), "session_id");
    refused("/users/u/merge", json!({"user_id": "v", "session_id": "S"}), "session_id");
    refused("/users/u/merge", json!({}), "user_id");
    refused("/users/u/merge/undo", json!({"session_id": ""}), "session_id");
    refused("/users/u/merge", json!({"session": "S"}), "session");
    refused("/recommendations", json!({"user_id": "v", "session_id": "S"}), "session_id");
    refused("/events", json!({"itemid": "i01", "event": "view"}), "visitorid");
    // Of an event with both, the user counts.
    assert_eq!(
        post(client, "/events", json!({"visitorid": "u", "sessionid": "S", "itemid": "i01", "event": "view"})).status,
        200
    );
    assert_eq!(lengths(client, ["u", "session:S"]), [1, 0]);
    service.stop();
}

#[test]
fn the_batchs_record_of_who_was_merged_counts_for_the_other_and_no_longer_for_them() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let slate = |user: &str| service.client.get(&format!("/recommendations?user_id={user}&k=12")).items();
    let (known, nobody) = (slate("known"), slate("nobody"));
    assert_ne!(known, nobody);
    assert_eq!(post(&service.client, "/users/new/merge", json!({"user_id": "known"})).status, 200);
    assert_eq!((slate("new"), slate("known")), (known.clone(), nobody.clone()));
    assert_eq!(post(&service.client, "/users/new/merge/undo", json!({"user_id": "known"})).status, 200);
    assert_eq!((slate("new"), slate("known")), (nobody, known));
    service.stop();
}

const RETENTION: Retention = Retention { max_events: 1000, max_older: 10, ttl_ms: 1_000_000 };

async fn open(server: &RedisServer, prefix: &str) -> Redis {
    let settings = online::store::redis::Settings {
        url: server.url().into(),
        ca: None,
        prefix: prefix.to_owned(),
        replica: "a".to_owned(),
        timeout: std::time::Duration::from_secs(5),
        write_timeout: std::time::Duration::from_secs(5),
        retention: RETENTION,
    };
    Redis::open(settings, Arc::default()).await.expect("opens")
}

fn user(at: usize) -> UserId {
    UserId::new(["a", "b", "c"][at % 3]).expect("an id")
}

/// A line of a log: the event of a user, a merge of theirs, or the undo of one.
#[derive(Debug, Clone)]
enum Told {
    Event(Arrival),
    Merging(Merging),
}

/// Lines as they come in time; every third is a merge, and every fifth of these is undone.
fn lines(start_ms: i64) -> Vec<Told> {
    let mut lines = Vec::new();
    for at in 0..120_usize {
        let received_ms = start_ms + at as i64;
        let draw = at.wrapping_mul(2_654_435_761) >> 7;
        if at % 3 < 2 {
            let (item, kind) = (ItemId::new(format!("i{at}")).expect("an id"), KindName::VIEW);
            let place = Some(Place { file: FileId::of("a", 1, b"first\n"), end: at as u64 });
            let event = LiveEvent { received_ms, event_key: at as u64, timestamp_ms: received_ms, kind, item, place };
            lines.push(Told::Event(Arrival { user: user(draw), event }));
            continue;
        }
        let (from, into) = (user(draw), user(draw + 1 + draw / 3 % 2));
        lines.push(Told::Merging(Merging::Merge(Merge { from: from.clone(), into: into.clone(), received_ms })));
        if at % 15 == 2 {
            lines.push(Told::Merging(Merging::Undo(Undo { from, into, merged_ms: received_ms, received_ms })));
        }
    }
    lines
}

async fn tell(store: &dyn UserStore, lines: &[Told], now_ms: i64) {
    let covered = Coverage::default();
    let bounds = Bounds { covered: &covered, now_ms };
    for line in lines {
        match line {
            Told::Event(arrival) => drop(store.apply(std::slice::from_ref(arrival), bounds).await.expect("applies")),
            Told::Merging(merging) => {
                let place = Place { file: FileId::of("a", 1, b"first\n"), end: 9 };
                drop(store.merge(&[Moved::new(merging, place)], bounds).await.expect("merges"));
            }
        }
    }
}

async fn keys(store: &dyn UserStore, now_ms: i64) -> Vec<BTreeSet<u64>> {
    let mut all = Vec::new();
    for at in 0..3 {
        let stored = store.read(&user(at), "v", now_ms).await.expect("reads");
        all.push(stored.history.recent.iter().map(|event| event.event_key).collect());
    }
    all
}

#[test]
fn both_stores_go_by_the_rule_and_two_replicas_that_write_at_once_do_too() {
    let server = RedisServer::start();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let now_ms = online::events::now_ms();
    let lines = lines(now_ms);
    let mut merges = Merges::default();
    lines.iter().for_each(|line| match line {
        Told::Merging(merging) => merges.add(merging),
        Told::Event(_) => {}
    });
    let mut expected = vec![BTreeSet::new(); 3];
    for line in &lines {
        if let Told::Event(Arrival { user: of, event }) = line {
            let owner = merges.stays(of.as_str(), event.received_ms).last().expect("a stay").user.to_owned();
            let at = (0..3).find(|at| user(*at).as_str() == owner).expect("one of them");
            expected[at].insert(event.event_key);
        }
    }
    assert!(expected.iter().filter(|keys| !keys.is_empty()).count() > 1, "{expected:?}");
    runtime.block_on(async {
        let embedded = Embedded::new(RETENTION);
        tell(&embedded, &lines, now_ms).await;
        assert_eq!(keys(&embedded, now_ms).await, expected);
        for round in 0..5_usize {
            let prefix = format!("round{round}");
            let (a, b) = (open(&server, &prefix).await, open(&server, &prefix).await);
            // Each replica's log has its part of the lines, in its order.
            let part = |of: usize| -> Vec<Told> {
                let is_of = |at: usize| (at * 7 + round) / 3 % 2 == of;
                lines.iter().enumerate().filter(|(at, _)| is_of(*at)).map(|(_, line)| line.clone()).collect()
            };
            let (first, second) = (part(0), part(1));
            let other = tokio::spawn(async move {
                tell(&b, &second, now_ms).await;
            });
            tell(&a, &first, now_ms).await;
            other.await.expect("applies");
            assert_eq!(keys(&a, now_ms).await, expected, "round {round}");
        }
    });
}

fn on_redis(folder: &Path, server: &RedisServer, replica: &str) -> Config {
    let mut config = config(folder);
    config.store.redis_url = server.url().into();
    config.events.replica = replica.to_owned();
    config.store.timeout_ms = 2000;
    config.history.max_events = 1000;
    config
}

#[test]
fn two_services_that_take_events_of_both_users_while_they_are_merged_lose_and_double_nothing() {
    let (folder, server) = (folder(), RedisServer::start());
    let a = Running::start(&on_redis(folder.path(), &server, "a"));
    let b = Running::start(&on_redis(folder.path(), &server, "b"));
    let work = |client: &Client, name: &str| {
        for at in 0..60 {
            let who = if at % 2 == 0 { ("sessionid", "S") } else { ("visitorid", "u") };
            let id = format!("{name}{at}");
            assert_eq!(view(client, who, &id, &id), 200);
            if at % 6 == 5 {
                assert_eq!(post(client, "/users/u/merge", json!({"session_id": "S"})).status, 200);
            }
            if at % 20 == 13 {
                // The other may have been first.
                let undone = post(client, "/users/u/merge/undo", json!({"session_id": "S"})).status;
                assert!([200, 409].contains(&undone), "{undone}");
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| work(&a.client, "a"));
        work(&b.client, "b");
    });
    let expected = by_the_logs(&folder.path().join("log"));
    assert_eq!(expected.values().map(BTreeSet::len).sum::<usize>(), 120);
    for client in [&a.client, &b.client] {
        assert_eq!(by_the_service(client, &["session:S", "u"]), expected);
    }
    // A store that comes back empty is filled by the logs.
    server.command::<()>(&["FLUSHALL"]);
    eventually("filled anew", || (by_the_service(&a.client, &["session:S", "u"]) == expected).then_some(()));
    a.stop();
    b.stop();
}

#[test]
fn a_damaged_history_is_rebuilt_with_what_was_merged_into_it() {
    let (folder, server) = (folder(), RedisServer::start());
    let service = Running::start(&on_redis(folder.path(), &server, "a"));
    let client = &service.client;
    assert_eq!(
        (view(client, ("sessionid", "S"), "i01", "e1"), view(client, ("visitorid", "u"), "i02", "e2")),
        (200, 200)
    );
    assert_eq!(post(client, "/users/u/merge", json!({"session_id": "S"})).status, 200);
    assert_eq!(lengths(client, ["u", "session:S"]), [2, 0]);
    for user in ["u", "session:S"] {
        let key = shared::engine::keys::history_key("tandem", &UserId::new(user).expect("an id"));
        server.command::<()>(&["SET", &key, "damage"]);
        eventually("rebuilt", || {
            let answer = client.get(&format!("/users/{user}/history"));
            (answer.status == 200).then_some(())
        });
        eventually("with the other's past", || (lengths(client, ["u", "session:S"]) == [2, 0]).then_some(()));
    }
    service.stop();
}
