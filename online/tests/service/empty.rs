//! A service before anything is published.

use serde_json::json;

use crate::common::http::Client;
use crate::common::{Running, config, event, eventually, shop};

fn post(client: &Client, method: &str, target: &str, body: &str) -> u16 {
    let headers = "content-type: application/json\r\n";
    client.send(method, target, headers, body.as_bytes()).expect("an answer").status
}

#[test]
fn what_a_shop_tells_before_the_first_version_is_kept_and_counts_from_it_on() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let config = config(folder.path());
    std::fs::create_dir_all(&config.artifacts.path).expect("a folder");
    let service = Running::start(&config);
    let client = &service.client;
    assert_eq!(client.get("/ready").status, 503);
    let (doubtful, wrong) = (event("u", "i01", "e1").replace("view", "veiw"), event("u", "", "e1"));
    assert!([doubtful, wrong].iter().all(|event| post(client, "POST", "/events", event) == 400));
    let put = json!({"trackingId": "t", "userId": "v", "sessionId": "s",
        "eventList": [{"eventType": "Click", "itemId": "i02", "sentAt": 1_767_000_000, "eventId": "e2"}]});
    let track =
        json!({"userId": "w", "event": "Product Viewed", "messageId": "m", "properties": {"product_id": "i03"}});
    let merged = json!({"batch": [{"type": "track", "anonymousId": "a", "event": "Product Viewed", "messageId": "n",
        "properties": {"product_id": "i05"}}, {"type": "identify", "userId": "w", "anonymousId": "a"}]});
    let feedback =
        json!([{"FeedbackType": "view", "UserId": "x", "ItemId": "i04", "Timestamp": "2026-01-02T00:00:00Z"}]);
    for (method, target, body) in [
        ("POST", "/events", event("u", "i01", "e1")),
        ("POST", "/events", put.to_string()),
        ("POST", "/v1/track", track.to_string()),
        ("POST", "/v1/batch", merged.to_string()),
        ("POST", "/api/feedback", feedback.to_string()),
        ("PUT", "/items/i06", json!({"available": false}).to_string()),
        ("POST", "/api/item", json!({"ItemId": "i07", "IsHidden": true, "Labels": {"brand": "Acme"}}).to_string()),
        (
            "POST",
            "/items",
            json!({"datasetArn": "d", "items": [{"itemId": "i08", "properties": "{\"price\": 77}"}]}).to_string(),
        ),
        ("PUT", "/users/u", json!({"plan": "gold"}).to_string()),
        ("POST", "/api/user", json!({"UserId": "x", "Labels": ["vip"]}).to_string()),
    ] {
        assert_eq!(post(client, method, target, &body), 200, "{method} {target} {body}");
    }
    assert_eq!(client.get("/recommendations?user_id=u").status, 503);
    shop::publish(&config.artifacts.path, "v1");
    eventually("ready", || (client.get("/ready").status == 200).then_some(()));
    for (user, items) in [("u", vec!["i01"]), ("v", vec!["i02"]), ("w", vec!["i03", "i05"]), ("x", vec!["i04"])] {
        let history = client.get(&format!("/users/{user}/history")).json();
        let events = history["events"].as_array().expect("events");
        let mut had: Vec<&str> = events.iter().map(|event| event["item_id"].as_str().expect("an id")).collect();
        had.sort_unstable();
        assert_eq!(had, items, "{user}");
    }
    let slate = client.get("/recommendations?user_id=u&k=50").items();
    assert!(!slate.is_empty() && !slate.iter().any(|item| ["i06", "i07"].contains(&item.as_str())), "{slate:?}");
    assert_eq!(client.get("/items/i08").json()["price"], 77.0);
    assert_eq!(client.get("/users/u").json()["said"]["plan"]["value"], "gold");
    service.stop();
}
