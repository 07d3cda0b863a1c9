//! Item tables: rows that can't be read, items that stand twice, columns in other cases.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::reading::{HEADER, views};
use crate::support::{SMALL, as_shipped, offline, text};

/// The names of the items of a version with this item table, and what was said of it.
fn names(folder: &Path, table: &str, content: impl AsRef<[u8]>) -> (Vec<(String, String)>, String) {
    let (log, items, artifacts) = (folder.join("log.csv"), folder.join(table), folder.join("artifacts"));
    fs::write(&log, format!("{HEADER}{}", views(0..300))).expect("writes");
    fs::write(&items, content).expect("writes");
    let arguments = ["run", "--events", text(&log), "--items", text(&items), "--artifacts", text(&artifacts)];
    let output = as_shipped(&arguments, &SMALL);
    let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    assert!(output.status.success(), "{said}");
    let exported = offline(&["export", "--artifacts", text(&artifacts), "--table", "items"]);
    let item = |line: &str| {
        let item: Value = serde_json::from_str(line).expect("JSON");
        let word = |field: &str| item[field].as_str().unwrap_or_default().to_owned();
        (word("item_id"), word("name"))
    };
    (exported.lines().map(item).collect(), said)
}

fn name<'a>(names: &'a [(String, String)], id: &str) -> &'a str {
    names.iter().find(|(item, _)| item == id).map_or("absent", |(_, name)| name)
}

#[test]
fn quotes_escaped_by_a_backslash_take_no_other_item_s_name() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let rows: Vec<String> = (0..60).map(|n| format!("i{n},\"Vase {n}\",c1,5")).collect();
    let table = format!("itemid,name,category,price\n{}\n", rows.join("\n"))
        .replace("\"Vase 1\"", "\"19\\\" rack\"")
        .replace("\"Vase 4\"", "\"21\\\" rack\"");
    let (names, said) = names(folder.path(), "items.csv", table);
    for item in [0, 2, 3, 5, 6] {
        assert_eq!(name(&names, &format!("i{item}")), format!("Vase {item}"));
    }
    assert!(names.iter().all(|(_, name)| !name.contains('\n')), "{names:?}");
    assert!(said.contains("rejected") && said.contains("backslash"), "{said}");
}

#[test]
fn inch_marks_in_names_without_quotes_are_text() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (names, _) =
        names(folder.path(), "items.csv", "itemid,name,price\ni0,19\" rack,5\ni1,lamp,6\ni2,21\" rack,7\n");
    assert_eq!(["i0", "i1", "i2"].map(|item| name(&names, item)), ["19\" rack", "lamp", "21\" rack"]);
}

#[test]
fn of_an_item_that_stands_twice_the_last_row_counts_and_the_report_says_so() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (names, said) = names(folder.path(), "items.csv", "itemid,name\ni0,Old name\ni1,Lamp\ni0,New name\n");
    assert_eq!(["i0", "i1"].map(|item| name(&names, item)), ["New name", "Lamp"]);
    assert!(["twice", "more than once", "duplicate", "again"].iter().any(|word| said.contains(word)), "{said}");
}

#[test]
fn names_of_columns_in_other_cases_are_found() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (names, _) = names(folder.path(), "items.csv", "ItemID;NAME;Category\ni0;Rack;c1\ni1;Lampe größer;c2\n");
    assert_eq!(["i0", "i1"].map(|item| name(&names, item)), ["Rack", "Lampe größer"]);
}

#[test]
fn one_price_that_is_none_does_not_end_the_batch() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let rows: String =
        (0..60).map(|n| format!("i{n},Vase {n},{}\n", if n == 3 { "on request" } else { "5" })).collect();
    let (names, _) = names(folder.path(), "items.csv", format!("itemid,name,price\n{rows}"));
    assert_eq!(name(&names, "i4"), "Vase 4");
}

#[test]
fn tables_in_json_are_read_as_logs_are() {
    let rows =
        ["{\"itemid\":\"i0\",\"name\":\"Rack\",\"category\":[\"a\",\"b\"]}", "{\"itemid\":\"i1\",\"name\":\"Lamp\"}"];
    for (file, content) in [("items.jsonl", rows.join("\n")), ("items.json", format!("[{}]", rows.join(",")))] {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (names, _) = names(folder.path(), file, content);
        assert_eq!(["i0", "i1"].map(|item| name(&names, item)), ["Rack", "Lamp"], "{file}");
    }
}
