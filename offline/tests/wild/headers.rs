//! What stands before the header, and headers that are hard to tell.

use super::reading::{read, refused};

#[test]
fn a_separator_comments_and_a_title_before_the_header_are_passed_over() {
    for before in ["sep=;\r\n", "# exported 2026-05-01 by shop\n# tz=UTC\n", "Report of May;;;\n;;;\n", "\n\n"] {
        let log =
            format!("{before}user_id;item_id;event;timestamp\nu;i;view;1760000000\nv;\"j;k\";purchase;1760000060\n");
        let read = read("log.csv", log);
        assert_eq!(read.counts(), (2, 2, 0, 0), "{before:?}: {}", read.report);
        assert_eq!(read.kinds(), ["view", "transaction"]);
    }
}

#[test]
fn a_name_that_recurs_in_its_column_is_still_a_name() {
    let rows = "favori,3423,186758,2022-06-24 21:20:11\nfavori,2823,186085,2022-06-24 21:20:19\n";
    let read = read("feedback.csv", format!("favori,UserId,ItemId,Timestamp\n{rows}"));
    assert_eq!((read.counts(), read.users()), ((2, 2, 0, 0), vec!["3423", "2823"]));
}

#[test]
fn names_in_another_encoding_ask_for_the_encoding_first() {
    let said = refused("ventes.csv", b"id_client;id_produit;date_commande;quantit\xe9\nc;p;2026-01-01;1\n");
    assert!(said.contains("ingest.encoding = ") && said.contains("windows-1252"), "{said}");
    assert!(!said.contains("ingest.columns"), "{said}");
    let header = encoding_of("日時,顧客ID,商品コード\n");
    let said = refused("log.csv", [&header[..], b"2024/03/01 12:05,C001,A-1\n"].concat());
    assert!(said.contains("ingest.encoding = ") && said.contains("shift_jis"), "{said}");
}

/// A text in Shift-JIS.
fn encoding_of(text: &str) -> Vec<u8> {
    encoding_rs::SHIFT_JIS.encode(text).0.into_owned()
}
