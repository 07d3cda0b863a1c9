//! What the values of a column of texts are: the ranges of numbers, the levels of categories, and both as columns.

use serde_json::{Value, json};
use shared::engine::tabular::column::Column;
use shared::engine::tabular::schema::Field;
use shared::engine::tabular::value::{BadValue, level, number};

use crate::log::ingest::texts::Texts;

/// A number without a fraction of nothing.
#[must_use]
pub fn plain(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 1e15 { json!(number as i64) } else { json!(number) }
}

/// A level as an example of JSON: a number where all are whole ones.
#[must_use]
pub fn example_of(level: &str, whole: bool) -> Value {
    match level.parse::<i64>() {
        Ok(number) if whole => json!(number),
        _ => json!(level),
    }
}

/// The levels of a column, the most frequent first, those of one text apart from white space and `.0` as one.
#[must_use]
pub fn by_count(texts: &Texts) -> Vec<String> {
    let mut counts: hashbrown::HashMap<String, usize> = hashbrown::HashMap::new();
    for (text, count) in texts.values.iter().zip(texts.counts()) {
        if let Some(level) = level(text) {
            *counts.entry(level.into_owned()).or_default() += count;
        }
    }
    let mut levels: Vec<(String, usize)> = counts.into_iter().collect();
    levels.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    levels.into_iter().map(|(level, _)| level).collect()
}

/// The smallest and the largest number, and the median.
#[must_use]
pub fn range_of(texts: &Texts) -> (f64, f64, f64) {
    let mut numbers: Vec<(f64, usize)> =
        texts.values.iter().zip(texts.counts()).filter_map(|(text, count)| Some((number(text)?, count))).collect();
    numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = numbers.iter().map(|(_, count)| count).sum::<usize>() / 2;
    let mut below = 0;
    let median = numbers.iter().find(|(_, count)| {
        below += count;
        below > half
    });
    let at = |end: Option<&(f64, usize)>| end.map_or(0.0, |(number, _)| *number);
    (at(numbers.first()), at(numbers.last()), at(median))
}

/// The values of a field.
///
/// # Errors
/// The first value that the field can't have.
pub fn values(field: &Field, texts: &Texts) -> Result<Column, BadValue> {
    let mut distinct = field.column(texts.values.len());
    for text in &texts.values {
        field.read(Some(text), &mut distinct)?;
    }
    let mut missing = field.column(1);
    // Whether values may be missing is asked of requests; rows of a file have what they have.
    let _ = field.read(None, &mut missing);
    Ok(texts.spread(&distinct, &missing))
}
