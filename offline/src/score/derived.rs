//! Computes the columns that are derived from others, and remembers what they need of other rows.

use hashbrown::HashSet;
use rayon::prelude::*;
use shared::engine::tabular::column::{Column, Level};
use shared::engine::tabular::derive::{Derivation, Derived, Part};
use shared::engine::tabular::history::{Known, pasts};
use shared::engine::tabular::manifest::Remembered;
use shared::engine::tabular::schema::FieldKind;
use shared::engine::tabular::value::{number, truth};
use shared::tables::HistoryTable;

use super::columns::Columns;
use super::config::{DerivedConfig, Learn, ModelConfig, Past, matching};
use super::table::{Table, Texts};
use super::{DataError, history, targets};

/// The name of what the row before had in a column.
#[must_use]
pub fn previous_name(column: &str) -> String {
    format!("previous_{column}")
}

/// The columns of times that derived columns are computed from.
#[must_use]
pub fn times_needed<'a>(config: &'a ModelConfig) -> HashSet<&'a str> {
    let time = |by: &'a DerivedConfig| match by {
        DerivedConfig::Hour(of) | DerivedConfig::Weekday(of) | DerivedConfig::Day(of) | DerivedConfig::Month(of) => {
            Some(of.as_str())
        }
        DerivedConfig::Count(_) => Some(config.time.as_str()),
        DerivedConfig::Difference(_) | DerivedConfig::Ratio(_) => None,
    };
    let panel = (!config.panel.key.is_empty()).then_some(config.time.as_str());
    config.derived.values().filter_map(time).chain(panel).collect()
}

/// Adds the columns that the config derives from those of the rows.
///
/// # Errors
/// [`DataError`] when a column that is needed is not there, or is of another kind.
pub fn derive(columns: &mut Columns, table: &Table, config: &ModelConfig) -> Result<(), DataError> {
    if !config.panel.key.is_empty() {
        panel(columns, table, config)?;
    }
    for (name, by) in &config.derived {
        let by = derivation(by, columns, config);
        let by = by.map_err(|what| DataError::Derived { name: name.clone(), what })?;
        add(columns, vec![(name.clone(), by)])?;
    }
    Ok(())
}

/// Adds derived columns, none of which is computed from another of them, behind all others.
fn add(columns: &mut Columns, all: Vec<(String, Derivation)>) -> Result<(), DataError> {
    for (at, (name, _)) in all.iter().enumerate() {
        let what = if columns.fields.iter().any(|field| field.name == *name) {
            "a column of the rows has this name"
        } else if columns.derived.iter().any(|other| other.name == *name) || all[..at].iter().any(|own| own.0 == *name)
        {
            "[panel] derives a column of this name; take another"
        } else {
            continue;
        };
        return Err(DataError::Derived { name: name.clone(), what: what.to_owned() });
    }
    let mut told = vec![Vec::new(); columns.histories.len()];
    for (_, by) in &all {
        if let (Some((history, _)), &[key, time]) = (by.remembered(), by.columns())
            && told[history].is_empty()
        {
            let known = Known { version: columns.histories[history].get(), live: None };
            told[history] = pasts(known, [&columns.values[key], &columns.values[time]]);
        }
    }
    let computed: Vec<Column> = all.par_iter().map(|(_, by)| by.column(&columns.values, &told)).collect();
    for ((name, by), values) in all.into_iter().zip(computed) {
        columns.values.push(values);
        columns.levels.push(Vec::new());
        columns.derived.push(Derived { name, by });
    }
    Ok(())
}

/// Adds what a row is told of the past of each column that is to be remembered.
fn panel(columns: &mut Columns, table: &Table, config: &ModelConfig) -> Result<(), DataError> {
    let mut names = matching("panel.previous", &config.panel.previous, table)?;
    if config.panel.learn != Learn::Values {
        let labels = targets::names(table, config)?;
        names.extend(labels.into_iter().filter(|label| !names.contains(label)).collect::<Vec<_>>());
    }
    let of = |what| DataError::Declared { column: config.panel.key.clone(), what };
    let key = key(columns, &config.panel.key).map_err(of)?;
    let time = place(columns, &config.time, "time").map_err(of)?;
    let remembered = names.iter().filter_map(|name| Some((name, table.column(name)?)));
    let remembered = remembered.map(|(name, texts)| numbers(name, texts)).collect::<Result<Vec<_>, _>>()?;
    let table = history::values(levels(columns, key), times(columns, time), &remembered);
    let history = remember(columns, &config.panel.key, names.clone(), table);
    let columns_of = [key, time];
    let of = |past: &Past, (value, name): (usize, &String)| match past {
        Past::Previous => (previous_name(name), Derivation::Previous { columns: columns_of, history, value }),
        Past::Since => (format!("since_{name}"), Derivation::Since { columns: columns_of, history, value }),
        Past::Changes => (format!("changes_{name}"), Derivation::Changes { columns: columns_of, history, value }),
    };
    let all = config.panel.past.iter().flat_map(|past| names.iter().enumerate().map(|name| of(past, name)));
    add(columns, all.collect())
}

/// Adds a history, and returns its place.
fn remember(columns: &mut Columns, key: &str, values: Vec<String>, table: HistoryTable) -> usize {
    columns.remembered.push(Remembered { key: key.to_owned(), values });
    columns.histories.push(table);
    columns.histories.len() - 1
}

/// Numbers, and yes and no as 1 and 0.
fn numbers(name: &str, texts: &Texts) -> Result<Vec<f32>, DataError> {
    let value = |text: &String| {
        let found = number(text).map(|number| number as f32).or_else(|| truth(text));
        let what = || format!("{text:?} is neither a number nor yes or no; [panel] remembers nothing else");
        found.ok_or_else(|| DataError::Declared { column: name.to_owned(), what: what() })
    };
    let distinct: Vec<f32> = texts.values.iter().map(value).collect::<Result<_, _>>()?;
    Ok(texts.rows.iter().map(|&place| distinct.get(place as usize).copied().unwrap_or(f32::NAN)).collect())
}

fn derivation(by: &DerivedConfig, columns: &mut Columns, config: &ModelConfig) -> Result<Derivation, String> {
    let zone = &config.time_zone;
    let part = |part: Part, of: &String| {
        Ok(Derivation::Part { part, column: place(columns, of, "time")?, zone: zone.to_owned() })
    };
    let both = |[one, other]: &[String; 2]| Ok([place(columns, one, "number")?, place(columns, other, "number")?]);
    match by {
        DerivedConfig::Hour(of) => part(Part::Hour, of),
        DerivedConfig::Weekday(of) => part(Part::Weekday, of),
        DerivedConfig::Day(of) => part(Part::Day, of),
        DerivedConfig::Month(of) => part(Part::Month, of),
        DerivedConfig::Difference(of) => both(of).map(|columns| Derivation::Difference { columns }),
        DerivedConfig::Ratio(of) => both(of).map(|columns| Derivation::Ratio { columns }),
        DerivedConfig::Count(of) => {
            let (key, time) = (key(columns, of)?, place(columns, &config.time, "time")?);
            let table = history::counts(levels(columns, key), times(columns, time));
            let history = remember(columns, of, vec!["rows".to_owned()], table);
            Ok(Derivation::Count { columns: [key, time], history, value: 0 })
        }
    }
}

fn field(columns: &Columns, name: &str) -> Result<usize, String> {
    let found = columns.fields.iter().position(|field| field.name == *name);
    found.ok_or_else(|| {
        format!(
            "there is no column `{name}` that is looked at; if it is whose row it is, say {name} = \"key\" in [columns]"
        )
    })
}

/// The place of a column of numbers or of times.
fn place(columns: &Columns, name: &str, wanted: &str) -> Result<usize, String> {
    let at = field(columns, name)?;
    let fits = match columns.fields[at].kind {
        FieldKind::Time { .. } => wanted == "time",
        FieldKind::Number { .. } | FieldKind::Ordinal { .. } => wanted == "number",
        FieldKind::Category { .. } | FieldKind::Key { .. } => false,
    };
    if fits { Ok(at) } else { Err(format!("`{name}` is no {wanted}; if it is, say so in [columns]")) }
}

/// The place of a column whose values may be counted.
fn key(columns: &Columns, name: &str) -> Result<usize, String> {
    let at = field(columns, name)?;
    match columns.fields[at].kind {
        FieldKind::Category { .. } | FieldKind::Key { .. } => Ok(at),
        _ => Err(format!("`{name}` is no category; if it is, say {name} = \"category\" or \"key\" in [columns]")),
    }
}

fn levels(columns: &Columns, at: usize) -> &[Level] {
    match &columns.values[at] {
        Column::Levels(levels) => levels,
        Column::Numbers(_) => &[],
    }
}

fn times(columns: &Columns, at: usize) -> &[f64] {
    match &columns.values[at] {
        Column::Numbers(times) => times,
        Column::Levels(_) => &[],
    }
}
