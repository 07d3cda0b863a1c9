//! Items that are known by their vectors alone are recommended before their first event.

use std::fs;
use std::path::Path;

use crate::support::{self, offline_with, text};
use serde_json::Value;

const CLUSTERS: usize = 8;
const DAYS: usize = 20;
const USERS: usize = 240;
const DAY_MS: usize = 86_400_000;

/// A number below `most`, the next of a sequence.
fn draw(state: &mut u64, most: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize % most
}

/// Writes a shop in which each user looks at items of one cluster, half of the time at those that came that day. Every
/// day each cluster gets two items; of the item table only the vectors say which items belong together.
fn write(events: &Path, items: &Path) {
    let mut random = 1;
    let mut log = "timestamp,visitorid,event,itemid\n".to_owned();
    for day in 0..DAYS {
        for user in 0..USERS {
            if draw(&mut random, 2) == 0 {
                continue;
            }
            for place in 0..4 {
                let newest = 2 * day + draw(&mut random, 2);
                let item = if draw(&mut random, 2) == 0 { newest } else { draw(&mut random, newest + 1) };
                let time = (20_000 + day) * DAY_MS + user * 120_000 + place * 10_000;
                log.push_str(&format!("{time},u{user},view,{}\n", name(user % CLUSTERS, item)));
            }
        }
    }
    fs::write(events, log).expect("writes");
    let mut table = "itemid,look\n".to_owned();
    for cluster in 0..CLUSTERS {
        for item in 0..2 * DAYS {
            let numbers = (0..CLUSTERS).map(|axis| {
                let noise = draw(&mut random, 100) as f32 / 300.0;
                (noise + if axis == cluster { 1.0 } else { 0.0 }).to_string()
            });
            table.push_str(&format!("{},\"[{}]\"\n", name(cluster, item), numbers.collect::<Vec<_>>().join(", ")));
        }
    }
    fs::write(items, table).expect("writes");
}

/// The id of an item, which does not tell its cluster.
fn name(cluster: usize, item: usize) -> String {
    format!("i{:05}", (item * CLUSTERS + cluster) * 7919 % 10_007)
}

/// HR@20 of the last two days: of all targets, and of those without an event before.
fn hit_rates(events: &Path, items: &Path, environment: &[(&str, &str)]) -> [f64; 2] {
    let split = ((20_000 + DAYS - 2) * DAY_MS).to_string();
    let task = ["evaluate", "--task", "next-item", "--k", "20", "--format", "json", "--split", &split];
    let files = ["--events", text(events), "--items", text(items)];
    let settings = [("TANDEM_RANKER__KIND", "none"), ("TANDEM_ITEMS__EMBEDDING", "look"), ("TANDEM_ALS__FACTORS", "8")];
    let output = offline_with(&[&task[..], &files].concat(), &[&settings[..], environment].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let figures: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let served = figures["results"].as_array().expect("results").iter().find(|result| result["model"] == "tandem");
    let segments = figures["segments"].as_array().expect("segments");
    let new = segments.iter().find(|row| row["by"] == "item" && row["segment"] == "new").expect("new targets");
    println!("{environment:?}: {} cases, {} with a new target", served.expect("what is served")["cases"], new["cases"]);
    [served.expect("what is served"), new].map(|row| row["hr@20"].as_f64().expect("a figure"))
}

#[test]
fn new_items_are_hit_by_their_vectors_alone() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let [events, items] = ["events.csv", "items.csv"].map(|name| folder.path().join(name));
    write(&events, &items);
    let with = hit_rates(&events, &items, &[]);
    let without = hit_rates(&events, &items, &[("TANDEM_BLEND__OFF", "[\"looks_like\"]")]);
    println!("HR@20 with looks_like {:.3}, of new targets {:.3}", with[0], with[1]);
    println!("HR@20 without         {:.3}, of new targets {:.3}", without[0], without[1]);
    assert!(with[1] > without[1] + 0.2 && with[0] > without[0], "{with:?} {without:?}");
}

#[test]
fn vectors_that_are_none_are_counted_by_reason_and_their_items_stay() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let items = folder.path().join("items.jsonl");
    let vectors = ["[0.1, 0.2]", "\"0.3 0.4\"", "[1, 2, 3]", "[]", "[1, null]", "null", "\"0.5;NaN\""];
    let rows = (0..).zip(vectors).map(|(item, look)| format!("{{\"itemid\": \"i{item}\", \"look\": {look}}}\n"));
    fs::write(&items, rows.collect::<String>()).expect("writes");
    let events = folder.path().join("events.csv");
    support::write_log(&events, &[(1, "u", "view", "i0"), (2, "u", "view", "other")]);
    let arguments = ["ingest", "--events", text(&events), "--items", text(&items)];
    let output = offline_with(&arguments, &[("TANDEM_ITEMS__EMBEDDING", "look")]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    for line in [
        "1 users, 8 items",
        "vectors: 2 items have one, of 2 numbers",
        "left out 1: a vector of 3 numbers where most have 2",
        "left out 1: a vector with a value that is no number",
        "left out 1: a vector with a value that is not finite",
        "left out 1: an empty vector",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
}

#[test]
fn a_column_of_vectors_that_is_not_there_is_told() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (events, items) = support::sample();
    let arguments = ["ingest", "--events", text(&events), "--items", text(&items), "--rejects"];
    let rejects = folder.path().join("rejects.jsonl");
    let output = offline_with(&[&arguments[..], &[text(&rejects)]].concat(), &[("TANDEM_ITEMS__EMBEDDING", "look")]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("no column `look`"), "{told}");
}
