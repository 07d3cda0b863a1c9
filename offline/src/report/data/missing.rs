//! What the tables beside a log lack: values of their columns, and items and users of the log.

use serde::Serialize;
use shared::tables::Values;

use super::times::Steps;
use crate::log::ingest::items::told::Field;
use crate::log::ingest::{Catalogue, Log};
use shared::contract::id::ItemIdx;

/// How many examples are given.
const EXAMPLES: usize = 5;

/// A table beside a log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table {
    /// How many rows it has.
    pub rows: usize,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Those of the log that it has no row of.
    pub without_row: Unlisted,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// How many rows miss it.
    pub missing: usize,
}

/// Items or users of the log without a row in their table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Unlisted {
    /// How many.
    pub count: usize,
    /// How many the log has.
    pub of: usize,
    /// Their events.
    pub events: u64,
    /// Some of those with the most events; none of users.
    pub examples: Vec<String>,
}

/// What the item table lacks; none where there is none.
///
/// * `events`: those of each item.
#[must_use]
pub fn of_items(items: &Catalogue, events: &[Steps]) -> Option<Table> {
    let listed: Vec<usize> = (0..items.len()).filter(|&item| items.listed[item]).collect();
    if listed.is_empty() {
        return None;
    }
    let column = |name: &str, has: &dyn Fn(usize) -> bool| Column {
        name: name.to_owned(),
        missing: listed.iter().filter(|item| !has(**item)).count(),
    };
    let says = |field: Field| move |item: usize| items.says(ItemIdx(item as u32), field);
    let mut columns = vec![
        column("name", &says(Field::Name)),
        column("category", &says(Field::Category)),
        column("price", &says(Field::Price)),
    ];
    columns.extend(items.facts.iter().map(|fact| column(&fact.name, &|item| has(&fact.values, item))));
    if !items.vectors.is_empty() {
        columns.push(column("vector", &|item| items.vectors.of(item).is_some()));
    }
    let mut unlisted: Vec<usize> =
        (0..items.len()).filter(|&item| !items.listed[item] && events[item].all() > 0).collect();
    unlisted.sort_by_key(|&item| (std::cmp::Reverse(events[item].all()), item));
    let without_row = Unlisted {
        count: unlisted.len(),
        of: events.iter().filter(|steps| steps.all() > 0).count(),
        events: unlisted.iter().map(|&item| events[item].all()).sum(),
        examples: unlisted.iter().take(EXAMPLES).map(|&item| items.ids[item].to_string()).collect(),
    };
    Some(Table { rows: listed.len(), columns, without_row })
}

fn has(values: &Values, item: usize) -> bool {
    match values {
        Values::Texts { of_items, .. } => of_items[item] != Values::NONE,
        Values::Numbers(numbers) | Values::Flags(numbers) => !numbers[item].is_nan(),
    }
}

/// What the user table lacks; none where there is none.
#[must_use]
pub fn of_users(log: &Log) -> Option<Table> {
    let table = log.profiles.table()?;
    let columns = table.names.iter().zip(&table.columns);
    let columns = columns.map(|(name, texts)| Column { name: name.clone(), missing: texts.missing() }).collect();
    let has_row: Vec<bool> = log.users.iter().map(|user| table.ids.binary_search(user).is_ok()).collect();
    let events = log.events.iter().filter(|event| !has_row[event.user.at()]).count() as u64;
    let count = has_row.iter().filter(|has| !**has).count();
    let without_row = Unlisted { count, of: log.users.len(), events, examples: Vec::new() };
    Some(Table { rows: table.columns.first().map_or(0, |column| column.rows.len()), columns, without_row })
}

#[cfg(test)]
mod tests {
    use shared::tables::NO_CATEGORY;

    use super::*;

    #[test]
    fn columns_are_counted_over_the_table_and_items_of_the_log_that_it_lacks_are_told() {
        let items = Catalogue {
            ids: ["a", "b", "x"].map(Into::into).into(),
            names: ["Ash", "", ""].map(Into::into).into(),
            category_of: vec![0, NO_CATEGORY, NO_CATEGORY],
            prices: vec![2.5, f32::NAN, f32::NAN],
            properties: vec![Vec::new(); 3],
            listed: vec![true, true, false],
            ..Catalogue::default()
        };
        let one = Steps { views: 1, ..Steps::default() };
        let found = of_items(&items, &[one, Steps::default(), Steps { views: 3, ..one }]).expect("a table");
        let missing: Vec<_> = found.columns.iter().map(|column| (&*column.name, column.missing)).collect();
        assert_eq!((found.rows, missing), (2, vec![("name", 1), ("category", 1), ("price", 1)]));
        let lacks = Unlisted { count: 1, of: 2, events: 3, examples: vec!["x".to_owned()] };
        assert_eq!(found.without_row, lacks);
    }

    #[test]
    fn without_tables_nothing_is_missing() {
        let log = Log::of_views(&[(0, "u", "a")]);
        let events = [Steps { views: 1, ..Steps::default() }];
        assert_eq!((of_items(&log.items, &events), of_users(&log)), (None, None));
    }
}
