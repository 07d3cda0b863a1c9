//! Item tables: what is switched off, prices of a sale, and columns that look like something and are not read.

use std::fs;

use super::reading::{HEADER, native, try_read};

/// What `offline ingest` says of a log of the items `a` and `b`, and of this table.
fn said(table: &str) -> (u64, String) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (log, items) = (folder.path().join("log.csv"), folder.path().join("items.csv"));
    fs::write(&log, native(&[(0, "u", "view", "a"), (1, "u", "view", "b")])).expect("writes");
    assert!(native(&[]) == HEADER);
    fs::write(&items, table).expect("writes");
    let read = try_read(&[log], None, Some(&items), &[]).expect("reads");
    (read.report["item_table"]["withdrawn"].as_u64().expect("a number"), read.said)
}

#[test]
fn an_item_that_is_switched_off_is_withdrawn_whatever_its_stock() {
    for table in [
        "Artikelnummer;Lagerbestand;Aktiv\na;3;nein\nb;3;ja\n",
        "Variant SKU,Published,Variant Inventory Qty,Status\na,TRUE,3,archived\nb,TRUE,3,active\n",
        "Variant SKU,Published,Variant Inventory Qty,Status\na,TRUE,0,active\nb,TRUE,3,active\n",
        "sku,is_in_stock,product_online\na,1,2\nb,1,1\n",
        "SKU,Published,In stock?\na,-1,1\nb,1,1\n",
    ] {
        let (withdrawn, said) = said(table);
        assert_eq!(withdrawn, 1, "{table}: {said}");
    }
    // A status of something else.
    let (withdrawn, said) = said("movie_id,status\na,Released\nb,Rumored\n");
    assert!(withdrawn == 0 && said.contains("column `status` is not read"), "{said}");
}

#[test]
fn a_sale_that_is_over_leaves_the_regular_price() {
    let (_, said) = said("SKU,Regular price,Sale price\na,9.99,\nb,9.99,7.99\n");
    assert!(said.contains("price from `Sale price, Regular price`"), "{said}");
}

#[test]
fn columns_that_look_like_something_are_named_with_the_setting_that_reads_them() {
    let (_, said) =
        said("SKU,In stock?,Visibility in catalog,embedding\na,1,hidden,\"[0.1, 0.2]\"\nb,1,visible,\"[0.2, 0.1]\"\n");
    for line in ["items.active = \"Visibility in catalog\"", "items.embedding = \"embedding\""] {
        assert!(said.contains(line), "{said}");
    }
}
