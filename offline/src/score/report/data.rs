//! What the rows are like: each column, the label over time, and how columns go together.

use rayon::prelude::*;
use serde::Serialize;
use shared::engine::tabular::column::{Column, Level};
use shared::engine::tabular::schema::{Field, FieldKind};

use super::correlation::{Correlations, correlations};
use super::distribution::{Bin, bins};
use super::periods::{Periods, periods};
use super::source::Source;

/// What the rows are like.
#[derive(Debug, Clone, Serialize)]
pub struct Data {
    /// How many rows have a label.
    pub rows: usize,
    /// How many of them are positives.
    pub positives: usize,
    /// The columns that are looked at, and those derived from them.
    pub columns: Vec<ColumnFigures>,
    /// The columns that name a row.
    pub ids: Vec<String>,
    /// The columns that are not looked at.
    pub ignored: Vec<Ignored>,
    /// The label over time; none where there are no times.
    pub over_time: Option<Periods>,
    /// How numeric columns go together; none where there are fewer than two.
    pub correlations: Option<Correlations>,
}

/// A column that is not looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Ignored {
    /// Its name.
    pub column: String,
    /// Why.
    pub reason: &'static str,
}

/// A column of the rows.
#[derive(Debug, Clone, Serialize)]
pub struct ColumnFigures {
    /// Its name.
    pub name: String,
    /// What it is.
    pub role: &'static str,
    /// How many rows miss it.
    pub missing: u64,
    /// How many levels it has; none of numbers.
    pub levels: Option<usize>,
    /// Its rows, and the positives among them; none of times and keys.
    pub bins: Vec<Bin>,
}

/// A column with what is known of it.
struct Own<'a> {
    name: &'a str,
    role: &'static str,
    /// The levels that its numbers are places among.
    places: Option<&'a [String]>,
    values: &'a Column,
    /// The names of its levels, the most frequent first.
    levels: &'a [String],
}

impl<'a> Own<'a> {
    /// Its values, if they are numbers and no times.
    fn numbers(&self) -> Option<&'a [f64]> {
        match self.values {
            Column::Numbers(numbers) if self.role != "time" => Some(numbers),
            _ => None,
        }
    }
}

/// Looks at all columns.
///
/// * `labels`: of all rows.
#[must_use]
pub fn data(source: &Source, labels: &[f32]) -> Data {
    let rows: Vec<usize> = (0..source.table.rows).filter(|&row| source.targets.known[row]).collect();
    let columns = &source.columns;
    let fields = columns.fields.iter().map(|field| (field.name.as_str(), role(field), ordinal(field)));
    let derived = columns.derived.iter().map(|derived| (derived.name.as_str(), "derived", None));
    let values = columns.values.iter().zip(&columns.levels);
    let all: Vec<Own<'_>> = fields
        .chain(derived)
        .zip(values)
        .map(|((name, role, places), (values, levels))| Own { name, role, places, values, levels })
        .collect();
    let figures = |own: &Own<'_>| {
        let missing = rows.iter().filter(|&&row| is_missing(own.values, row)).count() as u64;
        let is_shown = !matches!(own.role, "time" | "key");
        let shown = if is_shown { bins(own.values, own.levels, &rows, labels) } else { Vec::new() };
        ColumnFigures {
            name: own.name.to_owned(),
            role: own.role,
            missing,
            levels: (own.role == "category").then_some(own.levels.len()),
            bins: shown.into_iter().map(|bin| named(bin, own.places)).collect(),
        }
    };
    let numeric: Vec<(&str, &[f64])> = all.iter().filter_map(|own| Some((own.name, own.numbers()?))).collect();
    Data {
        rows: rows.len(),
        positives: rows.iter().filter(|&&row| labels[row] > 0.0).count(),
        columns: all.par_iter().map(figures).collect(),
        ids: columns.ids.clone(),
        ignored: columns
            .ignored
            .iter()
            .map(|(name, reason)| Ignored { column: name.clone(), reason: reason.as_str() })
            .collect(),
        over_time: periods(source, &rows, labels),
        correlations: correlations(&numeric, &rows, labels),
    }
}

fn is_missing(column: &Column, row: usize) -> bool {
    match column {
        Column::Numbers(numbers) => numbers[row].is_nan(),
        Column::Levels(levels) => levels[row] == Level::MISSING,
    }
}

/// The levels of a field whose numbers are places among them.
fn ordinal(field: &Field) -> Option<&[String]> {
    match &field.kind {
        FieldKind::Ordinal { levels } => Some(levels),
        _ => None,
    }
}

/// A bin of a place among levels has the name of the level.
fn named(bin: Bin, levels: Option<&[String]>) -> Bin {
    let level = levels.zip(bin.bounds).and_then(|(levels, [at, _])| levels.get(at as usize));
    level.cloned().map_or(bin.clone(), |name| Bin { name, ..bin })
}

/// What a field is, in a word.
#[must_use]
pub fn role(field: &Field) -> &'static str {
    match field.kind {
        FieldKind::Number { .. } => "number",
        FieldKind::Ordinal { .. } => "ordinal",
        FieldKind::Category { .. } => "category",
        FieldKind::Key { .. } => "key",
        FieldKind::Time { .. } => "time",
    }
}
