//! What rows are about where no column says it, columns that are not what their names say, and guests.

use std::fs;

use super::reading::{read, read_with, reading, refused};

/// Rows of the columns that every log has, and one value more.
fn log(first: &str, time: &str, value: impl Fn(usize) -> String) -> String {
    let row = |n: usize| format!("{},c{},p{},2025-11-{:02}\n", value(n), n % 4, n % 5, n + 1);
    let rows: String = (0..12).map(row).collect();
    format!("{first},customer_id,product_id,{time}\n{rows}")
}

#[test]
fn the_number_of_a_cart_a_list_or_a_return_says_what_rows_are() {
    for (first, time, kind) in [
        ("cart_id", "created_at", "addtocart"),
        ("wishlist_id", "added_at", "wishlist"),
        ("return_id", "created_at", "refund"),
        ("refund_id", "refund_date", "refund"),
        ("order_id", "return_date", "refund"),
        ("order_id", "created_at", "transaction"),
    ] {
        let read = read("log.csv", log(first, time, |n| n.to_string()));
        assert_eq!(read.counts(), (12, 12, 0, 0), "{first}: {}", read.report);
        assert!(read.kinds().iter().all(|own| *own == kind), "{first}: {:?}", read.kinds());
    }
    let orders = log("return_id,order_id", "order_date", |n| format!("{},{n}", if n == 3 { "7" } else { "" }));
    assert!(read("orders.csv", orders).kinds().iter().all(|kind| *kind == "transaction"), "a few orders have a return");
    let orders = log("cart_id,order_id", "created_at", |n| format!("{n},{n}"));
    assert!(read("orders.csv", orders).kinds().iter().all(|kind| *kind == "transaction"), "a cart became an order");
}

#[test]
fn a_number_of_pieces_and_a_list_in_a_cell_are_no_items() {
    let counts = |n: usize| format!("{n},{}", n % 4 + 1);
    let table = log("order_id,items", "order_date", counts).replace("product_id", "region");
    let said = refused("orders.csv", &table);
    assert!(said.contains("column `items` has numbers of pieces") && said.contains("item = "), "{said}");
    let named = log("order_id,items", "order_date", counts).replace("product_id", "product_name");
    assert_eq!(read("orders.csv", &named).items()[..2], ["p0", "p1"]);
    let lists = log("order_id,Product(s)", "order_date", |n| format!("{n},\"1× Hat {}, 2× Sock\"", n % 3));
    let said = refused("orders.csv", lists.replace("product_id", "region"));
    assert!(said.contains("column `Product(s)` has several in a cell"), "{said}");
    // Ids that are small numbers, in a log of views.
    let views = "user,items,timestamp\na,1,1750000000\na,2,1750000100\n";
    assert_eq!(read("views.csv", views).items(), ["1", "2"]);
}

#[test]
fn a_table_of_users_in_a_folder_is_left_out_and_a_log_without_items_is_not() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("writes");
    write("log.csv", "user_id,item_id,timestamp\nu1,a,1750000000\nu2,b,1750000100\n");
    write("users.csv", "user_id,created_at,country\nu1,2025-01-01,DE\nu2,2025-01-02,FR\n");
    let read = reading(&[folder.path().to_owned()], None, None);
    assert_eq!(read.counts(), (2, 2, 0, 0), "{}", read.report);
    let left_out = read.report["left_out"].to_string();
    assert!(left_out.contains("users.csv") && left_out.contains("table of users"), "{left_out}");
    write("users.csv", "user_id,created_at,thing\nu1,2025-01-01,a\nu1,2025-01-02,b\n");
    let said = super::reading::refused_paths(&[folder.path().to_owned()], None);
    assert!(said.contains("users.csv: no column tells the item"), "{said}");
}

#[test]
fn guests_as_one_user_are_warned_of_with_the_line_that_skips_them() {
    let orders = |guest: &str| {
        log("order_id", "order_date", |n| n.to_string())
            .replace(",c0,", &format!(",{guest},"))
            .replace(",c1,", &format!(",{guest},"))
    };
    for guest in ["0", "guest", "Anonymous"] {
        let log = orders(guest);
        let line = format!("ingest.no_user = [\"{guest}\"]");
        let told = read("orders.csv", &log);
        assert!(told.counts() == (12, 12, 0, 0) && told.said.contains(&line), "{guest}: {}", told.said);
        let set = read_with(&line, &[("orders.csv", log.as_bytes())]);
        assert_eq!(set.counts(), (12, 6, 0, 6), "{guest}: {}", set.report);
        assert!(!set.said.contains("all guests"), "{}", set.said);
    }
    let numbers = log("order_id", "order_date", |n| n.to_string()).replace(",c", ",");
    assert!(!read("orders.csv", numbers).said.contains("all guests"), "the first of four users");
    assert!(!read("orders.csv", orders("c0")).said.contains("all guests"));
    // Of several columns the next one tells who it was.
    let config = "ingest.no_user = [\"0\"]\ningest.columns.user = [\"customer_id\", \"email\"]\n";
    let log = "order_id,customer_id,email,product_id,order_date\n1,0,a@x.de,p,2025-11-01\n2,7,b@x.de,p,2025-11-02\n";
    assert_eq!(read_with(config, &[("orders.csv", log.as_bytes())]).users(), ["a@x.de", "7"]);
}
