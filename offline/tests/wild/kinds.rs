//! Kinds of events: known words, words of the shop, and words that nobody knows.

use super::reading::{BASE_MS, HEADER, read, read_with, refused, views};

/// A log of one event a word.
fn words(words: &[&str]) -> String {
    let row = |(n, word): (i64, &&str)| format!("{},u{n},{word},i{n}\n", BASE_MS + n * 60_000);
    let rows: String = (0..).zip(words).map(row).collect();
    format!("{HEADER}{rows}")
}

#[test]
fn words_that_shops_use_are_known() {
    for (kind, known) in [
        ("view", ["view", "View", "pv", "click"].as_slice()),
        ("addtocart", &["addtocart", "cart", "add_to_cart", "AddToCart"]),
        ("transaction", &["transaction", "purchase", "buy", "Purchase"]),
        ("wishlist", &["wishlist", "fav", "add_to_wishlist"]),
        ("remove_from_cart", &["remove_from_cart", "Remove from cart"]),
        ("like", &["like"]),
        ("dislike", &["dislike"]),
        ("refund", &["refund"]),
    ] {
        let read = read("log.csv", words(known));
        assert_eq!(read.counts(), (known.len() as u64, known.len() as u64, 0, 0), "{kind}: {}", read.report);
        assert_eq!(read.rows_of(kind), known.len() as u64, "{kind}: {}", read.report);
    }
}

#[test]
fn unknown_words_are_listed_with_their_counts_and_the_line_to_add() {
    let mut log = format!("{HEADER}{}", views(0..40));
    log.push_str(&words(&["stare", "stare", "stare", "sniff"])[HEADER.len()..]);
    let read = read("log.csv", &log);
    assert_eq!(read.counts(), (44, 40, 4, 0), "{}", read.report);
    let told = format!("{}{}", read.said, read.report);
    assert!(told.contains("stare") && told.contains("sniff") && told.contains('3'), "{told}");
    assert!(told.contains("ingest.kinds.stare"), "{told}");
    let said = refused("log.csv", words(&["stare", "sniff"]));
    assert!(said.contains("stare") && said.contains("ingest.kinds.sniff"), "{said}");
}

#[test]
fn words_of_the_shop_are_kinds_by_a_setting() {
    let config = "[ingest.kinds]\nstare = \"view\"\nSNIFF = \"skip\"\nblink = \"addtocart\"\n";
    let read = read_with(config, &[("log.csv", words(&["stare", "sniff", "blink", "view"]).as_bytes())]);
    let (rows, events, rejected, skipped) = read.counts();
    assert_eq!((rows, events, rejected, skipped), (4, 3, 0, 1), "{}", read.report);
    assert_eq!(read.kinds(), ["view", "addtocart", "view"]);
}

#[test]
fn a_kind_that_is_none_is_refused_with_the_nearest() {
    let log = words(&["stare"]);
    let said = super::reading::refused_with("[ingest.kinds]\nstare = \"veiw\"\n", &[("log.csv", log.as_bytes())]);
    assert!(said.contains("veiw") && said.contains("view"), "{said}");
}

#[test]
fn a_kind_of_the_shop_s_own_has_a_weight() {
    let config = "[kinds]\ntried_on = 2.5\n[ingest.kinds]\nfitting = \"tried_on\"\n";
    let read = read_with(config, &[("log.csv", words(&["fitting", "view"]).as_bytes())]);
    assert_eq!(read.counts(), (2, 2, 0, 0));
    assert_eq!(read.kinds(), ["tried_on", "view"]);
}

#[test]
fn a_default_kind_is_for_logs_without_a_column_of_kinds() {
    let log = "timestamp,visitorid,itemid\n1750000000000,u,i\n1750000001000,u,j\n";
    let read = read_with("[ingest]\ndefault_event = \"transaction\"\n", &[("log.csv", log.as_bytes())]);
    assert_eq!(read.kinds(), ["transaction", "transaction"]);
}

#[test]
fn what_is_taken_back_is_counted_as_an_event() {
    let rows = [
        ("view", 0),
        ("addtocart", 1),
        ("remove_from_cart", 2),
        ("transaction", 3),
        ("refund", 4),
        ("like", 5),
        ("dislike", 6),
    ];
    let rows: String = rows.iter().map(|(kind, n)| format!("{},u,{kind},i\n", BASE_MS + n * 60_000)).collect();
    let read = read("log.csv", format!("{HEADER}{rows}{}", views(0..40)));
    assert_eq!(read.counts(), (47, 47, 0, 0), "{}", read.report);
    for kind in ["addtocart", "remove_from_cart", "transaction", "refund", "like", "dislike"] {
        assert_eq!(read.rows_of(kind), 1, "{kind}: {}", read.report);
    }
}
