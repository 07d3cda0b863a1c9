//! Feeds over HTTP: pages that repeat nothing, what is skipped and what comes later, on Redis and in the embedded
//! store.

mod lagging;
mod lives;

use std::collections::HashSet;
use std::path::Path;

use serde_json::json;

use crate::common::http::{Answer, Client};
use crate::common::redis_server::RedisServer;
use crate::common::{Running, config, event, folder, shop};

/// The slate of a query, which must be one.
fn slate(client: &Client, query: &str) -> Answer {
    let answer = client.get(&format!("/recommendations?{query}"));
    assert_eq!(answer.status, 200, "{query}: {}", String::from_utf8_lossy(&answer.body));
    answer
}

/// The cursor of an answer, if it has one.
fn cursor(answer: &Answer) -> Option<String> {
    answer.json()["cursor"].as_str().map(str::to_owned)
}

/// The items of all pages, each asked of the next client in turn; the user looks at an item of each page.
fn scroll(clients: &[Client], user: &str, pages: usize, k: usize) -> Vec<String> {
    let (mut at, mut items) = ("start".to_owned(), Vec::new());
    for page in 0..pages {
        let client = &clients[page % clients.len()];
        let answer = slate(client, &format!("user_id={user}&k={k}&cursor={at}"));
        let shown = answer.items();
        assert_eq!(shown.len(), k, "page {page}");
        at = cursor(&answer).unwrap_or_else(|| panic!("page {page} has no cursor"));
        assert_eq!(answer.json()["recommendation_id"], at);
        let seen = event(user, &shown[page % k], &format!("{user}-{page}"));
        assert_eq!(clients[(page + 1) % clients.len()].post("/events", &seen).status, 200);
        items.extend(shown);
    }
    items
}

fn assert_distinct(items: &[String], count: usize) {
    let distinct: HashSet<&String> = items.iter().collect();
    assert_eq!((items.len(), distinct.len()), (count, count));
}

/// A folder with a shop of so many items.
fn large(count: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    shop::publish_of(count, &folder.path().join("artifacts"), "v1");
    folder
}

#[test]
fn twenty_pages_repeat_nothing_while_events_come_in_between_at_two_replicas() {
    let (folder, server) = (large(500), RedisServer::start());
    let replica = |name: &str| {
        let mut config = config(folder.path());
        config.store.redis_url = server.url().into();
        config.store.timeout_ms = 5000;
        config.events.replica = name.to_owned();
        Running::start(&config)
    };
    let (a, b) = (replica("a"), replica("b"));
    for user in ["u", "known"] {
        assert_distinct(&scroll(&[a.client, b.client], user, 20, 20), 400);
    }
    a.stop();
    b.stop();
}

#[test]
fn twenty_pages_repeat_nothing_in_the_embedded_store() {
    let folder = large(500);
    let service = Running::start(&config(folder.path()));
    assert_distinct(&scroll(&[service.client], "u", 20, 20), 400);
    assert_eq!(service.client.metric("tandem_slates_remembered_total{outcome=\"kept\"}"), 20.0);
    service.stop();
}

#[test]
fn a_feed_ends_with_a_page_that_is_not_full_and_has_no_cursor() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let pages = |user: &str, k: usize| {
        let (mut at, mut lengths) = (Some("start".to_owned()), Vec::new());
        while let Some(cursor_of) = at {
            let answer = slate(&service.client, &format!("user_id={user}&k={k}&cursor={cursor_of}"));
            lengths.push(answer.items().len());
            at = cursor(&answer);
        }
        lengths
    };
    assert_eq!(pages("u", 5), [5, 5, 2]);
    assert_eq!(pages("u", 6), [6, 6, 0], "nobody knows whether a full page is the last");
    assert_eq!(pages("u", 50), [12]);
    // With what the user has bought left out, and a filter.
    assert_eq!(pages("known", 6), [6, 5]);
    let answer = slate(&service.client, "user_id=u&k=5&category=even&served=skip");
    assert_eq!((answer.items().len(), cursor(&answer)), (0, None), "other feeds had them all");
    service.stop();
}

#[test]
fn a_feed_is_as_long_as_the_slates_that_are_remembered() {
    let folder = large(100);
    let mut config = config(folder.path());
    config.served.max_slates = 3;
    let service = Running::start(&config);
    let next = |at: &str| slate(&service.client, &format!("user_id=u&k=2&cursor={at}"));
    let (mut at, mut items) = ("start".to_owned(), Vec::new());
    let first = next("start");
    items.extend(first.items());
    at.clone_from(&cursor(&first).expect("a cursor"));
    for page in 2..=4 {
        let answer = next(&at);
        items.extend(answer.items());
        match cursor(&answer) {
            Some(cursor) => at = cursor,
            None => assert_eq!(page, 4),
        }
    }
    assert_distinct(&items, 8);
    // The last one pushed the first out of the ring: what it showed would come again.
    service.client.get(&format!("/recommendations?user_id=u&k=2&cursor={at}")).assert_problem(410, Some("cursor"));
    service.stop();
}

#[test]
fn a_feed_of_its_own_heeds_no_other_and_skip_heeds_all() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let ask = |query: &str| slate(&service.client, &format!("user_id=u&k=3&{query}"));
    let first = ask("cursor=start");
    assert_eq!(first.items(), ["i00", "i01", "i02"]);
    assert_eq!(ask("cursor=start").items(), first.items());
    assert_eq!(ask("").items(), first.items(), "a plain slate heeds nothing");
    assert!(cursor(&ask("")).is_none());
    let skips = ask("served=skip");
    assert_eq!(skips.items(), ["i03", "i04", "i05"]);
    let at = cursor(&skips).expect("a cursor");
    let own = cursor(&first).expect("a cursor");
    assert_eq!(ask(&format!("cursor={own}")).items(), ["i03", "i04", "i05"], "another feed does not matter");
    assert_eq!(ask(&format!("cursor={at}&served=skip")).items(), ["i06", "i07", "i08"]);
    assert_eq!(ask(&format!("cursor={at}")).items(), ["i00", "i01", "i02"], "only this feed is left out");
    // A body may say it, too.
    let body = json!({"user_id": "u", "k": 3, "served": "skip"}).to_string();
    assert_eq!(service.client.post("/recommendations", &body).items(), ["i09", "i10", "i11"]);
    assert!(ask("served=skip").items().is_empty(), "all were served");
    service.stop();
}

#[test]
fn a_page_goes_by_the_query_and_a_short_slate_is_the_beginning_of_a_long_one() {
    let folder = large(100);
    let mut config = config(folder.path());
    config.server.replay = true;
    let service = Running::start(&config);
    for policy in ["skip", "decay"] {
        // Each is remembered, and so counts for the next: another user's are as good.
        let of = |user: &str, k: usize| slate(&service.client, &format!("user_id={user}&k={k}&now=9&served={policy}"));
        for user in ["a", "b"] {
            slate(&service.client, &format!("user_id={user}-{policy}&k=7&served=skip&now=5"));
        }
        let (ten, fifty) = (of(&format!("a-{policy}"), 10).items(), of(&format!("b-{policy}"), 50).items());
        assert_eq!(fifty[..10], ten);
    }
    service.stop();
}

/// A service in replay mode, in which a test has its own clock.
fn with_clock(folder: &Path, scenarios: &str) -> Running {
    let mut config = config(folder);
    config.server.replay = true;
    config.scenarios = toml::from_str(scenarios).expect("scenarios");
    Running::start(&config)
}

const HOUR: i64 = 3600 * 1000;

#[test]
fn what_is_skipped_comes_back_after_its_time() {
    let folder = folder();
    let service = with_clock(folder.path(), "");
    let at = |now: i64, query: &str| slate(&service.client, &format!("user_id=u&k=2&now={now}&{query}"));
    let start = 1_700_000_000_000;
    let first = at(start, "served=skip");
    assert_eq!(first.items(), ["i00", "i01"]);
    assert_eq!(at(start + HOUR, "served=skip").items(), ["i02", "i03"]);
    assert_eq!(at(start + 24 * HOUR - 1, "served=skip").items(), ["i04", "i05"]);
    assert_eq!(at(start + 24 * HOUR, "served=skip").items(), ["i00", "i01"], "the first is a day old");
    let late = format!("/recommendations?user_id=u&now={}&cursor={}", start + 24 * HOUR, cursor(&first).expect("one"));
    service.client.get(&late).assert_problem(410, Some("cursor"));
    service.stop();
}

#[test]
fn what_decays_comes_later_and_rises_with_time() {
    let folder = folder();
    let service = with_clock(folder.path(), "[home]\nserved = \"decay\"\n[own]\nserved = \"allow\"");
    let at = |now: i64, query: &str| slate(&service.client, &format!("user_id=u&now={now}&{query}")).items().join(" ");
    let start = 1_700_000_000_000;
    assert_eq!(at(start, "k=4&scenario=home"), "i00 i01 i02 i03");
    // At once nothing is left of their scores; half of it after half of the time: popularity falls from 12 to 1.
    let all = |now| at(now, "k=12&scenario=own&served=decay");
    assert_eq!(all(start), "i04 i05 i06 i07 i08 i09 i10 i11 i00 i01 i02 i03");
    service.stop();
    let folder = self::folder();
    let service = with_clock(folder.path(), "[home]\nserved = \"decay\"");
    let at = |now: i64, query: &str| slate(&service.client, &format!("user_id=u&now={now}&{query}")).items().join(" ");
    at(start, "k=4&scenario=home");
    assert_eq!(at(start + 12 * HOUR, "k=5&scenario=home"), "i04 i05 i00 i06 i01");
    assert_eq!(at(start, "k=3&scenario=home&served=allow"), "i00 i01 i02", "the query wins");
    service.stop();
}

#[test]
fn a_pin_is_on_the_first_page_and_no_other() {
    let folder = folder();
    let service = with_clock(folder.path(), "[home]\npin = [{ item = \"i11\", position = 1 }]");
    let ask = |at: &str| slate(&service.client, &format!("user_id=u&k=4&scenario=home&cursor={at}"));
    let first = ask("start");
    assert_eq!(first.items(), ["i11", "i00", "i01", "i02"]);
    let second = ask(&cursor(&first).expect("a cursor"));
    assert_eq!(second.items(), ["i03", "i04", "i05", "i06"]);
    assert_eq!(second.json()["items"][0]["sources"], json!(["popularity"]));
    service.stop();
}

#[test]
fn the_service_may_skip_for_all_who_don_t_say_otherwise() {
    let folder = folder();
    let mut config = config(folder.path());
    config.server.served = shared::contract::api::ServedPolicy::Skip;
    let service = Running::start(&config);
    let ask = |query: &str| slate(&service.client, &format!("user_id=u&k=3{query}")).items();
    assert_eq!((ask(""), ask("")), (strings(["i00", "i01", "i02"]), strings(["i03", "i04", "i05"])));
    assert_eq!(ask("&served=allow"), ["i00", "i01", "i02"]);
    service.stop();
}

fn strings<const N: usize>(items: [&str; N]) -> Vec<String> {
    items.map(str::to_owned).into()
}

#[test]
fn a_cursor_that_is_none_is_refused_and_one_that_nobody_remembers_is_gone() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = &service.client;
    for wrong in ["cursor=", "cursor=2", "cursor=Start", "cursor=start&cursor=start"] {
        client.get(&format!("/recommendations?user_id=u&{wrong}")).assert_problem(400, Some("cursor"));
    }
    client.get("/recommendations?user_id=u&served=never").assert_problem(400, Some("served"));
    let gone = |at: &str| client.get(&format!("/recommendations?user_id=u&cursor={at}"));
    gone("019353a1-0000-7000-8000-000000000000").assert_problem(410, Some("cursor"));
    let of_another = cursor(&slate(client, "user_id=v&k=2&cursor=start")).expect("a cursor");
    gone(&of_another).assert_problem(410, Some("cursor"));
    let plain = slate(client, "user_id=u&k=2").json()["recommendation_id"].as_str().expect("an id").to_owned();
    let answer = gone(&plain);
    answer.assert_problem(410, Some("cursor"));
    assert!(answer.json()["detail"].as_str().is_some_and(|detail| detail.contains("cursor=start")));
    service.stop();
}
