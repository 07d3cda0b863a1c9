//! The page for people, over HTTP: what it shows, what it takes, and whom.

use std::fs;

use online::auth::scopes::Scope;
use shared::contract::artifact::manifest::write_champion;

use crate::common::http::{Answer, Client};
use crate::common::{Running, config, folder};
use crate::security::{new_key, with_keys};

/// Looks at a page as a browser does.
fn look(client: &Client, target: &str, headers: &str) -> Answer {
    let headers = format!("accept: text/html,*/*;q=0.8\r\n{headers}");
    client.send("GET", target, &headers, b"").unwrap_or_else(|error| panic!("GET {target}: {error}"))
}

fn text(answer: &Answer) -> String {
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{answer:?}");
    String::from_utf8(answer.body.clone()).expect("UTF-8")
}

/// Sends a form as a browser does from a page of the service.
fn post(client: &Client, target: &str, headers: &str, form: &str) -> Answer {
    let headers = format!(
        "accept: text/html\r\ncontent-type: application/x-www-form-urlencoded\r\norigin: http://localhost\r\n{headers}"
    );
    client.send("POST", target, &headers, form.as_bytes()).unwrap_or_else(|error| panic!("POST {target}: {error}"))
}

/// The items of the cards, in their order.
fn cards(page: &str) -> Vec<String> {
    let of = |part: &str| part.split("name=\"item\" value=\"").nth(1)?.split('"').next().map(str::to_owned);
    page.split("<form class=\"actions\"").skip(1).filter_map(of).collect()
}

/// The value of an attribute, as a browser reads it.
fn attribute(page: &str, start: &str) -> String {
    let value = page.split(start).nth(1).and_then(|rest| rest.split('"').next()).expect("the attribute");
    value.replace("&amp;", "&")
}

#[test]
fn a_person_s_past_and_slate_stand_side_by_side_as_the_api_has_them() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let answer = look(&service.client, "/?user_id=known&k=6", "");
    assert_eq!(answer.status, 200);
    let page = text(&answer);
    assert_eq!(cards(&page), service.client.get("/recommendations?user_id=known&k=6&served=allow").items());
    assert!(page.contains("1 event") && page.contains("bought") && page.contains("Because of"), "{page}");
    // Shell and page agree on the call.
    let call = page.split("'http://localhost").nth(1).and_then(|rest| rest.split('\'').next()).expect("a call");
    assert_eq!(service.client.get(&call.replace("&amp;", "&")).items(), cards(&page));
    for stranger in ["nobody", "session%3A1", "%C3%A4%20b%2Fc"] {
        let page = text(&look(&service.client, &format!("/?user_id={stranger}&k=6"), ""));
        assert_eq!(cards(&page)[..2], ["i00", "i01"], "what is popular: {page}");
    }
    let page = text(&look(&service.client, "/", ""));
    assert!(page.contains("/?user_id=known") && page.contains("Somebody new"), "{page}");
    service.stop();
}

#[test]
fn what_reads_no_html_is_led_to_the_documentation_and_so_is_everybody_where_the_page_is_off() {
    let folder = folder();
    let mut config = config(folder.path());
    let service = Running::start(&config);
    let to_docs = |answer: &Answer| answer.status == 307 && answer.header("location") == Some("/docs");
    assert!(to_docs(&service.client.get("/")));
    assert!(to_docs(&service.client.send("GET", "/", "accept: application/json\r\n", b"").expect("an answer")));
    service.stop();
    config.page.enabled = false;
    let service = Running::start(&config);
    assert!(to_docs(&look(&service.client, "/", "")));
    look(&service.client, "/ui/health", "").assert_problem(404, None);
    post(&service.client, "/ui/event?user_id=u", "", "item=i01&event=view").assert_problem(404, None);
    service.stop();
}

#[test]
fn a_button_sends_an_event_and_the_next_slate_says_what_changed() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = &service.client;
    let before = text(&look(client, "/?user_id=u&k=6&filter=price%20%3C%2011", ""));
    let action = attribute(&before, "method=\"post\" action=\"");
    let sent = post(client, &action, "", "item=i05&event=view");
    assert_eq!(sent.status, 303, "{sent:?}");
    let back = sent.header("location").expect("a place").to_owned();
    assert!(back.starts_with("/?user_id=u&k=6&filter=price"), "{back}");
    let after = text(&look(client, &back, ""));
    assert_eq!(cards(&after)[0], "i06", "what follows i05");
    assert!(after.contains("was <strong>viewed</strong>") && after.contains("New here"), "{after}");
    assert!(after.contains("Gone: ") && (after.contains("Up ") || after.contains("Down ")), "{after}");
    assert_eq!(client.get("/users/u/history").json()["events"][0]["item_id"], "i05");
    // Bought and disliked items leave, by the same way.
    for event in ["transaction", "dislike"] {
        let item = cards(&text(&look(client, "/?user_id=u&k=6", "")))[0].clone();
        assert_eq!(post(client, "/ui/event?user_id=u&k=6", "", &format!("item={item}&event={event}")).status, 303);
        assert!(!cards(&text(&look(client, "/?user_id=u&k=6", ""))).contains(&item), "{event}");
    }
    assert!(crate::outcomes::logged(folder.path()).is_empty(), "looking is not serving");
    for (form, field) in [("item=i05&event=stare", "event"), ("item=&event=view", "item"), ("item=i05", "event")] {
        post(client, "/ui/event?user_id=u", "", form).assert_problem(400, Some(field));
    }
    post(client, "/ui/event?user_id=", "", "item=i05&event=view").assert_problem(400, Some("user_id"));
    service.stop();
}

#[test]
fn a_form_of_another_site_is_refused_with_keys_or_without() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let form = |headers: &str| {
        let headers = format!("content-type: application/x-www-form-urlencoded\r\n{headers}");
        service.client.send("POST", "/ui/event?user_id=u", &headers, b"item=i05&event=view").expect("an answer")
    };
    for strange in ["origin: http://evil\r\n", "origin: http://localhost\r\nsec-fetch-site: cross-site\r\n", ""] {
        form(strange).assert_problem(403, None);
    }
    assert_eq!(service.client.get("/users/u/history").json()["events"], serde_json::json!([]));
    assert_eq!(form("origin: http://evil\r\nsec-fetch-site: same-origin\r\n").status, 303, "behind a proxy");
    assert_eq!(service.client.metric("tandem_requests_refused_total{reason=\"elsewhere\"}"), 3.0);
    service.stop();
}

#[test]
fn an_item_s_place_is_explained_on_demand_and_so_is_the_way_of_the_slate() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = &service.client;
    let page = text(&look(client, "/?user_id=known&k=6", ""));
    assert!(page.contains("How this slate was made") && page.contains("Candidates by source"), "{page}");
    let first = cards(&page)[0].clone();
    let why = attribute(&page, "<p class=\"how\"><a href=\"");
    assert_eq!(why, format!("/?user_id=known&k=6&why={first}#why"));
    let explained = text(&look(client, why.trim_end_matches("#why"), ""));
    assert_eq!(cards(&explained), cards(&page));
    for wanted in ["id=\"why\"", "What proposed it", "By the blend", "In the slate"] {
        assert!(explained.contains(wanted), "no {wanted}: {explained}");
    }
    // What was bought is not there, and the page says so.
    let absent = text(&look(client, "/?user_id=known&k=6&why=i03", ""));
    assert!(absent.contains("id=\"why\"") && absent.contains("bought"), "{absent}");
    let few = text(&look(client, "/?user_id=known&k=4&max_per=category:2", ""));
    assert_eq!(cards(&few), client.get("/recommendations?user_id=known&k=4&max_per=category:2").items());
    service.stop();
}

#[test]
fn what_is_wrong_with_the_controls_stands_on_the_page() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    for (query, status, told) in [
        ("k=0", 400, "1 to 500"),
        ("filter=prise%20%3C%203", 400, "prise"),
        ("category=Evn", 404, "even"),
        ("scenario=none", 400, "none"),
        ("seen=maybe", 400, "exclude_purchased"),
    ] {
        let answer = look(&service.client, &format!("/?user_id=u&{query}"), "");
        let page = text(&answer);
        assert_eq!(answer.status, status, "{query}: {page}");
        let alert = page.split("role=\"alert\">").nth(1).and_then(|rest| rest.split('<').next()).expect("an alert");
        assert!(alert.contains(told), "{query}: {alert}");
    }
    service.stop();
}

#[test]
fn names_are_text_whatever_they_are_and_nothing_of_a_page_is_run() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = &service.client;
    let evil = r#"<script>alert(1)</script><img src=x onerror=\"a\">"#;
    let item = format!(r#"{{"name": "{evil}", "image": "javascript:alert(1)", "categories": ["\"><b>"]}}"#);
    let said = client.send("PUT", "/items/i00", "content-type: application/json\r\n", item.as_bytes());
    assert_eq!(said.expect("an answer").status, 200);
    let id = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    for target in [
        format!("/?user_id={id}&k=12"),
        format!("/?q={id}"),
        format!("/?user_id=u&did={id}&with={id}&before={id}&before=i00"),
        format!("/?user_id=u&filter={id}&category={id}&k={id}&scenario={id}&seen={id}"),
        format!("/ui/items?q={id}"),
        format!("/ui/items?category={id}"),
        format!("/ui/item?item_id={id}"),
        "/ui/item?item_id=i00".to_owned(),
        "/ui/items".to_owned(),
    ] {
        let answer = look(client, &target, "");
        let page = text(&answer);
        let lower = page.to_lowercase();
        // The page's own script is the only one, and has no text.
        assert_eq!(lower.matches("<script").count(), lower.matches("<script src=\"/ui/assets/").count(), "{target}");
        assert!(
            !lower.contains("<img src=x") && !page.contains("\"><b>") && !page.contains("=\"javascript:"),
            "{page}"
        );
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(!page.contains(" style=") && !page.contains("onclick"), "the policy would refuse it: {page}");
    }
    assert!(text(&look(client, "/ui/items", "")).contains("&lt;script&gt;alert(1)"));
    service.stop();
}

#[test]
fn items_are_found_and_shown_with_what_goes_with_them() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let client = &service.client;
    let has = |target: &str, wanted: &[&str]| {
        let page = text(&look(client, target, ""));
        wanted.iter().for_each(|wanted| assert!(page.contains(wanted), "{target} lacks {wanted}: {page}"));
    };
    has("/ui/items", &["12 items", "Most popular", "Item 0"]);
    has("/ui/items?category=odd", &["Item 1", "Item 11"]);
    has("/ui/items?q=item%201", &["Found", "Item 1", "Item 10"]);
    has("/ui/items?q=lamp", &["Nothing is called so"]);
    has("/ui/item?item_id=i03", &["Item 3", "odd", "3.00", "Similar", "Item 4", "Bought together", "Item 9"]);
    has("/?q=kno", &["/?user_id=known"]);
    has("/?q=item%207", &["Item 7"]);
    assert_eq!(look(client, "/ui/item?item_id=zz", "").status, 404);
    service.stop();
}

#[test]
fn without_a_version_the_page_says_what_to_do_next() {
    let folder = tempfile::tempdir().expect("temporary folder");
    fs::create_dir_all(folder.path().join("artifacts")).expect("a folder");
    let service = Running::start(&config(folder.path()));
    for target in ["/", "/?user_id=u", "/ui/items", "/ui/item?item_id=i01"] {
        let page = text(&look(&service.client, target, ""));
        assert!(page.contains("Nothing to recommend yet") && page.contains("offline run --events"), "{page}");
    }
    assert!(text(&look(&service.client, "/ui/health", "")).contains("none is published"));
    assert_eq!(service.client.get("/ready").status, 503);
    let artifacts = folder.path().join("artifacts");
    crate::common::shop::write(&artifacts, "v1");
    write_champion(&artifacts, "v1").expect("pointer");
    crate::common::eventually("served", || {
        text(&look(&service.client, "/", "")).contains("Whose slate?").then_some(())
    });
    assert_eq!(service.client.get("/ready").status, 200);
    service.stop();
}

#[test]
fn the_state_of_the_service_is_told_in_figures() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    (0..20).for_each(|_| assert_eq!(service.client.get("/recommendations?user_id=known").status, 200));
    service.client.post("/events", &crate::common::event("u", "i01", "e1"));
    let page = text(&look(&service.client, "/ui/health", ""));
    for wanted in ["Ready", "personal", "viewed", "find candidates", "/recommendations", "v1", "data-live"] {
        assert!(page.contains(wanted), "no {wanted}: {page}");
    }
    assert!(page.contains("<td>20</td>"), "{page}");
    assert!(!text(&look(&service.client, "/ui/health?live=no", "")).contains("data-live"));
    service.stop();
}

#[test]
fn files_of_the_page_may_be_kept_for_ever_and_pages_never() {
    let folder = folder();
    let service = Running::start(&config(folder.path()));
    let answer = look(&service.client, "/", "");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let page = text(&answer);
    for start in ["rel=\"stylesheet\" href=\"", "<script src=\"", "rel=\"icon\" href=\""] {
        let file = service.client.get(&attribute(&page, start));
        assert_eq!(file.status, 200, "{start}");
        assert_eq!(file.header("cache-control"), Some("public, max-age=31536000, immutable"));
    }
    service.client.get("/ui/assets/000000000000-style.css").assert_problem(404, None);
    service.stop();
}

#[test]
fn with_keys_the_page_asks_for_one_and_a_cookie_opens_the_pages_alone() {
    let folder = folder();
    let all = [Scope::Read, Scope::Write, Scope::Admin];
    let [(desk, of_desk), (shop, of_shop)] =
        [("desk", &all[..]), ("shop", &all[..1])].map(|(name, scopes)| new_key(name, scopes, None));
    let service = Running::start(&with_keys(folder.path(), &format!("{of_desk}{of_shop}")));
    let client = &service.client;
    let cookie = |key: &str| format!("cookie: tandem_key={key}\r\n");
    for target in ["/", "/?user_id=known", "/ui/items", "/ui/health"] {
        let asked = look(client, target, "");
        assert_eq!(asked.status, 401, "{target}");
        let page = text(&asked);
        assert!(page.contains("name=\"key\"") && !page.contains("known") && !page.contains("Item "), "{page}");
        assert_eq!(look(client, target, &cookie("tandem_00")).status, 401, "{target}");
        assert_eq!(look(client, target, &cookie(&desk)).status, 200, "{target}");
        // Who reads no HTML is told as the API tells it.
        client.get(target).assert_problem(401, None);
    }
    let of_shop = look(client, "/?user_id=known", &cookie(&shop));
    assert_eq!(of_shop.status, 403, "a past needs more than `read`");
    assert!(text(&of_shop).contains("lacks a scope"));
    assert_eq!(look(client, "/ui/items", &cookie(&shop)).status, 200);
    // The key of a proxy before it does not count where there is a cookie.
    assert_eq!(look(client, "/", &format!("authorization: Basic dTpw\r\n{}", cookie(&desk))).status, 200);
    for target in ["/recommendations?user_id=known", "/users/known/history", "/metrics", "/docs"] {
        look(client, target, &cookie(&desk)).assert_problem(401, None);
    }
    let sent = |key: &str| post(client, "/ui/event?user_id=u", &cookie(key), "item=i05&event=view").status;
    assert_eq!((sent(&desk), sent(&shop)), (303, 403));
    let signed_in = post(client, "/ui/login", "", &format!("key=%20{desk}%0A"));
    assert_eq!((signed_in.status, signed_in.header("location")), (303, Some("/")));
    let kept = signed_in.header("set-cookie").expect("a cookie").to_owned();
    assert_eq!(kept, format!("tandem_key={desk}; Path=/; HttpOnly; SameSite=Strict"));
    let under_tls = post(client, "/ui/login", "x-forwarded-proto: https\r\n", &format!("key={desk}"));
    assert!(under_tls.header("set-cookie").is_some_and(|cookie| cookie.ends_with("; Secure")), "{under_tls:?}");
    assert_eq!(post(client, "/ui/login", "", "key=a%3Bb").status, 400);
    let page = text(&look(client, "/?user_id=known", &cookie(&desk)));
    assert!(page.contains("Sign out") && page.contains("$TANDEM_KEY") && !page.contains(&desk), "{page}");
    let out = post(client, "/ui/logout", &cookie(&desk), "");
    assert!(out.header("set-cookie").is_some_and(|cookie| cookie.contains("Max-Age=0")), "{out:?}");
    service.stop();
}
