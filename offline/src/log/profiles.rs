//! Decides what each column of a user table is, from the rows that may be known, and reads its values.
//!
//! A column is what all its values are: numbers, or levels of a category. Columns that can't tell users apart are ignored,
//! with a reason: those that are empty, that have one value, that have a time, or another level for most users.

use jiff::tz::TimeZone;
use serde_json::json;
use shared::engine::tabular::column::Column;
use shared::engine::tabular::schema::{Field, FieldKind, LISTED};
use shared::engine::tabular::value::{is_whole, number, time};

use super::fields::{by_count, example_of, plain, range_of, values};
use super::ingest::texts::Texts;
use super::ingest::users::{UserTable, UsersTableConfig};

/// Fewer users than these do not tell that a column names each of them.
const USERS_OF_IDS: usize = 100;

/// The columns that are taken of some rows.
#[derive(Debug, Default)]
pub struct Taken {
    /// What each is.
    pub fields: Vec<Field>,
    /// Their values, in the order of the rows.
    pub values: Vec<Column>,
    /// The columns that are not looked at, and why.
    pub ignored: Vec<(String, String)>,
}

/// Reads the columns of some rows of a table.
#[must_use]
pub fn taken(table: &UserTable, rows: &[usize]) -> Taken {
    let mut taken = Taken::default();
    for (name, texts) in table.names.iter().zip(&table.columns) {
        let texts = texts.of_rows(rows);
        let read = field(name, &texts, table.ids.len(), &table.config).and_then(|field| {
            let read = values(&field, &texts).map_err(|bad| bad.to_string())?;
            Ok((field, read))
        });
        match read {
            Ok((field, values)) => {
                taken.fields.push(field);
                taken.values.push(values);
            }
            Err(reason) => taken.ignored.push((name.clone(), reason)),
        }
    }
    taken
}

/// What a column is, or why it is ignored.
///
/// * `users`: how many the table has.
fn field(name: &str, texts: &Texts, users: usize, config: &UsersTableConfig) -> Result<Field, String> {
    let ignored = |reason: &str| Err(reason.to_owned());
    if texts.values.is_empty() {
        return ignored("every row misses it");
    }
    if texts.values.len() == 1 && texts.missing() == 0 {
        return ignored("every row has the same");
    }
    let all = |is: fn(&str) -> bool| texts.values.iter().all(|text| is(text));
    let numbers = all(|text| number(text).is_some());
    let declared = config.categories.iter().any(|category| category == name);
    if !numbers && !declared && all(|text| time(text, None, &TimeZone::UTC).is_some()) {
        return ignored("a time");
    }
    let (kind, example) = if numbers && !declared {
        let (min, max, median) = range_of(texts);
        (FieldKind::Number { min, max, range: None }, plain(median))
    } else {
        let levels = by_count(texts);
        if !declared && users >= USERS_OF_IDS && 2 * levels.len() > users {
            return ignored("most users have one of their own");
        }
        let whole = levels.iter().all(|level| is_whole(level));
        let example = levels.first().map_or(json!(null), |level| example_of(level, whole));
        let listed = levels.iter().take(LISTED).cloned().collect();
        (FieldKind::Category { count: levels.len(), levels: listed, whole, only: false }, example)
    };
    Ok(Field {
        name: name.to_owned(),
        kind,
        nullable: true,
        nulls: texts.missing() as u64,
        missing: config.missing.clone(),
        default: None,
        example,
    })
}

/// What a field is, in words.
#[must_use]
pub fn in_words(field: &Field) -> String {
    const SHOWN: usize = 5;
    let missing = if field.nulls > 0 { format!(", {} rows miss it", field.nulls) } else { String::new() };
    match &field.kind {
        FieldKind::Number { min, max, .. } => format!("numbers from {} to {}{missing}", plain(*min), plain(*max)),
        FieldKind::Category { count, levels, .. } => {
            let more = if *count > SHOWN { ", …" } else { "" };
            let shown: Vec<&str> = levels.iter().take(SHOWN).map(String::as_str).collect();
            format!("a category of {count} levels ({}{more}){missing}", shown.join(", "))
        }
        _ => "another kind of column".to_owned(),
    }
}
