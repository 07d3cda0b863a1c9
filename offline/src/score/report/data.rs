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

/// Looks at all columns.
///
/// * `labels`: of all rows.
#[must_use]
pub fn data(source: &Source, labels: &[f32]) -> Data {
    let rows: Vec<usize> = (0..source.table.rows).filter(|&row| source.targets.known[row]).collect();
    let columns = &source.columns;
    let fields = columns.fields.iter().map(|field| (field.name.as_str(), role(field)));
    let derived = columns.derived.iter().map(|derived| (derived.name.as_str(), "derived"));
    let all: Vec<((&str, &'static str), (&Column, &Vec<String>))> =
        fields.chain(derived).zip(columns.values.iter().zip(&columns.levels)).collect();
    let figures = |&((name, role), (column, levels)): &((&str, &'static str), (&Column, &Vec<String>))| {
        let missing = rows.iter().filter(|&&row| is_missing(column, row)).count() as u64;
        let of = ordinal(columns.fields.iter().find(|field| field.name == name));
        let shown = if matches!(role, "time" | "key") { Vec::new() } else { bins(column, levels, &rows, labels) };
        ColumnFigures {
            name: name.to_owned(),
            role,
            missing,
            levels: (role == "category").then_some(levels.len()),
            bins: shown.into_iter().map(|bin| named(bin, of)).collect(),
        }
    };
    let numeric: Vec<(&str, &[f64])> = all
        .iter()
        .filter_map(|((name, role), (column, _))| match column {
            Column::Numbers(numbers) if *role != "time" => Some((*name, numbers.as_slice())),
            _ => None,
        })
        .collect();
    Data {
        rows: rows.len(),
        positives: rows.iter().filter(|&&row| labels[row] > 0.0).count(),
        columns: all.par_iter().map(figures).collect(),
        ids: columns.ids.clone(),
        ignored: columns.ignored.iter().map(|(name, reason)| Ignored { column: name.clone(), reason }).collect(),
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
fn ordinal(field: Option<&Field>) -> Option<&[String]> {
    match field.map(|field| &field.kind) {
        Some(FieldKind::Ordinal { levels }) => Some(levels),
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
