//! The clients of Amazon Personalize: what they ask is answered in their shapes.

use serde_json::{Value, json};

use crate::common::http::Client;
use crate::common::{Running, config, folder};

const CAMPAIGN: &str = "arn:aws:personalize:eu-west-1:1:campaign/home";

fn ask(client: &Client, path: &str, body: &Value) -> Value {
    let answer = client.post(path, &body.to_string());
    assert_eq!(answer.status, 200, "{body}: {}", String::from_utf8_lossy(&answer.body));
    answer.json()
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|item| item["itemId"].as_str().expect("an id")).collect()
}

#[test]
fn recommendations_are_ours_in_their_shape() {
    let folder = folder();
    let mut config = config(folder.path());
    config.scenarios = toml::from_str("[home]\npin = [{ item = \"i07\", position = 2 }]").expect("scenarios");
    config.filters = [("below".to_owned(), "price < $P and category in ($OF)".to_owned())].into();
    let service = Running::start(&config);
    let client = &service.client;
    let ours = client.get("/recommendations?user_id=u&k=3&scenario=home").items();
    let asked = json!({"campaignArn": CAMPAIGN, "userId": "u", "numResults": 3, "context": {"DEVICE": "phone"}});
    let theirs = ask(client, "/recommendations", &asked);
    assert_eq!(ids(&theirs["itemList"]), ours);
    assert_eq!((ours[1].as_str(), theirs["recommendationId"].as_str().map(str::len)), ("i07", Some(36)));
    assert!(theirs["itemList"][0]["score"].is_number());
    // 25 where they don't say, of twelve; a recommender is a campaign of another name.
    let all = ask(client, "/recommendations", &json!({"recommenderArn": "arn:x:recommender/other", "userId": "u"}));
    assert_eq!(ids(&all["itemList"]).len(), 12);
    let filtered = json!({"campaignArn": "arn:x:campaign/none", "userId": "v", "filterArn": "arn:x:filter/below",
        "filterValues": {"P": "6", "OF": "\"even\",\"none\""}});
    assert_eq!(ids(&ask(client, "/recommendations", &filtered)["itemList"]), ["i00", "i02", "i04"]);
    let similar = ask(client, "/recommendations", &json!({"campaignArn": CAMPAIGN, "itemId": "i05", "numResults": 1}));
    assert_eq!(ids(&similar["itemList"]), ["i06"]);
    let on_page = json!({"campaignArn": "arn:x:campaign/none", "userId": "u", "itemId": "i05", "numResults": 1});
    assert_eq!(ids(&ask(client, "/recommendations", &on_page)["itemList"]), ["i06"]);
    let ranked = json!({"campaignArn": "arn:x:campaign/none", "userId": "u", "inputList": ["i09", "nothing", "i01"]});
    assert_eq!(ids(&ask(client, "/personalize-ranking", &ranked)["personalizedRanking"]), ["i01", "i09", "nothing"]);
    let filtered = json!({"campaignArn": "arn:x:campaign/none", "userId": "u", "inputList": ["i01", "i02", "i09", "i00"],
        "filterArn": "arn:x:filter/below", "filterValues": {"P": "6", "OF": "\"even\",\"none\""}});
    let filtered = ask(client, "/personalize-ranking", &filtered);
    assert_eq!(ids(&filtered["personalizedRanking"]), ["i00", "i02", "i01", "i09"], "what is left out comes last");
    assert_eq!(filtered["personalizedRanking"][2]["score"], 0.0);
    service.stop();
}

#[test]
fn events_and_impressions_are_put() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = &service.client;
    let put = json!({"trackingId": "t", "userId": "u", "sessionId": "s", "eventList": [
        {"eventType": "Click", "itemId": "i01", "sentAt": 1_700_000_000, "eventId": "e1"},
        {"eventType": "Purchase", "properties": "{\"itemId\":\"i02\"}", "sentAt": 1_700_000_001.5,
            "recommendationId": "r", "impression": ["i02", "i03"]},
        {"eventType": "view", "sentAt": 1_700_000_002, "recommendationId": "r", "impression": ["i04"]}]});
    let answer = client.post("/events", &put.to_string());
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    let history = client.get("/users/u/history").json();
    let event = |item: &str, kind: &str, at: i64| json!({"item_id": item, "event": kind, "timestamp": at});
    let expected = [event("i01", "view", 1_700_000_000_000), event("i02", "transaction", 1_700_000_001_500)];
    assert_eq!(history["events"], json!(expected));
    assert_eq!(client.metric("tandem_impressions_accepted_total"), 2.0);
    let viewed = json!([{"eventType": "view", "itemId": "i05", "sentAt": 1_700_000_000}]);
    let anonymous = json!({"trackingId": "t", "sessionId": "s", "eventList": viewed});
    client.post("/events", &anonymous.to_string());
    assert_eq!(client.get("/users/session:s/history").json()["events"].as_array().map(Vec::len), Some(1));
    service.stop();
}

#[test]
fn errors_name_their_exceptions() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = &service.client;
    let of = |fields: Value| {
        let mut asked = json!({"campaignArn": CAMPAIGN, "userId": "u"});
        let (all, more) = (asked.as_object_mut().expect("an object"), fields.as_object().expect("an object"));
        all.extend(more.clone());
        asked
    };
    let gaze = json!([{"eventType": "gaze", "itemId": "i", "sentAt": 1_700_000_000}]);
    for (path, body, says) in [
        ("/recommendations", json!({"campaignArn": CAMPAIGN}), "userId or itemId is required"),
        ("/recommendations", of(json!({"numResults": 501})), "numResults: 501"),
        ("/recommendations", of(json!({"promotions": [{}]})), "promotions"),
        ("/recommendations", of(json!({"filterArn": "x/none"})), "has no filter \"none\""),
        ("/personalize-ranking", of(json!({"inputList": []})), "inputList: 0 items"),
        ("/events", json!({"trackingId": "t", "sessionId": "s", "eventList": []}), "eventList"),
        ("/events", json!({"trackingId": "t", "sessionId": "s", "eventList": gaze}), "eventList[0].eventType"),
    ] {
        let answer = client.post(path, &body.to_string());
        assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, Some("InvalidInputException")), "{body}");
        assert!(answer.json()["message"].as_str().is_some_and(|text| text.contains(says)), "{}", answer.json());
    }
    let unknown = json!({"campaignArn": CAMPAIGN, "itemId": "nothing"});
    let answer = client.post("/recommendations", &unknown.to_string());
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (404, Some("ResourceNotFoundException")));
    service.stop();
}

#[test]
fn items_and_users_are_put() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = &service.client;
    let put = json!({"datasetArn": "arn:x:dataset/shop/ITEMS", "items": [
        {"itemId": "new", "properties": "{\"price\":\"12.5\",\"categoryL1\":\"Fruit|Apples\",\"brand\":\"Acme\"}"},
        {"itemId": "i03", "properties": "{\"title\":\"Lamp\"}"}, {"itemId": "bare"}]});
    let answer = client.post("/items", &put.to_string());
    assert_eq!((answer.status, answer.body.len()), (200, 0), "{}", String::from_utf8_lossy(&answer.body));
    let item = client.get("/items/new").json();
    assert_eq!((&item["price"], &item["categories"]), (&json!(12.5), &json!(["Apples", "Fruit"])));
    assert_eq!(item["properties"], json!({"brand": ["Acme"]}));
    assert_eq!(client.get("/items/i03").json()["name"], "Lamp");
    assert_eq!(client.get("/items/bare").json()["available"], true);
    let put = json!({"datasetArn": "arn:x:dataset/shop/USERS", "users": [
        {"userId": "bare"}, {"userId": "u", "properties": "{\"age\":34,\"city\":\"Bern\"}"}]});
    assert_eq!(client.post("/users", &put.to_string()).status, 200);
    let said = &client.get("/users/u").json()["said"];
    assert_eq!((&said["age"]["value"], &said["city"]["value"]), (&json!(34.0), &json!("Bern")));
    for (path, body, says) in [
        ("/items", json!({"items": [{"itemId": "i"}]}), "datasetArn"),
        ("/items", json!({"datasetArn": "x", "items": []}), "items: 0 entries"),
        (
            "/items",
            json!({"datasetArn": "x", "items": [{"itemId": "i", "properties": "{"}]}),
            "items[0].properties: it is no",
        ),
        (
            "/items",
            json!({"datasetArn": "x", "items": [{"itemId": "i", "properties": "{\"price\":\"dear\"}"}]}),
            "items[0].properties.price",
        ),
        (
            "/users",
            json!({"datasetArn": "x", "users": [{"userId": "bare"}, {"userId": "u", "properties": "{\"a\":[1]}"}]}),
            "users[1].properties.a",
        ),
    ] {
        let answer = client.post(path, &body.to_string());
        assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, Some("InvalidInputException")), "{body}");
        assert!(answer.json()["message"].as_str().is_some_and(|text| text.contains(says)), "{}", answer.json());
    }
    service.stop();
}
