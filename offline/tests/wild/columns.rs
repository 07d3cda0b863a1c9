//! Columns that are found by their names, and by their values where a name is not enough.

use serde_json::Value;

use super::reading::{read, read_with, refused};

/// The columns of a role in a file with this header and one row of an event.
fn column(role: &str, header: &str, row: &str) -> String {
    let read = read("log.csv", format!("{header}\n{row}\n"));
    read.report["files"][0]["columns"][role][0].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_known_schema_does_not_hide_a_column_of_words() {
    let rows = "1,2,3.5,1760000000,view\n1,3,4.0,1760000060,purchase\n2,3,4.0,1760000120,dislike\n";
    let read_rows = read("ratings.csv", format!("userId,movieId,rating,timestamp,event_type\n{rows}"));
    assert_eq!((read_rows.of_file("schema"), read_rows.kinds()), ("movielens", vec!["view", "transaction", "dislike"]));
    let rows = "u,i,1760000000,view\nu,j,1760000060,purchase\nv,j,1760000120,Add to cart\n";
    let words = read("interactions.csv", format!("USER_ID,ITEM_ID,TIMESTAMP,ACTION\n{rows}"));
    assert_eq!((words.of_file("schema"), words.kinds()), ("personalize", vec!["view", "transaction", "addtocart"]));
    // A column with such a name and other values is none.
    let rows = "u,i,1760000000,mobile\nu,j,1760000060,desktop\n";
    let others = read("interactions.csv", format!("USER_ID,ITEM_ID,TIMESTAMP,TYPE\n{rows}"));
    assert_eq!(others.kinds(), ["view", "view"]);
}

#[test]
fn values_that_may_be_anything_are_no_ratings_and_no_categories() {
    let words =
        "1,2026-01-01T10:00:00Z,101,view\n1,2026-01-02T10:00:00Z,101,addtocart\n2,2026-01-03T10:00:00Z,102,purchase\n";
    let kinds = "1000,2000,1,1760000000\n1001,2001,2,1760000060\n1002,2002,4,1760000180\n";
    let pieces = "1000,2000,1,2026-01-01\n1001,2001,2,2026-01-02\n1002,2002,1,2026-01-03\n";
    for log in [words, kinds, pieces] {
        let said = refused("log.csv", log);
        assert!(said.contains("ingest.columns.user") && said.contains("ingest.header = \"yes\""), "{said}");
    }
}

#[test]
fn names_of_people_are_not_served_as_names_of_items() {
    for name in ["name", "Title", "description", "nombre"] {
        let header = format!("user_id,{name},product_id,event,timestamp");
        let log = format!("{header}\nu,Ann Smith,p1,view,1760000000\n");
        let read = read("log.csv", log);
        assert!(read.report["files"][0]["columns"]["name"].is_null(), "{name}");
    }
    assert_eq!(column("name", "user_id,product_name,product_id,timestamp", "u,Lamp,p1,1760000000"), "product_name");
}

#[test]
fn the_screen_says_which_column_is_what() {
    let read_rows = read("log.csv", "CUSTOMERNAME,sku,date\nA,p,2026-01-01\nB,q,2026-01-02\n");
    let told = "user ← CUSTOMERNAME, item ← sku, time ← date, kind: all rows are view (default_event)";
    assert!(read_rows.said.contains(told), "{}", read_rows.said);
}

#[test]
fn of_several_columns_the_one_that_speaks_of_people_and_products_is_taken() {
    for (role, header, row, expected) in [
        ("user", "uuid,session_id,product_id,timestamp", "x,s,p,1760000000", "session_id"),
        ("user", "cid,session_id,product_id,timestamp", "x,s,p,1760000000", "session_id"),
        ("user", "order_id,CustomerName,sku,date", "1,Ann,p,2026-01-01", "CustomerName"),
        ("user", "Bestellnummer,Kundenname,sku,date", "1,Ann,p,2026-01-01", "Kundenname"),
        ("user", "Kunden-Nr.,Artikel-Nr.,date", "1,p,2026-01-01", "Kunden-Nr."),
        ("item", "user_id,item_id,product_id,timestamp", "u,1,p,1760000000", "product_id"),
        ("timestamp", "user_id,sku,created_at,viewed_at", "u,p,2020-01-01,2026-01-01", "viewed_at"),
        ("timestamp", "user_id,sku,updated_at,purchased_at", "u,p,2020-01-01,2026-01-01", "purchased_at"),
        ("quantity", "customer_id,sku,date,Quantité", "u,p,2026-01-01,1", "Quantité"),
        ("price", "customer_id,sku,date,preço", "u,p,2026-01-01,1", "preço"),
        ("category", "customer_id,sku,date,Catégorie", "u,p,2026-01-01,x", "Catégorie"),
    ] {
        assert_eq!(column(role, header, row), expected, "{header}");
    }
}

#[test]
fn a_name_alone_makes_no_order_and_no_time_of_day() {
    let steps = read(
        "log.csv",
        "user_id,item_id,event,timestamp,step\nu,i,view,1760000000,product\nu,j,view,1760000060,cart\n",
    );
    assert_eq!(steps.counts(), (2, 2, 0, 0), "{}", steps.report);
    let hours = read("log.csv", "user_id,item_id,date,hour\nu,i,2026-01-01,0\nu,j,2026-01-01,13\n");
    assert_eq!(hours.times(), [1_767_225_600_000, 1_767_272_400_000]);
    let seconds = read("log.csv", "user_id,item_id,date,time\nu,i,2026-01-01,350\nu,j,2026-01-01,7\n");
    assert_eq!(seconds.times(), [1_767_225_600_000, 1_767_225_600_000]);
}

#[test]
fn users_that_are_no_people_are_warned_of() {
    let rows: String = (0..120).map(|n| format!("o{n},p{},{}\n", n % 7, 1_760_000_000 + n)).collect();
    let orders = read("orders.csv", format!("order_id,sku,timestamp\n{rows}"));
    assert!(orders.warns_of(&["`order_id` stands for the user", "ingest.columns.user"]), "{}", orders.report);
    assert!(orders.warns_of(&["120 users have 120 events"]), "{}", orders.report);
    let sessions = read("log.csv", "session_id,sku,timestamp\ns,p,1760000000\n");
    assert!(sessions.warns_of(&["`session_id` stands for the user"]), "{}", sessions.report);
    let people = read("log.csv", "user_id,sku,timestamp\ns,p,1760000000\n");
    assert_eq!(people.report["warnings"], Value::Array(Vec::new()));
}

#[test]
fn a_refusal_names_all_that_is_missing() {
    let said = refused("log.csv", "a,b,c\nx,y,z\n");
    for line in ["the user, the item and the time", "user = ", "item = ", "timestamp = "] {
        assert!(said.contains(line), "{line} in {said}");
    }
}

#[test]
fn settings_that_no_file_has_a_use_for_are_named() {
    let config = "[ingest.columns]\nprice = \"cost\"\nuser = \"buyer\"\n[[ingest.files]]\npattern = \"none-*.csv\"\n";
    let log = "user_id,item_id,timestamp,price\nu,i,1760000000,1\n";
    let read = read_with(config, &[("log.csv", log.as_bytes())]);
    assert!(read.warns_of(&["ingest.columns.price", "`cost`"]), "{}", read.report);
    assert!(read.warns_of(&["ingest.columns.user", "`buyer`"]), "{}", read.report);
    assert!(read.warns_of(&["none-*.csv", "fits no file"]), "{}", read.report);
}
