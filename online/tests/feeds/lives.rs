//! What feeds outlive, and what ends them: restarts, kills, erasures, a Redis that is away.

use shared::contract::id::UserId;
use shared::engine::keys::served_key;

use super::{assert_distinct, cursor, large, slate};
use crate::common::http::Client;
use crate::common::process::{end, free_address, start};
use crate::common::redis_server::RedisServer;
use crate::common::{Running, config, eventually, folder};

#[test]
fn a_feed_goes_on_after_a_restart_and_after_a_kill() {
    let folder = large(100);
    let (address, mut items, mut at) = (free_address(), Vec::new(), "start".to_owned());
    let mut page = |client: &Client| {
        let answer = slate(client, &format!("user_id=u&k=5&cursor={at}"));
        items.extend(answer.items());
        at = cursor(&answer).expect("a cursor");
    };
    for _ in 0..3 {
        let process = start(folder.path(), address, "");
        page(&Client::new(address));
        page(&Client::new(address));
        // SIGKILL.
        end(process);
    }
    // In this process another replica's name would have another file.
    let mut config = config(folder.path());
    config.events.replica = "7".to_owned();
    for _ in 0..2 {
        let service = Running::start(&config);
        page(&service.client);
        service.stop();
    }
    assert_distinct(&items, 40);
}

#[test]
fn two_processes_don_t_write_one_file() {
    let folder = large(20);
    let mut first = config(folder.path());
    let service = Running::start(&first);
    slate(&service.client, "user_id=u&k=2&served=skip");
    // With a log of its own it would start.
    first.events.path = folder.path().join("another");
    let error = Running::try_start(&first).err().expect("held").to_string();
    assert!(error.contains("served.path") && error.contains("events.replica"), "{error}");
    service.stop();
}

#[test]
fn an_erasure_forgets_what_was_served_at_once_on_every_replica() {
    let (folder, server) = (folder(), RedisServer::start());
    let replica = |name: &str| {
        let mut config = config(folder.path());
        config.store.redis_url = server.url().into();
        config.store.timeout_ms = 5000;
        config.events.replica = name.to_owned();
        Running::start(&config)
    };
    let (a, b) = (replica("a"), replica("b"));
    let embedded = Running::start(&config(folder.path()));
    for (here, there) in [(&a, &b), (&embedded, &embedded)] {
        let first = slate(&here.client, "user_id=u&k=3&served=skip");
        slate(&here.client, "user_id=v&k=3&served=skip");
        let at = cursor(&first).expect("a cursor");
        assert_ne!(slate(&there.client, "user_id=u&k=3&served=skip").items(), first.items());
        assert_eq!(here.client.send("DELETE", "/users/u", "", b"").expect("an answer").status, 200);
        there.client.get(&format!("/recommendations?user_id=u&cursor={at}")).assert_problem(410, Some("cursor"));
        assert_eq!(slate(&there.client, "user_id=u&k=3&served=skip").items(), first.items());
        assert_eq!(slate(&there.client, "user_id=v&k=3&served=skip").items()[0], "i03", "another user's stay");
    }
    [a, b, embedded].into_iter().for_each(Running::stop);
    // After a start the log tells of the erasure again, and what came later counts.
    let service = Running::start(&config(folder.path()));
    assert_eq!(slate(&service.client, "user_id=u&k=3&served=skip").items()[0], "i03");
    service.stop();
}

#[test]
fn without_redis_pages_are_made_and_not_remembered() {
    let (folder, mut server) = (large(100), RedisServer::start());
    let mut config = config(folder.path());
    config.store.redis_url = server.url().into();
    config.store.timeout_ms = 5000;
    let service = Running::start(&config);
    let client = &service.client;
    let at = cursor(&slate(client, "user_id=u&k=3&cursor=start")).expect("a cursor");
    server.kill();
    for query in
        [format!("cursor={at}"), "cursor=start".to_owned(), "served=skip".to_owned(), "served=decay".to_owned()]
    {
        let answer = slate(client, &format!("user_id=u&k=3&{query}"));
        assert_eq!((answer.items().len(), cursor(&answer)), (3, None), "{query}");
    }
    assert_eq!(client.metric("recommendation_requests_total{outcome=\"fallback\"}"), 4.0);
    // It comes back empty: the feed is gone, and a new one begins.
    server.restart();
    let gone = || client.get(&format!("/recommendations?user_id=u&cursor={at}")).status == 410;
    eventually("back", || gone().then_some(()));
    let first = slate(client, "user_id=u&k=5&cursor=start");
    let second = slate(client, &format!("user_id=u&k=5&cursor={}", cursor(&first).expect("a cursor")));
    assert_distinct(&[first.items(), second.items()].concat(), 10);
    service.stop();
}

#[test]
fn a_slate_that_can_t_be_remembered_goes_out_without_a_cursor() {
    let (folder, server) = (folder(), RedisServer::start());
    let mut config = config(folder.path());
    config.store.redis_url = server.url().into();
    config.store.timeout_ms = 5000;
    let service = Running::start(&config);
    let key = served_key("tandem", &UserId::new("u").expect("an id"));
    server.command::<()>(&["SET", &key, "of another type"]);
    let answer = slate(&service.client, "user_id=u&k=3&cursor=start");
    assert_eq!((answer.items().len(), cursor(&answer)), (3, None));
    assert_eq!(service.client.metric("tandem_slates_remembered_total{outcome=\"failed\"}"), 1.0);
    service.stop();
    // The embedded store, whose folder is a file.
    let mut config = super::config(folder.path());
    std::fs::write(&config.served.path, "no folder").expect("writes");
    let service = Running::start(&config);
    let answer = slate(&service.client, "user_id=u&k=3&cursor=start");
    assert_eq!((answer.items().len(), cursor(&answer)), (3, None));
    service.stop();
    config.served.path = "".into();
    let service = Running::start(&config);
    assert!(cursor(&slate(&service.client, "user_id=u&k=3&cursor=start")).is_some(), "in memory alone");
    service.stop();
}

#[test]
fn plain_slates_cost_what_they_did() {
    let (folder, server) = (folder(), RedisServer::start());
    let mut config = config(folder.path());
    config.store.redis_url = server.url().into();
    config.store.timeout_ms = 5000;
    let service = Running::start(&config);
    slate(&service.client, "user_id=u&k=3&cursor=start");
    let before = (server.calls("mget"), server.calls("lrange"), server.calls("rpush"));
    for _ in 0..20 {
        slate(&service.client, "user_id=u&k=3");
    }
    assert_eq!(
        (server.calls("mget"), server.calls("lrange"), server.calls("rpush")),
        (before.0 + 20, before.1, before.2)
    );
    slate(&service.client, "user_id=u&k=3&served=decay");
    assert_eq!((server.calls("lrange"), server.calls("rpush")), (before.1 + 1, before.2 + 1), "one read, one write");
    service.stop();
}
