//! Times: units told by their size, formats, zones, and what can't be a time of the shop.

use std::time::{SystemTime, UNIX_EPOCH};

use offline::log::parquet::write;
use polars_arrow::array::{PrimitiveArray, Utf8ViewArray};
use polars_arrow::datatypes::{ArrowDataType, TimeUnit};

use super::reading::{
    BASE_MS, DAY_MS, HEADER, input, native, read, read_input, read_with, refused, refused_with, views,
};

/// A log of one user who looks at one item at these times.
fn at(times: &[&str]) -> String {
    let rows: String = times.iter().map(|time| format!("\"{time}\",u1,view,i1\n")).collect();
    format!("{HEADER}{rows}")
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(now.as_millis()).expect("a time")
}

#[test]
fn numbers_tell_their_unit() {
    for (name, unit) in [("seconds.csv", "s"), ("microseconds.csv", "us")] {
        let read = read_input(name);
        assert_eq!(read.counts(), (3, 3, 0, 0), "{name}");
        assert_eq!(read.times(), [BASE_MS, BASE_MS + 60_000, BASE_MS + 90_000_000], "{name}");
        assert!(read.of_file("times").ends_with(&format!(" {unit}")), "{}", read.report);
        assert_eq!(read.report["first_ms"], BASE_MS);
        assert_eq!(read.report["last_ms"], BASE_MS + 90_000_000);
    }
    let nanoseconds = read("log.csv", at(&["1750000000000000000", "1750000060000000000"]));
    assert_eq!(nanoseconds.times(), [BASE_MS, BASE_MS + 60_000]);
    assert!(nanoseconds.of_file("times").ends_with(" ns"), "{}", nanoseconds.report);
    let days = read("log.csv", at(&["20254", "20255"]));
    assert_eq!(days.times(), [1_749_945_600_000, 1_750_032_000_000]);
    assert!(days.of_file("times").contains("days"), "{}", days.report);
}

#[test]
fn a_unit_that_is_set_and_wrong_is_refused() {
    for (unit, name) in [("ms", "seconds.csv"), ("s", "microseconds.csv"), ("ms", "microseconds.csv")] {
        let log = std::fs::read(input(name)).expect("reads");
        let said = refused_with(&format!("[ingest]\ntimestamp_unit = \"{unit}\"\n"), &[("log.csv", &log)]);
        assert!(said.contains("timestamp_unit") || said.contains("1990") || said.contains("future"), "{said}");
    }
}

#[test]
fn dates_written_as_one_number_are_dates() {
    let read = read_input("yyyymmdd.csv");
    assert_eq!(read.counts(), (2, 2, 0, 0));
    assert_eq!(read.times(), [1_749_945_600_000, 1_750_032_000_000]);
}

#[test]
fn an_event_of_the_future_is_a_reject_and_not_now() {
    let (year, century) = ((now_ms() + 365 * DAY_MS).to_string(), "4070908800000");
    let log = format!("{HEADER}{}{year},u1,view,i9\n{century},u1,view,i9\n", views(0..100));
    let read = read("log.csv", log);
    assert_eq!(read.counts(), (102, 100, 2, 0));
    assert_eq!(read.report["last_ms"], BASE_MS + 99 * 60_000);
    assert!(read.rejected_for(&["future", "ahead", "after"]), "{}", read.report);
    assert!(!read.items().contains(&"i9"));
}

#[test]
fn what_cant_be_a_time_is_a_reject() {
    let read_nat = read_input("nat-as-int64.csv");
    assert_eq!(read_nat.counts(), (4, 3, 1, 0));
    let odd = ["0", "-5", "", "NaN", "inf", "1e300", "9223372036854775807", "soon", "2025-02-30"];
    let rows: String = odd.iter().map(|time| format!("{time},u1,view,i1\n")).collect();
    let read = read("log.csv", format!("{HEADER}{}{rows}", views(0..20)));
    assert_eq!(read.counts(), (29, 20, 9, 0), "{}", read.report);
    assert!(read.rejected_for(&["1990"]), "{}", read.report);
}

#[test]
fn one_seconds_row_among_milliseconds_is_a_reject_or_converted_but_not_1970() {
    let read = read("log.csv", format!("{HEADER}{}1750000000,u1,view,i1\n", views(0..50)));
    assert!(read.times().iter().all(|time| *time >= BASE_MS), "{:?}", read.times());
    let (rows, events, rejected, skipped) = read.counts();
    assert_eq!((rows, events + rejected, skipped), (51, 51, 0));
}

#[test]
fn the_order_of_rows_does_not_matter() {
    let rows: Vec<String> = views(0..60).lines().map(str::to_owned).collect();
    let [forwards, backwards] = [rows.clone(), rows.into_iter().rev().collect()]
        .map(|rows: Vec<String>| read("log.csv", format!("{HEADER}{}\n", rows.join("\n"))).events);
    assert_eq!(forwards, backwards);
}

#[test]
fn a_time_without_a_zone_is_of_the_zone_that_is_set() {
    let log = at(&["2025-11-25 18:00:00", "2025-11-25T10:00:00Z"]);
    let zone = read_with("[ingest]\ntime_zone = \"Asia/Tokyo\"\n", &[("log.csv", log.as_bytes())]);
    assert_eq!(zone.times(), [1_764_061_200_000, 1_764_064_800_000]);
    let utc = read("log.csv", &log);
    assert_eq!(utc.times(), [1_764_064_800_000, 1_764_093_600_000]);
    let said = refused_with("[ingest]\ntime_zone = \"Mars/Olympus\"\n", &[("log.csv", log.as_bytes())]);
    assert!(said.contains("time_zone") && said.contains("Mars/Olympus"), "{said}");
}

#[test]
fn a_trailing_utc_is_read() {
    let read = read_input("rees46-shape.csv");
    assert_eq!(read.counts(), (3, 3, 0, 0));
    assert_eq!(read.kinds(), ["view", "addtocart", "transaction"]);
    assert_eq!(read.times(), [1_736_071_200_000, 1_736_071_260_000, 1_736_071_320_000]);
}

#[test]
fn dates_with_the_day_first_are_read_by_a_format_and_by_themselves_where_only_one_reading_is_possible() {
    for (format, time, ms) in
        [("%d-%m-%Y", "27-04-2015", 1_430_092_800_000_i64), ("%d/%m/%Y %H:%M", "30/10/2016 09:58", 1_477_821_480_000)]
    {
        let log = at(&[time]);
        let config = format!("[ingest]\ntimestamp_format = \"{format}\"\n");
        assert_eq!(read_with(&config, &[("log.csv", log.as_bytes())]).times(), [ms]);
        assert_eq!(read("log.csv", log).times(), [ms], "{time}");
    }
}

#[test]
fn two_possible_readings_of_dates_are_refused_with_both() {
    let said = refused("log.csv", at(&["03/04/2016 09:58", "05/04/2016 10:00"]));
    assert!(said.contains("timestamp_format") && said.contains("%d/%m/%Y") && said.contains("%m/%d/%Y"), "{said}");
}

#[test]
fn dates_of_two_readings_are_read_as_those_of_a_file_beside_them() {
    let (june, july) = (at(&["25/06/2016", "26/06/2016"]), at(&["03/07/2016", "05/07/2016"]));
    let read = read_with("", &[("july.csv", july.as_bytes()), ("june.csv", june.as_bytes())]);
    assert_eq!(read.counts(), (4, 4, 0, 0), "{}", read.report);
    assert_eq!(read.report["last_ms"], 1_467_676_800_000_i64);
    // A file of another country beside both: nobody knows.
    let usa = at(&["06/25/2016", "06/26/2016"]);
    let files: [(&str, &[u8]); 3] =
        [("july.csv", july.as_bytes()), ("june.csv", june.as_bytes()), ("usa.csv", usa.as_bytes())];
    let said = refused_with("", &files);
    assert!(said.contains("%d/%m/%Y") && said.contains("%m/%d/%Y"), "{said}");
}

#[test]
fn columns_with_two_shapes_of_dates_are_not_read_as_one() {
    // An office program of another country turned the days that it could: 02-01 was 1/2, and 1/13 stayed.
    let log = at(&["02-01-2016", "03-01-2016", "1/13/2016", "1/14/2016"]);
    let said = refused("log.csv", &log);
    let line = r#"timestamp_format = ["%m/%d/%Y", "%d-%m-%Y"]"#;
    assert!(said.contains("several ways") && said.contains(line), "{said}");
    let read = read_with(&format!("[ingest]\n{line}\n"), &[("log.csv", log.as_bytes())]);
    assert_eq!(read.counts(), (4, 4, 0, 0), "{}", read.report);
}

#[test]
fn times_of_parquet_without_a_zone_are_of_the_zone_that_is_set() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let config = "[ingest]\ntime_zone = \"Europe/Berlin\"\ntimestamp_unit = \"s\"\n";
    let of = |name: &str, zone: Option<&str>| {
        let times = PrimitiveArray::from_slice([BASE_MS, BASE_MS + 1])
            .to(ArrowDataType::Timestamp(TimeUnit::Millisecond, zone.map(Into::into)));
        let text = |value: &str| Utf8ViewArray::from_slice([Some(value); 2]).boxed();
        let columns = vec![
            ("timestamp", times.boxed()),
            ("visitorid", text("u")),
            ("event", text("view")),
            ("itemid", text("i")),
        ];
        let path = folder.path().join(name);
        write(&path, columns).expect("writes");
        read_with(config, &[(name, &std::fs::read(&path).expect("reads"))]).times()
    };
    let two_hours = 2 * 3_600_000;
    assert_eq!(of("civil.parquet", None), [BASE_MS - two_hours, BASE_MS + 1 - two_hours]);
    assert_eq!(of("instants.parquet", Some("UTC")), [BASE_MS, BASE_MS + 1]);
}

#[test]
fn the_log_ends_with_its_last_event_also_if_that_takes_one_back() {
    let (bought, returned) = (BASE_MS + 60_000, BASE_MS + 120_000);
    let rows = [(0, "u", "view", "a"), (60_000, "u", "transaction", "b"), (120_000, "u", "refund", "b")];
    let read = read("log.csv", native(&rows));
    assert_eq!((&read.report["first_ms"], &read.report["last_ms"]), (&BASE_MS.into(), &returned.into()));
    assert_eq!(read.times(), [BASE_MS, bought, returned]);
    assert!(!read.warns_of(&["take back"]), "{}", read.report);
    let newest_first =
        super::reading::read("log.csv", native(&[(0, "u", "refund", "b"), (0, "u", "transaction", "b")]));
    assert!(newest_first.warns_of(&["1 events take back", "order"]), "{}", newest_first.report);
}

#[test]
fn forms_of_iso_8601_are_read() {
    for (time, ms) in [
        ("2025-03-01T12:30:15Z", 1_740_832_215_000_i64),
        ("2025-03-01T12:30:15.25Z", 1_740_832_215_250),
        ("2025-03-01T12:30:15.123456789Z", 1_740_832_215_123),
        ("2025-03-01 12:30:15", 1_740_832_215_000),
        ("2025-03-01 12:30", 1_740_832_200_000),
        ("2025-03-01T18:00:15+05:30", 1_740_832_215_000),
        ("2025-03-01T12:30:15+0000", 1_740_832_215_000),
        ("2025-03-01 12:30:15 UTC", 1_740_832_215_000),
        (" 2025-03-01 12:30:15 ", 1_740_832_215_000),
        ("2025-03-01", 1_740_787_200_000),
        ("1750009058.123", 1_750_009_058_123),
        ("1750009058.0", 1_750_009_058_000),
        ("1.750009058e9", 1_750_009_058_000),
        ("1750009058123 ", 1_750_009_058_123),
    ] {
        assert_eq!(read("log.csv", at(&[time])).times(), [ms], "{time}");
    }
}

#[test]
fn a_column_orders_events_of_one_date() {
    let log = "date,position,user,item\n2025-03-01,3,u,c\n2025-03-01,1,u,a\n2025-03-01,2,u,b\n";
    let config = "[ingest]\ndefault_event = \"view\"\n[ingest.columns]\ntimestamp = \"date\"\nuser = \"user\"\n\
                  item = \"item\"\nevent = \"\"\norder = \"position\"\n";
    assert_eq!(read_with(config, &[("log.csv", log.as_bytes())]).items(), ["a", "b", "c"]);
}

#[test]
fn a_log_of_before_1990_alone_is_refused() {
    let said = refused("log.csv", native(&[(-BASE_MS, "u1", "view", "i1"), (5 - BASE_MS, "u1", "view", "i2")]));
    assert!(said.contains("1990") || said.contains("timestamp_unit"), "{said}");
}
