//! Purchases that came to nothing, told by states, marks, times and numbers of pieces; and those of which only a warning can be.

use super::reading::{Reading, read, read_with};

/// Twelve order lines of three users, of which every third has the first value in the last column.
fn orders(column: &str, bad: &str, good: &str) -> String {
    let row = |n: usize| {
        let value = if n.is_multiple_of(3) { bad } else { good };
        format!("o{n},c{},p{},2025-11-{:02} 10:00:00,1,{value}\n", n % 4, n % 5, n + 1)
    };
    let rows: String = (0..12).map(row).collect();
    format!("order_id,customer_id,product_id,created_at,quantity,{column}\n{rows}")
}

fn warned(read: &Reading) -> String {
    read.report["warnings"].to_string()
}

#[test]
fn states_of_orders_are_known_in_many_languages() {
    for (column, bad, good) in [
        ("Statut Commande", "annul\u{e9}e", "pay\u{e9}e"),
        ("etat", "Rembours\u{e9}", "Livr\u{e9}"),
        ("Estado del pedido", "Cancelado", "Completado"),
        ("situacao", "Cancelado", "Entregue"),
        ("Stato ordine", "Rimborsato", "Consegnato"),
        ("status", "geannuleerd", "voltooid"),
        ("статус", "отменён", "доставлен"),
        ("status", "キャンセル", "発送済"),
        ("status", "anulowane", "wysłane"),
        ("durum", "iptal", "tamamlandı"),
        ("Order Status", "Cancelled by buyer", "Shipped"),
        ("order_status", "RTO", "Delivered"),
        ("order_status", "unavailable", "delivered"),
        ("Current State", "Canceled", "Payment accepted"),
        ("item_status", "Returned", "Sold"),
        ("Delivery_Status", "Shipping canceled", "Advance shipping"),
        ("status", "chargeback", "paid"),
        ("is_return", "1", "0"),
        ("returned", "True", "False"),
        ("is_cancelled", "true", "false"),
        ("return_flag", "Y", "N"),
        ("Refunded", "Yes", "No"),
        ("cancelled", "t", "f"),
        ("cancelled_at", "2025-11-28 10:00:00", "0000-00-00 00:00:00"),
        ("returned_at", "2025-11-28", ""),
    ] {
        let read = read("orders.csv", orders(column, bad, good));
        assert_eq!(read.counts(), (12, 8, 0, 4), "{column} {bad}: {}", read.report);
        let reasons = read.report["skipped"].to_string();
        assert!(reasons.contains("cancelled, failed or given back"), "{column}: {}", read.report);
    }
}

#[test]
fn orders_that_wait_or_were_given_back_in_part_are_purchases() {
    for (column, value) in [
        ("statut", "en attente"),
        ("order_status", "pending payment"),
        ("financial_status", "partially_refunded"),
        ("status", "not cancelled"),
        ("status", "return rejected"),
        ("status", "contra reembolso"),
        ("status", "Delivered (return window expired)"),
        ("payment_status", "Rembours"),
        ("cancelled_at", "0001-01-01"),
        ("return", "30-day return"),
        ("returned", "2"),
    ] {
        let read = read("orders.csv", orders(column, value, "completed"));
        assert_eq!(read.counts(), (12, 12, 0, 0), "{column} {value}: {}", read.report);
    }
}

#[test]
fn words_of_a_type_of_transactions_are_kinds() {
    for (column, bad, good) in [
        ("transaction_type", "RETURN", "SALE"),
        ("order_type", "Return", "Order"),
        ("Transaction Type", "Refund", "Purchase"),
    ] {
        let read = read("orders.csv", orders(column, bad, good));
        let refunds = read.kinds().iter().filter(|kind| **kind == "refund").count();
        assert_eq!((read.counts(), refunds), ((12, 12, 0, 0), 4), "{column}: {}", read.report);
    }
    let read = read("orders.csv", orders("order_type", "online", "store"));
    assert_eq!((read.counts(), read.kinds()[0]), ((12, 12, 0, 0), "transaction"));
}

#[test]
fn a_column_that_looks_so_and_is_not_read_is_warned_of_with_the_line_that_skips_its_rows() {
    for (column, bad, good, pattern) in [
        ("outcome", "Cancelled", "Sent", "^(Cancelled)$"),
        ("refund_amount", "9.99", "0", "[1-9]"),
        ("return_reason", "Too small", "", "^(Too small)$"),
        ("movement_type", "IN", "OUT", "^(IN)$"),
        ("status", "Return cancelled by us", "sent", "^(Return cancelled by us)$"),
        ("returned", "3", "0", "[1-9]"),
        ("order_status", "5", "2", "^(5)$"),
    ] {
        let log = orders(column, bad, good);
        let told = read("orders.csv", &log);
        let warning = warned(&told);
        assert_eq!(told.counts(), (12, 12, 0, 0), "{column}: {}", told.report);
        assert!(warning.contains(column) && warning.contains(&format!("`{bad}` 4")), "{column}: {warning}");
        let pattern = serde_json::Value::from(pattern).to_string();
        let line = format!(
            "[[ingest.skip]]\ncolumn = \"{column}\"\nmatching = {pattern}\nkind = \"transaction\"\nreason = \"came to nothing\""
        );
        assert!(told.said.contains(&line), "{column}: {}", told.said);
        let skipped = read_with(&line, &[("orders.csv", log.as_bytes())]);
        assert_eq!(skipped.counts(), (12, 8, 0, 4), "{column}: {}", skipped.report);
        assert!(!warned(&skipped).contains("came to nothing"), "{}", skipped.report);
    }
    for (column, bad, good) in [
        ("colour", "red", "blue"),
        ("returning_customer", "1", "0"),
        ("order_status", "sent", "paid"),
        ("refund_amount", "0", "0.00"),
    ] {
        let read = read("orders.csv", orders(column, bad, good));
        assert!(!warned(&read).contains("came to nothing"), "{column}: {}", read.report);
    }
}

#[test]
fn a_rule_adds_to_those_of_a_state_and_one_that_matches_nothing_takes_them_away() {
    let log = orders("status", "cancelled", "sent").replace("1,sent\n", "1,lost\n");
    let rule = |matching: &str| {
        format!("[[ingest.skip]]\ncolumn = \"status\"\nmatching = \"{matching}\"\nreason = \"not delivered\"\n")
    };
    let read = |config: &str| read_with(config, &[("orders.csv", log.as_bytes())]).counts();
    assert_eq!((read(""), read(&rule("^$"))), ((12, 8, 0, 4), (12, 12, 0, 0)));
    let some = log.replacen("lost", "sent", 3);
    let both = read_with(&rule("^lost$"), &[("orders.csv", some.as_bytes())]);
    assert_eq!(both.counts(), (12, 3, 0, 9), "{}", both.report);
}

#[test]
fn lines_of_which_all_pieces_were_cancelled_or_given_back_are_skipped() {
    let header = "Order #,Purchase Date,Status,Customer Email,SKU,Qty Ordered,Qty Refunded,Qty Canceled";
    let rows = "1,2025-10-01,Complete,a@x.de,M1,1.0000,1.0000,0.0000\n2,2025-10-02,Complete,a@x.de,M2,2.0000,1.0000,1.0000\n\
                3,2025-10-03,Complete,b@x.de,M3,2.0000,1.0000,0.0000\n4,2025-10-04,Complete,b@x.de,M4,1.0000,,\n";
    let read = read("items.csv", format!("{header}\n{rows}"));
    assert_eq!(read.counts(), (4, 2, 0, 2), "{}", read.report);
    assert_eq!(read.items(), ["M3", "M4"]);
    assert!(read.report["skipped"].to_string().contains("all pieces were cancelled or given back"), "{}", read.report);
}

#[test]
fn an_amount_below_zero_is_a_refund_where_there_is_no_quantity() {
    let rows = "1,a,p,2025-11-01,$9.00\n2,a,q,2025-11-02,\"9,00\"\n3,a,p,2025-11-03,-$9.00\n4,a,q,2025-11-04,free\n";
    let log = read("log.csv", format!("order_id,customer_id,product_id,order_date,amount\n{rows}"));
    assert_eq!(log.kinds(), ["transaction", "transaction", "refund", "transaction"]);
    let rows = "1,a,p,2025-11-01,1,-9\n";
    let log = read("log.csv", format!("order_id,customer_id,product_id,order_date,quantity,amount\n{rows}"));
    assert_eq!(log.kinds(), ["transaction"], "the quantity tells");
}
