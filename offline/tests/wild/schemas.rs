//! Logs in the shapes of public data sets and of trackers, read without a config.

use super::reading::{BASE_MS, Reading, read, read_with, refused};

/// Asserts the counts of events, users and items of a log that is read whole.
fn assert_whole(read: &Reading, events: u64, users: u64, items: u64) {
    assert_eq!(read.counts(), (events, events, 0, 0), "{}", read.report);
    assert_eq!((read.report["users"].as_u64(), read.report["items"].as_u64()), (Some(users), Some(items)));
    assert!(read.report["files"][0]["schema"].is_string(), "{}", read.report);
}

#[test]
fn ratings_of_films() {
    let row = |n: i64, between: &str| {
        [(n % 5).to_string(), n.to_string(), format!("{}.5", n % 5), (1_260_759_144 + n).to_string()].join(between)
    };
    let csv: String = (0..30).map(|n| row(n, ",") + "\r\n").collect();
    assert_whole(&read("ratings.csv", format!("userId,movieId,rating,timestamp\r\n{csv}")), 30, 5, 30);
    let blank = csv.replacen("1260759150\r", "1260759150 \r", 1);
    assert_whole(&read("ratings.csv", format!("userId,movieId,rating,timestamp\r\n{blank}")), 30, 5, 30);
    let dat: Vec<String> = (0..30).map(|n| row(n, "::").replace(".5", "")).collect();
    assert_whole(&read("ratings.dat", dat.join("\n")), 30, 5, 30);
    let tabs: String = (0..30).map(|n| row(n, "\t") + "\n").collect();
    let atomic = read("ml.inter", format!("user_id:token\titem_id:token\trating:float\ttimestamp:float\n{tabs}"));
    assert_whole(&atomic, 30, 5, 30);
    assert_eq!(atomic.times()[0], 1_260_759_144_000);
}

#[test]
fn interactions_for_personalize() {
    let rows: String = (0..30).map(|n| format!("{},{n},{},click\n", n % 5, 1_750_000_000 + n)).collect();
    let read = read("interactions.csv", format!("USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\n{rows}"));
    assert_whole(&read, 30, 5, 30);
    assert_eq!((read.times()[0], read.kinds()[0]), (BASE_MS, "view"));
}

#[test]
fn events_of_a_general_store_cut_off_in_the_last_row() {
    let header = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\r\n";
    let row = |(n, kind): (i64, &&str)| {
        format!("2019-10-01 00:00:{n:02} UTC,{kind},44600062,2103807459595387724,,shiseido,35.79,5413121{n},s{n}\r\n")
    };
    let rows: String =
        (10..).zip(["view", "cart", "purchase", "view", "remove_from_cart"].repeat(8).iter()).map(row).collect();
    let read = read(
        "2019-Oct.csv",
        format!("{header}{rows}2019-10-01 02:50:00 UTC,view,10900305,205301,,elenberg,25.71,52040330"),
    );
    assert_eq!(read.counts(), (41, 40, 1, 0), "{}", read.report);
    assert_eq!(read.times()[0], 1_569_888_010_000);
    assert_eq!(read.kinds()[..3], ["view", "addtocart", "transaction"]);
}

#[test]
fn behaviour_without_a_header() {
    let words = ["pv", "pv", "cart", "fav", "buy"];
    let rows: String =
        (0..40).map(|n| format!("{},{n},149192,{},{}\n", n % 8, words[n as usize % 5], 1_511_544_070 + n)).collect();
    let read = read("UserBehavior.csv", rows);
    assert_whole(&read, 40, 8, 40);
    assert_eq!(read.kinds()[..5], ["view", "view", "addtocart", "wishlist", "transaction"]);
    assert_eq!(read.times()[0], 1_511_544_070_000);
}

#[test]
fn reviews_in_json_lines_named_json() {
    let row = |n: i64| {
        format!(
            "{{\"overall\": 5.0, \"verified\": true, \"reviewerID\": \"A{}\", \"asin\": \"B{n}\", \"style\": {{\"Size:\": \"7 oz\"}}, \
             \"reviewText\": \"As \\\"advertised\\\",\\nreally\", \"unixReviewTime\": {}}}\n",
            n % 5,
            1_472_688_000 + n
        )
    };
    assert_whole(&read("All_Beauty_5.json", (0..30).map(row).collect::<String>()), 30, 5, 30);
}

#[test]
fn an_export_of_ga4() {
    let item =
        |id: &str| format!("{{\"item_id\":\"{id}\",\"item_name\":\"N {id}\",\"price\":9.99,\"quantity\":\"1\"}}");
    let event = |n: i64, name: &str, user: &str, items: &[&str]| {
        let items: Vec<String> = items.iter().map(|id| item(id)).collect();
        format!(
            "{{\"event_date\":\"20250615\",\"event_timestamp\":\"{}\",\"event_name\":\"{name}\",\"event_params\":[{{\"key\":\"ga_session_id\",\
             \"value\":{{\"int_value\":\"77\"}}}}],\"user_id\":{user},\"user_pseudo_id\":\"p{}.9\",\"items\":[{}]}}\n",
            (BASE_MS + n * 1000) * 1000,
            n % 3,
            items.join(",")
        )
    };
    let log = [
        event(0, "page_view", "null", &[]),
        event(1, "view_item", "null", &["a"]),
        event(2, "add_to_cart", "\"u1\"", &["a"]),
        event(3, "view_item_list", "null", &["a", "b", "c"]),
        event(4, "purchase", "\"u1\"", &["a", "b"]),
        event(5, "session_start", "null", &[]),
    ];
    let read = read("events.json", log.concat());
    // A row an element: a page without items is a row, a list of three is three.
    assert_eq!(read.counts(), (9, 4, 0, 5), "{}", read.report);
    assert_eq!(read.items(), ["a", "a", "a", "b"]);
    assert_eq!(read.users(), ["p1.9", "u1", "u1", "u1"]);
    assert_eq!(read.kinds(), ["view", "addtocart", "transaction", "transaction"]);
    assert_eq!(read.times()[0], BASE_MS + 1000);
}

#[test]
fn calls_of_a_tracker() {
    let call = |n: i64, event: &str, properties: &str| {
        format!(
            "{{\"type\":\"track\",\"messageId\":\"m{n}\",\"anonymousId\":\"a1\",\"userId\":null,\"event\":\"{event}\",\
             \"properties\":{{{properties}}},\"timestamp\":\"2025-06-15T15:06:{n:02}.000Z\"}}\n"
        )
    };
    let log = [
        call(1, "Product Viewed", "\"product_id\":\"p1\",\"name\":\"Rack\",\"price\":5"),
        call(2, "Product Added", "\"product_id\":\"p1\""),
        call(
            3,
            "Order Completed",
            "\"order_id\":\"o1\",\"products\":[{\"product_id\":\"p1\"},{\"product_id\":\"p2\"}]",
        ),
        call(4, "Products Searched", "\"query\":\"rack\""),
    ];
    let read = read("calls.jsonl", log.concat());
    assert_eq!(read.counts(), (5, 4, 0, 1), "{}", read.report);
    assert_eq!(read.items(), ["p1", "p1", "p1", "p2"]);
    assert_eq!(read.kinds(), ["view", "addtocart", "transaction", "transaction"]);
}

#[test]
fn order_lines() {
    let header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\r\n";
    let row = |n: i64| {
        format!(
            "53{},{},\"LAMP, RED\",6,2010-12-01 08:{:02}:00,2.55,178{},United Kingdom\r\n",
            n / 4,
            10_000 + n,
            n % 60,
            n / 8
        )
    };
    let rows: String = (0..40).map(row).collect();
    let read = read("OnlineRetail.csv", format!("{header}{rows}"));
    assert_whole(&read, 40, 5, 40);
    assert!(read.kinds().iter().all(|kind| *kind == "transaction"));
}

#[test]
fn headers_in_other_languages_are_mapped_by_a_config_or_known() {
    let rows: String = (0..30).map(|n| format!("{},{n},pv,{}\n", n % 5, 1_512_189_107 + n)).collect();
    let log = format!("用户ID,商品ID,行为类型,时间戳\n{rows}");
    let config =
        "[ingest.columns]\nuser = \"用户ID\"\nitem = \"商品ID\"\nevent = \"行为类型\"\ntimestamp = \"时间戳\"\n";
    assert_whole(&read_with(config, &[("UserBehavior.csv", log.as_bytes())]), 30, 5, 30);
}

#[test]
fn a_table_that_is_no_log_is_refused_with_its_columns() {
    let rows = "29,3,5,2,52,1\n".repeat(30);
    let said = refused("e-shop.csv", format!("country,page 1 (main category),colour,location,price,Class\n{rows}"));
    for column in ["country", "page 1 (main category)", "Class"] {
        assert!(said.contains(column), "{said}");
    }
    assert!(said.contains("ingest"), "{said}");
}
