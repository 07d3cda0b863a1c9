//! What a scenario and a query ask of a slate, and why it is as it is.

use std::path::Path;

use serde_json::json;

use crate::common::{Running, config, folder};

/// A service with scenarios, in replay mode.
fn with_scenarios(folder: &Path, scenarios: &str) -> Running {
    let mut config = config(folder);
    config.server.replay = true;
    config.scenarios = toml::from_str(scenarios).expect("scenarios");
    Running::start(&config)
}

#[test]
fn the_rules_of_a_scenario_hold_beside_what_the_query_says() {
    let folder = folder();
    let service = with_scenarios(
        folder.path(),
        r#"
        [home]
        filter = "price >= 2"
        exclude = ["i04"]
        boost = [{ filter = "category = 'odd'", factor = 100, until = "2030-01-01T00:00:00Z" }]
        bury = [{ filter = "id = 'i02'" }]
        pin = [{ item = "i11", position = 1 }]
        [basket]
        max_per = { category = 1, brand = 1 }
        "#,
    );
    let slate = |query: &str| {
        let answer = service.client.get(&format!("/recommendations?user_id=u&k=5&{query}"));
        (answer.items().join(" "), answer.json())
    };
    let (plain, _) = slate("");
    assert_eq!(plain, "i00 i01 i02 i03 i04");
    let (ruled, answer) = slate("scenario=home");
    assert_eq!(ruled, "i11 i03 i05 i07 i09");
    assert_eq!(answer["items"][0]["sources"], json!(["pin"]));
    assert!(answer["items"][1].get("propensity").is_none(), "nothing is explored");
    assert_eq!(slate("scenario=home&filter=price%3C8").0, "i03 i05 i07 i06 i02");
    assert_eq!(slate("scenario=home&exclude=i03,i11").0, "i05 i07 i09 i06 i08");
    assert_eq!(slate("scenario=home&now=1893456000000").0, "i11 i03 i05 i06 i07", "the boost is over");
    assert_eq!(slate("scenario=basket").0, "i00 i01 i02 i03 i04", "nothing else is left for the third place");
    let wrong = service.client.get("/recommendations?user_id=u&scenario=Baskets");
    wrong.assert_problem(400, Some("scenario"));
    let said = r#"the service has no scenario "Baskets"; the nearest are "basket", "home""#;
    assert_eq!(wrong.json()["detail"], said);
    // The shop has no brands.
    assert_eq!(service.client.metric("tandem_scenario_lacks{scenario=\"basket\"}"), 1.0);
    assert_eq!(service.client.metric("tandem_scenario_lacks{scenario=\"home\"}"), 0.0);
    service.stop();
}

#[test]
fn a_query_bounds_how_many_items_are_alike_beside_its_scenario() {
    let folder = folder();
    // Items with even numbers are of one category, those with odd ones of another.
    let service = with_scenarios(folder.path(), "[one]\nmax_per = { category = 1 }");
    let slate = |query: &str| {
        service.client.get(&format!("/recommendations?user_id=u&k=4&exclude=i01&{query}")).items().join(" ")
    };
    assert_eq!(slate(""), "i00 i02 i03 i04");
    assert_eq!(slate("max_per=category:1"), "i00 i03 i02 i04", "the slate is full all the same");
    assert_eq!(slate("max_per=category:3"), "i00 i02 i03 i04");
    assert_eq!(slate("scenario=one&max_per=category:3"), "i00 i03 i02 i04", "the smaller holds");
    let why = "/recommendations/why?user_id=u&k=2&exclude=i01&max_per=category:1&of_items=i02,i04";
    let told = service.client.get(why).json();
    let reasons = [0, 1].map(|at| told["items"][at]["absent"]["reason"].clone());
    assert_eq!(reasons, ["held_back", "below"]);
    assert_eq!(told["trail"]["held_back"], 1);
    let body = json!({"user_id": "u", "k": 4, "exclude": ["i01"], "max_per": ["category:1"]}).to_string();
    assert_eq!(service.client.post("/recommendations", &body).items().join(" "), "i00 i03 i02 i04");
    for (wrong, said) in [("brand:1", "no property"), ("category:0", "1 to 500"), ("category", "1 to 500")] {
        let answer = service.client.get(&format!("/recommendations?user_id=u&max_per={wrong}"));
        answer.assert_problem(400, Some("max_per"));
        assert!(answer.json()["detail"].as_str().is_some_and(|detail| detail.contains(said)), "{wrong}");
    }
    service.stop();
}

#[test]
fn every_place_of_a_slate_and_every_absence_is_explained() {
    let folder = folder();
    let service = with_scenarios(folder.path(), "[home]\nexclude = ['i04']\npin = [{ item = 'i11', position = 1 }]");
    let client = &service.client;
    for (item, kind) in [("i01", "transaction"), ("i06", "view")] {
        let event = json!({"visitorid": "u", "itemid": item, "event": kind, "timestamp": 1_700_000_000_000_i64});
        assert_eq!(client.post("/events", &event.to_string()).status, 200);
    }
    let asked = "user_id=u&k=4&scenario=home&exclude=i02";
    let slate = client.get(&format!("/recommendations?{asked}")).items();
    let told = client.get(&format!("/recommendations/why?{asked}")).json();
    let places: Vec<(&str, u64)> = told["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| (item["item_id"].as_str().expect("an id"), item["place"].as_u64().expect("a place")))
        .collect();
    let expected: Vec<(&str, u64)> = slate.iter().map(String::as_str).zip(1..).collect();
    assert_eq!(places, expected);
    assert_eq!(told["items"][0]["rules"][0]["rule"], "pin");
    let reason = |item: &str| {
        let answer = client.get(&format!("/recommendations/why?{asked}&of_items={item}")).json();
        let absent = &answer["items"][0]["absent"];
        (absent["reason"].as_str().map(str::to_owned), absent["sentence"].as_str().unwrap_or_default().to_owned())
    };
    let expected = [
        ("i01", "seen", "on 2023-11-14"),
        ("i02", "excluded", "the query"),
        ("i04", "excluded", "the scenario"),
        ("nothing", "unknown", "does not know"),
    ];
    for (item, why, said) in expected {
        let (reason, sentence) = reason(item);
        assert_eq!(reason.as_deref(), Some(why), "{item}");
        assert!(sentence.contains(said), "{item}: {sentence}");
    }
    let known: Vec<String> = (0..12).map(|item| format!("i{item:02}")).collect();
    let rest = known.iter().filter(|item| !slate.contains(item));
    assert!(rest.clone().all(|item| reason(item).0.is_some()), "none is left unexplained");
    let steps = told["trail"]["steps"].as_array().expect("steps");
    assert_eq!(steps[0]["items_in"], 12);
    assert_eq!(steps.last().expect("a step")["items_out"], 4);
    client.get("/recommendations/why?user_id=u&k=101").assert_problem(400, Some("of_items"));
    client.get("/recommendations/why?user_id=u&off=i01").assert_problem(400, Some("off"));
    service.stop();
}

#[test]
fn what_was_bought_comes_back_after_the_days_of_the_scenario_or_of_the_query() {
    const DAY: i64 = 24 * 3600 * 1000;
    let folder = folder();
    let service =
        with_scenarios(folder.path(), "[home]\nseen = { transaction = 30 }\n[basket]\nseen = \"exclude_all\"");
    let client = &service.client;
    let now = 1_700_000_000_000;
    for (item, kind, at) in
        [("i00", "transaction", now - 40 * DAY), ("i01", "transaction", now - DAY), ("i02", "view", now)]
    {
        let event = json!({"visitorid": "u", "itemid": item, "event": kind, "timestamp": at});
        assert_eq!(client.post("/events", &event.to_string()).status, 200);
    }
    let left_out = |query: &str| {
        let items = client.get(&format!("/recommendations?user_id=u&k=12&now={now}&{query}")).items();
        (0..12).map(|item| format!("i{item:02}")).filter(|item| !items.contains(item)).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(left_out(""), "i00 i01");
    assert_eq!(left_out("scenario=home"), "i01");
    assert_eq!(left_out("scenario=basket"), "i00 i01 i02");
    assert_eq!(left_out("scenario=home&seen=exclude_purchased"), "i00 i01", "the query wins");
    assert_eq!(left_out("scenario=basket&seen=transaction:41"), "i00 i01");
    assert_eq!(left_out("seen=view:1,transaction:2"), "i01 i02");
    let body = json!({"user_id": "u", "k": 12, "now": now, "seen": {"view": 1}}).to_string();
    assert!(!client.post("/recommendations", &body).items().contains(&"i02".to_owned()));
    service.stop();
}

#[test]
fn explored_items_are_marked_with_their_propensity_and_a_replay_repeats_them() {
    let folder = folder();
    let service = with_scenarios(folder.path(), "[home]\nexplore = 0.5\nexplore_below_events = 1");
    let slate = |query: &str| {
        service.client.get(&format!("/recommendations?scenario=home&k=3&{query}")).json()["items"].clone()
    };
    let mut explored = 0;
    for user in 0..60 {
        for (place, item) in slate(&format!("user_id=u{user}")).as_array().expect("items").iter().enumerate() {
            let id = item["item_id"].as_str().expect("an id");
            // Of the twelve new items three are in the slate anyway.
            let expected = if item["sources"] == json!(["explore"]) {
                explored += 1;
                assert!(id > "i02", "{id}");
                0.5 / 9.0
            } else {
                assert_eq!(id, format!("i{place:02}"));
                0.5
            };
            assert!((item["propensity"].as_f64().expect("a propensity") - expected).abs() < 1e-6, "{item}");
        }
    }
    // Of 180 places half, with a standard deviation of 7.
    assert!((50..130).contains(&explored), "{explored}");
    let replayed: Vec<_> = (0..20).map(|now| slate(&format!("user_id=u&now={now}"))).collect();
    assert_eq!(replayed, (0..20).map(|now| slate(&format!("user_id=u&now={now}"))).collect::<Vec<_>>());
    assert!(replayed.iter().any(|slate| slate != &replayed[0]));
    service.stop();
}
