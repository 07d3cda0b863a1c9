//! Ids: one rule for numbers and text, in every format, and what is no id.

use std::fs;

use offline::log::parquet::write;
use polars_arrow::array::{PrimitiveArray, Utf8ViewArray};

use super::reading::{BASE_MS, HEADER, Reading, input, read, read_input, read_with, reading, refused_paths, views};

/// A log in JSON lines of one view a value of `itemid`.
fn items_of(values: &[&str]) -> String {
    let row = |(n, value): (i64, &&str)| {
        format!("{{\"timestamp\":{},\"visitorid\":\"u\",\"event\":\"view\",\"itemid\":{value}}}\n", BASE_MS + n)
    };
    (0..).zip(values).map(row).collect()
}

#[test]
fn a_number_is_one_id_however_it_is_written() {
    let csv = reading(&[input("float-ids.csv")], None, Some(&input("items.csv")));
    let row = |n: i64| {
        format!(
            "{{\"timestamp\":{},\"visitorid\":10.0,\"event\":\"view\",\"itemid\":5{}.0}}\n",
            BASE_MS + n * 60_000,
            n + 2
        )
    };
    let lines = read("log.jsonl", [row(0), row(1)].concat());
    let folder = tempfile::tempdir().expect("temporary folder");
    let parquet = folder.path().join("log.parquet");
    let floats = |values: [f64; 2]| PrimitiveArray::from_vec(values.to_vec()).boxed();
    let columns = vec![
        ("timestamp", PrimitiveArray::from_vec(vec![BASE_MS, BASE_MS + 60_000]).boxed()),
        ("visitorid", floats([10.0, 10.0])),
        ("event", Utf8ViewArray::from_slice([Some("view"); 2]).boxed()),
        ("itemid", floats([52.0, 53.0])),
    ];
    write(&parquet, columns).expect("writes");
    let parquet = reading(&[parquet], None, Some(&input("items.csv")));
    for read in [&csv, &lines, &parquet] {
        assert_eq!(read.counts(), (2, 2, 0, 0));
        assert_eq!((read.users(), read.items()), (vec!["10", "10"], vec!["52", "53"]));
    }
    assert_eq!((&csv.report["items"], &parquet.report["items"]), (&2.into(), &2.into()), "no phantoms");
}

#[test]
fn an_item_table_that_matches_no_item_of_the_log_is_a_warning() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (log, items) = (folder.path().join("log.csv"), folder.path().join("items.csv"));
    fs::write(&log, format!("{HEADER}{}", views(0..40))).expect("writes");
    fs::write(&items, "itemid,name\nSKU-1,Rack\nSKU-2,Vase\n").expect("writes");
    let read = reading(&[log], None, Some(&items));
    assert!(read.warns_of(&["item table"]), "{}", read.report);
    let matching = reading(&[input("float-ids.csv")], None, Some(&input("items.csv")));
    assert!(!matching.warns_of(&["item table"]), "{}", matching.report);
}

#[test]
fn blanks_around_an_id_are_no_part_of_it() {
    let rows = [("u1", "i1"), ("u1 ", " i1"), (" u1", "\ti1"), ("\"u1 \"", "\" i1 \"")];
    let rows: String = rows.iter().map(|(user, item)| format!("{BASE_MS},{user},view,{item}\n")).collect();
    let read = read("log.csv", format!("{HEADER}{rows}"));
    assert_eq!(read.counts(), (4, 4, 0, 0));
    assert!(read.users().iter().all(|user| *user == "u1") && read.items().iter().all(|item| *item == "i1"));
}

/// Asserts that each of the ids was read as it is.
fn assert_kept(read: &Reading, ids: &[&str]) {
    assert_eq!(read.counts(), (ids.len() as u64, ids.len() as u64, 0, 0), "{}", read.report);
    assert_eq!(read.items(), ids);
}

#[test]
fn odd_ids_stay_what_they_are() {
    let digits = "123456789012345678901234567890";
    let ids = [
        "a/b",
        "a%20b",
        "a+b",
        "a?b#c",
        "a&b=c",
        "😀",
        "e\u{301}",
        "é",
        "a b",
        "..",
        "a.b",
        "007",
        "1e3",
        "52.5",
        "-3",
        digits,
        "true",
        "'",
        "\\",
        "a\\nb",
        "{}",
        "[1]",
        "nil",
        "Nanna",
        "none at all",
    ];
    let quoted: Vec<String> = ids.iter().map(|id| serde_json::to_string(id).expect("JSON")).collect();
    assert_kept(&read("log.jsonl", items_of(&quoted.iter().map(String::as_str).collect::<Vec<_>>())), &ids);
    let csv: String = (0..).zip(&ids).map(|(n, id)| format!("{},u,view,{id}\n", BASE_MS + n)).collect();
    assert_kept(&read("log.csv", format!("{HEADER}{csv}")), &ids);
    let marks = ["a,b", "a\"b", "a\"\",\"\"b"];
    let csv: String =
        (0..).zip(&marks).map(|(n, id)| format!("{},u,view,\"{}\"\n", BASE_MS + n, id.replace('"', "\"\""))).collect();
    assert_kept(&read("log.csv", format!("{HEADER}{csv}")), &marks);
}

#[test]
fn numbers_of_json_are_ids_digit_by_digit() {
    let numbers = ["7", "123456789012345678901", "123456789012345678902", "52.0", "-3.00", "52.5", "52.10", "1e3"];
    // Those that requests can have are read as they are there.
    let ids = ["7", "123456789012345678901", "123456789012345678902", "52", "-3", "52.5", "52.1", "1000"];
    assert_kept(&read("log.jsonl", items_of(&numbers)), &ids);
}

#[test]
fn a_list_in_one_cell_is_no_id() {
    let rows = [r#""[{""sku"":""a""},{""sku"":""b""}]""#, r#""[""a"",""b""]""#, "[x]"];
    let rows: String = rows.iter().map(|item| format!("{BASE_MS},u,view,{item}\n")).collect();
    let read = read("log.csv", format!("{HEADER}{rows}"));
    assert_eq!((read.counts(), read.items()), ((3, 1, 2, 0), vec!["[x]"]), "{}", read.report);
}

#[test]
fn words_for_nothing_are_a_missing_id() {
    let missing = ["", " ", "NULL", "null", "NaN", "nan", "None", "none", "N/A"];
    let rows = |user: &str, item: &str| format!("{BASE_MS},{user},view,{item}\n");
    let bad: String = missing.iter().map(|word| rows(word, "i") + &rows("u", word)).collect();
    let csv = read("log.csv", format!("{HEADER}{}{bad}", views(0..20)));
    assert_eq!(csv.counts(), (38, 20, 18, 0), "{}", csv.report);
    assert!(csv.rejected_for(&["no user"]) && csv.rejected_for(&["no item"]), "{}", csv.report);
    let lines = read("log.jsonl", items_of(&["null", "\"\"", "\"NULL\"", "\"NaN\"", "\"i\""]));
    assert_eq!(lines.counts(), (5, 1, 4, 0));
}

#[test]
fn an_object_a_list_or_a_truth_value_is_no_id() {
    let said = refused_paths(&[input("object-as-id.jsonl")], None);
    assert!(said.contains("2 of 2 rows") || said.contains("no events"), "{said}");
    assert!(said.contains("not a single value"), "{said}");
    let read = read("log.jsonl", items_of(&["{\"$oid\":\"a1\"}", "[\"a1\",\"a2\"]", "[]", "{}", "true", "\"a1\""]));
    assert_eq!(read.counts(), (6, 1, 5, 0), "{}", read.report);
    assert_eq!(read.items(), ["a1"]);
    let path = read_with(
        "[ingest.columns]\nitem = \"itemid.$oid\"\n",
        &[("log.jsonl", items_of(&["{\"$oid\":\"a1\"}"]).as_bytes())],
    );
    assert_eq!(path.items(), ["a1"], "a path leads into it");
}

#[test]
fn ids_that_are_too_long_or_hold_control_characters_are_a_reject() {
    let (long, longest) = ("x".repeat(256), "x".repeat(255));
    let ids = [long.as_str(), "a\u{1}b", "a\u{7f}b", longest.as_str()];
    let rows: String = ids.iter().map(|id| format!("{BASE_MS},u,view,{id}\n")).collect();
    let read = read("log.csv", format!("{HEADER}{rows}"));
    assert_eq!(read.counts(), (4, 1, 3, 0));
    assert!(read.rejected_for(&["too long"]), "{}", read.report);
}

#[test]
fn one_who_does_more_than_people_do_is_named_and_counts_as_the_busiest_of_them() {
    let view = |user: &str, n: i64| format!("{},{user},view,i{}\n", BASE_MS + n * 1000, n % 7);
    let people: String = (0..600).map(|n| view(&format!("u{}", n % 120), n)).collect();
    let bot: String = (0..5000).map(|n| view("crawler", n)).collect();
    let read = read("log.csv", format!("{HEADER}{people}{bot}"));
    assert_eq!(read.counts(), (5600, 605, 0, 4995), "{}", read.report);
    assert!(read.warns_of(&["crawler", "5000"]), "{}", read.report);
    assert!(read.said.contains("crawler"), "{}", read.said);
}

#[test]
fn the_user_null_is_nobody() {
    let nobody: String = (0..300).map(|n| format!("{},NULL,view,i{}\n", BASE_MS + n * 1000, n % 7)).collect();
    let read = read("log.csv", format!("{HEADER}{}{nobody}", views(0..300)));
    assert_eq!(read.counts(), (600, 300, 300, 0));
    assert!(!read.users().contains(&"NULL"));
}

#[test]
fn float_ids_of_a_file_alone_are_whole_numbers() {
    assert_eq!(read_input("float-ids.csv").users(), ["10", "10"]);
}
