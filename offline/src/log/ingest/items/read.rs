//! Reads item tables row by row.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use shared::contract::id::present;

use super::ItemsConfig;
use super::availability::Validity;
use super::catalogue::{self, BRAND, Catalogue};
use super::columns::{self, Mapping};
use super::facts::{Asked, Fact, FactColumn, Gatherer};
use super::price::Style;
use super::property::{self, Kind, Property, tenth};
use super::report::{ItemFile, ItemsReport};
use super::role::Role;
use super::row::{Bad, Column, ItemRow, Layout};
use super::schema::{self, ItemSchema};
use super::told::Told;
use crate::log::ingest::read::path::{list, same_name};
use crate::log::ingest::read::{
    Form, Needed, Quoting, ReadOptions, Take, Values, Wanted, files, for_each_row, recognise,
};
use crate::log::ingest::rejects::Rejects;
use crate::log::ingest::report::LeftOut;
use crate::log::ingest::vectors::Vectors;
use crate::log::ingest::{IngestConfig, IngestError};

/// The section of the settings that names the columns.
const SECTION: &str = "items";

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
    let mut gatherer = Gatherer::default();
    let mut out = Rejects::new(rejects);
    let found = files(&[path.to_owned()])?;
    report.left_out = found.left_out.into_iter().map(|(path, reason)| LeftOut { path, reason }).collect();
    for file in found.files {
        let read = look(&file, &ingest.of_file(&file)?.options()).and_then(|(form, schema)| {
            read_file(&form, schema, config, &mut rows, &mut gatherer, &mut report, &mut out)
        });
        match read {
            Err(error @ (IngestError::Kind { .. } | IngestError::NoColumn { .. }))
                if found.folder_of.contains_key(&file) =>
            {
                report.left_out.push(LeftOut { reason: error.reason(&file), path: file });
            }
            read => read?,
        }
    }
    out.close()?;
    report.warnings.extend(report.doubts());
    if report.files.is_empty() {
        let reasons: Vec<&str> = report.left_out.iter().map(|file| file.reason.as_str()).take(5).collect();
        return Err(IngestError::read(path, format!("no item table in it: {}", reasons.join("; "))));
    }
    report.items = rows.len() as u64;
    check(path, &report, ingest.max_reject_share, rejects)?;
    let of_items: Vec<u32> = rows.values().map(|row| row.row).collect();
    let (facts, left_out) = gatherer.finish(&of_items);
    report.properties = facts.iter().map(Fact::in_words).collect();
    report.no_properties = left_out;
    Ok(Catalogue { complete: config.complete, told: Told::new(config), report, facts, ..collect(rows) })
}

/// What a file is, and its schema, which may say how quotes are written.
fn look(path: &Path, options: &ReadOptions) -> Result<(Form, &'static ItemSchema), IngestError> {
    let form = recognise(path, options)?;
    let schema = schema::of_file(&form)?;
    match schema.quoting.filter(|_| options.quoting == Quoting::default()) {
        Some(quoting) => Ok((recognise(path, &ReadOptions { quoting, ..options.clone() })?, schema)),
        None => Ok((form, schema)),
    }
}

fn read_file(
    file: &Form,
    schema: &ItemSchema,
    config: &ItemsConfig,
    rows: &mut BTreeMap<Box<str>, ItemRow>,
    gatherer: &mut Gatherer,
    report: &mut ItemsReport,
    out: &mut Rejects,
) -> Result<(), IngestError> {
    let mapping = columns::map(config, schema, file);
    let has_ids = mapping.of(Role::Id).iter().any(|path| file.has(path));
    if !has_ids && file.is_table() && config.id == Role::Id.default_name() {
        return Err(IngestError::NoColumn {
            path: file.path.clone(),
            what: "the item's id".to_owned(),
            there: file.columns.clone(),
            remedy: "items.id = \"…\"".to_owned(),
        });
    }
    report.files.push(ItemFile {
        path: file.path.clone(),
        form: file.to_string(),
        schema: schema.name.to_owned(),
        title: schema.title.clone(),
    });
    for role in Role::ALL {
        let there: Vec<&str> = mapping.of(role).iter().map(String::as_str).filter(|path| file.has(path)).collect();
        if !there.is_empty() {
            report.columns.insert(role.as_str().to_owned(), there.join(", "));
        }
    }
    report.warnings.extend(mapping.warnings.iter().cloned());
    let (layout, wanted) = layout(file, schema, config, &mapping)?;
    if layout.style.currencies.len() > 1 {
        let currencies: Vec<&str> = layout.style.currencies.iter().map(String::as_str).collect();
        report.warnings.push(format!(
            "prices are in several currencies ({}) and are compared as if they were in one; items.price = \"\" leaves them \
             out",
            currencies.join(", ")
        ));
    }
    for_each_row(file, &wanted, SECTION, &mut |at, row| {
        report.rows += 1;
        let number = gatherer.next_row();
        let read = match row {
            Ok(row) => layout.read(row.values).map_err(|bad| (bad, raw(&row))).inspect(|_| {
                layout.note(row.values, gatherer);
            }),
            Err(row) => Err((Bad::new(&row.reason, None), row.raw.clone())),
        };
        match read {
            Ok((id, mut row)) => {
                for (role, text) in std::mem::take(&mut row.doubts) {
                    report.doubt(role, at.number, &text);
                }
                row.row = number;
                report.repeated += u64::from(rows.insert(id.as_str().into(), row).is_some());
            }
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

/// How the rows of a file are read, and the columns for it.
fn layout<'a>(
    file: &Form,
    schema: &'a ItemSchema,
    config: &'a ItemsConfig,
    mapping: &Mapping,
) -> Result<(Layout<'a>, Vec<Wanted>), IngestError> {
    let whole = |path: &str, needed: Needed| Wanted { take: Take::Whole, ..Wanted::column(path, needed) };
    let (mut wanted, mut places) = (Vec::new(), Vec::new());
    for role in Role::ALL {
        let start = wanted.len();
        wanted.extend(mapping.of(role).iter().map(|path| match role {
            // Of alternatives one is enough.
            Role::Id if mapping.of(role).len() > 1 => Wanted::ids(path, Needed::No),
            Role::Id => Wanted::ids(path, Needed::Yes),
            Role::Category | Role::CategoryPath | Role::Brand => whole(path, Needed::No),
            _ => Wanted::column(path, Needed::No),
        }));
        places.push(start..wanted.len());
    }
    let (flags, categories): (Vec<&String>, Vec<String>) =
        file.columns.iter().filter_map(|column| Some((column, schema.flags.get(column)?.clone()))).unzip();
    wanted.extend(flags.iter().map(|column| Wanted::column(column, Needed::No)));
    let properties = properties(file, schema, config, mapping);
    let needed = if config.properties.is_empty() { Needed::No } else { Needed::Yes };
    wanted.extend(properties.iter().map(|property| whole(&property.column, needed)));
    let (kept, facts): (Vec<String>, Vec<FactColumn>) =
        facts(file, schema, config, mapping, &properties).into_iter().unzip();
    let facts = facts.into_iter().zip(wanted.len()..).collect();
    wanted.extend(kept.iter().map(|column| whole(column, Needed::No)));
    wanted.push(whole(&config.embedding, if config.embedding.is_empty() { Needed::No } else { Needed::Yes }));
    let layout = Layout {
        config,
        places,
        category: columns::of_categories(config, schema, mapping),
        path: columns::of_paths(config, schema, mapping),
        style: style(file, config, mapping.of(Role::Price))?,
        flags: categories,
        properties,
        facts,
        missing: &schema.missing,
    };
    Ok((layout, wanted))
}

/// How the prices of a file are written.
fn style(file: &Form, config: &ItemsConfig, columns: &[String]) -> Result<Style, IngestError> {
    let mut style = Style::of(config.decimal);
    if !columns.is_empty() {
        let wanted = Wanted { paths: columns.to_vec(), needed: Needed::No, take: Take::Single };
        for_each_row(file, &[wanted], SECTION, &mut |_, row| {
            if let Some(text) = row.ok().and_then(|row| row.values[0]).and_then(present) {
                style.learn(text);
            }
            Ok(())
        })?;
    }
    Ok(style)
}

/// The properties with their columns; the brand first, if there is a column for it. The others are those of the settings,
/// else those of the schema.
fn properties(file: &Form, schema: &ItemSchema, config: &ItemsConfig, mapping: &Mapping) -> Vec<Column> {
    let there = file.all_columns();
    let of = |name: &str, kind: Option<Kind>| {
        let column = columns::find(name, &there).unwrap_or(name).to_owned();
        let separators = columns::separators(config, schema, Some(&column));
        let kind = kind.or_else(|| property::kind(&column)).unwrap_or(Kind::Text);
        Column { name: property::bare(name).into(), column, kind, separators }
    };
    let brand = mapping.of(Role::Brand).iter().find(|path| file.has(path));
    let brand = brand.map(|column| Column { name: BRAND.trim_end_matches('=').into(), ..of(column, Some(Kind::Text)) });
    let described: Vec<&Property> = match config.properties.is_empty() {
        true => schema.columns.properties.iter().filter(|property| file.has(property.column())).collect(),
        false => config.properties.iter().collect(),
    };
    let others = described.into_iter().map(|property| match property {
        Property::Named(name) => of(name, None),
        Property::Typed { column, kind } => of(column, Some(*kind)),
    });
    let mut properties: Vec<Column> = brand.into_iter().collect();
    for property in others {
        if properties.iter().all(|known| known.column != property.column) {
            properties.push(property);
        }
    }
    properties
}

/// The columns that are kept for filters: those that describe an item, and all that nothing reads. What the shop itself
/// pays is nobody's to ask for.
fn facts(
    file: &Form,
    schema: &ItemSchema,
    config: &ItemsConfig,
    mapping: &Mapping,
    properties: &[Column],
) -> Vec<(String, FactColumn)> {
    let brand = BRAND.trim_end_matches('=');
    let is_read = |column: &String| {
        mapping.all().any(|read| read == column)
            || schema.flags.contains_key(column)
            || properties.iter().any(|property| property.column == *column)
            || *column == config.embedding
            || columns::is_cost(column)
            || columns::is_vector(column)
    };
    let described = properties.iter().filter(|property| *property.name != *brand);
    let described = described.map(|Column { name, column, kind, separators }| {
        let kind = Some(*kind);
        (column.clone(), FactColumn { name: (&**name).into(), kind, asked: Asked::Yes, separators: separators.clone() })
    });
    // What is in the elements of a list is read where they are the rows; any other list is a column as a whole.
    let of_rows = mapping.all().find_map(|read| list(read));
    let is_of_row = |column: &String| list(column).is_none_or(|own| of_rows.is_some_and(|rows| same_name(own, rows)));
    let unread = file.all_columns().into_iter().filter(|column| !is_read(column) && is_of_row(column)).map(|column| {
        let separators = columns::separators(config, schema, Some(&column));
        let name = property::bare(&column).into();
        let fact = FactColumn { name, kind: property::kind(&column), asked: Asked::No, separators };
        (column, fact)
    });
    described.chain(unread).filter(|(_, fact)| *fact.name != *brand).collect()
}

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
