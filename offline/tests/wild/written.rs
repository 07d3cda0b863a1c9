//! Ways to write a table or objects that programs have, and whose content is plain.

use super::reading::{read, read_with, refused, refused_with};

#[test]
fn fields_within_apostrophes_are_quoted_where_the_header_is() {
    let log = "'user_id','item_id','timestamp'\n'u','i, j',1759312800\n'v','O''Neil',1759312900\n";
    let read = read("log.csv", log);
    assert_eq!((read.counts(), read.users()), ((2, 2, 0, 0), vec!["u", "v"]), "{}", read.report);
    assert_eq!(read.items(), ["i, j", "O'Neil"]);
}

#[test]
fn a_formula_that_keeps_a_number_from_excel_is_its_text() {
    let log = "customer_id,product_id,timestamp\n=\"007\",=\"0012\",1759312800\n\"=\"\"008\"\"\",12,1759312900\n";
    let read = read("log.csv", log);
    assert_eq!((read.users(), read.items()), (vec!["007", "008"], vec!["0012", "12"]), "{}", read.report);
}

#[test]
fn names_of_rows_that_the_header_lacks_are_passed_over() {
    let log = "\"user_id\",\"item_id\",\"timestamp\"\n\"1\",\"u\",\"i\",1759312800\n\"2\",\"v\",\"j\",1759312900\n";
    let read = read("log.csv", log);
    assert_eq!((read.counts(), read.users()), ((2, 2, 0, 0), vec!["u", "v"]), "{}", read.report);
}

#[test]
fn fields_that_hive_separates_are_read_and_other_signs_are_asked_for() {
    let log = "user_id\u{1}item_id\u{1}timestamp\nu\u{1}i\u{1}1759312800\nv\u{1}j\u{1}1759312900\n";
    assert_eq!(read("000000_0.csv", log).counts(), (2, 2, 0, 0));
    let said = refused("log.csv", "user^item^time\nu^i^1759312800\n");
    assert!(said.contains("ingest.separator = \"^\""), "{said}");
}

#[test]
fn an_object_may_have_its_list_in_lines_that_begin_with_objects() {
    let record = |item: &str| format!(r#"{{"user_id":"u","item_id":"{item}","timestamp":1759312800}}"#);
    let log = format!("{{\"data\":[{},\n{},\n{}\n]}}\n", record("i"), record("j"), record("k"));
    let config =
        "[ingest.columns]\nuser = \"data[].user_id\"\nitem = \"data[].item_id\"\ntimestamp = \"data[].timestamp\"\n";
    let read = read_with(config, &[("page.json", log.as_bytes())]);
    assert_eq!((read.counts(), read.items()), ((3, 3, 0, 0), vec!["i", "j", "k"]), "{}", read.report);
    // What is within the objects is named where they are not mapped.
    let said = refused("page.json", log);
    assert!(said.contains("data[].user_id"), "{said}");
}

#[test]
fn a_path_through_two_lists_is_refused_with_what_to_do() {
    let config = "[ingest.columns]\nitem = \"orders[].lines[].sku\"\n";
    let log = r#"{"orders":[{"user":"u","at":1759312800,"lines":[{"sku":"i"}]}]}"#;
    let said = refused_with(config, &[("page.json", log.as_bytes())]);
    assert!(said.contains("columns.item") && said.contains("jq -c '.orders[]'"), "{said}");
}

#[test]
fn a_page_without_objects_is_left_out() {
    let log = b"user_id,item_id,timestamp\nu,i,1759312800\n";
    let read = read_with("", &[("page1.csv", log), ("page2.json", b"[]")]);
    assert_eq!(read.counts(), (1, 1, 0, 0), "{}", read.report);
    assert!(read.report.to_string().contains("page2.json"), "{}", read.report);
}
