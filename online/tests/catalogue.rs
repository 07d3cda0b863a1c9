//! The live catalogue over HTTP: what is said of an item holds from the next answer on, after a restart, and until a version
//! has it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::contract::artifact::manifest::write_champion;
use shared::contract::event_log::{CoveredFile, list};

use crate::common::http::{Answer, Client};
use crate::common::{Running, config, event, eventually, folder, process, shop};

fn try_put(client: &Client, item: &str, body: &str) -> Answer {
    let target = format!("/items/{item}");
    client.send("PUT", &target, "content-type: application/json\r\n", body.as_bytes()).expect("an answer")
}

/// Says something of an item, which is in service at once.
fn put(client: &Client, item: &str, body: &Value) {
    let answer = try_put(client, item, &body.to_string());
    assert_eq!((answer.status, answer.json()), (200, json!({"item_id": item, "applied": true})));
}

/// The items that a filter leaves, of the most popular ones.
fn filtered(client: &Client, filter: &str) -> BTreeSet<String> {
    let filter = filter.replace(' ', "%20").replace('=', "%3D").replace('>', "%3E").replace('<', "%3C");
    let answer = client.get(&format!("/popular?k=500&filter={filter}"));
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    answer.items().into_iter().collect()
}

fn set<const N: usize>(items: [&str; N]) -> BTreeSet<String> {
    items.into_iter().map(str::to_owned).collect()
}

/// Whether an item is in any list that can have it.
fn is_anywhere(client: &Client, item: &str) -> bool {
    let lists = [
        "/popular?k=500",
        "/recommendations?user_id=known&k=500&seen=allow",
        "/recommendations?user_id=new&k=500&item_id=i05&seen=allow",
        "/items/i05/similar?k=500",
    ];
    let found = lists.map(|list| client.get(list).items().contains(&item.to_owned()));
    assert!(found.iter().all(|here| *here == found[0]), "{item}: {found:?}");
    found[0]
}

#[test]
fn what_is_said_of_an_item_holds_in_the_very_next_answer() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    for round in 0..50 {
        put(&client, "i03", &json!({"price": 100 + round}));
        assert_eq!(filtered(&client, &format!("price = {}", 100 + round)), set(["i03"]));
    }
    for _ in 0..3 {
        put(&client, "i04", &json!({"available": false}));
        assert!(!is_anywhere(&client, "i04"));
        put(&client, "i04", &json!({"available": true}));
        assert!(is_anywhere(&client, "i04"));
    }
    put(
        &client,
        "i02",
        &json!({"name": "Lamp", "categories": ["odd", "lamps"], "colour": ["red", "blue"], "watts": 40}),
    );
    assert_eq!(client.get("/popular?category=lamps").json()["items"][0]["name"], "Lamp");
    assert_eq!(filtered(&client, "category = 'even' and id = 'i02'"), set([]));
    assert_eq!(filtered(&client, "colour = 'blue' and watts >= 40 and category = 'odd'"), set(["i02"]));
    // What is not named stays; null says that nothing is known.
    put(&client, "i03", &json!({"colour": "green"}));
    put(&client, "i02", &json!({"colour": null}));
    assert_eq!(filtered(&client, "colour is missing and watts = 40 and category = 'lamps'"), set(["i02"]));
    assert_eq!(filtered(&client, "watts is not missing"), set(["i02"]));
    assert_eq!(client.metric("tandem_item_changes_total"), 59.0);
    assert_eq!(client.metric("tandem_items_changed"), 3.0);
    service.stop();
}

#[test]
fn the_later_of_two_changes_counts_by_its_time_and_then_by_its_arrival() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    let price = |price: u32| filtered(&client, &format!("price = {price}"));
    put(&client, "i01", &json!({"price": 50, "timestamp": "2020-01-02T00:00:00Z"}));
    put(&client, "i01", &json!({"price": 60, "timestamp": "2020-01-01T00:00:00Z"}));
    assert_eq!((price(50), price(60)), (set(["i01"]), set([])));
    put(&client, "i01", &json!({"price": 70, "timestamp": "2020-01-02T00:00:00Z"}));
    assert_eq!(price(70), set(["i01"]));
    // Many at once are all in service when they are answered.
    std::thread::scope(|scope| {
        for item in 0..12 {
            scope.spawn(move || {
                for round in 1..=8 {
                    put(&client, &format!("i{item:02}"), &json!({"price": 1000 * round + item}));
                    assert_eq!(filtered(&client, &format!("price = {}", 1000 * round + item)).len(), 1);
                }
            });
        }
    });
    assert_eq!(filtered(&client, "price >= 8000").len(), 12);
    service.stop();
}

#[test]
fn a_service_that_was_killed_says_what_it_was_told() {
    let folder = process::folder();
    let address = process::free_address();
    let service = process::start(folder.path(), address, "");
    let client = Client::new(address);
    put(&client, "i00", &json!({"available": false, "price": 9.5}));
    put(&client, "brand-new", &json!({"categories": ["even"], "price": 9.5}));
    process::end(service);
    let service = process::start(folder.path(), address, "");
    assert!(!is_anywhere(&client, "i00"));
    assert_eq!(filtered(&client, "price = 9.5"), set(["brand-new"]));
    assert_eq!(client.metric("tandem_event_log_bad_lines_total"), 0.0);
    assert_eq!(client.metric("tandem_items_changed"), 2.0);
    put(&client, "i00", &json!({"available": true}));
    assert!(is_anywhere(&client, "i00"));
    process::end(service);
}

#[test]
fn a_version_that_has_a_change_is_served_as_it_is_and_one_that_lacks_it_with_the_change() {
    let folder = folder();
    let artifacts = folder.path().join("artifacts");
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    put(&client, "i03", &json!({"price": 77}));
    let log = list(&folder.path().join("log")).expect("reads").remove(0);
    let (id, bytes) = (log.id().expect("reads").expect("a line"), log.path.metadata().expect("there").len());
    put(&client, "i04", &json!({"price": 77}));
    assert_eq!(filtered(&client, "price = 77"), set(["i03", "i04"]));
    // The prices of this version are those of the shop, so that what is left to it can be told.
    let covered = vec![CoveredFile { replica: "0".to_owned(), number: 1, id, bytes }];
    shop::write_covering(&artifacts, "v2", covered);
    let swap_to = |version: &str| {
        write_champion(&artifacts, version).expect("pointer");
        eventually("swapped", || (client.get("/popular").json()["model_version"] == version).then_some(()));
    };
    swap_to("v2");
    assert_eq!(filtered(&client, "price = 77"), set(["i04"]));
    swap_to("v1");
    assert_eq!(filtered(&client, "price = 77"), set(["i03", "i04"]));
    assert_eq!(client.metric("tandem_items_changed"), 2.0);
    std::fs::remove_dir_all(artifacts.join("v1")).expect("pruned");
    shop::write_covering(&artifacts, "v3", vec![CoveredFile { replica: "0".to_owned(), number: 1, id, bytes }]);
    swap_to("v3");
    assert_eq!(filtered(&client, "price = 77"), set(["i04"]));
    eventually("what every version has is forgotten", || {
        put(&client, "i05", &json!({"price": 77}));
        (client.metric("tandem_items_changed") == 2.0).then_some(())
    });
    // What was forgotten is there again with the first answer of a version that lacks it.
    shop::write(&artifacts, "v4");
    swap_to("v4");
    assert_eq!(filtered(&client, "price = 77"), set(["i03", "i04", "i05"]));
    service.stop();
}

#[test]
fn an_item_that_the_version_does_not_know_is_one_of_the_shop_at_once() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    client.get("/items/novel/similar").assert_problem(404, None);
    put(&client, "novel", &json!({"name": "Novelty", "categories": ["even"], "price": 5, "colour": "green"}));
    assert!(is_anywhere(&client, "novel"));
    // As popular as the median of its category.
    let even = client.get("/popular?category=even&k=500").items();
    assert_eq!(even, ["i00", "i02", "i04", "i06", "novel", "i08", "i10"]);
    assert_eq!(filtered(&client, "colour = 'green' and price = 5"), set(["novel"]));
    assert_eq!(client.get("/items/novel/similar?k=3").items().len(), 3);
    // Events with it are histories, and what is bought is left out.
    assert_eq!(client.post("/events", &event("u", "novel", "e1")).status, 200);
    let slate = client.get("/recommendations?user_id=u&k=5&explain=true").json();
    assert_eq!(slate["history"][0]["item_id"], "novel");
    let bought = json!({"visitorid": "u", "itemid": "novel", "event": "transaction"}).to_string();
    assert_eq!(client.post("/events", &bought).status, 200);
    assert!(!client.get("/recommendations?user_id=u&k=500").items().contains(&"novel".to_owned()));
    put(&client, "novel", &json!({"available": false}));
    assert!(!is_anywhere(&client, "novel"));
    service.stop();
}

#[test]
fn what_is_wrong_is_refused_and_changes_nothing() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    for (body, field) in [
        ("", None),
        ("[]", None),
        ("{}", None),
        (r#"{"price": "5"}"#, Some("price")),
        (r#"{"price": 5, "price": 6}"#, Some("price")),
        (r#"{"price": 5, "available": "no"}"#, Some("available")),
        (r#"{"category": "a", "categories": ["b"]}"#, Some("categories")),
        (r#"{"price": 5, "events": 3}"#, Some("events")),
        (r#"{"price": 5, "timestamp": "2020-01-01"}"#, Some("timestamp")),
    ] {
        let answer = try_put(&client, "i01", body);
        answer.assert_problem(400, field);
    }
    try_put(&client, "%0a", r#"{"price": 5}"#).assert_problem(400, Some("item_id"));
    try_put(&client, "i01?k=3", r#"{"price": 5}"#).assert_problem(400, Some("k"));
    let plain = client.send("PUT", "/items/i01", "content-type: text/plain\r\n", br#"{"price": 5}"#);
    plain.expect("an answer").assert_problem(415, None);
    assert_eq!(client.metric("tandem_item_changes_total"), 0.0);
    assert_eq!(filtered(&client, "price = 1"), set(["i01"]));
    service.stop();
}
