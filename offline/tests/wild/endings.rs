//! Separators, endings, folders and layouts.

use std::fs;
use std::path::PathBuf;

use super::reading::{
    BASE_MS, HEADER, input, read, read_input, read_with, reading, refused, refused_paths, try_read, views,
};

fn log(separator: &str) -> String {
    format!("{HEADER}{}", views(0..40)).replace(',', separator)
}

fn json(minute: i64) -> String {
    let (time, user, item) = (BASE_MS + minute * 60_000, minute % 10, minute % 7);
    format!(r#"{{"timestamp":{time},"visitorid":"u{user}","event":"view","itemid":"i{item}"}}"#)
}

#[test]
fn separators_are_told_by_the_header() {
    assert_eq!(read_input("semicolons.csv").counts(), (1, 1, 0, 0));
    for separator in [",", ";", "\t", "|"] {
        let read = read("log.csv", log(separator));
        assert_eq!(read.counts(), (40, 40, 0, 0), "{separator:?}");
        let form = read.of_file("form");
        assert!(form.contains(if separator == "\t" { "tab" } else { separator }), "{form}");
    }
    let set = read_with("[ingest]\nseparator = \"::\"\n", &[("log.dat", log("::").as_bytes())]);
    assert_eq!(set.counts(), (40, 40, 0, 0));
}

#[test]
fn a_decimal_comma_does_not_make_a_comma_the_separator() {
    let rows: String = (0..30).map(|n| format!("{};u{n};view;i{n};19,99\n", BASE_MS + n)).collect();
    let read = read("log.csv", format!("timestamp;visitorid;event;itemid;price\n{rows}"));
    assert_eq!((read.counts(), read.items()[3]), ((30, 30, 0, 0), "i3"));
}

#[test]
fn endings_of_every_kind_are_read() {
    for name in ["log.tsv", "log.txt", "log.dat", "LOG.CSV", "Log.Csv", "log.TSV", "log.log", "log"] {
        let separator = if name.to_lowercase().ends_with("tsv") { "\t" } else { "," };
        assert_eq!(read(name, log(separator)).counts(), (40, 40, 0, 0), "{name}");
    }
    let lines: Vec<String> = (0..40).map(json).collect();
    for name in ["log.jsonl", "log.ndjson", "log.json", "LOG.JSON", "log.txt"] {
        assert_eq!(read(name, lines.join("\n")).counts(), (40, 40, 0, 0), "{name}");
    }
}

#[test]
fn a_list_of_records_is_read_like_lines() {
    let records: Vec<String> = (0..40).map(json).collect();
    let pretty = records.join(",\n").replace("{", "{\n    ").replace(",\"", ",\n    \"");
    for (list, what) in [
        (format!("[{}]", records.join(",")), "in one line"),
        (format!("[\n{}\n]\n", records.join(",\n")), "a line each"),
        (format!("\n  [\n{pretty}\n]"), "pretty"),
    ] {
        for name in ["log.json", "log.jsonl"] {
            let read = read(name, &list);
            assert_eq!(read.counts(), (40, 40, 0, 0), "{name} {what}");
            assert_eq!((read.users()[12], read.items()[12]), ("u2", "i5"));
        }
    }
    let cut = format!("[{}", records.join(","));
    let cut = read("log.json", &cut[..cut.len() - 10]);
    assert_eq!((cut.counts().1, cut.counts().2), (39, 1), "{}", cut.report);
}

#[test]
fn a_bad_line_among_lines_of_json_costs_its_row() {
    let mut lines: Vec<String> = (0..40).map(json).collect();
    for (at, bad) in [(5, "{\"timestamp\":17500"), (17, "null"), (20, "[1, 2]"), (30, "\"text\""), (35, "")] {
        lines[at] = bad.to_owned();
    }
    let read = read("log.jsonl", lines.join("\n"));
    let (_, events, rejected, _) = read.counts();
    assert_eq!(events, 35);
    assert!((4..=5).contains(&rejected), "a blank line may count or not: {}", read.report);
}

#[test]
fn a_folder_is_read_whole_and_what_is_left_out_is_named() {
    let read = reading(&[input("folder")], None, None);
    assert_eq!(read.counts(), (3, 3, 0, 0));
    assert_eq!(read.items(), ["i1", "i2", "i3"]);
    assert_eq!(read.report["files"].as_array().map(Vec::len), Some(3));

    let folder = tempfile::tempdir().expect("temporary folder");
    fs::write(folder.path().join("jan.csv"), format!("{HEADER}{}", views(0..30))).expect("writes");
    fs::write(folder.path().join("logo.png"), b"\x89PNG\r\n\x1a\n").expect("writes");
    fs::write(folder.path().join("notes.docx"), b"PK\x03\x04").expect("writes");
    fs::create_dir(folder.path().join("older")).expect("a folder");
    fs::write(folder.path().join("older/dec.csv"), format!("{HEADER}{}", views(0..30))).expect("writes");
    let read = reading(&[folder.path().to_owned()], None, None);
    assert_eq!(read.counts(), (30, 30, 0, 0));
    let left_out = read.report["left_out"].as_array().expect("a list");
    for name in ["logo.png", "notes.docx", "older"] {
        let named = |left: &&serde_json::Value| left["path"].to_string().contains(name) && left["reason"].is_string();
        assert!(left_out.iter().any(|left| named(&left)), "{name}: {left_out:?}");
        assert!(read.said.contains(name), "{name}: {}", read.said);
    }
}

#[test]
fn a_folder_with_capital_letters_alone_is_read_and_one_of_folders_is_refused_in_words() {
    let folder = tempfile::tempdir().expect("temporary folder");
    fs::write(folder.path().join("EVENTS.CSV"), format!("{HEADER}{}", views(0..30))).expect("writes");
    assert_eq!(reading(&[folder.path().to_owned()], None, None).counts(), (30, 30, 0, 0));

    let outer = tempfile::tempdir().expect("temporary folder");
    fs::create_dir(outer.path().join("inner")).expect("a folder");
    for path in [outer.path().to_owned(), outer.path().join("inner")] {
        let said = refused_paths(std::slice::from_ref(&path), None);
        assert!(said.contains(&path.display().to_string()) && !said.contains("no such file"), "{said}");
    }
}

#[test]
fn patterns_are_folders_of_their_own() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for (name, minutes) in [("2025-01.csv", 0..20), ("2025-02.csv", 20..40), ("other.csv", 40..60)] {
        fs::write(folder.path().join(name), format!("{HEADER}{}", views(minutes))).expect("writes");
    }
    let pattern: PathBuf = folder.path().join("2025-*.csv");
    assert_eq!(reading(&[pattern], None, None).counts(), (40, 40, 0, 0));
    let said = refused_paths(&[folder.path().join("2026-*.csv")], None);
    assert!(said.contains("2026-*.csv"), "{said}");
}

#[test]
fn columns_that_nobody_maps_never_break_a_file() {
    for name in ["decimal-column.parquet", "float16-column.parquet", "vector-column.parquet"] {
        let read = reading(&[input(name)], None, Some(&input(name)));
        assert_eq!(read.counts(), (2, 2, 0, 0), "{name}");
        assert_eq!((read.users(), read.items()), (vec!["u1", "u2"], vec!["i1", "i2"]), "{name}");
        assert!(!read.said.contains("panicked"), "{}", read.said);
    }
}

#[test]
fn columns_that_are_mapped_and_can_be_no_value_are_named() {
    for name in ["vector-column.parquet", "float16-column.parquet", "decimal-column.parquet"] {
        let folder = tempfile::tempdir().expect("temporary folder");
        let config = folder.path().join("shop.toml");
        fs::write(&config, "[ingest.columns]\nitem = \"extra\"\n").expect("writes");
        let told = try_read(&[input(name)], Some(&config), None, &[]);
        let said = told.err().unwrap_or_default();
        assert!(!name.starts_with("vector") || said.contains("extra") || said.contains("not a single value"), "{said}");
    }
}

#[test]
fn an_empty_file_and_a_header_alone_say_so() {
    for content in ["", "\n\n", HEADER] {
        let said = refused("log.csv", content);
        assert!(said.contains("no events") || said.contains("empty"), "{said}");
    }
}
