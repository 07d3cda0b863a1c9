//! The same events twice, ids of events, and the service's own log beside the shop's.

use std::fs;

use super::reading::{BASE_MS, HEADER, input, native, read, read_input, read_with, reading, refused, views};
use crate::support::{SMALL, as_shipped, champion, contents, text};

fn log(minutes: std::ops::Range<i64>) -> Vec<u8> {
    format!("{HEADER}{}", views(minutes)).into_bytes()
}

/// The same events as JSON lines.
fn as_lines(log: &[u8]) -> String {
    let text = String::from_utf8(log.to_vec()).expect("UTF-8");
    let row = |row: &str| {
        let fields: Vec<&str> = row.split(',').collect();
        let [time, user, kind, item] = fields[..] else { panic!("{row}") };
        format!("{{\"timestamp\":{time},\"visitorid\":\"{user}\",\"event\":\"{kind}\",\"itemid\":\"{item}\"}}\n")
    };
    text.lines().skip(1).map(row).collect()
}

#[test]
fn a_file_that_is_given_twice_counts_once_and_the_report_says_so() {
    let log = log(0..100);
    let copy = read_with("", &[("a.csv", &log), ("b.csv", &log)]);
    assert_eq!(copy.counts().1, 100, "{}", copy.report);
    let told = format!("{}{}", copy.report["left_out"], copy.report["skipped"]);
    assert!(told.contains("b.csv") || told.contains("equal"), "{}", copy.report);
    let lines = read_with("", &[("a.csv", &log), ("b.jsonl", as_lines(&log).as_bytes())]);
    assert_eq!(lines.counts(), (200, 100, 0, 100), "{}", lines.report);
    assert_eq!(lines.events.len(), 100);
    assert!(lines.report["skipped"].to_string().contains("equal"), "{}", lines.report);
}

#[test]
fn days_that_two_files_share_count_once() {
    let read = read_with("", &[("may.csv", &log(0..60)), ("june.csv", &log(40..100))]);
    assert_eq!(read.counts(), (120, 100, 0, 20), "{}", read.report);
}

#[test]
fn equal_rows_of_one_file_are_what_the_shop_wrote() {
    let rows = [(0, "u", "transaction", "i"), (0, "u", "transaction", "i"), (0, "u", "transaction", "j")];
    let log = native(&rows);
    assert_eq!(read("log.csv", &log).counts(), (3, 3, 0, 0), "two of one thing in one order");
    let once = read_with("[ingest]\ndrop_equal_rows = \"all\"\n", &[("log.csv", log.as_bytes())]);
    assert_eq!(once.counts(), (3, 2, 0, 1), "{}", once.report);
}

#[test]
fn an_event_id_is_its_user_s() {
    let read = read_input("event-id-per-user.csv");
    assert_eq!(read.counts(), (4, 4, 0, 0));
    let twice = "timestamp,visitorid,event,itemid,event_id\n1750000000000,u1,view,i1,1\n1750000000000,u1,view,i1,1\n";
    let read = super::reading::read("log.csv", format!("{twice}1750000001000,u2,view,i1,1\n"));
    assert_eq!(read.counts(), (3, 2, 0, 1), "{}", read.report);
}

#[test]
fn lines_of_an_order_that_share_an_id_are_events_each() {
    let line = |n: i64, item: &str| format!("{},u{},transaction,{item},order-{n}\n", BASE_MS + n, n % 3);
    let orders: String = (0..30).flat_map(|n| ["a", "b", "c"].map(|item| line(n, item))).collect();
    let header = "timestamp,visitorid,event,itemid,event_id\n";
    let read = super::reading::read("log.csv", format!("{header}{orders}"));
    assert_eq!(read.counts(), (90, 90, 0, 0), "{}", read.report);
    // Sent once more, in another order of the lines.
    let again: String = orders.lines().rev().map(|line| format!("{line}\n")).collect();
    let read = super::reading::read("log.csv", format!("{header}{orders}{again}"));
    assert_eq!(read.counts(), (180, 90, 0, 90), "{}", read.report);
}

#[test]
fn orders_of_two_shops_on_one_day_are_two() {
    let order = |n: i64, shop: &str| format!("2026-06-0{},u1,transaction,lamp,{shop}{n}\n", n + 1);
    let log = |shop: &str| {
        let rows: String = (0..5).map(|n| order(n, shop)).collect();
        format!("timestamp,visitorid,event,itemid,transactionid\n{rows}").into_bytes()
    };
    let read = read_with("", &[("web.csv", &log("w")), ("store.csv", &log("s"))]);
    assert_eq!(read.counts(), (10, 10, 0, 0), "{}", read.report);
}

#[test]
fn two_exports_one_behind_the_other_keep_their_ids() {
    let log = format!("\u{feff}{HEADER}{BASE_MS},u1,view,i1\n\u{feff}{BASE_MS},u2,view,\u{feff}i2\n");
    let read = super::reading::read("log.csv", log);
    assert_eq!((read.users(), read.items()), (vec!["u1", "u2"], vec!["i1", "i2"]), "{}", read.report);
}

#[test]
fn a_log_of_mostly_equal_event_ids_is_refused() {
    let rows: String = (0..200).map(|n| format!("{},u{},view,i{n},VIEW\n", BASE_MS + n * 1000, n % 5)).collect();
    let said = refused("log.csv", format!("timestamp,visitorid,event,itemid,event_id\n{rows}"));
    assert!(said.contains("195 of 200") && said.contains("max_duplicate_share"), "{said}");
    assert!(said.contains("event_id"), "{said}");
}

#[test]
fn the_service_s_log_is_read_by_its_own_schema_whatever_the_shop_s_is() {
    let service = input("shop/events");
    for (name, bought) in [("shop", 1), ("seconds", 1), ("orders", 3)] {
        let events = [input(&format!("shop/{name}.csv")), service.clone()];
        let read = reading(&events, Some(&input(&format!("shop/{name}.toml"))), None);
        assert_eq!(read.counts(), (4, 4, 0, 0), "{name}: {}", read.report);
        let times: Vec<i64> = [0, 1_000, 624_000_000, 624_001_000].map(|after| 1_755_000_000_000 + after).to_vec();
        assert_eq!(read.times(), times, "{name}");
        assert_eq!(read.items(), ["p1", "p2", "p1", "p2"], "{name}");
        assert_eq!(read.kinds().iter().filter(|kind| **kind == "transaction").count(), bought, "{name}");
        assert_eq!(&read.kinds()[2..], ["view", "transaction"], "{name}");
    }
}

#[test]
fn a_session_s_name_is_its_user_s() {
    let row = |n: i64| format!("{},u{},view,i{n},{}\n", BASE_MS + n, n % 3, n % 2);
    let log: String = (0..30).map(row).collect();
    let log = format!("timestamp,visitorid,event,itemid,session\n{log}");
    let read = read_with("[ingest]\nsessions = \"column\"\n", &[("log.csv", log.as_bytes())]);
    assert_eq!(read.report["sessions"], 6, "{}", read.report);
}

#[test]
fn skip_rules_and_sessions_of_the_shop_do_not_apply_to_the_service_s_log() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (log, config) = (folder.path().join("log.csv"), folder.path().join("shop.toml"));
    fs::write(&log, "timestamp,visitorid,event,itemid,visit,state\n1755000000000,c1,view,p1,v1,ok\n1755000001000,c1,view,p2,v1,test\n")
        .expect("writes");
    let settings = "[ingest]\nsessions = \"column\"\nskip = [{ column = \"state\", starts_with = \"test\", reason = \"tests\" }]\n\
                    [ingest.columns]\nsession = \"visit\"\n";
    fs::write(&config, settings).expect("writes");
    let read = reading(&[log, input("shop/events")], Some(&config), None);
    assert_eq!(read.counts(), (4, 3, 0, 1), "{}", read.report);
}

#[test]
fn a_mapped_log_and_the_same_events_in_the_native_schema_are_one_version() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (mapped, plain) = (folder.path().join("shop.csv"), folder.path().join("log.csv"));
    let minutes = 0..300_i64;
    let row = |n: i64, unit: i64, quote: &str| {
        let (time, user, item) = ((BASE_MS + n * 60_000) / unit, n % 10, n % 7);
        format!("{time},{quote}u{user}{quote},view,i{item}\n")
    };
    let rows: String = minutes.clone().map(|n| row(n, 1000, "\"")).collect();
    fs::write(&mapped, format!("ts,customer,action,sku\n{rows}")).expect("writes");
    fs::write(&plain, format!("{HEADER}{}", minutes.map(|n| row(n, 1, "")).collect::<String>())).expect("writes");
    let versions = [(mapped, Some(input("shop/shop.toml"))), (plain, None)].map(|(log, config)| {
        let artifacts = folder.path().join(log.file_stem().expect("a name"));
        let service = input("shop/events");
        let mut arguments = vec!["run", "--events", text(&log), text(&service), "--artifacts", text(&artifacts)];
        if let Some(config) = &config {
            arguments.extend(["--config", text(config)]);
        }
        let output = as_shipped(&arguments, &SMALL);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut contents = contents(&champion(&artifacts));
        // It says how the log was read.
        contents.remove("manifest.json");
        contents
    });
    assert_eq!(versions[0].keys().collect::<Vec<_>>(), versions[1].keys().collect::<Vec<_>>());
    for (name, bytes) in &versions[0] {
        assert!(*bytes == versions[1][name], "{name} differs");
    }
}

#[test]
fn files_of_several_schemas_are_read_in_one_run() {
    let taobao = "1,p1,2520377,pv,1751544070\n2,p2,2520771,buy,1751561733\n";
    let lines = "{\"timestamp\":\"2025-06-20T10:00:00Z\",\"user_id\":\"u1\",\"product_id\":\"p1\",\"event_type\":\"add_to_cart\"}\n";
    let read = read_with(
        "",
        &[("native.csv", &log(0..20)), ("taobao.csv", taobao.as_bytes()), ("web.jsonl", lines.as_bytes())],
    );
    assert_eq!(read.counts(), (23, 23, 0, 0), "{}", read.report);
    assert_eq!(read.report["files"].as_array().map(Vec::len), Some(3));
}

#[test]
fn a_mapping_may_be_for_some_files_alone() {
    let config = "[[ingest.files]]\npattern = \"*shop*.csv\"\n[ingest.files.columns]\ntimestamp = \"ts\"\nuser = \"customer\"\n\
                  item = \"sku\"\nevent = \"action\"\n";
    let shop = fs::read(input("shop/shop.csv")).expect("reads");
    let read = read_with(config, &[("shop-a.csv", &shop), ("native.csv", &log(0..20))]);
    assert_eq!(read.counts(), (22, 22, 0, 0), "{}", read.report);
}
