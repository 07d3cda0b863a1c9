//! The service on Redis, over HTTP: one round trip, two replicas, Redis away, Redis emptied.

mod bad_network;
mod replicas;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use online::config::Config;
use online::store::Position;
use serde_json::json;
use shared::contract::id::UserId;
use shared::engine::keys::{applied_key, history_key, user_key};
use shared::engine::packed::pack_user;

use crate::common::http::Client;
use crate::common::redis_cluster::RedisCluster;
use crate::common::redis_server::{RedisServer, TlsServer};
use crate::common::{Running, config, eventually, shop};

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    shop::publish(&folder.path().join("artifacts"), "v1");
    folder
}

fn on_redis(folder: &Path, server: &RedisServer, replica: &str) -> Config {
    let mut config = config(folder);
    config.store.redis_url = server.url().into();
    config.events.replica = replica.to_owned();
    // The machine may be busy with other tests.
    config.store.timeout_ms = 2000;
    config
}

/// Posts an event and returns the status.
fn post(client: &Client, user: &str, number: usize) -> u16 {
    let item = format!("i{:02}", number % 12);
    let event = json!({"visitorid": user, "itemid": item, "event": "view", "event_id": format!("{user}-{number}")});
    client.post("/events", &event.to_string()).status
}

/// How many events are in a user's history; nothing while the store is away.
fn history_len(client: &Client, user: &str) -> Option<usize> {
    let answer = client.get(&format!("/users/{user}/history"));
    if answer.status == 200 { answer.json()["events"].as_array().map(Vec::len) } else { None }
}

#[test]
fn a_request_is_one_command_to_redis() {
    let (folder, server) = (folder(), RedisServer::start());
    let service = Running::start(&on_redis(folder.path(), &server, "a"));
    assert_eq!(post(&service.client, "u", 1), 200);
    // The mark may move while these are read: by this order, and the other one below, it is never told of as a `get` alone.
    let (mget, eval) = (server.calls("mget"), server.calls("eval"));
    let get = server.calls("get");
    for _ in 0..50 {
        assert_eq!(service.client.get("/recommendations?user_id=u&k=5&item_id=i03").status, 200);
    }
    assert_eq!(server.calls("mget") - mget, 50);
    // The script that moves the mark now and then is the only other thing that reads.
    assert!(server.calls("get") - get <= server.calls("eval") - eval);
    service.stop();
}

#[test]
fn replicas_see_each_other_s_events_at_once() {
    let (folder, server) = (folder(), RedisServer::start());
    let a = Running::start(&on_redis(folder.path(), &server, "a"));
    let b = Running::start(&on_redis(folder.path(), &server, "b"));
    for number in 0..60 {
        let (here, there) = if number % 2 == 0 { (&a, &b) } else { (&b, &a) };
        assert_eq!(post(&here.client, "u", number), 200);
        assert_eq!(history_len(&there.client, "u"), Some(number + 1));
    }
    let ask = "/recommendations?user_id=u&k=8&seen=allow";
    assert_eq!(a.client.get(ask).items(), b.client.get(ask).items());
    let second = Running::try_start(&on_redis(folder.path(), &server, "a")).err().expect("locked").to_string();
    assert!(second.contains("events.replica"), "{second}");
    a.stop();
    b.stop();
}

#[test]
fn without_redis_slates_are_non_personal_and_events_are_applied_when_it_is_back() {
    let (folder, mut server) = (folder(), RedisServer::start());
    let service = Running::start(&on_redis(folder.path(), &server, "a"));
    let client = service.client;
    for number in 0..5 {
        assert_eq!(post(&client, "u", number), 200);
    }
    server.kill();
    let slate = client.get("/recommendations?user_id=u&k=3");
    assert_eq!((slate.status, slate.items()), (200, client.get("/popular?k=3").items()));
    let page = client.get("/recommendations?user_id=u&k=3&item_id=i05");
    assert!(page.items().contains(&"i06".to_owned()), "the page still counts");
    for number in 5..10 {
        assert_eq!(post(&client, "u", number), 202);
    }
    client.get("/users/u/history").assert_problem(503, None);
    assert!(client.metric("recommendation_requests_total{outcome=\"fallback\"}") >= 2.0);
    assert_eq!(client.get("/ready").json()["store_up"], false);
    // It comes back empty: what it had before is applied again too.
    server.restart();
    eventually("refilled", || (history_len(&client, "u") == Some(10)).then_some(()));
    eventually("personal again", || (post(&client, "u", 10) == 200).then_some(()));
    assert_eq!(history_len(&client, "u"), Some(11));
    assert_eq!(client.get("/ready").json()["store_up"], true);
    service.stop();
}

#[test]
fn a_store_emptied_while_serving_is_refilled() {
    let (folder, server) = (folder(), RedisServer::start());
    let a = Running::start(&on_redis(folder.path(), &server, "a"));
    let b = Running::start(&on_redis(folder.path(), &server, "b"));
    for number in 0..20 {
        assert_eq!(post(if number % 2 == 0 { &a.client } else { &b.client }, "u", number), 200);
    }
    server.command::<()>(&["FLUSHALL"]);
    // An event in between makes the store look alive.
    assert_eq!(post(&a.client, "u", 20), 200);
    eventually("refilled", || (history_len(&a.client, "u") == Some(21)).then_some(()));
    a.stop();
    b.stop();
}

#[test]
fn a_store_that_went_back_in_time_is_brought_forward() {
    let (folder, server) = (folder(), RedisServer::start());
    let service = Running::start(&on_redis(folder.path(), &server, "a"));
    let client = service.client;
    let user = UserId::new("u").expect("valid id");
    let (history, mark) = (history_key("tandem", &user), applied_key("tandem", "a"));
    for number in 0..3 {
        assert_eq!(post(&client, "u", number), 200);
    }
    let moved = |before: Option<String>| {
        eventually("the mark moves", || {
            let now: Option<String> = server.command(&["GET", &mark]);
            (now != before).then_some(now)
        })
    };
    // Some mark after the events, and the history of that time.
    let then = moved(Some("1:0".to_owned())).expect("a mark");
    server.command::<()>(&["COPY", &history, "kept"]);
    for number in 3..6 {
        assert_eq!(post(&client, "u", number), 200);
    }
    moved(Some(then.clone()));
    server.command::<()>(&["COPY", "kept", &history, "REPLACE"]);
    server.command::<()>(&["SET", &mark, &then]);
    eventually("brought forward", || (history_len(&client, "u") == Some(6)).then_some(()));
    service.stop();
}

/// Writes bytes that are no text.
fn set(server: &RedisServer, key: &str, bytes: &[u8]) {
    let mut connection = redis::Client::open(server.url()).expect("a URL").get_connection().expect("connects");
    redis::cmd("SET").arg(key).arg(bytes).exec(&mut connection).expect("sets");
}

#[test]
fn a_history_that_can_t_be_read_is_rebuilt_from_the_logs_of_all_replicas() {
    let (folder, server) = (folder(), RedisServer::start());
    let a = Running::start(&on_redis(folder.path(), &server, "a"));
    let b = Running::start(&on_redis(folder.path(), &server, "b"));
    let key = |user: &str| history_key("tandem", &UserId::new(user).expect("valid id"));
    let mut number = 0;
    for rubbish in [&b"rubbish"[..], b"", b"\x7fanother format"] {
        for _ in 0..6 {
            number += 1;
            assert_eq!(post(if number % 2 == 0 { &a.client } else { &b.client }, "u", number), 200);
        }
        match rubbish {
            [] => {
                server.command::<()>(&["DEL", &key("u")]);
                server.command::<()>(&["RPUSH", &key("u"), "of another type"]);
            }
            bytes => set(&server, &key("u"), bytes),
        }
        let slate = a.client.get("/recommendations?user_id=u&k=3");
        assert_eq!((slate.status, slate.items().len()), (200, 3));
        // Events of this user wait for the rebuild, or come after it; others are not held up.
        for client in [&a.client, &b.client] {
            number += 1;
            assert!(matches!(post(client, "u", number), 200 | 202));
            assert_eq!(post(client, "other", number), 200);
        }
        eventually("rebuilt", || (history_len(&a.client, "u") == Some(number)).then_some(()));
        assert_eq!(history_len(&b.client, "u"), Some(number));
        assert_eq!(post(&b.client, "other", 1000 + number), 200);
    }
    let of_both = |name: &str| a.client.metric(name) + b.client.metric(name);
    assert!(of_both("tandem_store_unreadable_total{value=\"history\"}") >= 3.0);
    assert!(of_both("tandem_histories_rebuilt_total") >= 3.0);
    a.stop();
    b.stop();
}

#[test]
fn a_mark_that_can_t_be_read_is_put_right_at_a_start_and_while_serving() {
    let (folder, server) = (folder(), RedisServer::start());
    let config = on_redis(folder.path(), &server, "a");
    let mark = applied_key("tandem", "a");
    for number in 0..4 {
        set(&server, &mark, b"rubbish");
        let service = Running::start(&config);
        assert_eq!(post(&service.client, "u", 2 * number), 200);
        set(&server, &mark, b"\xff");
        eventually("put right", || {
            let now: Vec<u8> = server.command(&["GET", &mark]);
            String::from_utf8(now).ok().as_deref().and_then(Position::parse)?;
            (service.client.metric("tandem_store_unreadable_total{value=\"mark\"}") > 1.0).then_some(())
        });
        assert_eq!(post(&service.client, "u", 2 * number + 1), 200);
        assert_eq!(history_len(&service.client, "u"), Some(2 * number + 2));
        service.stop();
    }
}

#[test]
fn the_record_is_the_store_s_where_it_has_one_else_the_artifact_s() {
    let (folder, server) = (folder(), RedisServer::start());
    let service = Running::start(&on_redis(folder.path(), &server, "a"));
    let because = || service.client.get("/recommendations?user_id=known&k=12&explain=true").json()["history"].clone();
    let of_artifact = because();
    assert_eq!(of_artifact[0]["item_id"], "i03");
    let key = user_key("tandem", &UserId::new("known").expect("valid id"), "v1");
    let mut record = shop::known();
    record.history[0].item = shared::contract::id::ItemIdx(7);
    let set = |bytes: &[u8]| set(&server, &key, bytes);
    set(&pack_user(&record));
    assert_eq!(because()[0]["item_id"], "i07");
    // One that names items beyond the catalogue must not be believed.
    record.history[0].item = shared::contract::id::ItemIdx(1 << 30);
    set(&pack_user(&record));
    assert_eq!(because(), of_artifact);
    set(b"rubbish");
    assert_eq!(because(), of_artifact);
    assert!(service.client.metric("tandem_store_unreadable_total{value=\"record\"}") > 1.0);
    service.stop();
}

#[test]
fn without_redis_there_is_no_start_but_a_remedy() {
    let (folder, mut server) = (folder(), RedisServer::start());
    server.kill();
    let error = Running::try_start(&on_redis(folder.path(), &server, "a")).err().expect("no start").to_string();
    assert!(error.contains(&server.url()) && error.contains("TANDEM_STORE__REDIS_URL"), "{error}");
}

#[test]
fn a_restart_finds_everything_whether_redis_kept_it_or_not() {
    let (folder, server) = (folder(), RedisServer::start());
    let config = on_redis(folder.path(), &server, "a");
    let service = Running::start(&config);
    for number in 0..10 {
        assert_eq!(post(&service.client, "u", number), 200);
    }
    service.stop();
    for emptied in [false, true] {
        if emptied {
            server.command::<()>(&["FLUSHALL"]);
        }
        let service = Running::start(&config);
        assert_eq!(history_len(&service.client, "u"), Some(10));
        let reapplied = service.client.metric("tandem_events_reapplied_total");
        assert!((reapplied - if emptied { 10.0 } else { 0.0 }).abs() < 0.5, "{reapplied} events applied again");
        service.stop();
    }
}

#[test]
fn a_primary_of_a_cluster_dies_under_load_and_nothing_is_lost() {
    const USERS: usize = 24;
    /// Histories keep 100.
    const EVENTS: usize = 90;
    let (folder, mut cluster) = (folder(), RedisCluster::start());
    let mut config = config(folder.path());
    config.store.redis_url = cluster.url().into();
    // The machine may be busy with other tests.
    config.store.timeout_ms = 500;
    let service = Running::start(&config);
    let client = &service.client;
    let (over, slates) = (AtomicBool::new(false), AtomicUsize::new(0));
    let user = |number: usize| format!("u{number}");
    let (posted, back) = std::thread::scope(|scope| {
        // The load: events and slates of each thread's users in turn; every answer is one.
        let load = |thread: usize| {
            let (over, slates) = (&over, &slates);
            scope.spawn(move || {
                let users: Vec<usize> = (0..USERS).filter(|number| number % 4 == thread).collect();
                let mut number = 0;
                while !over.load(Ordering::Relaxed) {
                    for &of in &users {
                        if number < EVENTS {
                            assert!(matches!(post(client, &user(of), number), 200 | 202));
                        }
                        let slate = client.get(&format!("/recommendations?user_id=u{of}&k=3"));
                        assert_eq!((slate.status, slate.items().len()), (200, 3));
                        slates.fetch_add(1, Ordering::Relaxed);
                    }
                    number += 1;
                }
                users.into_iter().map(|of| (of, number.min(EVENTS))).collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = (0..4).map(load).collect();
        eventually("load", || (slates.load(Ordering::Relaxed) >= 200).then_some(()));
        let killed = Instant::now();
        cluster.kill_primary(0);
        eventually("noticed", || {
            (client.metric("recommendation_requests_total{outcome=\"fallback\"}") > 0.0).then_some(())
        });
        // All users of the node that died have personal slates again when all histories can be read.
        eventually("taken over", || {
            (0..USERS).all(|number| history_len(client, &user(number)).is_some()).then_some(())
        });
        let back = killed.elapsed();
        eventually("applied", || (client.get("/ready").json()["store_up"] == true).then_some(()));
        over.store(true, Ordering::Relaxed);
        let posted: Vec<(usize, usize)> = threads.into_iter().flat_map(|thread| thread.join().expect("load")).collect();
        (posted, back)
    });
    let acknowledged: usize = posted.iter().map(|(_, events)| events).sum();
    for (of, events) in posted {
        eventually("every event", || (history_len(client, &user(of)) == Some(events)).then_some(()));
    }
    println!(
        "of {} slates {} without the store, personal again after {back:?}; of {acknowledged} events acknowledged 0 lost",
        slates.load(Ordering::Relaxed),
        client.metric("recommendation_requests_total{outcome=\"fallback\"}"),
    );
    service.stop();
}

#[test]
fn over_tls_with_a_user_and_a_password_whom_only_the_right_authority_gets_through_to() {
    const PASSWORD: &str = "correct-horse-battery";
    let (folder, server) = (folder(), TlsServer::start("shop", PASSWORD, "tandem"));
    let mut config = config(folder.path());
    config.store.redis_url = server.url.clone().into();
    config.store.timeout_ms = 2000;
    let refused = |config: &Config| {
        let error = Running::try_start(config).err().expect("no start").to_string();
        assert!(error.contains("rediss://127.0.0.1:") && !error.contains(PASSWORD), "{error}");
        error
    };
    let authority = refused(&config);
    assert!(authority.contains("certificate"), "{authority}");
    config.store.ca = folder.path().join("nothing");
    assert!(refused(&config).contains("store.ca"));
    config.store.ca = server.ca();
    let service = Running::start(&config);
    assert_eq!(post(&service.client, "u", 1), 200);
    assert_eq!(history_len(&service.client, "u"), Some(1));
    service.stop();
    config.store.redis_url = server.url.replace(PASSWORD, "another one").into();
    refused(&config);
}
