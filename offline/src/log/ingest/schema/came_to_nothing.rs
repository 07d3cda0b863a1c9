//! How purchases that came to nothing are told: by the state of their order, by a mark, or by the time of the end.
//!
//! `generic.toml` has the expressions: for names of columns, compared as [`plain`] writes them, and for stems of words. Rows
//! are skipped by rules of those columns; other columns that look so are only warned of.

use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;

use super::names::plain;
use crate::log::ingest::settings::SkipRule;

/// The expressions of `[orders_that_came_to_nothing]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameToNothing {
    /// Names of columns for the state of an order.
    pub states: String,
    /// Names of columns that are 1 where it came to nothing.
    pub marks: String,
    /// Names of columns for the time when it did.
    pub times: String,
    /// States of orders that came to nothing.
    pub matching: String,
    /// States that match and are none.
    pub unless: String,
    /// Words that may be such states.
    pub suspects: String,
    /// Words that match and are none.
    pub unless_suspects: String,
    /// Parts of names of columns that are warned of.
    pub names: String,
    /// Names that have such a part and are of something else.
    pub unless_names: String,
    /// The reason under which rows are counted.
    pub reason: String,
}

/// A mark that is set.
const YES: &str = "(?i)^(1|1\\.0|true|t|yes|y|x|ja|oui|s[i\u{ed}]|sim|да|tak|evet|是|はい)$";
/// A time.
const TIME: &str = "[1-9]";
/// What programs write for a time that never came.
const NEVER: &str = "^(0000|0001|1[0-8][0-9]{2}|1900|1970-01-01|2999|9999)";

/// The expressions, compiled.
struct Compiled {
    of: &'static CameToNothing,
    states: Regex,
    marks: Regex,
    times: Regex,
    matching: Regex,
    unless: Regex,
    suspects: Regex,
    unless_suspects: Regex,
    names: Regex,
    unless_names: Regex,
}

static YES_OR_NO: LazyLock<Regex> = LazyLock::new(|| {
    let no = "(?i)^(0|0\\.0|false|f|no|n|nein|non|não|nao|нет|hayır|hayir|否|いいえ|-)?$";
    Regex::new(&format!("{YES}|{no}")).expect("an expression")
});

static COMPILED: LazyLock<Compiled> = LazyLock::new(|| {
    let of = super::generic::of_orders().expect("generic.toml says how such orders are told");
    let regex = |pattern: &str| Regex::new(pattern).expect("generic.toml has regular expressions");
    Compiled {
        states: regex(&of.states),
        marks: regex(&of.marks),
        times: regex(&of.times),
        matching: regex(&of.matching),
        unless: regex(&of.unless),
        suspects: regex(&of.suspects),
        unless_suspects: regex(&of.unless_suspects),
        names: regex(&of.names),
        unless_names: regex(&of.unless_names),
        of,
    }
});

/// Whether a state says that an order was cancelled, failed or given back.
#[must_use]
pub fn is_nothing(state: &str) -> bool {
    COMPILED.matching.is_match(state) && !COMPILED.unless.is_match(state)
}

/// Whether a word may say so.
#[must_use]
pub fn looks_like_nothing(word: &str) -> bool {
    is_nothing(word) || COMPILED.suspects.is_match(word) && !COMPILED.unless_suspects.is_match(word)
}

/// Whether a column has the name of a mark, and a value that no mark has: pieces, an amount, prose.
#[must_use]
pub fn is_no_mark(column: &str, values: &[&str]) -> bool {
    let is_mark = |value: &&str| YES_OR_NO.is_match(value) || is_nothing(value);
    COMPILED.marks.is_match(&plain(column)) && !values.iter().all(is_mark)
}

/// Whether the name of a column speaks of orders that were cancelled or given back.
#[must_use]
pub fn names_nothing(column: &str) -> bool {
    let name = plain(column);
    COMPILED.names.is_match(&name) && !COMPILED.unless_names.is_match(&name)
}

/// Whether the name of a column is that of the state of an order.
#[must_use]
pub fn names_state(column: &str) -> bool {
    COMPILED.states.is_match(&plain(column))
}

/// The rules for rows of orders that came to nothing, for each column that may say so.
pub fn rules(columns: &[String]) -> Vec<SkipRule> {
    let rule = |column: &String, matching: &str, unless: Option<&str>| SkipRule {
        column: column.clone(),
        kind: Some("transaction".to_owned()),
        starts_with: None,
        below: None,
        matching: Some(matching.to_owned()),
        unless: unless.map(str::to_owned),
        not_matching: None,
        reason: format!("{} (`{column}`)", COMPILED.of.reason),
    };
    let states = |column: &String| rule(column, &COMPILED.of.matching, Some(&COMPILED.of.unless));
    let mut rules = Vec::new();
    for column in columns {
        let name = plain(column);
        if COMPILED.states.is_match(&name) {
            rules.push(states(column));
        } else if COMPILED.marks.is_match(&name) {
            rules.extend([rule(column, YES, None), states(column)]);
        } else if COMPILED.times.is_match(&name) {
            rules.push(rule(column, TIME, Some(NEVER)));
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_many_languages_say_that_an_order_came_to_nothing() {
        for word in [
            "Cancelled by buyer",
            "wc-cancelled",
            "Canceled",
            "Shipping canceled",
            "annul\u{e9}e",
            "Rembours\u{e9}",
            "storniert",
            "cancelado",
            "annullato",
            "Rimborsato",
            "geannuleerd",
            "anulowane",
            "iptal",
            "\u{130}ptal edildi",
            "отменён",
            "キャンセル",
            "已取消",
            "RTO",
            "chargeback",
            "unavailable",
            "payment failed",
            "Voided",
            "checkout-draft",
            "Return received",
            "zur\u{fc}ckgesendet",
            "Devoluci\u{f3}n",
            "Cancelled - refund failed",
            "VOID",
            "reso",
        ] {
            assert!(is_nothing(word), "{word}");
        }
        for word in [
            "return customer",
            "contra reembolso",
            "Delivered, return window expired",
            "First attempt failed",
            "return cancelled",
        ] {
            assert!(!is_nothing(word), "{word}");
        }
        for word in [
            "returning",
            "refundable",
            "stornierbar",
            "Pas annul\u{e9}",
            "não cancelado",
            "niet geannuleerd",
            "没有申请退款",
            "En espera de validaci\u{f3}n por contra reembolso",
            "Rembours",
            "kısmi iade",
            "en attente",
            "pending payment",
            "completed",
            "Delivered",
            "not cancelled",
            "non-returned",
            "partially_refunded",
            "Teilweise erstattet",
            "Non refundable",
            "Return rejected",
            "Refund request denied",
            "Canceled_Reversal",
            "processing",
            "paid",
            "on hold",
            "avoid",
            "CA",
            "resolved",
            "",
        ] {
            assert!(!looks_like_nothing(word) && !is_nothing(word), "{word}");
        }
    }

    #[test]
    fn columns_for_states_marks_and_times_are_known_by_their_names() {
        let columns = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for name in [
            "status",
            "Order Status",
            "Statut Commande",
            "Estado del pedido",
            "situacao",
            "Stato ordine",
            "etat",
            "durum",
            "статус",
            "Current State",
            "item_status",
            "Delivery_Status",
            "payment_status",
            "order.status",
            "订单状态",
            "Bestellstatus",
            "state",
            "line_items[].fulfillment_status",
            "sipari\u{15f} durumu",
            "is_cancelled",
            "cancelled",
            "is_return",
            "returned",
            "return_flag",
            "Refunded",
            "cancelled_at",
            "returned_at",
            "Date of cancellation",
            "order_cancelled",
        ] {
            assert!(!rules(&columns(&[name])).is_empty(), "{name}");
        }
        let others = [
            "customer.state",
            "marital_status",
            "return_policy",
            "return_date",
            "created_at",
            "refund_amount",
            "statement",
        ];
        assert!(rules(&columns(&others)).is_empty(), "{:?}", rules(&columns(&others)));
        assert!(
            ["refund_amount", "return_date", "returned_quantity", "movement_type"]
                .iter()
                .all(|name| names_nothing(name))
        );
        assert!(!["returning_customer", "return_policy", "Return URL"].iter().any(|name| names_nothing(name)));
    }
}
