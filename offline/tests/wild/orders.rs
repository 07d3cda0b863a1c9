//! Orders that came to nothing, guests, and fields that only the first row of an order has.

use super::reading::{read, read_with};

#[test]
fn orders_that_were_cancelled_are_no_purchases() {
    for column in ["status", "order_status", "Payment Status", "financial_status", "orderstatus"] {
        let words =
            ["completed", "Cancelled", "canceled", "refunded", "failed", "voided", "returned", "draft", "shipped"];
        let rows: String =
            (1..).zip(words).map(|(n, word)| format!("o{n},c{},p{n},1,2026-02-0{n},{word}\n", n % 3)).collect();
        let read = read("orders.csv", format!("order_id,customer_id,product_id,quantity,order_date,{column}\n{rows}"));
        assert_eq!(read.counts(), (9, 2, 0, 7), "{column}: {}", read.report);
        assert_eq!(read.items(), ["p1", "p9"]);
    }
}

#[test]
fn goods_that_came_back_take_the_purchase_back_whatever_the_state_of_the_order() {
    let rows = "o1,c1,p1,2,2026-02-01,completed\no2,c1,p2,1,2026-02-01,completed\no3,c1,p1,-2,2026-02-03,returned\n";
    let read = read("orders.csv", format!("order_id,customer_id,product_id,quantity,order_date,status\n{rows}"));
    assert_eq!(read.kinds(), ["transaction", "transaction", "refund"]);
}

#[test]
fn a_state_that_the_settings_use_otherwise_skips_nothing() {
    let rows = "c1,p1,2026-02-01,bought\nc1,p2,2026-02-02,returned\n";
    let log = format!("customer_id,product_id,date,status\n{rows}");
    let config = "[ingest.columns]\nevent = \"status\"\n";
    assert_eq!(read_with(config, &[("log.csv", log.as_bytes())]).kinds(), ["transaction", "refund"]);
}

#[test]
fn lines_of_one_order_are_of_one_user_and_one_state() {
    let header = "Name,Email,Financial Status,Created at,Cancelled at,Lineitem quantity,Lineitem name,Lineitem sku,Lineitem price,Customer ID";
    let rows = "#1,,paid,2026-01-01 10:00:00 +0100,,1,Lamp,a,9.99,77\n\
                #1,,,,,1,Chair,b,19.99,\n\
                #2,x@x.com,paid,2026-01-02 10:00:00 +0100,2026-01-03 10:00:00 +0100,1,Lamp,a,9.99,\n\
                #2,x@x.com,,2026-01-02 10:00:00 +0100,,1,Chair,b,19.99,\n\
                #3,y@x.com,refunded,2026-01-04 10:00:00 +0100,,1,Lamp,a,9.99,78\n\
                #4,x@x.com,partially_refunded,2026-01-05 10:00:00 +0100,,1,Lamp,a,9.99,79\n";
    let read = read("orders.csv", format!("{header}\n{rows}"));
    assert_eq!(read.of_file("schema"), "shopify");
    assert_eq!(read.counts(), (6, 3, 0, 3), "{}", read.report);
    assert_eq!(read.users(), ["77", "77", "x@x.com"]);
}

#[test]
fn the_number_of_guests_is_no_user() {
    let rows = "1,Completed,2026-01-01 10:00,0,,S1,1,5\n2,Completed,2026-01-02 10:00,0,b@x.de,S2,1,5\n\
                3,Cancelled,2026-01-03 10:00,7,c@x.de,S1,1,5\n4,wc-failed,2026-01-03 10:00,7,c@x.de,S1,1,5\n\
                5,Completed,2026-01-04 10:00,7,,S1,1,5\n";
    let header = "Order Number,Order Status,Order Date,Customer User ID,Email (Billing),SKU,Quantity,Item Cost";
    let read = read("orders.csv", format!("{header}\n{rows}"));
    assert_eq!(read.counts(), (5, 2, 0, 3), "{}", read.report);
    assert_eq!(read.users(), ["b@x.de", "7"]);
}

#[test]
fn a_cancelled_invoice_is_no_purchase_whatever_its_quantity() {
    let rows = "536365,85123A,L,6,2010-12-01 08:26,2.55,17850,UK\nC536366,85123A,L,-6,2010-12-01 09:26,2.55,17850,UK\n\
                C536367,85124,L,(6),2010-12-01 09:30,2.55,17850,UK\n";
    let header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";
    let read = read("Online Retail.csv", format!("{header}\n{rows}"));
    assert_eq!(read.kinds(), ["transaction", "refund", "refund"]);
}
