//! Files from their bytes to their rows.

use std::fs;
use std::path::Path;

use polars_arrow::array::{Array, ListArray, PrimitiveArray, StructArray, Utf8ViewArray};
use polars_arrow::datatypes::{ArrowDataType as Kind, Field};
use polars_arrow::offset::OffsetsBuffer;
use proptest::prelude::*;

use super::*;
use crate::log::parquet::write;

fn wanted(paths: &[&str]) -> Vec<Wanted> {
    // Alternatives are written with a stroke between them.
    let of = |paths: &&str| paths.split(" | ").map(str::to_owned).collect();
    paths.iter().map(|path| Wanted { paths: of(path), needed: Needed::No, take: Take::Single }).collect()
}

/// The rows of a file: values between bars, or the reason why there are none.
fn told(form: &Form, wanted: &[Wanted]) -> Vec<String> {
    let mut told = Vec::new();
    for_each_row(form, wanted, "ingest.columns", &mut |at, row| {
        told.push(match row {
            Ok(row) => row.values.iter().map(|value| value.unwrap_or("-")).collect::<Vec<_>>().join("|"),
            Err(row) => format!("{}: {}", at.number, row.reason),
        });
        Ok(())
    })
    .expect("reads");
    told
}

fn read_with(bytes: &[u8], options: &ReadOptions, paths: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("log");
    fs::write(&path, bytes).expect("writes");
    told(&recognise(&path, options).expect("a form"), &wanted(paths))
}

fn read(bytes: impl AsRef<[u8]>, paths: &[&str]) -> Vec<String> {
    read_with(bytes.as_ref(), &ReadOptions::default(), paths)
}

#[test]
fn quotes_escaped_by_backslashes_are_told_and_read_by_setting() {
    let log = r#"timestamp,name,visitorid,event,itemid
1,"19\" rack",u1,view,i1
2,vase,u2,view,i2
3,lamp,u3,view,i3
4,"21\" rack",u4,view,i4
5,mug,u5,view,i5
"#;
    let rows = read(log, &["timestamp", "itemid"]);
    assert_eq!((rows.len(), &rows[1..3]), (5, &["2|i2".to_owned(), "3|i3".to_owned()][..]));
    assert!(rows[0].starts_with("1: text behind") && rows[0].contains("ingest.quoting = \"backslash\""), "{}", rows[0]);
    let options = ReadOptions { quoting: Quoting::Backslash, ..ReadOptions::default() };
    let rows = read_with(log.as_bytes(), &options, &["timestamp", "name"]);
    assert_eq!(rows, ["1|19\" rack", "2|vase", "3|lamp", "4|21\" rack", "5|mug"]);
}

#[test]
fn inch_marks_and_commas_cost_their_own_row_at_most() {
    let marks = "timestamp,visitorid,note\n1,u1,19\" rack\n2,u2,lamp\n3,u3,21\" rack\n4,u4,mug\n";
    assert_eq!(read(marks, &["timestamp", "note"]), ["1|19\" rack", "2|lamp", "3|21\" rack", "4|mug"]);
    let commas = "timestamp,itemid\n1,lamp, red\n2,lamp, blue\n3,vase\n";
    assert_eq!(read(commas, &["itemid"]), ["1: more fields than the header", "2: more fields than the header", "vase"]);
}

#[test]
fn latin_1_is_refused_row_by_row_or_read_by_setting() {
    let log = b"timestamp,itemid\n1,caf\xe9\n2,caf\xe8\n3,x\n";
    let rows = read(log, &["itemid"]);
    assert!(rows[0].starts_with("1: not UTF-8; ingest.encoding") && rows[1].starts_with("2: not") && rows[2] == "x");
    let encoding = serde_json::from_value("latin1".into()).expect("known");
    let options = ReadOptions { encoding: Some(encoding), ..ReadOptions::default() };
    assert_eq!(read_with(log, &options, &["itemid"]), ["café", "cafè", "x"]);
}

#[test]
fn names_of_columns_are_found_in_any_case_and_alternatives_row_by_row() {
    let log = "User_ID;user_pseudo_id\n;p1\nu2;p2\n";
    assert_eq!(read(log, &["user_id | user_pseudo_id", "USER_PSEUDO_ID", "none"]), ["p1|p1|-", "u2|p2|-"]);
    let log = "1\t10\n2\t20\n";
    assert_eq!(read(log, &["2", "1"]), ["10|1", "20|2"]);
}

#[test]
fn records_of_json_are_rows_however_they_are_laid_out() {
    let [a, b] = [r#"{"user":"\u00e4 \"1\"","id":1.50,"x":null}"#, r#"{"USER":"b","user":"c"}"#];
    for text in [format!("{a}\n\n{b}\n"), format!("[{a},\n{b}]"), format!("{a}{b}"), format!("{a},\n{b}")] {
        assert_eq!(read(&text, &["user", "id", "x"]), ["ä \"1\"|1.50|-", "c|-|-"], "{text}");
    }
}

#[test]
fn an_element_of_a_list_is_a_row() {
    let log = r#"{"user":{"id":"u1"},"items":[{"item_id":"a","n":2},{"item_id":"b"}],"p":[{"key":"x","v":{"i":1}},{"key":"s","v":{"i":7}}]}
{"user":{"id":"u2"},"items":[]}
{"user":{"id":"u3"},"product":"c","user.id":"whole"}
"#;
    let paths = ["user.id", "product | items[].item_id", "items[].n", "p[key=s].v.i"];
    assert_eq!(read(log, &paths), ["u1|a|2|7", "u1|b|-|7", "u2|-|-|-", "whole|c|-|-"]);
    assert_eq!(
        read(log, &["user", "items"])[0],
        "1: `user` is not a single value; a path such as `user.id` names one in it"
    );
    // Another list for another column: what would a row be?
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("log");
    fs::write(&path, log).expect("writes");
    let form = recognise(&path, &ReadOptions::default()).expect("a form");
    let error = first_rows(&form, &wanted(&["items[].item_id", "p[].key"]), 1).expect_err("two lists");
    assert!(error.to_string().contains("`items[]` and `p[]`"), "{error}");
    let whole = [Wanted { take: Take::Whole, ..wanted(&["items"]).remove(0) }];
    assert_eq!(told(&form, &whole)[..2], [r#"[{"item_id":"a","n":2},{"item_id":"b"}]"#, "[]"]);
}

#[test]
fn an_object_as_an_id_is_no_id_unless_the_path_goes_into_it() {
    let log = "{\"item\":{\"$oid\":\"a1\"}}\n{\"item\":[\"a1\"]}\n{\"item\":\"a2\"}\n";
    let refused =
        |row, path| format!("{row}: `{path}` is not a single value; a path such as `{path}.id` names one in it");
    assert_eq!(read(log, &["item"]), [refused(1, "item"), refused(2, "item"), "a2".to_owned()]);
    assert_eq!(read(log, &["item.$oid | item"]), ["a1".to_owned(), refused(2, "item.$oid"), "a2".to_owned()]);
}

#[test]
fn the_first_rows_come_with_their_lines() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("log");
    fs::write(&path, "user,item\na,\"x\"\"\"\nb,y,z\nc,z\n").expect("writes");
    let form = recognise(&path, &ReadOptions::default()).expect("a form");
    let rows = first_rows(&form, &wanted(&["item"]), 2).expect("reads");
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[0].values, rows[0].raw.as_deref()), (&Ok(vec![Some("x\"".to_owned())]), Some("a,\"x\"\"\"")));
    assert_eq!((&rows[1].values, rows[1].raw.as_deref()), (&Err(NoRow::MoreFields), Some("b,y,z")));
    let needed = [Wanted::column("users", Needed::Yes)];
    let error = for_each_row(&form, &needed, "ingest.columns", &mut |_, _| Ok(())).expect_err("no column");
    assert!(error.to_string().contains("no column `users`; there are: user, item"), "{error}");
}

#[test]
fn the_end_of_the_services_log_may_be_unfinished() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let lines = [r#"{"timestamp":1,"visitorid":"u","event":"view","itemid":"x"}"#, "garbage", r#"{"timest"#].join("\n");
    let (log, packed) = ("events-0-00000001.jsonl", "events-0-00000002.jsonl.gz");
    fs::write(folder.path().join(log), &lines).expect("writes");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, lines.as_bytes()).expect("packs");
    fs::write(folder.path().join(packed), gzip.finish().expect("packs")).expect("writes");
    for (name, end) in [(log, "3: not written to its end yet"), (packed, "3: unreadable line")] {
        let form = recognise(&folder.path().join(name), &ReadOptions::default()).expect("a form");
        assert_eq!(told(&form, &wanted(&["itemid"])), ["x", "2: unreadable line", end]);
    }
    // Offsets are those of the bytes, whatever the lines are.
    let form = recognise(&folder.path().join(log), &ReadOptions::default()).expect("a form");
    let mut ends = Vec::new();
    for_each_row(&form, &wanted(&["itemid"]), "", &mut |at, _| {
        ends.push((at.start, at.end));
        Ok(())
    })
    .expect("reads");
    assert_eq!(ends, [(0, 60), (60, 68), (68, 76)]);
}

fn texts<const N: usize>(values: [&str; N]) -> Box<dyn Array> {
    Utf8ViewArray::from_slice(values.map(Some)).boxed()
}

fn list(kind: Kind, offsets: &[i64], values: Box<dyn Array>) -> Box<dyn Array> {
    let offsets = OffsetsBuffer::try_from(offsets.to_vec()).expect("in order");
    ListArray::<i64>::new(ListArray::<i64>::default_datatype(kind), offsets, values, None).boxed()
}

fn structure(fields: Vec<(&str, Box<dyn Array>)>) -> Box<dyn Array> {
    let length = fields[0].1.len();
    let kinds = fields.iter().map(|(name, array)| Field::new((*name).into(), array.dtype().clone(), true)).collect();
    let arrays = fields.into_iter().map(|(_, array)| array).collect();
    StructArray::new(Kind::Struct(kinds), length, arrays, None).boxed()
}

/// Three records: of two elements, of none, and of one.
fn nested(path: &Path) {
    let items = structure(vec![
        ("vector", list(Kind::Float32, &[0, 1, 2, 2], PrimitiveArray::from_slice([0.5f32, 1.0]).boxed())),
        ("item_id", texts(["a", "b", "c"])),
        ("n", PrimitiveArray::from_slice([1i64, 2, 3]).boxed()),
    ]);
    let params =
        structure(vec![("key", texts(["s", "t", "s"])), ("value", structure(vec![("i", texts(["7", "8", "9"]))]))]);
    write(
        path,
        vec![
            ("user", structure(vec![("id", texts(["u1", "u2", "u3"])), ("x", texts(["", "", ""]))])),
            ("items", list(items.dtype().clone(), &[0, 2, 2, 3], items)),
            ("params", list(params.dtype().clone(), &[0, 2, 3, 3], params)),
            ("price", PrimitiveArray::from_slice([0.5f32, 1.0, 2.0]).boxed()),
            ("vector", list(Kind::Float32, &[0, 2, 2, 3], PrimitiveArray::from_slice([0.5f32, -1.0, 2.0]).boxed())),
        ],
    )
    .expect("writes");
}

#[test]
fn nested_columns_of_parquet_are_read_as_those_of_json() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("log.parquet");
    nested(&path);
    let form = recognise(&path, &ReadOptions::default()).expect("a form");
    assert_eq!(form.columns, ["user", "items", "params", "price", "vector"]);
    assert!(form.has("Items[].item_id") && form.has("params[key=s].value.i") && !form.has("items[].name"));
    let paths = ["user.id", "items[].item_id", "items[].n", "params[key=s].value.i", "price"];
    assert_eq!(told(&form, &wanted(&paths)), ["u1|a|1|7|0.5", "u1|b|2|7|0.5", "u2|-|-|9|1", "u3|c|3|-|2"]);
    assert_eq!(told(&form, &wanted(&["price", "none"])), ["0.5|-", "1|-", "2|-"]);
    let whole = [Wanted { take: Take::Whole, ..wanted(&["vector"]).remove(0) }];
    assert_eq!(told(&form, &whole), ["[0.5,-1]", "-", "[2]"]);
    let mut positions = Vec::new();
    for_each_row(&form, &wanted(&["items[].n"]), "", &mut |at, _| {
        positions.push((at.number, at.element));
        Ok(())
    })
    .expect("reads");
    assert_eq!(positions, [(1, 0), (1, 1), (2, 0), (3, 0)]);
}

#[test]
fn a_damaged_file_is_an_error_about_it() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("log.parquet");
    nested(&path);
    let mut bytes = fs::read(&path).expect("reads");
    bytes[4..100].fill(0xee);
    fs::write(&path, &bytes).expect("writes");
    let form = recognise(&path, &ReadOptions::default()).expect("a form");
    let error = first_rows(&form, &wanted(&["user.id"]), 5).expect_err("damaged");
    assert!(error.to_string().contains("log.parquet"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_the_bytes_a_file_is_read_or_refused(
        start in prop::sample::select(vec![&b""[..], b"a,b\n", b"{\"a\":1}\n", b"[{\"a\":", b"PAR1\x15", b"\x1f\x8b\x08", b"\xff\xfe"]),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("log");
        fs::write(&path, [start, &bytes].concat()).expect("writes");
        if let Ok(form) = recognise(&path, &ReadOptions::default()) {
            let error = for_each_row(&form, &wanted(&["a", "b.c", "1"]), "", &mut |_, _| Ok(())).err();
            prop_assert!(!error.is_some_and(|error| error.to_string().contains("reading it failed")), "{form}");
        }
    }

    #[test]
    fn every_line_outside_quotes_is_one_row(
        lines in prop::collection::vec(
            prop::sample::select(vec!["1,a,b", "2,\"a\",b", "3,\"x\"\"y\",c", "4,\"stray,b", "5,a\"b,c", "6,a", "7,a,b,c", "8,caf\u{e9},\"\""]),
            0..40,
        ),
        end in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        let text = format!("n,x,y{end}{}", lines.iter().map(|line| format!("{line}{end}")).collect::<String>());
        let rows = read(&text, &["n", "x"]);
        prop_assert_eq!(rows.len(), lines.len());
        for (row, line) in rows.iter().zip(&lines) {
            prop_assert!(row.contains(": ") || row.starts_with(&line[..2].replace(',', "|")), "{} from {}", row, line);
        }
    }
}
