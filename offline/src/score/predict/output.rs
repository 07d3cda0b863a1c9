//! Writes scored rows: as CSV, JSON lines or Parquet, into a file that has its name only when it is complete.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use polars_arrow::array::{Array, PrimitiveArray, Utf8ViewArray};
use polars_arrow::datatypes::ArrowDataType;
use serde_json::{Map, Value, json};
use shared::contract::artifact::advice;

use super::Line;
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

/// A file of scored rows: `file` of several, `row`, the ids, `probability`, `prediction`, `unseen` and `error`.
pub struct Output {
    path: PathBuf,
    /// Under which it is written.
    temporary: PathBuf,
    named: Named,
    ids: Vec<String>,
    /// None when it has ended.
    writer: Option<By>,
}

/// The columns beside the ids.
const OWN: [&str; 6] = ["file", "row", "probability", "prediction", "unseen", "error"];

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
    pub fn create(path: &Path, ids: &[String], named: Named) -> Result<Self, OutputError> {
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
        let ids: Vec<String> = ids.iter().map(|id| own_name(id)).collect();
        let create = || File::create(&temporary).map_err(|source| OutputError::Io { path: path.to_owned(), source });
        let writer = match ending.as_str() {
            "csv" => {
                let mut writer = csv::Writer::from_writer(create()?);
                let before = OWN[usize::from(named == Named::No)..2].iter().copied();
                let names = before.chain(ids.iter().map(String::as_str)).chain(OWN[2..].iter().copied());
                let header = writer.write_record(names);
                header.map_err(|error| OutputError::Io { path: path.to_owned(), source: error.into() })?;
                By::Csv(Box::new(writer))
            }
            "jsonl" => By::Json(BufWriter::new(create()?)),
            "parquet" => {
                let text = |name| (name, ArrowDataType::Utf8View);
                let ids = ids.iter().map(|id| text(id.as_str()));
                let file = (named == Named::File).then(|| text("file"));
                let columns: Vec<(&str, ArrowDataType)> = file
                    .into_iter()
                    .chain([("row", ArrowDataType::UInt64)])
                    .chain(ids)
                    .chain([
                        ("probability", ArrowDataType::Float64),
                        ("prediction", ArrowDataType::UInt8),
                        text("unseen"),
                        text("error"),
                    ])
                    .collect();
                let writer = Writer::create(&temporary, &columns);
                By::Parquet(Box::new(writer.map_err(|source| OutputError::Parquet { path: path.to_owned(), source })?))
            }
            _ => return Err(OutputError::Ending(path.to_owned())),
        };
        Ok(Self { path: path.to_owned(), temporary, named, ids, writer: Some(writer) })
    }

    /// Writes rows.
    pub(super) fn write(&mut self, lines: &[Line]) -> Result<(), OutputError> {
        let written = match &mut self.writer {
            None => Ok(()),
            Some(By::Csv(writer)) => {
                lines.iter().try_for_each(|line| writer.write_record(fields(line, self.named))).map_err(Into::into)
            }
            Some(By::Json(writer)) => {
                lines.iter().try_for_each(|line| writeln!(writer, "{}", object(line, self.named, &self.ids)))
            }
            Some(By::Parquet(writer)) => {
                return writer
                    .write(arrays(lines, self.named, self.ids.len()))
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

/// The name of a column of ids beside those that are written.
fn own_name(id: &str) -> String {
    if OWN.contains(&id) { format!("{id}_") } else { id.to_owned() }
}

/// The fields of a line of CSV.
fn fields(line: &Line, named: Named) -> Vec<String> {
    let ids = line.ids.iter().map(|id| id.clone().unwrap_or_default());
    let said = match &line.scored {
        Ok(said) => {
            let (probability, prediction) = (said.probability.to_string(), u8::from(said.positive).to_string());
            [probability, prediction, said.unseen.join(", "), String::new()]
        }
        Err(error) => [String::new(), String::new(), String::new(), error.clone()],
    };
    let file = (named == Named::File).then(|| line.file.to_string());
    file.into_iter().chain([line.row.to_string()]).chain(ids).chain(said).collect()
}

fn object(line: &Line, named: Named, ids: &[String]) -> Value {
    let mut object = Map::new();
    if named == Named::File {
        object.insert("file".to_owned(), json!(line.file));
    }
    object.insert("row".to_owned(), json!(line.row));
    object.extend(ids.iter().zip(&line.ids).map(|(name, id)| (name.clone(), json!(id))));
    match &line.scored {
        Ok(said) => {
            object.insert("probability".to_owned(), json!(said.probability));
            object.insert("prediction".to_owned(), json!(u8::from(said.positive)));
            if !said.unseen.is_empty() {
                object.insert("unseen".to_owned(), json!(said.unseen));
            }
        }
        Err(error) => drop(object.insert("error".to_owned(), json!(error))),
    }
    Value::Object(object)
}

fn arrays(lines: &[Line], named: Named, ids: usize) -> Vec<Box<dyn Array>> {
    let text = |of: &dyn Fn(&Line) -> Option<String>| {
        Utf8ViewArray::from_slice(lines.iter().map(of).collect::<Vec<_>>()).boxed()
    };
    let said = || lines.iter().map(|line| line.scored.as_ref().ok());
    let rows: Vec<u64> = lines.iter().map(|line| line.row).collect();
    let probabilities: PrimitiveArray<f64> = said().map(|said| said.map(|said| said.probability)).collect();
    let predictions: PrimitiveArray<u8> = said().map(|said| said.map(|said| u8::from(said.positive))).collect();
    let unseen = |line: &Line| {
        line.scored.as_ref().ok().filter(|said| !said.unseen.is_empty()).map(|said| said.unseen.join(", "))
    };
    let mut arrays: Vec<Box<dyn Array>> = Vec::new();
    if named == Named::File {
        arrays.push(text(&|line| Some(line.file.to_string())));
    }
    arrays.push(PrimitiveArray::from_vec(rows).boxed());
    arrays.extend((0..ids).map(|id| text(&|line| line.ids[id].clone())));
    arrays.extend([probabilities.boxed(), predictions.boxed(), text(&unseen), text(&|line| line.scored.clone().err())]);
    arrays
}
