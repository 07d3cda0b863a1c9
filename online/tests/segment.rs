//! The clients of Segment and RudderStack: what they send becomes events.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::common::http::{Answer, Client};
use crate::common::{Running, config, folder};

/// A batch as RudderStack's client for Node sends it: packed, and called a form.
fn send(client: &Client, body: &Value) -> Answer {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(body.to_string().as_bytes()).expect("memory");
    let headers = "content-type: application/x-www-form-urlencoded\r\ncontent-encoding: gzip\r\n";
    client.send("POST", "/v1/batch", headers, &packed.finish().expect("memory")).expect("an answer")
}

fn track(user: &str, event: &str, id: &str, properties: &Value) -> Value {
    json!({"type": "track", "userId": user, "event": event, "messageId": id, "properties": properties})
}

/// The events of a user: kinds and items, oldest first.
fn history(client: &Client, user: &str) -> Vec<(String, String)> {
    let answer = client.get(&format!("/users/{user}/history")).json();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    answer["events"].as_array().expect("events").iter().map(|e| (text(&e["event"]), text(&e["item_id"]))).collect()
}

#[test]
fn a_batch_of_a_shop_becomes_events_and_the_rest_is_counted() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = &service.client;
    let order = json!({"order_id": "o1", "products": [{"product_id": "i01"}, {"product_id": "i02"}, {"sku": "i03"}]});
    let body = json!({"batch": [
        track("u", "Product Viewed", "m1", &json!({"product_id": "i05"})),
        track("u", "Product Added", "m2", &json!({"product_id": "i05"})),
        track("u", "Order Completed", "m3", &order),
        track("u", "Coupon Applied", "m4", &json!({})),
        {"type": "page", "userId": "u", "name": "Home"},
        {"type": "track", "event": "Product Viewed", "anonymousId": "a1", "properties": {"product_id": "i07"}},
    ], "sentAt": null});
    let answer = send(client, &body);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json(), json!({"success": true, "accepted": 6, "ignored": {"event": 1, "type": 1}}));
    let events = history(client, "u");
    let expected =
        [("view", "i05"), ("addtocart", "i05"), ("transaction", "i01"), ("transaction", "i02"), ("transaction", "i03")];
    assert_eq!(events, expected.map(|(kind, item)| (kind.to_owned(), item.to_owned())));
    assert_eq!(history(client, "session:a1"), [("view".to_owned(), "i07".to_owned())]);
    // Sent again, as clients do that heard nothing: each message counts once, but for the one without an id.
    assert_eq!(send(client, &body).status, 200);
    assert_eq!((history(client, "u").len(), history(client, "session:a1").len()), (5, 2));
    assert_eq!(client.metric("tandem_messages_ignored_total{reason=\"type\"}"), 2.0);
    service.stop();
}

#[test]
fn one_message_has_its_type_in_the_path_and_an_error_has_their_shape() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = &service.client;
    let viewed = json!({"userId": 52, "event": "product_viewed", "properties": {"product_id": "i01"}});
    assert_eq!(client.post("/v1/track", &viewed.to_string()).json()["accepted"], 1);
    assert_eq!(history(client, "52").len(), 1);
    assert_eq!(
        client.post("/v1/page", &viewed.to_string()).json(),
        json!({"success": true, "accepted": 0, "ignored": {"type": 1}})
    );
    let broken = client.post("/v1/batch", "{\"batch\": 7}");
    assert_eq!((broken.status, broken.header("content-type")), (400, Some("application/json")));
    assert_eq!(
        broken.json(),
        json!({"success": false, "code": "bad_request", "message": "batch: a list of messages is required"})
    );
    service.stop();
}

#[test]
fn who_is_identified_has_their_traits_and_what_they_did_before() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = &service.client;
    let viewed = |anonymous: &str, item: &str, id: &str| {
        json!({"type": "track", "event": "Product Viewed", "anonymousId": anonymous, "messageId": id,
            "properties": {"product_id": item}})
    };
    let identify = json!({"type": "identify", "userId": "u", "anonymousId": "a",
        "traits": {"plan": "gold", "email": "u@example.org", "address": {"city": "Bern"}}});
    let body = json!({"batch": [viewed("a", "i01", "m1"), identify, viewed("a", "i02", "m2")]});
    let answer = send(client, &body);
    let expected = json!({"success": true, "accepted": 2, "identified": 1, "merged": 1, "ignored": {"trait": 1}});
    assert_eq!((answer.status, answer.json()), (200, expected));
    assert_eq!(history(client, "u"), [("view".to_owned(), "i01".to_owned())]);
    assert_eq!(history(client, "session:a"), [("view".to_owned(), "i02".to_owned())]);
    let said = &client.get("/users/u").json()["said"];
    assert_eq!((&said["plan"]["value"], &said["address.city"]["value"]), (&json!("gold"), &json!("Bern")));
    assert_eq!(said.get("email"), None);
    // As clients do with every page: now what came since is theirs, too, and then there is nothing to merge.
    let again = client.post("/v1/identify", &json!({"userId": "u", "anonymousId": "a"}).to_string()).json();
    assert_eq!(again, json!({"success": true, "accepted": 0, "merged": 1}));
    assert_eq!(history(client, "u").len(), 2);
    let again = client.post("/v1/identify", &json!({"userId": "u", "anonymousId": "a"}).to_string()).json();
    assert_eq!(again, json!({"success": true, "accepted": 0}));
    let alias = json!({"userId": "v", "previousId": "u"});
    assert_eq!(
        client.post("/v1/alias", &alias.to_string()).json(),
        json!({"success": true, "accepted": 0, "merged": 1})
    );
    assert_eq!((history(client, "v").len(), history(client, "u").len()), (2, 0));
    // What was said of them is no past.
    assert_eq!(client.post("/v1/alias", &alias.to_string()).json(), json!({"success": true, "accepted": 0}));
    service.stop();
}
