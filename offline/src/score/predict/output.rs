//! Writes scored rows: as CSV, JSON lines or Parquet, into a file that has its name only when it is complete.
//!
//! Of one label a row has its `probability` and its `prediction`; of several `probability_<label>` of each, and
//! `predicted`, the labels that count as positives, the most probable first.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use polars_arrow::array::{Array, PrimitiveArray, Utf8ViewArray};
use polars_arrow::datatypes::ArrowDataType;
use serde_json::{Map, Value, json};
use shared::contract::artifact::advice;

use shared::engine::tabular::manifest::ModelManifest;

use super::{Line, Said, naming};
use crate::log::parquet::{ParquetError, Writer};

/// Why scored rows can't be written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The name does not say which format.
    #[error("{0}: the name must end in .csv, .jsonl or .parquet")]
    Ending(PathBuf),
    /// The file can't be written.
    #[error("{path}: {}", advice(.source))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The Parquet file can't be written.
    #[error("{path}: {source}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ParquetError,
    },
}

/// Whether each row names its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// It does: the rows are of several files.
    File,
    /// There is one file.
    No,
}

/// A file of scored rows: `file` of several, `row`, the columns that tell it from others, what the model says, `unseen` and
/// `error`.
pub struct Output {
    path: PathBuf,
    /// Under which it is written.
    temporary: PathBuf,
    named: Named,
    ids: Vec<String>,
    labels: Vec<String>,
    /// None when it has ended.
    writer: Option<By>,
}

/// The columns beside those that tell rows apart and what is said of several labels.
const OWN: [&str; 7] = ["file", "row", "probability", "prediction", "predicted", "unseen", "error"];

enum By {
    Csv(Box<csv::Writer<File>>),
    Json(BufWriter<File>),
    Parquet(Box<Writer>),
}

impl Output {
    /// Makes the file; what has its name is replaced when all rows are written.
    ///
    /// # Errors
    /// [`OutputError`] for a name of another ending, and when it can't be made.
    pub fn create(path: &Path, manifest: &ModelManifest, named: Named) -> Result<Self, OutputError> {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let temporary = path.with_file_name(format!(
            ".{}.{}.new",
            path.file_name().unwrap_or_default().to_string_lossy(),
            std::process::id()
        ));
        // A folder can't be replaced, and would be noticed at the end only.
        if path.is_dir() {
            let source = io::Error::from(io::ErrorKind::IsADirectory);
            return Err(OutputError::Io { path: path.to_owned(), source });
        }
        let labels: Vec<String> = manifest.outputs.iter().map(|output| output.label.clone()).collect();
        let said = said_columns(&labels);
        let name = |place: usize| match manifest.schema.get(place) {
            Some(field) => &field.name,
            None => &manifest.ids[place - manifest.schema.len()],
        };
        let ids: Vec<String> = naming(manifest).into_iter().map(|place| own_name(name(place), &said)).collect();
        let columns = columns(&ids, &said, named);
        let create = || File::create(&temporary).map_err(|source| OutputError::Io { path: path.to_owned(), source });
        let writer = match ending.as_str() {
            "csv" => {
                let mut writer = csv::Writer::from_writer(create()?);
                let header = writer.write_record(columns.iter().map(|(name, _)| name));
                header.map_err(|error| OutputError::Io { path: path.to_owned(), source: error.into() })?;
                By::Csv(Box::new(writer))
            }
            "jsonl" => By::Json(BufWriter::new(create()?)),
            "parquet" => {
                let columns: Vec<(&str, ArrowDataType)> =
                    columns.iter().map(|(name, kind)| (name.as_str(), kind.clone())).collect();
                let writer = Writer::create(&temporary, &columns);
                By::Parquet(Box::new(writer.map_err(|source| OutputError::Parquet { path: path.to_owned(), source })?))
            }
            _ => return Err(OutputError::Ending(path.to_owned())),
        };
        Ok(Self { path: path.to_owned(), temporary, named, ids, labels, writer: Some(writer) })
    }

    /// Writes rows.
    pub(super) fn write(&mut self, lines: &[Line]) -> Result<(), OutputError> {
        let written = match &mut self.writer {
            None => Ok(()),
            Some(By::Csv(writer)) => lines
                .iter()
                .try_for_each(|line| writer.write_record(fields(line, self.named, &self.labels)))
                .map_err(Into::into),
            Some(By::Json(writer)) => lines
                .iter()
                .try_for_each(|line| writeln!(writer, "{}", object(line, self.named, &self.ids, &self.labels))),
            Some(By::Parquet(writer)) => {
                return writer
                    .write(arrays(lines, self.named, self.ids.len(), &self.labels))
                    .map_err(|source| OutputError::Parquet { path: self.path.clone(), source });
            }
        };
        written.map_err(|source| OutputError::Io { path: self.path.clone(), source })
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// [`OutputError`] when it can't be written to its end.
    pub fn finish(mut self) -> Result<(), OutputError> {
        let failed = |source| OutputError::Io { path: self.path.clone(), source };
        match self.writer.take() {
            None => {}
            Some(By::Csv(mut writer)) => writer.flush().map_err(failed)?,
            Some(By::Json(mut writer)) => writer.flush().map_err(failed)?,
            Some(By::Parquet(writer)) => {
                writer.end().map_err(|source| OutputError::Parquet { path: self.path.clone(), source })?;
            }
        }
        fs::rename(&self.temporary, &self.path).map_err(failed)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // After an error; when it has its name it is not there any more.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// The columns of what is said of some labels.
fn said_columns(labels: &[String]) -> Vec<(String, ArrowDataType)> {
    if labels.len() == 1 {
        return vec![
            ("probability".to_owned(), ArrowDataType::Float64),
            ("prediction".to_owned(), ArrowDataType::UInt8),
        ];
    }
    let each = labels.iter().map(|label| (format!("probability_{label}"), ArrowDataType::Float64));
    each.chain([("predicted".to_owned(), ArrowDataType::Utf8View)]).collect()
}

/// All columns.
fn columns(ids: &[String], said: &[(String, ArrowDataType)], named: Named) -> Vec<(String, ArrowDataType)> {
    let text = |name: &str| (name.to_owned(), ArrowDataType::Utf8View);
    let file = (named == Named::File).then(|| text("file"));
    let row = ("row".to_owned(), ArrowDataType::UInt64);
    let ids = ids.iter().map(|id| text(id));
    file.into_iter().chain([row]).chain(ids).chain(said.to_vec()).chain([text("unseen"), text("error")]).collect()
}

/// The name of a column of ids beside those that are written.
fn own_name(id: &str, said: &[(String, ArrowDataType)]) -> String {
    let taken = OWN.contains(&id) || said.iter().any(|(name, _)| name == id);
    if taken { format!("{id}_") } else { id.to_owned() }
}

/// The labels of a row that count as positives, the most probable first.
fn predicted<'a>(said: &Said, labels: &'a [String]) -> Vec<&'a str> {
    let mut positives: Vec<(f64, &str)> = said
        .labels
        .iter()
        .zip(labels)
        .filter_map(|(&(probability, positive), label)| positive.then_some((probability, label.as_str())))
        .collect();
    positives.sort_by(|a, b| b.0.total_cmp(&a.0));
    positives.into_iter().map(|(_, label)| label).collect()
}

/// The fields of a line of CSV.
fn fields(line: &Line, named: Named, labels: &[String]) -> Vec<String> {
    let ids = line.ids.iter().map(|id| id.clone().unwrap_or_default());
    let mut said = match &line.scored {
        Ok(said) => said.labels.iter().map(|(probability, _)| probability.to_string()).collect(),
        Err(_) => vec![String::new(); labels.len()],
    };
    said.extend(match (&line.scored, labels) {
        (Ok(said), [_]) => [u8::from(said.labels[0].1).to_string(), said.unseen.join(", "), String::new()],
        (Ok(said), labels) => [predicted(said, labels).join(", "), said.unseen.join(", "), String::new()],
        (Err(error), _) => [String::new(), String::new(), error.clone()],
    });
    let file = (named == Named::File).then(|| line.file.to_string());
    file.into_iter().chain([line.row.to_string()]).chain(ids).chain(said).collect()
}

fn object(line: &Line, named: Named, ids: &[String], labels: &[String]) -> Value {
    let mut object = Map::new();
    if named == Named::File {
        object.insert("file".to_owned(), json!(&*line.file));
    }
    object.insert("row".to_owned(), json!(line.row));
    object.extend(ids.iter().zip(&line.ids).map(|(name, id)| (name.clone(), json!(id))));
    match &line.scored {
        Ok(said) => {
            if let [(probability, positive)] = said.labels[..] {
                object.insert("probability".to_owned(), json!(probability));
                object.insert("prediction".to_owned(), json!(u8::from(positive)));
            } else {
                let each = labels.iter().zip(&said.labels);
                let each: Map<String, Value> = each.map(|(label, own)| (label.clone(), json!(own.0))).collect();
                object.insert("probabilities".to_owned(), Value::Object(each));
                object.insert("predicted".to_owned(), json!(predicted(said, labels)));
            }
            if !said.unseen.is_empty() {
                object.insert("unseen".to_owned(), json!(said.unseen));
            }
        }
        Err(error) => drop(object.insert("error".to_owned(), json!(error))),
    }
    Value::Object(object)
}

fn arrays(lines: &[Line], named: Named, ids: usize, labels: &[String]) -> Vec<Box<dyn Array>> {
    let text = |of: &dyn Fn(&Line) -> Option<String>| {
        Utf8ViewArray::from_slice(lines.iter().map(of).collect::<Vec<_>>()).boxed()
    };
    let said = || lines.iter().map(|line| line.scored.as_ref().ok());
    let rows: Vec<u64> = lines.iter().map(|line| line.row).collect();
    let probability = |label: usize| -> Box<dyn Array> {
        let all: PrimitiveArray<f64> = said().map(|said| said.map(|said| said.labels[label].0)).collect();
        all.boxed()
    };
    let unseen = |line: &Line| {
        line.scored.as_ref().ok().filter(|said| !said.unseen.is_empty()).map(|said| said.unseen.join(", "))
    };
    let mut arrays: Vec<Box<dyn Array>> = Vec::new();
    if named == Named::File {
        arrays.push(text(&|line| Some(line.file.to_string())));
    }
    arrays.push(PrimitiveArray::from_vec(rows).boxed());
    arrays.extend((0..ids).map(|id| text(&|line| line.ids[id].clone())));
    arrays.extend((0..labels.len()).map(probability));
    arrays.push(if labels.len() == 1 {
        let all: PrimitiveArray<u8> = said().map(|said| said.map(|said| u8::from(said.labels[0].1))).collect();
        all.boxed()
    } else {
        text(&|line| line.scored.as_ref().ok().map(|said| predicted(said, labels).join(", ")))
    });
    arrays.extend([text(&unseen), text(&|line| line.scored.clone().err())]);
    arrays
}
