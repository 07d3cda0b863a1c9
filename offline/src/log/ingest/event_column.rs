//! Finds the column of words for kinds of events in a file whose schema names none that the file has.
//!
//! Public data sets have no such column, and shops that export in their shape add one: read as the schema says, every
//! purchase would be a view.

use shared::contract::kind::Kinds;

use super::IngestError;
use super::read::{Form, Needed, Wanted, first_rows};
use super::schema;
use super::settings::{Reading, Role};
use super::words::{KindWords, Meaning};

/// The number of rows that are looked at.
const ROWS: usize = 200;
/// The share of a column's values that have to be known words.
const KNOWN: f64 = 0.8;

/// The column with a usual name for kinds of events, whose first values are mostly known words.
///
/// * `base`, `layers`: what the schema and the settings say of the file.
///
/// # Errors
/// [`IngestError`] when the file can't be read.
pub fn hidden(form: &Form, base: &Reading, layers: &Reading, kinds: &Kinds) -> Result<Option<String>, IngestError> {
    let is_told = layers.columns.sets(Role::Event) || base.columns.of(Role::Event).iter().any(|path| form.has(path));
    if is_told || !form.has_names() {
        return Ok(None);
    }
    let has_role = |column: &String| Role::ALL.iter().any(|role| base.columns.of(*role).contains(column));
    let columns: Vec<String> =
        schema::event_columns(&form.columns).into_iter().filter(|name| !has_role(name)).collect();
    if columns.is_empty() {
        return Ok(None);
    }
    let wanted: Vec<Wanted> = columns.iter().map(|name| Wanted::column(name, Needed::No)).collect();
    let rows = first_rows(form, &wanted, ROWS)?;
    let reading = Reading { kinds: base.kinds.clone(), ..Reading::default() }
        .under(&Reading { kinds: layers.kinds.clone(), ..Reading::default() });
    let mut words = KindWords::new(&reading, kinds)?;
    let mut has_words = |at: &usize| {
        let values = rows.iter().filter_map(|row| row.values.as_ref().ok()?[*at].as_deref());
        let (mut all, mut known, mut events) = (0, 0, 0);
        for value in values {
            let meaning = words.of_word(value);
            all += 1;
            known += u64::from(meaning != Meaning::Unknown);
            events += u64::from(matches!(meaning, Meaning::Kind(_)));
        }
        events > 0 && known as f64 >= KNOWN * f64::from(all)
    };
    Ok((0..columns.len()).find(|at| has_words(at)).map(|at| columns[at].clone()))
}
