//! What models remember where there are several services: on one Redis, or one after the other.

use crate::redis_server::RedisServer;
use crate::support::clicks::{COUNTED, await_rows, impressions, probability};
use crate::support::eventually;
use crate::support::loans::Bank;
use crate::support::service::Running;

#[test]
fn what_a_replica_left_is_remembered_by_another() {
    let bank = Bank::new(&impressions(), COUNTED);
    bank.train(&[]);
    let service = Running::start(bank.folder.path());
    for minute in 0..3 {
        probability(&service, "new", minute);
    }
    await_rows(&service, "scored", 3);
    drop(service);
    let service = Running::start_with(bank.folder.path(), |config| "1".clone_into(&mut config.events.replica));
    assert!(probability(&service, "new", 3) > 0.9);
}

#[test]
fn two_hosts_of_one_name_count_each_row_once() {
    let (bank, other, server) = (Bank::new(&impressions(), COUNTED), tempfile::tempdir(), RedisServer::start());
    let other = other.expect("a folder");
    bank.train(&[]);
    let [a, b] = [bank.path("rows"), other.path().to_owned()].map(|rows| {
        Running::start_with(bank.folder.path(), |config| {
            config.store.redis_url = server.url().into();
            config.store.timeout_ms = 2000;
            config.models.rows = rows.clone();
            config.events.path = rows.join("log");
        })
    });
    let count = || -> u64 {
        let keys: Vec<String> = server.command(&["KEYS", "*{rows:*"]);
        let of = |key: &String| server.command::<Vec<u64>>(&["HVALS", key]).into_iter().sum::<u64>();
        keys.iter().filter(|key| !key.contains("applied")).map(of).sum()
    };
    for row in 0..6 {
        probability(if row % 2 == 0 { &a } else { &b }, "new", row);
        eventually("one row more", || count() == u64::from(row) + 1);
    }
    // Each looks at its mark every second.
    let looks = server.calls("mget");
    eventually("some looks at marks", || server.calls("mget") > looks + 8);
    assert_eq!(count(), 6);
}

/// Two replicas on one Redis.
fn replicas(bank: &Bank, server: &RedisServer) -> [Running; 2] {
    ["a", "b"].map(|replica| {
        Running::start_with(bank.folder.path(), |config| {
            config.store.redis_url = server.url().into();
            config.store.timeout_ms = 2000;
            config.events.replica = replica.to_owned();
        })
    })
}

#[test]
fn replicas_share_counts_each_row_once_whatever_becomes_of_the_store() {
    let (bank, server) = (Bank::new(&impressions(), COUNTED), RedisServer::start());
    bank.train(&[]);
    let count = |key: &str| -> u64 {
        let values: Vec<u64> = server.command(&["HVALS", key]);
        values.iter().sum()
    };
    let keys = || -> Vec<String> {
        let keys: Vec<String> = server.command(&["KEYS", "*{rows:*"]);
        keys.into_iter().filter(|key| !key.contains("applied")).collect()
    };
    let [a, b] = replicas(&bank, &server);
    probability(&a, "new", 0);
    await_rows(&a, "scored", 1);
    probability(&b, "new", 1);
    await_rows(&b, "scored", 1);
    probability(&a, "new", 2);
    await_rows(&a, "scored", 2);
    eventually("three rows", || keys().first().is_some_and(|key| count(key) == 3));
    assert!(probability(&b, "new", 3) > 0.9, "b knows what a scored");
    await_rows(&b, "scored", 2);
    eventually("four rows", || count(&keys()[0]) == 4);
    // Redis comes back empty: both logs are added again, each row once.
    let own = keys().remove(0);
    server.command::<String>(&["FLUSHALL"]);
    eventually("all rows again", || count(&own) == 4);
    // A start adds nothing twice.
    drop((a, b));
    let [a, b] = replicas(&bank, &server);
    assert_eq!(count(&own), 4);
    assert!(probability(&a, "new", 30) > 0.9);
    await_rows(&a, "scored", 1);
    eventually("five rows", || count(&own) == 5);
    // Without Redis rows are scored by what the version knows.
    server.command::<String>(&["CLIENT", "PAUSE", "5000", "ALL"]);
    let told = probability(&b, "new", 31);
    assert!((0.0..=1.0).contains(&told));
    await_rows(&b, "scored", 1);
    eventually("six rows, the one that was scored meanwhile too", || count(&own) == 6);
}
