//! Reads a file of no known schema by the names of its columns.
//!
//! `generic.toml` lists, for each role, the names that such columns have, the surest first. Of a name only letters and
//! digits count, in lower case and without diacritics; a path is compared part by part. A column has one role.

use std::sync::LazyLock;

use super::Schema;
use super::names::plain;
use super::{CameToNothing, came_to_nothing};
use crate::log::ingest::settings::{Alternatives, Columns, Reading, Role};

const TEXT: &str = include_str!("../../../../schemas/generic.toml");

static GENERIC: LazyLock<Schema> = LazyLock::new(|| super::parse("generic", TEXT));

/// The roles in the order in which they take their columns.
const ORDER: [Role; 16] = [
    Role::User,
    Role::Item,
    Role::Timestamp,
    Role::TimeOfDay,
    Role::Event,
    Role::EventId,
    Role::Session,
    Role::Transaction,
    Role::Order,
    Role::Quantity,
    Role::Rating,
    Role::Name,
    Role::Category,
    Role::Brand,
    Role::Price,
    Role::Amount,
];

/// The values of a flag that is set.
const YES: [&str; 4] = ["1", "1.0", "true", "yes"];
/// The values of one that is not.
const NO: [&str; 4] = ["0", "0.0", "false", "no"];

/// How a file with these columns is read, as far as their names tell.
#[must_use]
pub fn generic(columns: &[String]) -> Reading {
    let names = ORDER.map(|role| (role, GENERIC.reading.columns.of(role)));
    let found = by_usual_names(columns, &mut vec![false; columns.len()], names);
    let mut found = Columns(found.into_iter().map(|(role, column)| (role, Alternatives::One(column))).collect());
    add_returned(columns, &mut found);
    if !found.of(Role::Quantity).is_empty() {
        found.0.remove(&Role::Amount);
    }
    let plain: Vec<String> = columns.iter().map(|column| plain(column)).collect();
    // An order's number may stand for the user, too.
    let is_of_orders = |role| {
        let names = GENERIC.reading.columns.of(role).iter().map(|name| self::plain(name)).collect::<Vec<_>>();
        plain.iter().any(|column| names.contains(column))
    };
    let default_event = match is_of_orders(Role::Transaction) || is_of_orders(Role::Quantity) {
        true => GENERIC.default_event_of_orders.clone(),
        false => GENERIC.reading.default_event.clone(),
    };
    let has_role = |column: &String| found.0.values().any(|own| own.list().contains(column));
    let skip = came_to_nothing::rules(&columns.iter().filter(|column| !has_role(column)).cloned().collect::<Vec<_>>());
    let mut reading = Reading { columns: found, default_event, skip, ..GENERIC.reading.clone() };
    if reading.columns.of(Role::Event).is_empty() {
        let kinds = plain.iter().map(|name| GENERIC.flags.get(name));
        if let Some((column, kind)) = columns.iter().zip(kinds).find_map(|(column, kind)| Some((column, kind?))) {
            reading.columns.0.insert(Role::Event, Alternatives::One(column.clone()));
            let words = |words: [&str; 4], kind: &str| words.map(|word| (word.to_owned(), kind.to_owned()));
            reading.kinds.extend(words(YES, kind).into_iter().chain(words(NO, "skip")));
        }
    }
    reading
}

/// The columns of roles by the names that such columns have, the surest first. A column has one role.
///
/// * `taken`: the columns that have a role already.
pub fn by_usual_names<'n, R>(
    columns: &[String],
    taken: &mut [bool],
    names: impl IntoIterator<Item = (R, &'n [String])>,
) -> Vec<(R, String)> {
    let plain: Vec<String> = columns.iter().map(|column| plain(column)).collect();
    let mut found = Vec::new();
    for (role, names) in names {
        let place = |name: &String| {
            let exact = columns.iter().zip(&*taken).position(|(column, taken)| column == name && !taken);
            let name = self::plain(name);
            exact.or_else(|| plain.iter().zip(&*taken).position(|(column, taken)| *column == name && !taken))
        };
        if let Some(at) = names.iter().find_map(place) {
            taken[at] = true;
            found.push((role, columns[at].clone()));
        }
    }
    found
}

/// Adds all columns for numbers of pieces that were cancelled or given back.
fn add_returned(columns: &[String], found: &mut Columns) {
    let names: Vec<String> =
        GENERIC.reading.columns.of(Role::ReturnedQuantity).iter().map(|name| plain(name)).collect();
    let returned: Vec<String> = columns.iter().filter(|column| names.contains(&plain(column))).cloned().collect();
    if !returned.is_empty() {
        found.0.insert(Role::ReturnedQuantity, Alternatives::Any(returned));
    }
}

/// The kind of all rows of a file, by a column that has a value in each: the kind and that column.
///
/// * `time`: the column of times.
pub fn kind_by_column(columns: &[String], time: &str) -> Option<(&'static str, String)> {
    let has = |role| columns.iter().any(|column| usual_roles(column).any(|usual| usual == role));
    // The cart or the list that an order came from, and the return that came of it.
    let is_bought =
        ["purchase", "order", "sale", "sold", "paid", "bought"].iter().any(|word| plain(time).contains(word));
    let is_of_orders = has(Role::Transaction) || is_bought;
    // Beside another time, that of a return is not what the row is about.
    let is_time = |column: &String| ["date", "time", "at"].iter().any(|end| plain(column).ends_with(end));
    let is_only_time = !columns.iter().any(|column| column != time && is_time(column));
    let kinds = GENERIC.default_event_by_column.iter();
    let named = |names: &[String]| columns.iter().find(|column| names.contains(&plain(column))).cloned();
    let mut found = kinds.filter_map(|(kind, names)| match kind.as_str() {
        "refund" if names.contains(&plain(time)) => is_only_time.then(|| (kind.as_str(), time.to_owned())),
        "refund" => {
            let is_time = |column: &String| usual_roles(column).any(|role| role == Role::Timestamp);
            named(names).filter(|column| !is_time(column)).map(|column| (kind.as_str(), column))
        }
        _ if is_of_orders => None,
        _ => named(names).map(|column| (kind.as_str(), column)),
    });
    found.next()
}

/// How orders that came to nothing are told.
pub fn of_orders() -> Option<&'static CameToNothing> {
    GENERIC.orders_that_came_to_nothing.as_ref()
}

/// The columns with a usual name for the kind of events, the surest first; of the last ones the values have to be known words.
#[must_use]
pub fn event_columns(columns: &[String]) -> Vec<String> {
    let names = GENERIC.reading.columns.of(Role::Event).iter().chain(&GENERIC.event_by_values).map(|name| plain(name));
    names.flat_map(|name| columns.iter().filter(move |column| plain(column) == name)).cloned().collect()
}

/// The column with a usual name for the user, the surest.
#[must_use]
pub fn column_of_users(columns: &[String]) -> Option<String> {
    let names = GENERIC.reading.columns.of(Role::User);
    by_usual_names(columns, &mut vec![false; columns.len()], [((), names)]).pop().map(|(_, column)| column)
}

/// The roles for which a column with this name is usual.
pub fn usual_roles(column: &str) -> impl Iterator<Item = Role> {
    let name = plain(column);
    ORDER.into_iter().filter(move |role| GENERIC.reading.columns.of(*role).iter().any(|usual| plain(usual) == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(columns: &[&str]) -> Reading {
        generic(&columns.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn columns_are_found_by_their_usual_names() {
        let reading = read(&["Order ID", "Customer_ID", "SKU", "Order Date", "Qty"]);
        let of = |role| reading.columns.of(role).concat();
        assert_eq!([of(Role::User), of(Role::Item), of(Role::Timestamp)], ["Customer_ID", "SKU", "Order Date"]);
        assert_eq!([of(Role::Transaction), of(Role::Quantity)], ["Order ID", "Qty"]);
        assert_eq!(reading.default_event.as_deref(), Some("transaction"));
    }

    #[test]
    fn a_flag_tells_which_rows_are_events_where_no_column_has_words() {
        let reading = read(&["user_id", "item_id", "timestamp", "Is_Click"]);
        assert_eq!(reading.columns.of(Role::Event), ["Is_Click"]);
        assert_eq!([&reading.kinds["1"], &reading.kinds["false"]], ["view", "skip"]);
        let reading = read(&["user_id", "item_id", "timestamp", "clicked", "action"]);
        assert_eq!(reading.columns.of(Role::Event), ["action"]);
        assert!(reading.kinds.is_empty());
    }

    #[test]
    fn a_column_has_one_role() {
        let reading = read(&["session", "item", "time"]);
        assert_eq!(reading.columns.of(Role::User), ["session"]);
        assert!(reading.columns.of(Role::Session).is_empty() && reading.columns.of(Role::TimeOfDay).is_empty());
    }
}
