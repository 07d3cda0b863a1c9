//! Decides what each column of a table is, and reads its values.
//!
//! A column is what the config says, or what all its values are: numbers, times or levels. Columns that can't teach
//! anything are ignored, with a reason: those that are empty, that have one value, or another one in every row.

use jiff::tz::TimeZone;
use serde_json::{Value, json};
use shared::engine::tabular::column::Column;
use shared::engine::tabular::derive::Derived;
use shared::engine::tabular::manifest::Remembered;
use shared::engine::tabular::schema::{Field, FieldKind, LISTED};
use shared::engine::tabular::value::{is_whole, level, number, time};
use shared::tables::HistoryTable;

use super::DataError;
use super::config::{ColumnConfig, Declared, ModelConfig, Role, SplitBy};
use super::derived::{derive, previous_name, times_needed};
use super::table::{Table, Texts};
use super::unused::Unused;
use crate::log::fields::{self, by_count, example_of, plain, range_of};
use crate::trees::monotone::Direction;

/// Fewer rows than these do not tell that a column has another value in every row.
const ROWS_OF_IDS: usize = 100;

/// The fields of a model with their values.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// The fields of a row.
    pub fields: Vec<Field>,
    /// The columns that are computed from them.
    pub derived: Vec<Derived>,
    /// The values of the fields, and of the derived columns behind them.
    pub values: Vec<Column>,
    /// What is remembered of the rows of keys.
    pub remembered: Vec<Remembered>,
    /// The tables of it.
    pub histories: Vec<HistoryTable>,
    /// The levels of each column, the most frequent first; none of numbers.
    pub levels: Vec<Vec<String>>,
    /// The columns that name a row.
    pub ids: Vec<String>,
    /// The columns that are not looked at, and why.
    pub ignored: Vec<(String, Unused)>,
    /// The columns of numbers with a few other texts, which makes them categories.
    pub mixed: Vec<Mixed>,
    /// The fields with which the prediction goes one way, by name.
    pub monotone: Vec<(String, Direction)>,
}

impl Columns {
    /// What the row before had in a column, if that is remembered.
    #[must_use]
    pub fn previous(&self, column: &str) -> Option<&Column> {
        let name = previous_name(column);
        let at = self.derived.iter().position(|derived| derived.name == name)?;
        self.values.get(self.fields.len() + at)
    }

    /// How the prediction goes with a column, if it is bound.
    #[must_use]
    pub fn direction(&self, column: usize) -> Option<Direction> {
        let name = &self.fields.get(column)?.name;
        self.monotone.iter().find(|(own, _)| own == name).map(|(_, direction)| *direction)
    }

    /// The names of all columns, the derived ones behind the fields.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let fields = self.fields.iter().map(|field| field.name.as_str());
        fields.chain(self.derived.iter().map(|derived| derived.name.as_str()))
    }

    /// The same without some columns, but for those that others are derived from; the fields among them are ignored.
    #[must_use]
    pub fn without(self, dropped: &[usize], reason: Unused) -> Self {
        let first = self.fields.len();
        // Times and keys are there for what is derived of them.
        let by_itself = |at: usize| {
            let kind = self.fields.get(at).map(|field| &field.kind);
            !matches!(kind, Some(FieldKind::Time { .. } | FieldKind::Key { .. }))
        };
        let mut kept: Vec<bool> = (0..self.values.len()).map(|at| by_itself(at) && !dropped.contains(&at)).collect();
        // What is derived stands behind what it is derived from.
        for (at, derived) in self.derived.iter().enumerate().rev() {
            if kept[first + at] {
                derived.by.columns().iter().for_each(|&column| kept[column] = true);
            }
        }
        let place = |column: usize| kept[..column].iter().filter(|kept| **kept).count();
        let mut ignored = self.ignored;
        ignored.extend(
            self.fields.iter().zip(&kept).filter(|(_, kept)| !**kept).map(|(field, _)| (field.name.clone(), reason)),
        );
        fn those<T>(all: Vec<T>, kept: &[bool]) -> Vec<T> {
            all.into_iter().zip(kept).filter_map(|(own, kept)| kept.then_some(own)).collect()
        }
        let derived: Vec<Derived> = those(self.derived, &kept[first..]);
        let remembers =
            |at: usize| derived.iter().any(|own| own.by.remembered().is_some_and(|(history, _)| history == at));
        let needed: Vec<bool> = (0..self.histories.len()).map(remembers).collect();
        let history = |at: usize| needed[..at].iter().filter(|needed| **needed).count();
        let moved = derived.into_iter().map(|own| Derived { by: own.by.moved(place, history), ..own });
        Self {
            derived: moved.collect(),
            remembered: those(self.remembered, &needed),
            histories: those(self.histories, &needed),
            fields: those(self.fields, &kept),
            values: those(self.values, &kept),
            levels: those(self.levels, &kept),
            ignored,
            ..self
        }
    }
}

/// A column of numbers with a few other texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mixed {
    /// The column.
    pub column: String,
    /// How many rows have another text.
    pub rows: usize,
    /// The first of these texts.
    pub text: String,
}

/// What a column turned out to be.
enum Told {
    Field(Declared),
    Id,
    Ignored(Unused),
}

/// Reads all columns but the label.
///
/// # Errors
/// [`DataError`] when the config names a column that is not there, or declares one that has other values.
pub fn columns(table: &Table, labels: &[String], config: &ModelConfig) -> Result<Columns, DataError> {
    for name in config.columns.keys() {
        if table.lists.contains(name) {
            let what = "its values are lists; write what counts in them into a column of its own".to_owned();
            return Err(DataError::Declared { column: name.clone(), what });
        }
        if table.column(name).is_none() && !config.ignores(name) {
            return Err(DataError::no_column("columns", name, table));
        }
    }
    let needed = times_needed(config);
    let unread = config.columns.keys().filter(|name| config.ignores(name) && !table.absent.contains(name));
    let mut columns = Columns::default();
    columns.ignored.extend(table.lists.iter().map(|name| (name.clone(), Unused::Lists)));
    columns.ignored.extend(unread.map(|name| (name.clone(), Unused::Config)));
    // Clients may send what these rows lack.
    columns.ignored.extend(table.absent.iter().map(|name| (name.clone(), Unused::Absent)));
    for (name, texts) in table.names.iter().zip(&table.columns) {
        if labels.contains(name) {
            continue;
        }
        if !config.columns.contains_key(name) {
            columns.mixed.extend(mixed(name, texts));
        }
        match tell(name, texts, config, needed.contains(name.as_str())) {
            Told::Id => columns.ids.push(name.clone()),
            Told::Ignored(reason) => columns.ignored.push((name.clone(), reason)),
            Told::Field(declared) => {
                let (field, levels) = field(name, texts, &declared, config)?;
                columns.values.push(values(&field, texts)?);
                columns.monotone.extend(declared.monotone.map(|direction| (name.clone(), direction)));
                columns.fields.push(field);
                columns.levels.push(levels);
            }
        }
    }
    if columns.fields.is_empty() {
        return Err(DataError::NothingToLearnFrom(columns.ignored));
    }
    derive(&mut columns, table, config)?;
    Ok(columns)
}

fn tell(name: &str, texts: &Texts, config: &ModelConfig, time_needed: bool) -> Told {
    if *name == config.panel.key {
        return Told::Field(config.columns.get(name).map_or(Declared::of(Role::Key), ColumnConfig::declared));
    }
    if let Some(declared) = config.columns.get(name) {
        let declared = declared.declared();
        return match declared.role {
            Role::Id => Told::Id,
            Role::Ignored => Told::Ignored(Unused::Config),
            Role::Time if !time_needed => Told::Ignored(Unused::Times),
            _ => Told::Field(declared),
        };
    }
    if *name == config.weights.column {
        return Told::Ignored(Unused::Weights);
    }
    if config.split.by == SplitBy::Column && *name == config.split.column {
        return Told::Ignored(Unused::Split);
    }
    if texts.values.is_empty() {
        return Told::Ignored(Unused::Missing);
    }
    if texts.values.len() == 1 && texts.missing() == 0 {
        return Told::Ignored(Unused::Constant);
    }
    let all = |is: fn(&str) -> bool| texts.values.iter().all(|text| is(text));
    let numbers = all(|text| number(text).is_some()) && !texts.values.iter().any(|text| is_code(text));
    let role = if !numbers && all(|text| time(text, None, &TimeZone::UTC).is_some()) || *name == config.time {
        Role::Time
    } else if numbers {
        Role::Number
    } else {
        Role::Category
    };
    let distinct = texts.values.len() == texts.rows.len() && texts.rows.len() >= ROWS_OF_IDS;
    match role {
        Role::Time if !time_needed => Told::Ignored(Unused::Times),
        Role::Category if distinct => Told::Id,
        Role::Number if distinct && is_counter(texts) => Told::Id,
        role => Told::Field(Declared::of(role)),
    }
}

/// Whether a text is digits with a zero before them, as codes have.
pub fn is_code(text: &str) -> bool {
    text.len() > 1 && text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether most values of a column are numbers, and some are not.
fn mixed(name: &str, texts: &Texts) -> Option<Mixed> {
    let others = || texts.values.iter().zip(texts.counts()).filter(|(text, _)| number(text).is_none());
    let (rows, present) = (others().map(|(_, count)| count).sum::<usize>(), texts.rows.len() - texts.missing());
    let (text, _) = others().next()?;
    (2 * rows < present).then(|| Mixed { column: name.to_owned(), rows, text: text.clone() })
}

/// Whether numbers rise by whole steps from row to row, as those that count rows do.
fn is_counter(texts: &Texts) -> bool {
    let whole: Option<Vec<i64>> = texts.values.iter().map(|text| text.parse().ok()).collect();
    whole.is_some_and(|numbers| numbers.windows(2).all(|pair| pair[0] < pair[1]))
}

/// The field of a column, and the levels of a category, the most frequent first.
fn field(
    name: &str,
    texts: &Texts,
    declared: &Declared,
    config: &ModelConfig,
) -> Result<(Field, Vec<String>), DataError> {
    let nulls = texts.missing() as u64;
    let (kind, example, levels) = match declared.role {
        Role::Number => {
            let (min, max, median) = range_of(texts);
            (FieldKind::Number { min, max, range: declared.range }, plain(median), Vec::new())
        }
        Role::Time => (
            FieldKind::Time { zone: config.time_zone.clone(), format: declared.format.clone() },
            texts.values.first().map_or(Value::Null, |text| json!(text)),
            Vec::new(),
        ),
        Role::Ordinal => {
            let levels = declared.levels.clone();
            let example = levels.get(levels.len() / 2).map_or(Value::Null, |level| json!(level));
            (FieldKind::Ordinal { levels }, example, Vec::new())
        }
        Role::Key => {
            let whole = texts.values.iter().all(|text| level(text).is_some_and(|level| is_whole(&level)));
            let example = texts.values.first().map_or(Value::Null, |text| example_of(text, whole));
            (FieldKind::Key { whole }, example, Vec::new())
        }
        Role::Category | Role::Id | Role::Ignored => {
            let mut levels = by_count(texts);
            let whole = !levels.is_empty() && levels.iter().all(|level| is_whole(level));
            let missing = declared.levels.iter().filter(|level| !levels.contains(level)).cloned().collect::<Vec<_>>();
            levels.extend(missing);
            let example = levels.first().map_or(Value::Null, |level| example_of(level, whole));
            let (count, only) = (levels.len(), declared.only);
            let listed = if only { declared.levels.clone() } else { levels.iter().take(LISTED).cloned().collect() };
            (FieldKind::Category { count, levels: listed, whole, only }, example, levels)
        }
    };
    let nullable = declared.nullable.unwrap_or(nulls > 0);
    let field = Field {
        name: name.to_owned(),
        kind,
        nullable,
        nulls,
        missing: config.missing.clone(),
        default: declared.default.clone(),
        example,
    };
    if let Err(bad) =
        field.default.as_ref().map_or(Ok(()), |default| field.read_json(Some(default), &mut field.column(1)))
    {
        return Err(DataError::Declared { column: name.to_owned(), what: format!("default: {bad}") });
    }
    Ok((field, levels))
}

/// The values of a field.
fn values(field: &Field, texts: &Texts) -> Result<Column, DataError> {
    let values = fields::values(field, texts).map_err(|bad| DataError::Value { column: field.name.clone(), bad })?;
    if texts.missing() > 0 && !field.nullable {
        return Err(DataError::Missing { column: field.name.clone(), rows: texts.missing() });
    }
    Ok(values)
}
