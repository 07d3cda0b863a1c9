//! Logs in Parquet: what columns of each kind become, and what those nobody asked for must not do.

use std::fs;
use std::path::Path;

use offline::log::parquet::write;
use polars_arrow::array::{
    Array, BinaryViewArray, BooleanArray, FixedSizeBinaryArray, ListArray, PrimitiveArray, Utf8ViewArray,
};
use polars_arrow::datatypes::{ArrowDataType as Kind, TimeUnit};
use polars_arrow::offset::OffsetsBuffer;

use crate::support::{self, offline, offline_fails, text, write_log};

/// 30 events: a minute apart, of three users and two items.
const EVENTS: i64 = 30;

fn numbers<T>(of: impl Fn(i64) -> T) -> Vec<T> {
    (0..EVENTS).map(of).collect()
}

fn texts(of: impl Fn(i64) -> String) -> Box<dyn Array> {
    let texts = numbers(|event| Some(of(event)));
    Utf8ViewArray::from_slice(texts.iter().map(Option::as_deref).collect::<Vec<_>>()).boxed()
}

fn time(event: i64) -> i64 {
    1_767_225_600_000 + event * 60_000
}

/// The columns of the log, with others in the place of those that are given.
fn log(path: &Path, others: Vec<(&'static str, Box<dyn Array>)>) {
    let mut columns = vec![
        ("timestamp", PrimitiveArray::from_vec(numbers(time)).boxed()),
        ("visitorid", texts(|event| (event % 3).to_string())),
        ("event", texts(|_| "view".to_owned())),
        ("itemid", texts(|event| (event % 2).to_string())),
    ];
    columns.retain(|(name, _)| others.iter().all(|(other, _)| other != name));
    columns.extend(others);
    write(path, columns).expect("writes");
}

/// The events that are read, as JSON lines.
fn ingested(log: &Path) -> String {
    let folder = tempfile::tempdir().expect("temporary folder");
    let out = folder.path().join("out.jsonl");
    let rejects = folder.path().join("rejects.jsonl");
    offline(&["ingest", "--events", text(log), "--out", text(&out), "--rejects", text(&rejects)]);
    fs::read_to_string(&out).expect("reads")
}

fn list() -> Box<dyn Array> {
    let values = PrimitiveArray::from_vec(numbers(|event| event)).boxed();
    let offsets = OffsetsBuffer::try_from((0..=EVENTS).collect::<Vec<_>>()).expect("offsets in order");
    ListArray::<i64>::new(ListArray::<i64>::default_datatype(Kind::Int64), offsets, values, None).boxed()
}

#[test]
fn a_log_is_the_same_whatever_the_kinds_of_its_columns() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let csv = folder.path().join("log.csv");
    let (users, items) = (numbers(|event| (event % 3).to_string()), numbers(|event| (event % 2).to_string()));
    let rows: Vec<_> = (0..EVENTS as usize)
        .map(|event| (time(event as i64), users[event].as_str(), "view", items[event].as_str()))
        .collect();
    write_log(&csv, &rows);
    let expected = ingested(&csv);
    let stamps = |unit, scale: i64| {
        PrimitiveArray::from_vec(numbers(|event| time(event) * scale)).to(Kind::Timestamp(unit, None)).boxed()
    };
    let bytes = numbers(|event| Some((event % 2).to_string().into_bytes()));
    let bytes: Vec<Option<&[u8]>> = bytes.iter().map(Option::as_deref).collect();
    let kinds = [
        ("timestamp", stamps(TimeUnit::Millisecond, 1)),
        ("timestamp", stamps(TimeUnit::Microsecond, 1_000)),
        ("timestamp", stamps(TimeUnit::Nanosecond, 1_000_000)),
        ("timestamp", PrimitiveArray::from_vec(numbers(|event| time(event) as f64)).boxed()),
        ("visitorid", PrimitiveArray::from_vec(numbers(|event| event as i8 % 3)).boxed()),
        ("visitorid", PrimitiveArray::from_vec(numbers(|event| event as u64 % 3)).boxed()),
        ("visitorid", PrimitiveArray::from_vec(numbers(|event| (event % 3) as f64)).boxed()),
        (
            "visitorid",
            PrimitiveArray::from_vec(numbers(|event| i128::from(event % 3) * 100)).to(Kind::Decimal(9, 2)).boxed(),
        ),
        ("itemid", BinaryViewArray::from_slice(&bytes).boxed()),
        ("itemid", FixedSizeBinaryArray::from_slice(numbers(|event| [b'0' + event as u8 % 2])).boxed()),
        ("itemid", PrimitiveArray::from_vec(numbers(|event| (event % 2) as f32)).boxed()),
        ("a list that nobody asked for", list()),
    ];
    for (name, column) in kinds {
        let parquet = folder.path().join("log.parquet");
        let kind = column.dtype().clone();
        log(&parquet, vec![(name, column)]);
        assert_eq!(ingested(&parquet), expected, "{name} {kind:?}");
    }
}

#[test]
fn a_mapped_column_of_lists_or_times_of_day_is_named_with_what_it_is() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let parquet = folder.path().join("log.parquet");
    let hours = PrimitiveArray::from_vec(numbers(|event| event)).to(Kind::Time64(TimeUnit::Microsecond)).boxed();
    for (column, kind) in [(list(), "a list"), (hours, "a time of day")] {
        log(&parquet, vec![("itemid", column)]);
        let told = offline_fails(&["ingest", "--events", text(&parquet)]);
        assert!(told.contains(&format!("log.parquet: column `itemid` is {kind}: expected text")), "{told}");
    }
}

#[test]
fn columns_of_floats_of_16_bits_break_no_file() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let parquet = folder.path().join("log.parquet");
    fs::write(&parquet, include_bytes!("fixtures/float16.parquet")).expect("writes");
    assert!(ingested(&parquet).lines().count() > 0);
}

#[test]
fn bytes_that_are_no_text_are_a_reject_and_absent_values_too() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (parquet, rejects) = (folder.path().join("log.parquet"), folder.path().join("rejects.jsonl"));
    let items: Vec<Option<&[u8]>> = numbers(|event| match event {
        7 => Some(&b"caf\xe9"[..]),
        9 => None,
        _ => Some(&b"x"[..]),
    });
    let flags = BooleanArray::from_slice(numbers(|event| event % 2 == 0)).boxed();
    log(&parquet, vec![("itemid", BinaryViewArray::from_slice(&items).boxed()), ("visitorid", flags)]);
    let settings = [("TANDEM_INGEST__MAX_REJECT_SHARE", "0.1")];
    let output = support::offline_with(&["ingest", "--events", text(&parquet), "--rejects", text(&rejects)], &settings);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = fs::read_to_string(&rejects).expect("reads");
    let told: Vec<serde_json::Value> = told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let rows: Vec<_> = told.iter().map(|row| &row["row"]).collect();
    assert_eq!(rows, [&8, &10]);
    assert!(told[0]["reason"].as_str().is_some_and(|reason| reason.starts_with("not UTF-8")), "{}", told[0]);
    assert_eq!(told[1]["reason"], "no item");
    assert!(told[1]["raw"].to_string().contains("false"), "{}", told[1]);
}

#[test]
fn a_damaged_file_is_told_by_its_name() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (whole, damaged) = (folder.path().join("log.parquet"), folder.path().join("damaged.parquet"));
    log(&whole, Vec::new());
    let bytes = fs::read(&whole).expect("reads");
    let mut zeros = bytes.clone();
    zeros[4..200].fill(0);
    for damage in [&bytes[..bytes.len() / 2], &bytes[..3], &zeros] {
        fs::write(&damaged, damage).expect("writes");
        let told = offline_fails(&["ingest", "--events", text(&damaged)]);
        assert!(told.contains("error: ") && told.contains("damaged.parquet"), "{told}");
    }
}

#[test]
fn a_list_of_numbers_is_the_vector_of_an_item() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (events, items) = (folder.path().join("log.parquet"), folder.path().join("items.parquet"));
    log(&events, Vec::new());
    let offsets = OffsetsBuffer::try_from(vec![0i64, 2, 4, 5]).expect("offsets");
    let values = PrimitiveArray::from_vec(vec![0.5f32, 0.25, 1.0, -2.0, 3.0]).boxed();
    let vectors = ListArray::<i64>::new(ListArray::<i64>::default_datatype(Kind::Float32), offsets, values, None);
    let ids = Utf8ViewArray::from_slice([Some("0"), Some("1"), Some("new")]).boxed();
    write(&items, vec![("itemid", ids), ("look", vectors.boxed())]).expect("writes");
    let arguments = ["ingest", "--events", text(&events), "--items", text(&items)];
    let output = support::offline_with(&arguments, &[("TANDEM_ITEMS__EMBEDDING", "look")]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("vectors: 2 items have one, of 2 numbers"), "{told}");
    assert!(told.contains("left out 1: a vector of a single number"), "{told}");
}
