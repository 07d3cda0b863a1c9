//! Files to rows of text: CSV and Parquet by polars' streaming engine, JSON lines line by line.
//!
//! Every value arrives as text, so that a bad one can be told from an absent one and named in the rejects.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

use polars::prelude::*;

use super::IngestError;

/// Rows in flight at a time.
const BATCH_ROWS: usize = 1 << 16;
/// Separates nothing: no text holds this byte, so that a line stays one value.
const NO_SEPARATOR: u8 = 0x01;

/// A column to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name in the file.
    pub name: String,
    /// Whether the file must have it.
    pub needed: Needed,
}

/// Whether a file must have a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// It must.
    Yes,
    /// Where it has not, all values are absent.
    No,
}

/// Finds the files of paths, folders and patterns, in the order given, each sorted by name. A folder may have none yet,
/// such as that of a service that has not recorded anything.
pub fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, IngestError> {
    let mut files = Vec::new();
    for path in paths {
        let absent = || IngestError::Absent { path: path.clone() };
        if path.is_file() {
            files.push(path.clone());
            continue;
        }
        let pattern = if path.is_dir() { path.join("*") } else { path.clone() };
        let matches = glob::glob(&pattern.to_string_lossy()).map_err(|_| absent())?;
        let mut found: Vec<PathBuf> = matches.flatten().filter(|path| path.is_file()).collect();
        if path.is_dir() {
            found.retain(|path| Kind::of(path).is_ok());
        }
        if found.is_empty() && path.is_dir() {
            tracing::warn!(folder = %path.display(), "no logs are in this folder");
        } else if found.is_empty() {
            return Err(absent());
        }
        found.sort();
        files.append(&mut found);
    }
    Ok(files)
}

enum Kind {
    Csv,
    Parquet,
    JsonLines,
}

impl Kind {
    fn of(path: &Path) -> Result<Self, IngestError> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("csv") => Ok(Self::Csv),
            Some("parquet") => Ok(Self::Parquet),
            Some("jsonl" | "ndjson") => Ok(Self::JsonLines),
            _ => Err(IngestError::Kind { path: path.to_owned() }),
        }
    }
}

/// One row as text: a value per wanted column, or the reason why the row can't be read.
pub type Row<'a> = Result<&'a [Option<&'a str>], &'a str>;

/// Calls `each` with every row of a file in order, as `(row number from 1, values)`.
pub fn for_each_row(
    path: &Path,
    wanted: &[Wanted],
    section: &'static str,
    each: &mut dyn FnMut(u64, Row<'_>) -> Result<(), IngestError>,
) -> Result<(), IngestError> {
    if path.metadata().map_err(|error| IngestError::read(path, error))?.len() == 0 {
        return Ok(());
    }
    match Kind::of(path)? {
        Kind::Csv => {
            let frame = LazyCsvReader::new(location(path)?)
                .with_infer_schema_length(Some(0))
                .with_encoding(CsvEncoding::LossyUtf8)
                .with_truncate_ragged_lines(true)
                .with_raise_if_empty(false)
                .with_glob(false)
                .finish()
                .map_err(|error| IngestError::read(path, error))?;
            read_columns(path, frame, wanted, section, each)
        }
        Kind::Parquet => {
            let arguments = ScanArgsParquet { glob: false, ..Default::default() };
            let frame =
                LazyFrame::scan_parquet(location(path)?, arguments).map_err(|error| IngestError::read(path, error))?;
            read_columns(path, frame, wanted, section, each)
        }
        Kind::JsonLines => read_json_lines(path, wanted, section, each),
    }
}

fn location(path: &Path) -> Result<PlRefPath, IngestError> {
    PlRefPath::try_from_path(path).map_err(|error| IngestError::read(path, error))
}

fn read_columns(
    path: &Path,
    mut frame: LazyFrame,
    wanted: &[Wanted],
    section: &'static str,
    each: &mut dyn FnMut(u64, Row<'_>) -> Result<(), IngestError>,
) -> Result<(), IngestError> {
    let schema = frame.collect_schema().map_err(|error| IngestError::read(path, error))?;
    let mut columns = Vec::new();
    for (at, Wanted { name, needed }) in wanted.iter().enumerate() {
        let expression = match (schema.get(name.as_str()), needed) {
            (Some(kind), _) => as_text(col(name.as_str()), kind),
            (None, Needed::No) => lit(NULL).cast(DataType::String),
            (None, Needed::Yes) => {
                let there = schema.iter_names().map(ToString::to_string).collect();
                return Err(IngestError::Column { path: path.to_owned(), column: name.clone(), there, section });
            }
        };
        columns.push(expression.alias(format!("c{at}")));
    }
    let mut number = 0;
    for_each_batch(frame.select(columns), &mut |batch| {
        let mut batch = batch.map_err(|error| IngestError::read(path, error))?;
        batch.rechunk_mut();
        let mut columns = Vec::with_capacity(wanted.len());
        for column in batch.columns() {
            columns.push(column.str().map_err(|error| IngestError::read(path, error))?.clone());
        }
        let arrays: Vec<_> = columns.iter().filter_map(|column| column.downcast_iter().next()).collect();
        let mut row = vec![None; wanted.len()];
        for at in 0..batch.height() {
            for (value, array) in row.iter_mut().zip(&arrays) {
                *value = array.get(at);
            }
            number += 1;
            each(number, Ok(&row))?;
        }
        Ok(())
    })
}

/// Runs a query on polars' streaming engine, which fills one batch while another is looked at; batches come in order.
fn for_each_batch(
    frame: LazyFrame,
    each: &mut dyn FnMut(PolarsResult<DataFrame>) -> Result<(), IngestError>,
) -> Result<(), IngestError> {
    let (send, batches) = sync_channel(1);
    let failed = send.clone();
    // A receiver that is gone stops the query.
    let callback = PlanCallback::new(move |batch: DataFrame| Ok(send.send(Ok(batch)).is_err()));
    let query = frame.sink_batches(callback, true, NonZeroUsize::new(BATCH_ROWS));
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if let Err(error) = query.and_then(|query| query.collect_with_engine(Engine::Streaming)) {
                // Nobody is left to tell if the receiver is gone.
                let _ = failed.send(Err(error));
            }
        });
        batches.into_iter().try_for_each(each)
    })
}

/// The column as text: dates as milliseconds since the epoch, whole floats without their fraction.
fn as_text(column: Expr, kind: &DataType) -> Expr {
    match kind {
        DataType::Datetime(..) | DataType::Date => {
            column.cast(DataType::Datetime(TimeUnit::Milliseconds, None)).cast(DataType::Int64).cast(DataType::String)
        }
        DataType::Float64 | DataType::Float32 => {
            let whole = column.clone().cast(DataType::Int64);
            when(column.clone().eq(whole.clone().cast(DataType::Float64)))
                .then(whole.cast(DataType::String))
                .otherwise(column.cast(DataType::String))
        }
        _ => column.cast(DataType::String),
    }
}

fn read_json_lines(
    path: &Path,
    wanted: &[Wanted],
    section: &'static str,
    each: &mut dyn FnMut(u64, Row<'_>) -> Result<(), IngestError>,
) -> Result<(), IngestError> {
    let line = Schema::from_iter([(PlSmallStr::from_static("line"), DataType::String)]);
    let frame = LazyCsvReader::new(location(path)?)
        .with_has_header(false)
        .with_schema(Some(Arc::new(line)))
        .with_separator(NO_SEPARATOR)
        .with_quote_char(None)
        .with_encoding(CsvEncoding::LossyUtf8)
        .with_truncate_ragged_lines(true)
        .with_glob(false)
        .finish()
        .map_err(|error| IngestError::read(path, error))?;
    let lines = [Wanted { name: "line".to_owned(), needed: Needed::Yes }];
    let mut first = true;
    read_columns(path, frame, &lines, section, &mut |number, row| {
        let text = row.ok().and_then(|values| values[0]).unwrap_or_default();
        let object: serde_json::Map<String, serde_json::Value> = match serde_json::from_str(text) {
            Ok(object) => object,
            Err(_) if text.trim().is_empty() => return Ok(()),
            Err(_) => return each(number, Err("not a JSON object")),
        };
        if std::mem::take(&mut first)
            && let Some(missing) = wanted.iter().find(|w| w.needed == Needed::Yes && !object.contains_key(&w.name))
        {
            let (column, there) = (missing.name.clone(), object.keys().cloned().collect());
            return Err(IngestError::Column { path: path.to_owned(), column, there, section });
        }
        let texts: Vec<Option<String>> = wanted.iter().map(|wanted| text_of(object.get(&wanted.name)?)).collect();
        let row: Vec<Option<&str>> = texts.iter().map(Option::as_deref).collect();
        each(number, Ok(&row))
    })
}

fn text_of(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
