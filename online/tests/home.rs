//! The rows of a front page, and properties as the recommended thing, through the whole service.

use serde_json::{Value, json};

use crate::common::http::Client;
use crate::common::{Running, config, eventually, folder};
use crate::outcomes::logged;

fn page(client: &Client, body: &Value) -> Value {
    let answer = client.post("/home", &body.to_string());
    assert_eq!(answer.status, 200, "{body}");
    answer.json()
}

/// What each row shows and is about, with its items.
fn rows(page: &Value) -> Vec<(&str, Option<&str>, Vec<&str>)> {
    fn row(row: &Value) -> (&str, Option<&str>, Vec<&str>) {
        let about = ["item_id", "category"].into_iter().find_map(|name| row["about"][name].as_str());
        let items = row["items"].as_array().expect("items").iter();
        let ids = items.map(|item| item["item_id"].as_str().expect("an id")).collect();
        (row["row"].as_str().expect("a kind"), about, ids)
    }
    page["rows"].as_array().expect("rows").iter().map(row).collect()
}

#[test]
fn a_page_has_no_item_twice_and_follows_the_last_event() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = &service.client;
    let asked = json!({"user_id": "u", "k": 3, "rows": [
        {"row": "because"}, {"row": "popular_in", "title": "In {about}"}, {"row": "for_you", "k": 2}]});
    let stranger = page(client, &asked);
    assert_eq!(
        rows(&stranger),
        [("popular_in", None, vec!["i00", "i01", "i02"]), ("for_you", None, vec!["i03", "i04"])]
    );
    client.post("/events", r#"{"visitorid":"u","itemid":"i05","event":"view","event_id":"e"}"#);
    let known = page(client, &asked);
    let found = rows(&known);
    // Next to an item are the two that follow it: the nearest is even.
    assert_eq!((found[0].0, found[0].1), ("popular_in", Some("even")), "two neighbours are no row of three");
    assert_eq!(known["rows"][0]["title"], "In even");
    let two =
        json!({"user_id": "u", "k": 2, "rows": [{"row": "because"}, {"row": "for_you"}, {"row": "again", "k": 1}]});
    let known = page(client, &two);
    assert_eq!(rows(&known)[0], ("because", Some("i05"), vec!["i06", "i07"]));
    assert_eq!(known["rows"][0]["title"], "More like Item 5");
    let mut shown: Vec<&str> = rows(&known).into_iter().flat_map(|(.., items)| items).collect();
    let all = shown.len();
    shown.sort_unstable();
    shown.dedup();
    assert_eq!(shown.len(), all, "{known}");
    service.stop();
}

#[test]
fn each_row_is_a_slate_of_its_own_in_the_log() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let page = page(
        &service.client,
        &json!({"user_id": "known", "k": 2, "rows": [{"row": "for_you"}, {"row": "popular_in"}]}),
    );
    let ids: Vec<&str> = page["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["recommendation_id"].as_str().expect("an id"))
        .collect();
    let slates = eventually("both rows are logged", || Some(logged(folder.path())).filter(|slates| slates.len() == 2));
    let logged: Vec<&str> = slates.iter().map(|slate| &*slate.recommendation_id).collect();
    assert_eq!((logged, slates[0].items.len()), (ids, 2));
    service.stop();
}

#[test]
fn the_config_has_the_rows_of_a_query_that_names_none() {
    let folder = folder();
    let mut config = config(folder.path());
    config.home.rows.truncate(1);
    let service = Running::start(&config);
    let page = page(&service.client, &json!({"user_id": "u"}));
    assert_eq!(rows(&page).len(), 1);
    for (body, field) in [
        (json!({"rows": []}), "user_id"),
        (json!({"user_id": "u", "rows": [{"row": "for_you"}, {"row": "for_me"}]}), "rows[1].row"),
        (json!({"user_id": "u", "rows": [{"row": "for_you", "filter": "colour = 'red'"}]}), "filter"),
        (json!({"user_id": "u", "scenario": "nowhere"}), "scenario"),
        (json!({"user_id": "u", "item_id": "i01"}), "item_id"),
    ] {
        service.client.post("/home", &body.to_string()).assert_problem(400, Some(field));
    }
    service.stop();
}

#[test]
fn categories_are_recommended_by_their_best_items() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = &service.client;
    client.post("/events", r#"{"visitorid":"u","itemid":"i04","event":"view","event_id":"e"}"#);
    let answer = client.get("/segments?user_id=u&of=category&each=2").json();
    let segments = answer["segments"].as_array().expect("segments");
    let values: Vec<&Value> = segments.iter().map(|segment| &segment["value"]).collect();
    assert_eq!(values, ["odd", "even"], "the nearest item is odd");
    assert!(segments[0]["score"].as_f64() >= segments[1]["score"].as_f64());
    for segment in segments {
        assert_eq!(segment["items"].as_array().map(Vec::len), Some(2));
    }
    assert_eq!(client.get("/segments?user_id=u&of=category&k=1&each=0").json()["segments"][0]["items"], json!([]));
    client.get("/segments?user_id=u&of=brand").assert_problem(400, Some("of"));
    client.get("/segments?user_id=u").assert_problem(400, Some("of"));
    client.get("/segments?of=category").assert_problem(400, Some("user_id"));
    client.get("/segments?user_id=u&of=category&each=51").assert_problem(400, Some("each"));
    client.get("/segments?user_id=u&of=category&page=2").assert_problem(400, Some("page"));
    service.stop();
}
