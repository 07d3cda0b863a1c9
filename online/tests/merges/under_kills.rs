//! Kills while pasts are merged.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::{by_the_logs, by_the_service};
use crate::common::eventually;
use crate::common::http::Client;
use crate::common::process;
use crate::common::redis_server::RedisServer;

/// How often the service is killed.
const KILLS: usize = 12;

/// What was acknowledged, by its item.
fn work(client: &Client, round: usize) -> BTreeSet<String> {
    let mut acknowledged = BTreeSet::new();
    for at in 0..usize::MAX {
        let item = format!("i{round}-{at}");
        let who = if at % 3 == 0 { "visitorid" } else { "sessionid" };
        let event = json!({who: "w", "itemid": item, "event": "view", "event_id": item}).to_string();
        match client.try_post("/events", &event) {
            Ok(answer) if answer.status < 300 => drop(acknowledged.insert(item)),
            _ => break,
        }
        let body = json!({"session_id": "w"}).to_string();
        let path = if at % 32 == 31 { "/users/w/merge/undo" } else { "/users/w/merge" };
        if at % 8 == 7 && client.try_post(path, &body).is_err() {
            break;
        }
    }
    acknowledged
}

fn kills_lose_and_double_nothing(redis: &str) {
    let (folder, address) = (process::folder(), process::free_address());
    let client = Client::new(address);
    let mut acknowledged = BTreeSet::new();
    for round in 0..KILLS {
        let mut child = process::with_settings(&mut process::online(), folder.path(), address, redis)
            .env("TANDEM_HISTORY__MAX_EVENTS", "10000")
            .spawn()
            .expect("starts");
        process::await_health(address);
        let worker = std::thread::spawn(move || work(&Client::new(address), round));
        // The kill comes at another point of the work each time: there is no event to wait for.
        std::thread::sleep(Duration::from_millis(20 + 37 * round as u64 % 150));
        child.kill().expect("own child");
        child.wait().expect("own child");
        acknowledged.extend(worker.join().expect("no panic"));
    }
    let mut child = process::with_settings(&mut process::online(), folder.path(), address, redis)
        .env("TANDEM_HISTORY__MAX_EVENTS", "10000")
        .spawn()
        .expect("starts");
    process::await_health(address);
    let expected = by_the_logs(&folder.path().join("log"));
    let logged: BTreeSet<String> = expected.values().flatten().cloned().collect();
    assert!(!acknowledged.is_empty() && acknowledged.is_subset(&logged));
    assert_eq!(expected.values().map(BTreeSet::len).sum::<usize>(), logged.len(), "nothing is doubled");
    eventually("the log is applied", || (by_the_service(&client, &["session:w", "w"]) == expected).then_some(()));
    child.kill().expect("own child");
    child.wait().expect("own child");
}

#[test]
fn kills_while_pasts_are_merged_lose_and_double_nothing_in_the_embedded_store() {
    kills_lose_and_double_nothing("");
}

#[test]
fn kills_while_pasts_are_merged_lose_and_double_nothing_on_redis() {
    let server = RedisServer::start();
    kills_lose_and_double_nothing(&server.url());
}
