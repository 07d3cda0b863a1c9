//! `offline outcomes`: what came of slates, measured beside what is true of made-up traffic.

use std::fs;
use std::path::Path;

use offline::log::parquet::Parquet;
use polars_arrow::array::{Array, BooleanArray, PrimitiveArray};
use serde_json::{Value, json};
use shared::contract::event_log::Log;

use crate::support::slates::{BEGIN_MS, SEEN, Truths, write_traffic};
use crate::support::{offline, offline_fails, text, write_log};

const OUTCOMES: [&str; 3] = ["clicks", "carts", "purchases"];

fn outcomes(folder: &Path, more: &[&str]) -> Value {
    let (slates, events) = (folder.join("slates"), folder.join("events"));
    let given = ["outcomes", "--json", "--slates", text(&slates), "--events", text(&events)];
    let printed = offline(&[&given[..], more].concat());
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

/// The rates of every part, by the names that the truths have.
fn parts(found: &Value) -> Vec<(String, &Value)> {
    let mut parts = vec![("all".to_owned(), &found["all"])];
    for by in ["source", "position", "version", "scenario"] {
        let groups = found[format!("by_{by}")].as_array().expect("groups");
        parts
            .extend(groups.iter().map(|group| (format!("{by} {}", group["name"].as_str().unwrap_or("(none)")), group)));
    }
    parts
}

#[test]
fn what_is_measured_is_what_is_true_of_traffic_with_known_rates() {
    let folder = tempfile::tempdir().expect("a folder");
    let truths: Truths = write_traffic(folder.path());
    let rows = folder.path().join("rows.parquet");
    let found = outcomes(folder.path(), &["--window", "1h", "--out", text(&rows)]);
    let parts = parts(&found);
    assert_eq!(parts.iter().map(|(name, _)| name).collect::<std::collections::BTreeSet<_>>(), truths.keys().collect());
    let (mut intervals, mut outside) = (0, Vec::new());
    for (name, rates) in parts {
        let truth = &truths[&name];
        assert_eq!(rates["shown"].as_u64(), Some(truth.shown), "{name}");
        for (at, outcome) in OUTCOMES.into_iter().enumerate() {
            let measured = &rates[outcome];
            let (rate, expected) = (number(&measured["rate"]), truth.expected[at] / truth.shown as f64);
            let [low, high] = [0, 1].map(|end| number(&measured["interval"][end]));
            println!("{name:20} {outcome:10} true {expected:.4} measured {rate:.4} [{low:.4}, {high:.4}]");
            // Every click is found, and none is given to another slate.
            assert_eq!(measured["count"].as_u64(), Some(truth.counts[at]), "{name}: {outcome}");
            intervals += 1;
            if !(low..=high).contains(&expected) {
                outside.push(format!("{name}: {outcome}"));
            }
        }
    }
    // One of twenty is to be expected.
    assert!(outside.len() * 10 <= intervals, "{} of {intervals}: {outside:?}", outside.len());
    let all = &truths["all"];
    assert_eq!(found["attributed"].as_u64(), Some(all.counts.iter().sum()));
    assert!(number(&found["events"]) > number(&found["attributed"]));
    assert_eq!((&found["unreadable_lines"], &found["early_slates"]), (&json!(0), &json!(0)));

    let mut file = Parquet::open(&rows).expect("a file");
    let names: Vec<String> = file.columns().map(str::to_owned).collect();
    let place = |name: &str| names.iter().position(|own| own == name).expect("a column");
    for (at, name) in ["clicked", "carted", "purchased"].into_iter().enumerate() {
        let happened = file.column(place(name)).expect("reads");
        let happened: &BooleanArray = happened.as_any().downcast_ref().expect("booleans");
        let count = happened.iter().filter(|happened| *happened == Some(true)).count();
        assert_eq!((happened.len() as u64, count as u64), (all.shown, all.counts[at]), "{name}");
        let times = file.column(place(&format!("{name}_at"))).expect("reads");
        let times: &PrimitiveArray<i64> = times.as_any().downcast_ref().expect("times");
        assert_eq!((times.len() - times.null_count()) as u64, all.counts[at], "{name}");
        assert!(times.iter().flatten().all(|at_ms| *at_ms > BEGIN_MS), "{name}");
    }
    assert_eq!(names.len(), 20, "{names:?}");
    let fallback = file.column(place("fallback")).expect("reads");
    let fallback: &BooleanArray = fallback.as_any().downcast_ref().expect("booleans");
    let mut missing = |name: &str| file.column(place(name)).expect("reads").null_count() as u64;
    // Of the slates of a user every fourth has a page, every sixth a category, and every twelfth is a fallback.
    assert_eq!((missing("page_item_id"), missing("category")), (all.shown * 3 / 4, all.shown * 5 / 6));
    assert_eq!(fallback.iter().filter(|is| *is == Some(true)).count() as u64, all.shown / 12);
}

#[test]
fn only_what_was_seen_counts_where_that_is_asked_for_and_a_bound_tells_what_it_costs() {
    let folder = tempfile::tempdir().expect("a folder");
    let truths = write_traffic(folder.path());
    let found = outcomes(folder.path(), &["--window", "1h", "--shown", "reported"]);
    let positions = found["by_position"].as_array().expect("groups");
    let slates = found["slates"].as_u64().expect("a count");
    for (at, group) in positions.iter().enumerate() {
        let (shown, truth) = (group["shown"].as_u64().expect("a count"), &truths[&format!("position {}", at + 1)]);
        // Below, half of the clicks name their slate, which says that the item was seen.
        let clicks = group["clicks"]["count"].as_u64().expect("a count");
        match at < SEEN {
            true => assert_eq!((shown, clicks), (slates, truth.counts[0])),
            false => assert!(shown == clicks && shown > 0 && shown < truth.counts[0], "{shown} {clicks} {truth:?}"),
        }
    }
    let bounded = outcomes(folder.path(), &["--window", "1h", "--max-items", "200"]);
    assert!(number(&bounded["early_slates"]) > 0.0);
    assert_eq!(bounded["all"]["shown"], json!(truths["all"].shown));
    assert!(bounded["all"]["clicks"]["count"].as_u64() < Some(truths["all"].counts[0]));
}

fn lines(path: &Path, lines: &[Value]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("makes");
    fs::write(path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).expect("writes");
}

fn slate(id: &str, user: &str, at: i64) -> Value {
    let items = json!([{"itemid": "i1", "score": 1.0, "sources": []}]);
    json!({"slate": id, "timestamp": BEGIN_MS + at, "visitorid": user, "version": "v1", "items": items})
}

/// A slate begins with its id, which a map of JSON would sort behind.
fn slates(path: &Path, slates: &[Value]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("makes");
    let line = |slate: &Value| {
        let mut rest = slate.clone();
        let id = rest.as_object_mut().and_then(|fields| fields.remove("slate")).expect("an id");
        format!("{{\"slate\":{id},{}\n", &rest.to_string()[1..])
    };
    fs::write(path, slates.iter().map(line).collect::<String>()).expect("writes");
}

fn view(user: &str, at: i64) -> Value {
    let (timestamp, received) = (BEGIN_MS + at, BEGIN_MS + at);
    json!({"timestamp": timestamp, "visitorid": user, "event": "view", "itemid": "i1", "event_id": format!("{user}{at}"),
        "received": received})
}

#[test]
fn what_an_erased_user_saw_and_did_counts_no_more_and_is_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |log: Log, name: &str| log.path(&folder.path().join(name), "a", 1);
    let (of_slates, of_events) = (file(Log::Slates, "slates"), file(Log::Events, "events"));
    slates(&of_slates, &[slate("r1", "visitor-1", 0), slate("r2", "visitor-2", 0), slate("r3", "visitor-1", 90)]);
    let erased = json!({"erase": "visitor-1", "received": BEGIN_MS + 50});
    lines(&of_events, &[view("visitor-1", 10), view("visitor-2", 20), erased, view("visitor-1", 95)]);
    let found = outcomes(folder.path(), &[]);
    assert_eq!((&found["slates"], &found["all"]["clicks"]["count"]), (&json!(2), &json!(2)), "{found}");
    assert_eq!(found["open_slates"], json!(2));

    let artifacts = folder.path().join("artifacts");
    fs::create_dir(&artifacts).expect("makes");
    let (slates_folder, events_folder) = (folder.path().join("slates"), folder.path().join("events"));
    let given = ["erase", "--user", "visitor-1", "--artifacts", text(&artifacts), "--json"];
    let more = ["--events", text(&events_folder), "--slates", text(&slates_folder)];
    let done: Value = serde_json::from_str(&offline(&[&given[..], &more].concat())).expect("JSON");
    assert_eq!((&done["lines"][text(&of_slates)], &done["still_named"]), (&json!(2), &json!([])), "{done}");
    assert_eq!(done["slate_files"], json!(1));
    assert!(!fs::read_to_string(&of_slates).expect("reads").contains("visitor-1"));
    let found = outcomes(folder.path(), &[]);
    assert_eq!((&found["slates"], &found["unreadable_lines"]), (&json!(1), &json!(0)), "{found}");
    assert_eq!(found["all"]["clicks"]["count"], json!(1));
}

#[test]
fn a_version_that_answered_unseen_is_held_against_the_one_that_was_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |log: Log, name: &str| log.path(&folder.path().join(name), "a", 1);
    let unseen = |id: &str, user: &str, at: i64, item: &str| {
        let mut slate = slate(id, user, at);
        (slate["role"], slate["version"]) = (json!("shadow"), json!("v2"));
        slate["items"][0]["itemid"] = json!(item);
        slate
    };
    let logged = [
        slate("r1", "u", 0),
        unseen("r1", "u", 0, "i2"),
        slate("r2", "w", 0),
        unseen("r2", "w", 0, "i1"),
        // Of a slate that is not there.
        unseen("r3", "x", 0, "i1"),
    ];
    slates(&file(Log::Slates, "slates"), &logged);
    let at = |mut view: Value, item: &str, event: &str| {
        (view["itemid"], view["event"]) = (json!(item), json!(event));
        view
    };
    let events = [
        view("u", 10),
        at(view("u", 20), "i2", "view"),
        at(view("u", 30), "i2", "addtocart"),
        view("w", 40),
        view("x", 50),
    ];
    lines(&file(Log::Events, "events"), &events);
    let found = outcomes(folder.path(), &[]);
    assert_eq!((&found["slates"], &found["all"]["shown"], &found["attributed"]), (&json!(2), &json!(2), &json!(2)));
    let counts = |both: u64, served: u64, shadow: u64| json!({"both": both, "served_alone": served, "shadow_alone": shadow, "neither": 0});
    let beside = json!([{"served": "v1", "shadow": "v2", "slates": 2, "items": 2, "shared_items": 1,
        "clicks": counts(1, 1, 1), "carts": counts(0, 0, 1), "purchases": counts(0, 0, 0)}]);
    assert_eq!(found["shadows"], beside);
    let (slates, events) = (folder.path().join("slates"), folder.path().join("events"));
    let printed = offline(&["outcomes", "--slates", text(&slates), "--events", text(&events)]);
    assert!(printed.contains("v2 answered unseen beside v1: 2 slates, which have 50% of the items"), "{printed}");
}

#[test]
fn a_click_of_a_clock_that_is_two_minutes_behind_counts_and_of_one_that_is_more_does_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |log: Log, name: &str| log.path(&folder.path().join(name), "a", 1);
    slates(&file(Log::Slates, "slates"), &[slate("r1", "visitor-1", 0), slate("r2", "visitor-2", 0)]);
    let late = |user: &str, at: i64| {
        let mut line = view(user, at);
        line["received"] = json!(BEGIN_MS + 900);
        line
    };
    lines(&file(Log::Events, "events"), &[late("visitor-1", -120_000), late("visitor-2", -120_001)]);
    let found = outcomes(folder.path(), &[]);
    assert_eq!((&found["events"], &found["all"]["clicks"]["count"]), (&json!(2), &json!(1)), "{found}");
}

#[test]
fn an_erasure_says_when_it_has_found_no_log_of_slates() {
    let folder = tempfile::tempdir().expect("a folder");
    let [artifacts, events, of_slates] = ["artifacts", "events", "slates"].map(|name| folder.path().join(name));
    fs::create_dir(&artifacts).expect("makes");
    lines(&Log::Events.path(&events, "a", 1), &[view("visitor-1", 10)]);
    let given = ["erase", "--user", "visitor-1", "--artifacts", text(&artifacts), "--events", text(&events)];
    let says_so = |folder: &str| {
        let told = offline(&[&given[..], &["--slates", folder]].concat());
        told.contains("the log of slates was not looked at, for none was found")
    };
    assert!(says_so("") && says_so(text(&of_slates)));
    slates(&Log::Slates.path(&of_slates, "a", 1), &[slate("r1", "visitor-1", 0)]);
    assert!(!says_so(text(&of_slates)));
}

#[test]
fn logs_that_are_not_there_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let (empty, log) = (folder.path().join("empty"), folder.path().join("log.csv"));
    fs::create_dir(&empty).expect("makes");
    write_log(&log, &[(1, "u", "view", "i")]);
    let told = offline_fails(&["outcomes", "--slates", text(&empty), "--events", text(&empty)]);
    assert!(told.contains("no file slates-<replica>-<number>.jsonl in ") && told.contains("--slates"), "{told}");
    slates(&Log::Slates.path(&empty, "a", 1), &[slate("r1", "u", 0)]);
    let told = offline_fails(&["outcomes", "--slates", text(&empty), "--events", text(&log)]);
    assert!(told.contains("only the service's own log says which slates led to events"), "{told}");
    let told = offline_fails(&["outcomes", "--slates", text(&empty), "--events", "nowhere"]);
    assert!(told.contains("nowhere"), "{told}");
    let told = offline_fails(&["outcomes", "--slates", text(&empty), "--events", text(&empty), "--window", "soon"]);
    assert!(told.contains("write it as 30m, 24h or 168h"), "{told}");
}

#[test]
fn a_report_has_a_section_on_what_came_of_slates() {
    let folder = tempfile::tempdir().expect("a folder");
    write_traffic(folder.path());
    let (of_slates, of_events) = (folder.path().join("slates"), folder.path().join("events"));
    let (page, none) = (folder.path().join("page.html"), folder.path().join("none"));
    let given = ["report", "--events", text(&of_events), "--slates", text(&of_slates), "--window", "1h"];
    let more = ["--artifacts", text(&none), "--out", text(&page)];
    let printed = offline(&[&given[..], &more].concat());
    assert!(printed.contains("slates          172.8k items shown, "), "{printed}");
    let page = fs::read_to_string(&page).expect("a page");
    for expected in ["Outcomes", "Clicks by position", "Clicks by source", "Clicks by version", "items that were shown"]
    {
        assert!(page.contains(expected), "{expected}");
    }
    let table = offline(&["outcomes", "--slates", text(&of_slates), "--events", text(&of_events), "--window", "1h"]);
    assert!(table.contains("by position") && table.contains("  als") && table.contains("put into carts"), "{table}");
}

#[test]
fn the_log_of_slates_is_saved_and_restored_up_to_its_last_whole_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let of = |shop: &str, part: &str| folder.path().join(shop).join(part);
    for part in ["artifacts", "events"] {
        fs::create_dir_all(of("shop", part)).expect("makes");
    }
    let path = Log::Slates.path(&of("shop", "slates"), "a", 1);
    slates(&path, &[slate("r1", "u", 0), slate("r2", "u", 1)]);
    let whole = fs::read_to_string(&path).expect("reads");
    fs::write(&path, format!("{whole}{{\"slate\":\"r3\"")).expect("writes");
    let to = folder.path().join("backup");
    let shop = |command: &str, way: &str, shop: &str| {
        let [artifacts, events, rows, slates] = ["artifacts", "events", "rows", "slates"].map(|part| of(shop, part));
        let given = ["--artifacts", text(&artifacts), "--events", text(&events), "--rows", text(&rows)];
        offline(&[&[command, way, text(&to), "--slates", text(&slates)], &given[..]].concat())
    };
    shop("backup", "--to", "shop");
    shop("restore", "--from", "again");
    let again = Log::Slates.path(&of("again", "slates"), "a", 1);
    assert_eq!(fs::read_to_string(again).expect("reads"), whole);
}
