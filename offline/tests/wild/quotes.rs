//! Quotes, separators within fields, and lines: one bad line costs one row.

use super::reading::{BASE_MS, HEADER, input, read, read_input, read_with, refused_paths, try_read, views};

/// The header of the native schema with a note behind it.
const NOTED: &str = "timestamp,visitorid,event,itemid,note\n";

/// Rows of users of their own with these notes, as they stand in the file.
fn noted(notes: &[&str]) -> String {
    let row = |(at, note): (i64, &&str)| format!("{},u{at},view,i{at},{note}\n", BASE_MS + at);
    (0..).zip(notes).map(row).collect()
}

#[test]
fn quotes_escaped_by_a_backslash_cost_their_own_rows_and_the_setting_is_named() {
    let log = input("backslash-quote.csv");
    let said = refused_paths(std::slice::from_ref(&log), None);
    assert!(said.contains("2 of 5 rows") && said.contains("quoting") && said.contains("backslash"), "{said}");
    let read = read_input("backslash-quote.csv");
    assert_eq!(read.counts(), (5, 3, 2, 0));
    assert_eq!(read.users(), ["u2", "u3", "u5"]);
    assert_eq!(read.items(), ["i2", "i3", "i5"]);
    assert_eq!(read.times(), [BASE_MS + 1000, BASE_MS + 2000, BASE_MS + 4000]);
    let rows: Vec<_> = read.rejects.iter().map(|reject| reject["row"].as_u64()).collect();
    assert_eq!(rows, [Some(1), Some(4)]);
    assert!(read.rejects[0].to_string().contains(r#"19\\\" rack"#), "the raw text: {}", read.rejects[0]);
    let set = read_with("[ingest]\nquoting = \"backslash\"\n", &[("log.csv", &std::fs::read(log).expect("reads"))]);
    assert_eq!(set.counts(), (5, 5, 0, 0));
    assert_eq!(set.users(), ["u1", "u2", "u3", "u4", "u5"]);
}

#[test]
fn two_such_names_in_a_large_log_cost_two_rows() {
    let mut rows: Vec<String> = (0..2006).map(|n| format!("{},\"vase\",u{},view,i{}", BASE_MS + n, n % 9, n)).collect();
    for at in [400, 900] {
        rows[at] = rows[at].replace("\"vase\"", "\"19\\\" rack\"");
    }
    let log = format!("timestamp,name,visitorid,event,itemid\n{}\n", rows.join("\n"));
    assert_eq!(read("log.csv", log).counts(), (2006, 2004, 2, 0));
}

#[test]
fn inch_marks_in_fields_without_quotes_are_text() {
    assert_eq!(read_input("inch-marks.csv").counts(), (4, 4, 0, 0));
    assert_eq!(read_input("one-stray-quote.csv").counts(), (3, 3, 0, 0));
    assert_eq!(read_input("one-stray-quote.csv").items(), ["i1", "i2", "i3"]);
}

#[test]
fn a_quote_that_is_not_closed_costs_its_row() {
    for stray in ["\"rack", "\"", "\"rack, red", "x\"\"", "\"19\" rack\"", "\"rack\"x"] {
        let log = format!("{NOTED}{}", noted(&["x", "y", stray, "z", "\"q, q\"", "w", "", "v"]));
        let read = read("log.csv", log);
        let (rows, events, rejected, skipped) = read.counts();
        assert_eq!((rows, skipped), (8, 0), "{stray}");
        // Only within a field that begins with a quote does one mean anything.
        assert_eq!((events, rejected), if stray.starts_with('"') { (7, 1) } else { (8, 0) }, "{stray}");
        assert_eq!(read.items().len() as u64, events, "{stray}");
        assert!(["i0", "i1", "i3", "i4", "i5", "i6", "i7"].iter().all(|item| read.items().contains(item)), "{stray}");
    }
}

#[test]
fn an_open_quote_in_the_last_line_costs_its_row() {
    let read = read("log.csv", format!("{HEADER}{}{},u1,view,\"i1\n", views(0..20), BASE_MS));
    assert_eq!(read.counts(), (21, 20, 1, 0));
    assert!(read.rejected_for(&["quote"]), "{}", read.report);
}

#[test]
fn quoted_fields_are_read_as_rfc_4180_says() {
    let ids = [
        "plain",
        "\"with, comma\"",
        "\"with \"\"quotes\"\"\"",
        "\"\"\"\"",
        "\"umlaut äöü\"",
        "\"a;b|c\"",
        "\"'single'\"",
    ];
    let rows: String = ids.iter().map(|id| format!("\"{BASE_MS}\",\"u\",\"view\",{id}\n")).collect();
    let read = read("log.csv", format!("\"timestamp\",\"visitorid\",\"event\",\"itemid\"\n{rows}"));
    assert_eq!(read.counts(), (7, 7, 0, 0));
    let told = ["plain", "with, comma", "with \"quotes\"", "\"", "umlaut äöü", "a;b|c", "'single'"];
    assert_eq!(read.items(), told);
}

#[test]
fn quoted_line_ends_belong_to_their_field() {
    for end in ["\n", "\r\n"] {
        let notes = ["x", "\"two\nlines\"", "\"three\n\nlines, \"\"quoted\"\"\"", "\"ends\n\"", "y"];
        let log = format!("{NOTED}{}", noted(&notes)).replace('\n', end);
        let read = read("log.csv", log);
        assert_eq!(read.counts(), (5, 5, 0, 0));
        assert_eq!(read.items(), ["i0", "i1", "i2", "i3", "i4"]);
    }
}

#[test]
fn a_quoted_field_of_many_lines_that_are_rows_themselves_is_a_stray_quote() {
    let rows: Vec<String> = views(0..30).lines().map(str::to_owned).collect();
    let mut broken = rows.clone();
    broken[4] = broken[4].replace("view", "\"view");
    broken[20] = format!("{}\"", broken[20]);
    let read = read("log.csv", format!("{HEADER}{}\n", broken.join("\n")));
    let (rows, events, rejected, _) = read.counts();
    assert_eq!(rows, 30);
    assert!(events >= 28 && rejected <= 2, "{}", read.report);
}

#[test]
fn more_fields_than_the_header_are_a_reject() {
    let said = refused_paths(&[input("more-fields-than-header.csv")], None);
    assert!(said.contains("2 of 3 rows") && said.contains("more fields than"), "{said}");
    let read = read_input("more-fields-than-header.csv");
    assert_eq!(read.counts(), (3, 1, 2, 0));
    assert_eq!(read.items(), ["vase"]);
    assert!(read.rejects[0].to_string().contains("lamp, red"), "the raw text: {}", read.rejects[0]);
}

#[test]
fn a_last_line_that_is_cut_off_is_a_reject() {
    for cut in ["1750000000000,u1,vi", "1750000000000,u1", "17500", "1750000000000,u1,view"] {
        let read = read("log.csv", format!("{HEADER}{}{cut}", views(0..40)));
        assert_eq!(read.counts(), (41, 40, 1, 0), "{cut}");
    }
    // With all of its fields it may be whole, or not: a name may lack its end.
    let whole = read("log.csv", format!("{HEADER}{}1750000000000,u1,view,i1", views(0..40)));
    assert_eq!(whole.counts(), (41, 41, 0, 0));
}

#[test]
fn a_header_in_the_middle_and_blank_lines_are_no_events() {
    let read = read("log.csv", format!("{HEADER}{}{HEADER}{}\n\n{}", views(0..20), views(20..40), views(40..60)));
    let (_, events, rejected, skipped) = read.counts();
    assert_eq!(events, 60);
    assert!((1..=3).contains(&(rejected + skipped)), "{}", read.report);
}

#[test]
fn line_ends_of_every_kind_may_be_mixed() {
    let mixed: String =
        views(0..40).lines().zip(["\r\n", "\n"].iter().cycle()).map(|(row, end)| format!("{row}{end}")).collect();
    assert_eq!(read("log.csv", format!("{HEADER}{mixed}")).counts(), (40, 40, 0, 0));
    let windows = format!("{HEADER}{}", views(0..40)).replace('\n', "\r\n");
    let read_windows = read("log.csv", windows);
    assert_eq!(read_windows.counts(), (40, 40, 0, 0));
    assert!(read_windows.items().iter().all(|item| item.len() == 2), "no carriage return in an id");
}

#[test]
fn lines_that_end_in_a_carriage_return_alone_are_read_or_the_file_is_refused_with_a_word() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("log.csv");
    std::fs::write(&path, format!("{HEADER}{}", views(0..40)).replace('\n', "\r")).expect("writes");
    match try_read(&[path], None, None, &[]) {
        Ok(read) => assert_eq!(read.counts(), (40, 40, 0, 0)),
        Err(said) => assert!(said.contains("log.csv") && said.contains("line"), "{said}"),
    }
}

#[test]
fn nul_bytes_are_a_reject() {
    let read = read("log.csv", format!("{HEADER}{}1750000000000,u1,view,i\01\n", views(0..40)));
    assert_eq!(read.counts(), (41, 40, 1, 0));
}

#[test]
fn columns_may_stand_in_any_order() {
    let rows: String = (0..30).map(|n| format!("view,i{n},x,{},u{n}\n", BASE_MS + n)).collect();
    let read = read("log.csv", format!("event,itemid,other,timestamp,visitorid\n{rows}"));
    assert_eq!(read.counts(), (30, 30, 0, 0));
    assert_eq!((read.users()[7], read.items()[7]), ("u7", "i7"));
}
