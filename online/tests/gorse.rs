//! The clients of Gorse: what they tell and ask is taken and answered in their shapes.

use std::time::Instant;

use online::auth::issue::{Order, issue};
use online::auth::scopes::Scope;
use serde_json::{Value, json};

use crate::common::http::{Answer, Client};
use crate::common::{Running, config, folder};

const JSON: &str = "content-type: application/json\r\n";

fn send(client: &Client, method: &str, target: &str, body: &Value) -> Answer {
    client.send(method, target, JSON, body.to_string().as_bytes()).unwrap_or_else(|error| panic!("{target}: {error}"))
}

/// The body of an answer that must be good.
fn get(client: &Client, target: &str) -> Value {
    let answer = client.get(target);
    assert_eq!(answer.status, 200, "{target}: {}", String::from_utf8_lossy(&answer.body));
    answer.json()
}

fn change(client: &Client, method: &str, target: &str, body: &Value) -> u64 {
    let answer = send(client, method, target, body);
    assert_eq!(answer.status, 200, "{target}: {}", String::from_utf8_lossy(&answer.body));
    answer.json()["RowAffected"].as_u64().expect("a number")
}

fn scored(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|item| item["Id"].as_str().expect("an id")).collect()
}

fn refused(answer: &Answer, status: u16, says: &str) {
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!((answer.status, answer.header("content-type")), (status, Some("text/plain; charset=utf-8")), "{text}");
    assert!(text.contains(says), "{text}");
}

#[test]
fn items_are_told_shown_and_withdrawn() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    let item = json!({"ItemId": "100", "IsHidden": true, "Labels": ["a", "b", "c"], "Categories": ["d", "e"],
        "Timestamp": "2022-08-07T00:26:46Z", "Comment": "comment"});
    assert_eq!(change(&client, "POST", "/api/item", &item), 1);
    assert_eq!(get(&client, "/api/item/100"), item);
    let patch = json!({"Categories": null, "Comment": "Lamp", "IsHidden": false, "Labels": {"brand": "Acme", "price": 3},
        "Timestamp": null});
    assert_eq!(change(&client, "PATCH", "/api/item/100", &patch), 1);
    let expected = json!({"ItemId": "100", "IsHidden": false, "Labels": {"brand": "Acme", "price": 3.0},
        "Categories": ["d", "e"], "Timestamp": "2022-08-07T00:26:46Z", "Comment": "Lamp"});
    assert_eq!(get(&client, "/api/item/100"), expected);
    let ours = get(&client, "/items/100");
    assert_eq!((&ours["name"], &ours["price"], &ours["available"]), (&json!("Lamp"), &json!(3.0), &json!(true)));
    assert_eq!(change(&client, "PUT", "/api/item/100/category/caf%C3%A9", &json!({})), 1);
    assert_eq!(change(&client, "DELETE", "/api/item/100/category/d", &json!({})), 1);
    assert_eq!(get(&client, "/api/item/100")["Categories"], json!(["café", "e"]));
    assert_eq!(change(&client, "DELETE", "/api/item/100", &json!({})), 1);
    assert_eq!(get(&client, "/api/item/100")["IsHidden"], true);
    // Told anew it is there again.
    assert_eq!(change(&client, "POST", "/api/items", &json!([{"ItemId": "100"}, {"ItemId": "101"}])), 2);
    assert_eq!(get(&client, "/api/item/100")["IsHidden"], false);
    refused(&client.get("/api/item/nowhere"), 404, "nothing is known of the item");
    refused(&send(&client, "PUT", "/api/item/nowhere/category/x", &json!({})), 404, "nothing is known");
    for (body, says) in [
        (json!({"IsHidden": false}), "ItemId"),
        (json!({"ItemId": "i", "Timestamp": "soon"}), "Timestamp: \"soon\" is no time"),
        (json!({"ItemId": "i", "Labels": {"v": [0.5]}}), "Labels.v: a list has texts"),
        (json!({"ItemId": "i", "Comment": "x".repeat(1001)}), "Comment: "),
        (json!([]), "an object"),
    ] {
        refused(&send(&client, "POST", "/api/item", &body), 400, says);
    }
    let wrong = json!([{"ItemId": "fine"}, {"ItemId": "i", "Labels": {"events": {"a": 1}, "price": "3"}}]);
    refused(&send(&client, "POST", "/api/items", &wrong), 400, "[1].Labels.price: ");
    assert_eq!(client.get("/api/item/fine").status, 404, "all or nothing");
    service.stop();
}

#[test]
fn categories_that_are_put_at_once_are_all_there() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    std::thread::scope(|scope| {
        for at in 0..8 {
            scope.spawn(move || change(&client, "PUT", &format!("/api/item/i00/category/c{at}"), &json!({})));
        }
    });
    let categories = get(&client, "/api/item/i00")["Categories"].as_array().expect("a list").len();
    assert_eq!(categories, 9);
    service.stop();
}

#[test]
fn labels_that_are_told_at_once_are_those_of_one_of_the_calls() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    std::thread::scope(|scope| {
        for at in 0..8 {
            let labels = json!({format!("label_of_{at}"): "x", "price": at});
            let item = json!({"ItemId": "i00", "Labels": labels});
            let user = json!({"UserId": "u", "Labels": {format!("field{at}"): "x"}});
            scope.spawn(move || change(&client, "POST", "/api/item", &item));
            scope.spawn(move || change(&client, "POST", "/api/user", &user));
        }
    });
    assert_eq!(get(&client, "/api/item/i00")["Labels"].as_object().expect("labels").len(), 2);
    assert_eq!(get(&client, "/api/user/u")["Labels"].as_object().expect("labels").len(), 1);
    // In one list what comes last, and the price goes with the labels.
    let twice = json!([{"ItemId": "i00", "Labels": {"a": "x", "price": 3}}, {"ItemId": "i00", "Labels": {"b": "y"}}]);
    assert_eq!(change(&client, "POST", "/api/items", &twice), 2);
    assert_eq!(get(&client, "/api/item/i00")["Labels"], json!({"b": "y"}));
    let wrong = json!([{"ItemId": "i00"}, {"ItemId": "i00", "Comment": "x".repeat(1001)}]);
    refused(&send(&client, "POST", "/api/items", &wrong), 400, "[1].Comment: ");
    service.stop();
}

#[test]
fn items_and_users_are_listed_page_by_page() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    let pages = |path: &str, list: &str, name: &str| {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = get(&client, &format!("{path}?n=5&{name}={cursor}"));
            all.extend(page[list].as_array().expect("a list").clone());
            cursor = page["Cursor"].as_str().expect("a text").to_owned();
            if cursor.is_empty() {
                return all;
            }
        }
    };
    let all = pages("/api/items", "Items", "cursor");
    let ids: Vec<&str> = all.iter().map(|item| item["ItemId"].as_str().expect("an id")).collect();
    assert_eq!((ids.len(), ids[0], ids[11]), (12, "i00", "i11"));
    assert_eq!((&all[3]["Labels"], &all[3]["Timestamp"]), (&json!({"price": 3.0}), &json!("0001-01-01T00:00:00Z")));
    let users: Vec<Value> = (0..12).map(|at| json!({"UserId": format!("n{at:02}"), "Labels": ["a"]})).collect();
    assert_eq!(change(&client, "POST", "/api/users", &json!(users)), 12);
    assert_eq!(pages("/api/users", "Users", "Cursor").len(), 13);
    change(&client, "POST", "/api/item", &json!({"ItemId": "x1", "Comment": "Blue lamp"}));
    let found = get(&client, "/api/items?q=lamp&n=3");
    assert_eq!((&found["Items"][0]["ItemId"], found["Items"].as_array().map(Vec::len)), (&json!("x1"), Some(1)));
    refused(&client.get("/api/items?n=0"), 400, "n must be at least 1");
    service.stop();
}

#[test]
fn users_are_told_shown_and_erased() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    let user = json!({"UserId": "100", "Labels": ["a", "b", "c"], "Comment": "comment"});
    assert_eq!(change(&client, "POST", "/api/user", &user), 1);
    assert_eq!(get(&client, "/api/user/100"), user);
    let labels = json!({"city": "Bern", "likes": ["tea"], "age": 34});
    assert_eq!(change(&client, "PATCH", "/api/user/100", &json!({"Labels": labels, "Comment": null})), 1);
    let expected =
        json!({"UserId": "100", "Labels": {"city": "Bern", "likes.tea": true, "age": 34.0}, "Comment": "comment"});
    assert_eq!(get(&client, "/api/user/100"), expected);
    assert_eq!(get(&client, "/users/100")["said"]["city"]["value"], "Bern");
    assert_eq!(change(&client, "DELETE", "/api/user/100", &json!({})), 1);
    refused(&client.get("/api/user/100"), 404, "nothing is known of the user");
    assert_eq!(change(&client, "POST", "/api/user", &json!({"UserId": "bare"})), 1);
    assert_eq!(get(&client, "/api/user/bare"), json!({"UserId": "bare", "Labels": null, "Comment": ""}));
    let wrong = json!([{"UserId": "fine"}, {"UserId": "u", "Labels": {"city": "x".repeat(256)}}]);
    refused(&send(&client, "POST", "/api/users", &wrong), 400, "[1].Labels.city: ");
    assert_eq!(client.get("/api/user/fine").status, 404, "all or nothing");
    refused(&client.get("/api/user/bare/neighbors"), 501, "no lists of users");
    service.stop();
}

#[test]
fn feedback_is_taken_shown_and_taken_back() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    let of = |kind: &str, item: &str, time: &str| json!({"FeedbackType": kind, "UserId": "u", "ItemId": item, "Timestamp": time});
    let given = json!([
        of("star", "i01", "2022-02-24"),
        of("read", "i02", "2022-02-25T00:00:00Z"),
        of("cart", "i03", "2022-02-26 00:00:00")
    ]);
    assert_eq!(change(&client, "POST", "/api/feedback", &given), 3);
    assert_eq!(change(&client, "PUT", "/api/feedback", &given), 3);
    let told = get(&client, "/api/user/u/feedback");
    let of_told = |told: &Value| {
        let all = told.as_array().expect("a list").iter();
        all.map(|one| {
            format!("{} {}", one["FeedbackType"].as_str().unwrap_or("?"), one["ItemId"].as_str().unwrap_or("?"))
        })
        .collect::<Vec<_>>()
        .join(", ")
    };
    assert_eq!(of_told(&told), "addtocart i03, view i02, like i01", "each once, the latest first");
    assert_eq!(told[2]["Timestamp"], "2022-02-24T00:00:00Z");
    assert_eq!(of_told(&get(&client, "/api/user/u/feedback/read")), "read i02");
    assert_eq!(get(&client, "/api/feedback/star/u/i01")["FeedbackType"], "star");
    assert_eq!(get(&client, "/api/feedback/star/u/i02"), json!({}));
    assert_eq!(of_told(&get(&client, "/api/feedback/u/i03")), "addtocart i03");
    assert_eq!(change(&client, "DELETE", "/api/feedback/cart/u/i03", &json!({})), 1);
    assert_eq!(get(&client, "/api/feedback/cart/u/i03"), json!({}));
    assert_eq!(change(&client, "DELETE", "/api/feedback/u/i03", &json!({})), 0);
    refused(&send(&client, "DELETE", "/api/feedback/u/i02", &json!({})), 501, "no kind of event takes back");
    // What the version knows of a user is told too.
    assert_eq!(of_told(&get(&client, "/api/user/known/feedback")), "transaction i03");
    for target in ["/api/feedback", "/api/feedback/star", "/api/item/i01/feedback", "/api/item/i01/feedback/star"] {
        refused(&client.get(target), 501, "user by user");
    }
    let wrong = json!([of("view", "i01", ""), of("gaze", "i01", "")]);
    refused(&send(&client, "POST", "/api/feedback", &wrong), 400, "[1].FeedbackType: ");
    assert_eq!(client.metric("tandem_events_refused_total{reason=\"invalid\"}"), 1.0);
    service.stop();
}

#[test]
fn recommendations_are_ours_in_their_shape() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    let ours = client.get("/recommendations?user_id=u&k=5").items();
    assert_eq!(get(&client, "/api/recommend/u?n=5"), json!(ours));
    assert_eq!(get(&client, "/api/recommend/u/?n=3&offset=2"), json!(ours[2..]));
    let headers = "x-api-version: 2\r\n";
    let answer = client.send("GET", "/api/recommend/u/even?n=2", headers, b"").expect("an answer");
    let (theirs, expected) = (answer.json(), client.get("/recommendations?user_id=u&k=2&category=even").items());
    assert_eq!(scored(&theirs), expected);
    assert!(theirs[0]["Score"].is_number());
    assert_eq!(get(&client, "/api/recommend/u").as_array().map(Vec::len), Some(10));
    assert_eq!(get(&client, "/api/recommend/u/nowhere"), json!([]));
    // What is written back does not come again.
    let first = get(&client, "/api/recommend/w?n=3&write-back-type=read&write-back-delay=10m");
    let next = get(&client, "/api/recommend/w?n=3&write-back-type=read&write-back-delay=10m");
    assert!(
        first.as_array().expect("ids").iter().all(|id| !next.as_array().expect("ids").contains(id)),
        "{first} {next}"
    );
    assert_eq!(get(&client, "/api/user/w/feedback"), json!([]), "nothing that the user did not do");
    assert_eq!(scored(&get(&client, "/api/popular/?n=2")), client.get("/popular?k=2").items());
    assert_eq!(
        scored(&get(&client, "/api/popular/odd?n=2&offset=1")),
        client.get("/popular?k=3&category=odd").items()[1..]
    );
    assert_eq!(scored(&get(&client, "/api/item/i05/neighbors/?n=2")), client.get("/items/i05/similar?k=2").items());
    let even = client.get("/items/i05/similar?k=2&filter=category%20=%20%22even%22").items();
    assert_eq!(scored(&get(&client, "/api/item/i05/neighbors/even?n=2")), even);
    assert_eq!(get(&client, "/api/item/nowhere/neighbors"), json!([]));
    for (target, status) in [("n=0", 400), ("n=400&offset=101", 400), ("n=x", 400), ("user-id=u", 501)] {
        refused(&client.get(&format!("/api/popular?{target}")), status, "");
    }
    service.stop();
}

#[test]
fn a_session_is_recommended_what_is_like_it() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    let of = |kind: &str, item: &str, time: &str| json!({"FeedbackType": kind, "UserId": "u", "ItemId": item, "Timestamp": time});
    let session =
        json!([of("read", "i05", "2022-02-25"), of("read", "i02", "2022-02-24"), of("dislike", "i07", "2022-02-23")]);
    let theirs = send(&client, "POST", "/api/session/recommend?n=4", &session).json();
    let expected = client.get("/recommendations?session_id=s&k=4&item_ids=i02,i05&exclude=i07,i02,i05").items();
    assert_eq!(scored(&theirs), expected);
    let even = send(&client, "POST", "/api/session/recommend/even?n=2", &session).json();
    assert!(scored(&even).iter().all(|id| id[1..].parse::<u32>().expect("a number") % 2 == 0), "{even}");
    assert_eq!(get(&client, "/api/user/u/feedback"), json!([]), "it is not kept");
    service.stop();
}

#[test]
fn the_latest_items_are_those_that_say_when_they_came() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = service.client;
    assert_eq!(get(&client, "/api/latest"), json!([]));
    let item = |id: &str, time: &str, of: &str| json!({"ItemId": id, "Timestamp": time, "Categories": [of]});
    let items = json!([item("a", "2022-01-01", "x"), item("b", "2022-01-03", "y"), item("c", "2022-01-02", "x"),
        {"ItemId": "d", "Timestamp": "2022-01-04", "IsHidden": true}]);
    assert_eq!(change(&client, "PUT", "/api/items", &items), 4);
    let latest = get(&client, "/api/latest/?n=2");
    assert_eq!((scored(&latest), &latest[0]["Score"]), (vec!["b", "c"], &json!(1_641_168_000.0)));
    assert_eq!(scored(&get(&client, "/api/latest/x?n=2&offset=1")), ["a"]);
    assert_eq!(get(&client, "/api/latest/nowhere"), json!([]));
    service.stop();
}

#[test]
fn a_whole_shop_is_one_acknowledgement_and_there_after_a_restart() {
    let folder = folder();
    let mut config = config(folder.path());
    config.server.request_timeout_ms = 60_000;
    let service = Running::start(&config);
    let client = service.client;
    let began = Instant::now();
    let items: Vec<Value> = (0..10_000)
        .map(|at| json!({"ItemId": format!("n{at:05}"), "Labels": ["a"], "Categories": [format!("c{}", at % 50)]}))
        .collect();
    assert_eq!(change(&client, "POST", "/api/items", &json!(items)), 10_000);
    let users: Vec<Value> = (0..5_000).map(|at| json!({"UserId": format!("m{at:05}"), "Labels": ["a"]})).collect();
    assert_eq!(change(&client, "POST", "/api/users", &json!(users)), 5_000);
    let feedback: Vec<Value> = (0..5_000)
        .map(|at| json!({"FeedbackType": "view", "UserId": format!("m{:05}", at % 100), "ItemId": format!("n{at:05}")}))
        .collect();
    assert_eq!(change(&client, "POST", "/api/feedback", &json!(feedback)), 5_000);
    println!("imported in {:?}", began.elapsed());
    service.stop();
    let service = Running::start(&config);
    let client = service.client;
    assert_eq!(get(&client, "/api/item/n09999")["Labels"], json!(["a"]));
    assert_eq!(get(&client, "/api/user/m04999")["Labels"], json!(["a"]));
    assert_eq!(get(&client, "/api/user/m00099/feedback").as_array().map(Vec::len), Some(50));
    let too_large = json!([{"ItemId": "i", "Comment": "x".repeat(config.server.max_body_bytes)}]);
    refused(&send(&client, "POST", "/api/items", &too_large), 413, "more than");
    service.stop();
}

#[test]
fn a_key_calls_what_its_scopes_allow() {
    let folder = folder();
    let mut config = config(folder.path());
    let key = |scope: Scope| {
        let order = Order { name: scope.as_str().to_owned(), scopes: vec![scope], rate: None, burst: None };
        issue(&order).expect("issued")
    };
    let (read, write) = (key(Scope::Read), key(Scope::Write));
    config.auth.keys = folder.path().join("keys.toml");
    std::fs::write(&config.auth.keys, format!("{}{}", read.entry, write.entry)).expect("writes");
    let service = Running::start(&config);
    let status = |method: &str, target: &str, key: &str| {
        let headers = format!("{JSON}x-api-key: {key}\r\n");
        service.client.send(method, target, &headers, b"[]").expect("an answer").status
    };
    for target in ["/api/recommend/u", "/api/popular", "/api/latest", "/api/items", "/api/item/i01"] {
        assert_eq!((status("GET", target, &read.secret), status("GET", target, &write.secret)), (200, 403), "{target}");
    }
    for target in ["/api/items", "/api/users", "/api/feedback"] {
        assert_eq!(
            (status("POST", target, &write.secret), status("POST", target, &read.secret)),
            (200, 403),
            "{target}"
        );
    }
    for (method, target) in [
        ("GET", "/api/users"),
        ("GET", "/api/user/u"),
        ("DELETE", "/api/user/u"),
        ("GET", "/api/user/u/feedback"),
        ("GET", "/api/feedback/view/u/i01"),
        ("DELETE", "/api/feedback/u/i01"),
    ] {
        assert_eq!([&read, &write].map(|key| status(method, target, &key.secret)), [403, 403], "{target}");
    }
    service.stop();
}
