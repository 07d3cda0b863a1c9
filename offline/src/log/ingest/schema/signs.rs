//! The signs by which a schema is recognised: the columns of a file, or its values if it has no header.
//!
//! Of several schemas that fit, the one with most columns is taken; of those without a header, the one with most regular
//! expressions.

use serde::Deserialize;

use super::without_header::{self, Shape};
use crate::log::ingest::IngestError;
use crate::log::ingest::read::{Form, Needed, Wanted, first_rows};
use crate::log::ingest::settings::{Alternatives, Words};

/// The number of rows by which a schema of files without a header is recognised.
const ROWS: usize = 100;

/// How names of columns are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Case {
    /// In any case.
    #[default]
    Ignored,
    /// As they stand.
    Exact,
}

/// What a file of a schema has.
#[derive(Debug, Clone, Copy)]
pub struct Signs<'a> {
    /// All of these columns; of alternatives, one.
    pub has: &'a [Alternatives],
    /// How their names are compared.
    pub case: Case,
    /// Values that look like this, by column, and no header.
    pub without_header: &'a [Shape],
    /// The words for kinds of events.
    pub words: Option<&'a Words>,
    /// What stands between fields.
    pub separator: Option<&'a str>,
}

/// The schema of a file among several; `None` if none fits.
///
/// # Errors
/// [`IngestError`] when the file can't be read.
pub fn recognise<'s, S>(
    schemas: &'s [S],
    signs: impl Fn(&S) -> Signs<'_>,
    form: &Form,
) -> Result<Option<&'s S>, IngestError> {
    let is_separated = |signs: &Signs<'_>| signs.separator.is_none_or(|own| form.separator() == Some(own));
    if form.has_names() {
        let columns = form.all_columns();
        let fits = |schema: &&S| {
            let signs = signs(schema);
            is_separated(&signs) && has_columns(&signs, &columns)
        };
        return Ok(schemas.iter().filter(fits).rev().max_by_key(|schema| signs(schema).has.len()));
    }
    let wanted: Vec<Wanted> = form.columns.iter().map(|name| Wanted::column(name, Needed::No)).collect();
    let rows: Vec<Vec<Option<String>>> =
        first_rows(form, &wanted, ROWS)?.into_iter().filter_map(|row| row.values.ok()).collect();
    let fits = |schema: &&S| {
        let signs = signs(schema);
        is_separated(&signs) && without_header::fits(signs.without_header, signs.words, &rows)
    };
    let patterns = |schema: &&S| signs(schema).without_header.iter().filter(|shape| shape.is_regex()).count();
    Ok(schemas.iter().filter(fits).rev().max_by_key(patterns))
}

fn has_columns(signs: &Signs<'_>, columns: &[String]) -> bool {
    let has = |any: &Alternatives| any.list().iter().any(|path| is_there(path, columns, signs.case));
    !signs.has.is_empty() && signs.has.iter().all(has)
}

/// Whether a column, or an object or a list with this path, is among the columns.
fn is_there(path: &str, columns: &[String], case: Case) -> bool {
    columns.iter().any(|column| {
        let head = column.get(..path.len());
        let behind = column.get(path.len()..).unwrap_or_default();
        let is_equal = |head: &str| if case == Case::Exact { head == path } else { head.eq_ignore_ascii_case(path) };
        head.is_some_and(is_equal) && (behind.is_empty() || behind.starts_with(['.', '[']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_there_if_something_lies_below_it() {
        let columns = ["items[].item_id", "event_name", "a.b"].map(str::to_owned);
        for path in ["items", "items[].item_id", "EVENT_NAME", "a", "a.b"] {
            assert!(is_there(path, &columns, Case::Ignored), "{path}");
        }
        assert!(!is_there("EVENT_NAME", &columns, Case::Exact));
        for path in ["item", "event", "b"] {
            assert!(!is_there(path, &columns, Case::Ignored), "{path}");
        }
    }
}
