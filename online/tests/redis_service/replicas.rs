//! What one replica is told of users and items, and the others hear of.

use shared::contract::id::UserId;
use shared::engine::keys::{applied_key, user_key};
use shared::engine::packed::pack_user;

use super::{folder, history_len, on_redis, post};
use crate::common::http::Client;
use crate::common::redis_server::RedisServer;
use crate::common::{Running, eventually, shop};

#[test]
fn an_erasure_takes_effect_on_every_replica_at_once_and_when_redis_is_filled_anew() {
    let (folder, mut server) = (folder(), RedisServer::start());
    let a = Running::start(&on_redis(folder.path(), &server, "a"));
    let b = Running::start(&on_redis(folder.path(), &server, "b"));
    let user = UserId::new("known").expect("valid id");
    let record = pack_user(&shop::known());
    let put_record = |server: &RedisServer| {
        let url = server.url();
        let mut redis = redis::Client::open(url).and_then(|client| client.get_connection()).expect("connects");
        redis::cmd("SET").arg(user_key("tandem", &user, "v1")).arg(&record).exec(&mut redis).expect("writes");
    };
    put_record(&server);
    let slate = |client: &Client, user: &str| client.get(&format!("/recommendations?user_id={user}&k=12")).items();
    assert_eq!((post(&a.client, "known", 1), post(&b.client, "known", 2)), (200, 200));
    assert_ne!(slate(&b.client, "known"), slate(&b.client, "nobody"));
    let erased = a.client.send("DELETE", "/users/known", "", b"").expect("an answer");
    assert_eq!((erased.status, erased.json()["applied"].as_bool()), (200, Some(true)));
    assert_eq!(slate(&b.client, "known"), slate(&b.client, "nobody"));
    assert_eq!(history_len(&b.client, "known"), Some(0));
    server.kill();
    eventually("the store is missed", || (a.client.metric("tandem_store_up") == 0.0).then_some(()));
    let later = a.client.send("DELETE", "/users/u", "", b"").expect("an answer");
    assert_eq!((later.status, later.json()["applied"].as_bool()), (202, Some(false)));
    server.restart();
    put_record(&server);
    eventually("both logs are applied", || (history_len(&a.client, "known") == Some(0)).then_some(()));
    let mark = |replica: &str| server.command::<Option<String>>(&["GET", &applied_key("tandem", replica)]);
    eventually("and marked", || (mark("a").is_some() && mark("b").is_some()).then_some(()));
    assert_eq!(slate(&b.client, "known"), slate(&b.client, "nobody"));
    assert_eq!((post(&b.client, "known", 3), history_len(&a.client, "known")), (200, Some(1)));
    a.stop();
    b.stop();
}

/// Says what the price of an item is.
fn put_price(client: &Client, item: &str, price: u32) -> u16 {
    let body = format!("{{\"price\":{price}}}");
    let target = format!("/items/{item}");
    client.send("PUT", &target, "content-type: application/json\r\n", body.as_bytes()).expect("an answer").status
}

/// How many items cost so much.
fn of_price(client: &Client, price: u32) -> usize {
    client.get(&format!("/popular?filter=price%3D{price}")).items().len()
}

#[test]
fn replicas_learn_what_the_others_were_told_of_items_also_those_that_start_afresh_or_on_an_emptied_redis() {
    let (folder, server) = (folder(), RedisServer::start());
    // A log of its own each, so that they hear of each other by Redis alone.
    let own = |replica: &str| {
        let mut config = on_redis(folder.path(), &server, replica);
        config.events.path = folder.path().join(replica);
        config
    };
    let a = Running::start(&own("a"));
    let b = Running::start(&own("b"));
    assert_eq!((put_price(&a.client, "i01", 71), of_price(&a.client, 71)), (200, 1));
    eventually("heard", || (of_price(&b.client, 71) == 1).then_some(()));
    // The later one counts, whoever was told.
    assert_eq!((put_price(&b.client, "i01", 72), of_price(&b.client, 72)), (200, 1));
    eventually("heard back", || (of_price(&a.client, 72) == 1).then_some(()));
    assert_eq!(put_price(&a.client, "novel", 73), 200);
    let c = Running::start(&own("c"));
    assert_eq!((of_price(&c.client, 72), of_price(&c.client, 73)), (1, 1));
    c.stop();
    server.command::<()>(&["FLUSHALL"]);
    assert_eq!(put_price(&b.client, "i02", 74), 200);
    eventually("heard again", || (of_price(&a.client, 74) == 1).then_some(()));
    // What was said before is in the store again as the marks show that it lost it.
    let afresh = |replica: &str| {
        let d = Running::start(&own(replica));
        let found = [72, 73, 74].map(|price| of_price(&d.client, price));
        d.stop();
        (found == [1, 1, 1]).then_some(())
    };
    let mut number = 0;
    eventually("filled anew", || {
        number += 1;
        afresh(&format!("d{number}"))
    });
    a.stop();
    b.stop();
}
