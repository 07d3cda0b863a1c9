//! Items over HTTP beside single changes: what is known of one, lists page by page, lists of changes, and withdrawals.

use serde_json::{Value, json};

use crate::common::http::{Answer, Client};
use crate::common::{Running, config, folder, process};

const JSON: &str = "content-type: application/json\r\n";

fn put(client: &Client, target: &str, body: &Value) -> Answer {
    client.send("PUT", target, JSON, body.to_string().as_bytes()).expect("an answer")
}

fn delete(client: &Client, item: &str) -> Answer {
    client.send("DELETE", &format!("/items/{item}"), "", b"").expect("an answer")
}

/// The ids of a page, and its cursor.
fn page(client: &Client, query: &str) -> (Vec<String>, Option<String>) {
    let answer = client.get(&format!("/items?{query}"));
    assert_eq!(answer.status, 200, "{query}: {}", String::from_utf8_lossy(&answer.body));
    (answer.items(), answer.json()["cursor"].as_str().map(str::to_owned))
}

/// The ids of all pages, one after the other.
fn pages(client: &Client, query: &str) -> Vec<String> {
    let (mut all, mut cursor) = page(client, query);
    while let Some(after) = cursor {
        let (more, next) = page(client, &format!("{query}&cursor={after}"));
        all.extend(more);
        cursor = next;
    }
    all
}

#[test]
fn what_is_known_of_an_item_is_what_the_version_has_and_what_was_said_since() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    let known = client.get("/items/i03").json();
    assert_eq!(
        (&known["item_id"], &known["price"], &known["categories"]),
        (&json!("i03"), &json!(3.0), &json!(["odd"]))
    );
    assert_eq!(
        (&known["available"], &known["withdrawn"], &known["popularity_rank"]),
        (&json!(true), &json!(false), &json!(4))
    );
    let said = json!({"name": "Lamp", "categories": ["odd", "lamps"], "watts": 40, "colour": ["red", "blue"], "fragile": true});
    assert_eq!(put(&client, "/items/i03", &said).status, 200);
    let known = client.get("/items/i03").json();
    assert_eq!(
        (&known["name"], &known["price"], &known["categories"]),
        (&json!("Lamp"), &json!(3.0), &json!(["lamps", "odd"]))
    );
    assert_eq!(known["properties"], json!({"colour": ["blue", "red"], "fragile": true, "watts": 40.0}));
    // It can be said again as it was told.
    let again = json!({"name": known["name"], "price": known["price"], "categories": known["categories"],
        "colour": known["properties"]["colour"]});
    assert_eq!(put(&client, "/items/i03", &again).status, 200);
    assert_eq!(client.get("/items/i03").json(), known);
    client.get("/items/novel").assert_problem(404, None);
    assert_eq!(put(&client, "/items/novel", &json!({"price": 5})).status, 200);
    let novel = client.get("/items/novel").json();
    assert_eq!((&novel["price"], &novel["events"], novel.get("name")), (&json!(5.0), &Value::Null, None));
    client.get("/items/%0a").assert_problem(400, Some("item_id"));
    client.get("/items/i03?k=3").assert_problem(400, Some("k"));
    service.stop();
}

#[test]
fn every_item_is_on_one_page_whatever_changes_between_two_of_them() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    let all: Vec<String> = (0..12).map(|item| format!("i{item:02}")).collect();
    for limit in [1, 5, 12, 500] {
        assert_eq!(pages(&client, &format!("limit={limit}")), all);
    }
    let (first, cursor) = page(&client, "limit=6");
    let cursor = cursor.expect("there are more");
    assert_eq!(first, all[..6]);
    // One comes before the place, one directly behind it, and the one at it goes nowhere: withdrawn items are listed.
    for item in ["a", "i055", "z"] {
        assert_eq!(put(&client, &format!("/items/{item}"), &json!({"name": format!("Desk {item}")})).status, 200);
    }
    assert_eq!(delete(&client, "i05").status, 200);
    let (second, last) = page(&client, &format!("limit=500&cursor={cursor}"));
    assert_eq!((second[0].as_str(), second.len(), second[7].as_str(), last), ("i055", 8, "z", None));
    assert_eq!(pages(&client, "limit=2&filter=id%20in%20('z','i03','a')"), ["a", "i03", "z"]);
    assert_eq!(pages(&client, "limit=1&q=DES"), ["a", "i055", "z"]);
    assert_eq!(pages(&client, "q=i0&filter=category%20=%20'odd'"), ["i01", "i03", "i05", "i07", "i09"]);
    assert_eq!(pages(&client, "q=desk%20i"), ["i055"]);
    assert_eq!(page(&client, "q=nowhere"), (Vec::new(), None));
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=x", "limit"),
        ("cursor=", "cursor"),
        ("cursor=i05", "cursor"),
        ("cursor=ff", "cursor"),
        ("q=", "q"),
        ("q=%20", "q"),
        ("filter=", "filter"),
        ("filter=nothing%20=%201", "filter"),
        ("page=2", "page"),
    ] {
        client.get(&format!("/items?{query}")).assert_problem(400, Some(field));
    }
    service.stop();
}

#[test]
fn a_withdrawn_item_is_in_no_slate_until_it_is_said_to_be_available_even_after_a_kill() {
    let folder = process::folder();
    let address = process::free_address();
    let service = process::start(folder.path(), address, "");
    let client = Client::new(address);
    let listed = |item: &str| client.get("/popular?k=500").items().contains(&item.to_owned());
    let bought = json!({"visitorid": "u", "itemid": "i04", "event": "transaction"}).to_string();
    assert_eq!(client.post("/events", &bought).status, 200);
    for _ in 0..2 {
        assert_eq!(delete(&client, "i04").json(), json!({"item_id": "i04", "applied": true}));
    }
    // One that nobody has heard of yet.
    assert_eq!(delete(&client, "to-come").status, 200);
    process::end(service);
    let service = process::start(folder.path(), address, "");
    assert!(!listed("i04") && !listed("to-come"));
    let known = client.get("/items/i04").json();
    assert_eq!((&known["available"], &known["withdrawn"], &known["price"]), (&json!(false), &json!(true), &json!(4.0)));
    assert_eq!(client.get("/items/to-come").json()["withdrawn"], true);
    assert_eq!(client.get("/users/u/history").json()["events"][0]["item_id"], "i04", "what users did stays");
    assert_eq!(put(&client, "/items/i04", &json!({"available": true})).status, 200);
    assert!(listed("i04") && client.get("/items/i04").json()["withdrawn"] == false);
    delete(&client, "%0a").assert_problem(400, Some("item_id"));
    delete(&client, "i04?k=3").assert_problem(400, Some("k"));
    process::end(service);
}

#[test]
fn a_list_of_changes_is_taken_as_a_whole_or_not_at_all() {
    let folder = process::folder();
    let address = process::free_address();
    let service = process::start(folder.path(), address, "");
    let client = Client::new(address);
    let many: Vec<Value> = (0..1000)
        .map(|at| json!({"item_id": format!("n{at:03}"), "name": format!("New {at}"), "price": at, "stock": at}))
        .collect();
    assert_eq!(put(&client, "/items", &json!(many)).json(), json!({"changed": 1000, "applied": true}));
    assert_eq!(pages(&client, "limit=500").len(), 1012);
    // Of two of one item the later one counts, field by field; a number is the id of its text.
    let twice = json!([{"item_id": "i01", "price": 7, "name": "One"}, {"item_id": 52, "price": 1}, {"item_id": "i01", "price": 8}]);
    assert_eq!(put(&client, "/items", &twice).status, 200);
    for _ in 0..2 {
        let known = client.get("/items/i01").json();
        assert_eq!((&known["name"], &known["price"]), (&json!("One"), &json!(8.0)));
        assert_eq!(client.get("/items/52").json()["price"], 1.0);
    }
    let lines = client.metric("tandem_item_changes_total");
    assert_eq!(lines, 1003.0);
    for (body, field) in [
        (json!([]), None),
        (json!({"item_id": "i01", "price": 9}), None),
        (json!(vec![json!({"item_id": "i01", "price": 9}); 1001]), None),
        (json!([{"item_id": "i01", "price": 9}, {"price": 9}]), Some("[1].item_id")),
        (json!([{"item_id": "i01", "price": 9}, {"item_id": "i02", "price": "9"}]), Some("[1].price")),
        (json!([{"item_id": "i01", "price": 9}, {"item_id": "i02"}]), Some("[1]")),
        (json!([{"item_id": "i01", "price": 9}, 3]), Some("[1]")),
    ] {
        put(&client, "/items", &body).assert_problem(400, field);
    }
    assert_eq!(client.get("/items/i01").json()["price"], 8.0, "nothing of a refused list is taken");
    process::end(service);
    let service = process::start(folder.path(), address, "");
    assert_eq!(pages(&client, "limit=500").len(), 1013);
    assert_eq!(client.get("/items/i01").json()["price"], 8.0);
    assert_eq!(client.metric("tandem_items_changed"), 1002.0);
    process::end(service);
}
