//! Slates and lists beside the plain slate: long ones, of nobody, of a given list, of several items, of a basket.

use serde_json::json;

use crate::common::{Running, config, folder};

#[test]
fn every_admissible_item_is_there_when_k_asks_for_it() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let count = |query: &str| service.client.get(&format!("/recommendations?user_id=known&k=500{query}")).items().len();
    assert_eq!(count(""), 11);
    assert_eq!(count("&seen=allow"), 12);
    assert_eq!(count("&category=even"), 6);
    assert_eq!(count("&category=odd"), 5);
    service.stop();
}

#[test]
fn lists_without_a_user_answer() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    assert_eq!(service.client.get("/popular?k=2").items(), ["i00", "i01"]);
    assert_eq!(service.client.get("/popular?k=2&category=odd").items(), ["i01", "i03"]);
    assert_eq!(service.client.get("/items/i05/similar?k=1").items(), ["i06"]);
    service.client.get("/items/nowhere/similar").assert_problem(404, None);
    service.client.get("/items/%ff/similar").assert_problem(400, Some("item_id"));
    service.stop();
}

#[test]
fn a_list_comes_back_in_the_order_for_the_user_with_what_nobody_knows_at_its_end() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let rank = |mut body: serde_json::Value, user: &str| {
        body["user_id"] = json!(user);
        let answer = service.client.post("/rank", &body.to_string());
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    };
    let list = json!({"items": ["i09", "zz", "i04", "i03", "i04", "yy", "zz"]});
    let answer = rank(list.clone(), "known");
    let whole: shared::contract::api::Recommendations = serde_json::from_slice(&answer.body).expect("a slate");
    assert_eq!(whole.recommendation_id.len(), 36);
    let ids: Vec<&str> = whole.items.iter().map(|item| item.item_id.as_str()).collect();
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    // i03 was bought: it stays, since the query does not say otherwise.
    assert_eq!((sorted, &ids[3..]), (vec!["i03", "i04", "i09", "yy", "zz"], &["zz", "yy"][..]));
    assert!(whole.items[3..].iter().all(|item| item.score == 0.0 && item.sources.is_empty() && item.name.is_none()));
    let filter = "id%20in%20('i03','i04','i09')";
    let slate = service.client.get(&format!("/recommendations?user_id=known&k=12&seen=allow&filter={filter}"));
    assert_eq!(slate.items(), ids[..3]);
    let shorter = |k: usize| {
        let mut body = list.clone();
        body["k"] = json!(k);
        rank(body, "known").items()
    };
    assert_eq!((shorter(2), shorter(4)), (answer.items()[..2].to_vec(), answer.items()[..4].to_vec()));
    let mut unseen = list.clone();
    unseen["seen"] = json!("exclude_purchased");
    assert!(!rank(unseen, "known").items().contains(&"i03".to_owned()));
    // Nobody known has it by popularity, and the page counts as a past, though its item stays.
    assert_eq!(rank(list.clone(), "nobody").items()[..3], ["i03", "i04", "i09"]);
    let mut with_page = list;
    with_page["item_ids"] = json!(["i02"]);
    with_page["item_id"] = json!("i03");
    with_page["explain"] = json!(true);
    let explained = rank(with_page, "nobody");
    assert_eq!(explained.items()[0], "i04", "what follows i03");
    let used: Vec<String> = explained.json()["history"]
        .as_array()
        .expect("a history")
        .iter()
        .map(|event| event["item_id"].as_str().expect("an id").to_owned())
        .collect();
    assert_eq!(used, ["i02", "i03"]);
    service.stop();
}

#[test]
fn a_slate_goes_on_from_several_items_the_last_of_which_is_the_page() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let ask = |query: &str| service.client.get(&format!("/recommendations?user_id=u&k=12&explain=true&{query}"));
    let answer = ask("item_ids=i05,nowhere,i07&item_id=i03");
    let history = answer.json()["history"].as_array().expect("a history").clone();
    let used: Vec<&str> = history.iter().map(|event| event["item_id"].as_str().expect("an id")).collect();
    assert_eq!(used, ["i05", "i07", "i03"]);
    assert!(used.iter().all(|item| !answer.items().contains(&(*item).to_owned())), "none is recommended itself");
    assert_eq!(answer.items(), ask("item_ids=i05,i07,i03").items());
    service.stop();
}

#[test]
fn a_basket_leads_to_what_is_bought_with_it_and_never_to_itself() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let answer = service.client.get("/recommendations?user_id=u&k=12&basket=i00,i01,nowhere,i06");
    // With i00 go i06, which is in it, and i07; with i01 i07 and i08; with i06 i00 and i01.
    let items = answer.items();
    assert_eq!((&items[..2], items.len()), (&["i07".to_owned(), "i08".to_owned()][..], 9));
    assert!(["i00", "i01", "i06"].iter().all(|own| !items.contains(&(*own).to_owned())));
    let first = answer.json()["items"][0].clone();
    assert_eq!((&first["because"], first["score"].as_f64()), (&json!("i01"), Some(1.0)));
    assert_eq!(first["sources"].as_array().and_then(|sources| sources.last()), Some(&json!("together")));
    assert!(!answer.json()["items"][2]["sources"].to_string().contains("together"), "the blend goes on");
    let body = json!({"user_id": "u", "k": 12, "basket": ["i00", "i01", "i06"], "filter": "category = 'even'"});
    assert_eq!(service.client.post("/recommendations", &body.to_string()).items()[0], "i08");
    assert_eq!(service.client.get("/items/i02/together?k=2").items(), ["i08", "i09"]);
    assert_eq!(service.client.get("/items/i02/together?k=2&filter=category%20=%20'odd'").items()[0], "i09");
    service.client.get("/items/nowhere/together").assert_problem(404, None);
    service.stop();
}
