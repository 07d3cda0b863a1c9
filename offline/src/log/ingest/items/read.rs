//! Reads item tables row by row.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use shared::contract::id::{ItemId, present};

use super::ItemsConfig;
use super::availability::{Bound, Validity, is_available, moment};
use super::catalogue::{self, BRAND, Catalogue};
use super::categories::{BLANKS, Cuts};
use super::columns::{self, Recognised, Role, recognise};
use super::price::Style;
use super::property::{self, Described, Kind, tenth};
use super::report::ItemsReport;
use super::told::Told;
use crate::log::ingest::read::{Form, Needed, Take, Values, Wanted, files, for_each_row, recognise as recognise_file};
use crate::log::ingest::rejects::Rejects;
use crate::log::ingest::vectors::{self, Vectors};
use crate::log::ingest::{IngestConfig, IngestError};

/// The section of the settings that names the columns.
const SECTION: &str = "items";

/// A row of the item table.
struct ItemRow {
    name: Box<str>,
    categories: Vec<String>,
    price: f32,
    words: Vec<Box<str>>,
    /// The numbers among the properties, with their names.
    numbers: Vec<(Rc<str>, f64)>,
    validity: Validity,
    withdrawn: bool,
    vector: Option<Result<Vec<f32>, String>>,
}

/// Why a row is rejected, and the value that is to blame.
struct Bad<'a> {
    reason: String,
    value: Option<&'a str>,
}

impl<'a> Bad<'a> {
    fn new(reason: impl ToString, value: Option<&'a str>) -> Self {
        Self { reason: reason.to_string(), value }
    }
}

/// A property and where its values are.
struct Column {
    /// The name of the property.
    name: Rc<str>,
    column: String,
    kind: Kind,
    separator: String,
}

/// How the rows of a file are read.
struct Layout<'a> {
    config: &'a ItemsConfig,
    category: Cuts,
    path: Cuts,
    style: Style,
    properties: Vec<Column>,
}

/// Reads an item table: a file, a folder, or a pattern of files. Of an item that occurs twice, the last row is kept.
///
/// * `ingest`: how text is read, and the share of bad rows that is allowed.
/// * `rejects`: the file that bad rows are written to.
///
/// # Errors
/// [`IngestError`] when a file or a column that the settings name is missing, or too many rows are bad.
pub fn read_catalogue(
    path: &Path,
    config: &ItemsConfig,
    ingest: &IngestConfig,
    rejects: &Path,
) -> Result<Catalogue, IngestError> {
    let mut report = ItemsReport::default();
    let mut rows: BTreeMap<Box<str>, ItemRow> = BTreeMap::new();
    let mut out = Rejects::new(rejects);
    let options = ingest.reading().options();
    for file in files(&[path.to_owned()])?.files {
        read_file(&recognise_file(&file, &options)?, config, &mut rows, &mut report, &mut out)?;
    }
    out.close()?;
    report.items = rows.len() as u64;
    check(path, &report, ingest.max_reject_share, rejects)?;
    Ok(Catalogue { complete: config.complete, told: Told::new(config), report, ..collect(rows) })
}

fn read_file(
    file: &Form,
    config: &ItemsConfig,
    rows: &mut BTreeMap<Box<str>, ItemRow>,
    report: &mut ItemsReport,
    out: &mut Rejects,
) -> Result<(), IngestError> {
    let there = &file.columns;
    let Recognised { columns, warnings } = recognise(config, there);
    let of = |role: Role| columns[role as usize].clone();
    for role in Role::ALL {
        if let Some(column) = of(role) {
            report.columns.insert(role.as_str().to_owned(), column);
        }
    }
    report.warnings.extend(warnings);
    // A JSON object may lack what a later one has.
    let name =
        |role: Role| of(role).unwrap_or_else(|| if role == Role::Id { config.id.clone() } else { String::new() });
    let needed = |role: Role| if role == Role::Id { Needed::Yes } else { Needed::No };
    let take = |role: Role| match role {
        Role::Id => Take::Id,
        Role::Category | Role::CategoryPath => Take::Whole,
        _ => Take::Single,
    };
    let mut wanted: Vec<Wanted> = Role::ALL
        .into_iter()
        .map(|role| Wanted { take: take(role), ..Wanted::column(&name(role), needed(role)) })
        .collect();
    let layout = Layout {
        config,
        category: config.cuts().of_column(&name(Role::Category)),
        path: config.cuts().of_column(&name(Role::CategoryPath)),
        style: style(file, config, of(Role::Price))?,
        properties: properties(config, there, of(Role::Brand).as_deref()),
    };
    if layout.style.currencies.len() > 1 {
        let currencies: Vec<&str> = layout.style.currencies.iter().map(String::as_str).collect();
        report.warnings.push(format!(
            "prices are in several currencies ({}) and are compared as if they were in one; items.price = \"\" leaves them \
             out",
            currencies.join(", ")
        ));
    }
    wanted.extend(
        layout
            .properties
            .iter()
            .map(|property| Wanted { take: Take::Whole, ..Wanted::column(&property.column, Needed::Yes) }),
    );
    let embedding = if config.embedding.is_empty() { Needed::No } else { Needed::Yes };
    wanted.push(Wanted { take: Take::Whole, ..Wanted::column(&config.embedding, embedding) });
    for_each_row(file, &wanted, SECTION, &mut |at, row| {
        report.rows += 1;
        let read = match row {
            Ok(row) => layout.read(row.values).map_err(|bad| (bad, raw(&row))),
            Err(row) => Err((Bad::new(&row.reason, None), row.raw.clone())),
        };
        match read {
            Ok((id, row)) => report.repeated += u64::from(rows.insert(id.as_str().into(), row).is_some()),
            Err((bad, raw)) => {
                report.reject(&bad.reason, at.number, bad.value);
                out.write(&file.path, at, &bad.reason, &raw)?;
            }
        }
        Ok(())
    })
}

/// What the file has in a row's place; of Parquet, the values.
fn raw(row: &Values<'_>) -> String {
    row.raw.map_or_else(|| row.values.iter().flatten().copied().collect::<Vec<_>>().join(","), str::to_owned)
}

/// How the prices of a file are written.
fn style(file: &Form, config: &ItemsConfig, column: Option<String>) -> Result<Style, IngestError> {
    let mut style = Style::of(config.decimal);
    if let Some(name) = column {
        for_each_row(file, &[Wanted::column(&name, Needed::No)], SECTION, &mut |_, row| {
            if let Some(text) = row.ok().and_then(|row| row.values[0]).and_then(present) {
                style.learn(text);
            }
            Ok(())
        })?;
    }
    Ok(style)
}

/// The properties with their columns; the brand first, if there is a column for it.
fn properties(config: &ItemsConfig, there: &[String], brand: Option<&str>) -> Vec<Column> {
    let of = |name: &str, kind: Option<Kind>| {
        let column = columns::find(name, there).unwrap_or(name).to_owned();
        let separator = if column.ends_with(BLANKS) { " ".to_owned() } else { config.category_separator.clone() };
        let kind = kind.or_else(|| columns::kind(&column)).unwrap_or(Kind::Text);
        Column { name: columns::bare(name).into(), column, kind, separator }
    };
    let brand = brand.map(|column| Column { name: BRAND.trim_end_matches('=').into(), ..of(column, Some(Kind::Text)) });
    let others = config.properties.iter().map(|property| match property {
        property::Property::Named(name) => of(name, None),
        property::Property::Typed { column, kind } => of(column, Some(*kind)),
    });
    let mut properties: Vec<Column> = brand.into_iter().collect();
    for property in others {
        if properties.iter().all(|known| known.column != property.column) {
            properties.push(property);
        }
    }
    properties
}

impl Layout<'_> {
    /// Reads a row: the id and what is said of it, or why it is rejected.
    fn read<'a>(&self, values: &[Option<&'a str>]) -> Result<(ItemId, ItemRow), Bad<'a>> {
        let filled = |role: Role| values[role as usize].and_then(present);
        let Some(id) = filled(Role::Id) else { return Err(Bad::new("no item id", None)) };
        let id = ItemId::from_outside(id).map_err(|error| Bad::new(error, Some(id)))?;
        let price = match filled(Role::Price) {
            Some(text) => self.style.read(text).map_err(|error| Bad::new(error, Some(text)))?,
            None => f32::NAN,
        };
        let mut categories = self.category.split(filled(Role::Category).unwrap_or_default());
        for level in self.path.split(filled(Role::CategoryPath).unwrap_or_default()) {
            if !categories.contains(&level) {
                categories.push(level);
            }
        }
        let (mut words, mut numbers) = (Vec::new(), Vec::new());
        for (property, value) in self.properties.iter().zip(&values[Role::ALL.len()..]) {
            let Some(text) = *value else { continue };
            let Column { name, kind, separator, .. } = property;
            match property::read(name, *kind, separator, text) {
                Ok(Described::Words(found)) => words.extend(found.into_iter().map(Into::into)),
                Ok(Described::Number(found)) => numbers.push((name.clone(), found)),
                Err(reason) => return Err(Bad::new(format!("property `{name}` is {reason}"), Some(text))),
            }
        }
        let time = |role: Role, bound: Bound, open: i64| match filled(role) {
            None => Ok(open),
            Some(text) => moment(text, bound)
                .ok_or_else(|| Bad::new(format!("items.{} is not a time", role.as_str()), Some(text))),
        };
        let from_ms = time(Role::AvailableFrom, Bound::From, i64::MIN)?;
        let until_ms = time(Role::AvailableUntil, Bound::Until, i64::MAX)?;
        let available = match filled(Role::Available) {
            None => true,
            Some(text) => {
                let (yes, no) = (&self.config.available_words, &self.config.withdrawn_words);
                is_available(text, yes, no).ok_or_else(|| Bad::new(NO_WORD, Some(text)))?
            }
        };
        let name = filled(Role::Name).unwrap_or_default().into();
        let validity = Validity { from_ms, until_ms };
        let vector = vectors::parse(values.last().copied().flatten());
        Ok((id, ItemRow { name, categories, price, words, numbers, validity, withdrawn: !available, vector }))
    }
}

/// Why a row is rejected that does not say whether its item is available.
const NO_WORD: &str = "neither available nor withdrawn; add the word to items.available_words or items.withdrawn_words, or \
                       leave the column out with items.available = \"\"";

fn check(path: &Path, report: &ItemsReport, allowed: f64, rejects: &Path) -> Result<(), IngestError> {
    let (rows, rejected) = (report.rows, report.rejected_rows());
    if rejected as f64 / rows.max(1) as f64 <= allowed {
        return Ok(());
    }
    let reason = |(reason, found): (&String, &super::report::Rejected)| {
        format!("{reason}: {}, such as {}", found.count, found.example)
    };
    let reasons: Vec<String> = report.rejected.iter().map(reason).collect();
    let (reasons, path, rejects): (_, PathBuf, _) = (reasons.join("; "), path.to_owned(), rejects.to_owned());
    Err(IngestError::ItemRejects { path, rejected, rows, reasons, allowed, rejects })
}

/// Puts the rows into columns.
fn collect(mut rows: BTreeMap<Box<str>, ItemRow>) -> Catalogue {
    let mut categories: Vec<Box<str>> =
        rows.values().flat_map(|row| &row.categories).map(|name| name.as_str().into()).collect();
    categories.sort_unstable();
    categories.dedup();
    let vectors = Vectors::of_items(rows.values_mut().map(|row| row.vector.take()));
    let mut catalogue = Catalogue { listed_categories: categories.clone(), vectors, ..Catalogue::default() };
    let row_of = |name: &String| categories.binary_search_by(|known| (**known).cmp(name)).ok().map(|row| row as u32);
    let of_items: Vec<Vec<u32>> = rows.values().map(|row| row.categories.iter().filter_map(row_of).collect()).collect();
    (catalogue.category_of, catalogue.more_categories) = catalogue::columns(&of_items);
    if rows.values().any(|row| row.validity != Validity::ALWAYS) {
        catalogue.validity = rows.values().map(|row| row.validity).collect();
    }
    if rows.values().any(|row| row.withdrawn) {
        catalogue.withdrawn = rows.values().map(|row| row.withdrawn).collect();
    }
    let mut numbers: BTreeMap<Rc<str>, Vec<f64>> = BTreeMap::new();
    for (name, number) in rows.values().flat_map(|row| &row.numbers) {
        numbers.entry(name.clone()).or_default().push(*number);
    }
    numbers.values_mut().for_each(|numbers| numbers.sort_unstable_by(f64::total_cmp));
    for (id, row) in rows {
        catalogue.ids.push(id);
        catalogue.names.push(row.name);
        catalogue.prices.push(row.price);
        let tenths = row.numbers.iter().map(|(name, number)| tenth(name, *number, &numbers[name]).into());
        catalogue.properties.push(row.words.into_iter().chain(tenths).collect());
        catalogue.listed.push(true);
    }
    Catalogue { categories, ..catalogue }
}
