//! What is written of slates: JSON lines, one a user and the same as the service's answer has it, or a Parquet row an item.
//!
//! | column | what |
//! |---|---|
//! | `user_id`, `item_id` | texts |
//! | `position` | from 1 |
//! | `score` | as the service's: comparable within one slate only |
//! | `sources` | the sources that proposed it, as one text with commas |
//! | `because`, `name` | the item of the history that contributed most, and the item's name; missing where there is none |

use std::path::Path;

use polars_arrow::array::{Array, BinaryViewArray, PrimitiveArray, Utf8ViewArray};
use polars_arrow::datatypes::ArrowDataType;
use serde::Serialize;
use shared::contract::api::RecommendedItem;
use shared::contract::id::{ItemId, UserId};
use shared::engine::recommend::{Pick, Placed};
use shared::engine::snapshot::Snapshot;

use super::{BulkError, parquet};
use crate::log::parquet::{Parquet, ParquetError, Writer};

/// A user's slate.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The user.
    pub user: UserId,
    /// Best first.
    pub items: Vec<RecommendedItem>,
}

/// How slates are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A JSON object a user.
    JsonLines,
    /// A row an item.
    Parquet,
}

impl Format {
    /// The format of a file by the ending of its name.
    ///
    /// # Errors
    /// [`BulkError::Ending`] for another ending.
    pub fn of(path: &Path) -> Result<Self, BulkError> {
        match path.extension().unwrap_or_default().to_string_lossy().to_lowercase().as_str() {
            "jsonl" => Ok(Self::JsonLines),
            "parquet" => Ok(Self::Parquet),
            _ => Err(BulkError::Ending(path.to_owned())),
        }
    }
}

/// The items of a slate with their ids and names.
#[must_use]
pub fn items(snapshot: &Snapshot, picks: &[Pick]) -> Vec<RecommendedItem> {
    let table = snapshot.items();
    let id = |item| ItemId::new(table.id(item)).expect("the version's ids were checked when it was built");
    let item = |pick: &Pick| {
        let rule = match pick.placed {
            Placed::Ranked => None,
            Placed::Pinned => Some("pin"),
            Placed::Explored => Some("explore"),
            Placed::Together => Some("together"),
        };
        RecommendedItem {
            item_id: id(pick.item),
            name: table.name(pick.item).map(str::to_owned),
            score: pick.score,
            sources: pick.sources.iter().map(|source| source.as_str()).chain(rule).map(str::to_owned).collect(),
            because: pick.because.map(id),
            propensity: pick.propensity,
        }
    };
    picks.iter().map(item).collect()
}

/// A slate as a JSON line.
///
/// # Errors
/// [`serde_json::Error`] never, since ids and numbers can be written.
pub fn json(line: &Line, version: &str) -> Result<Vec<u8>, serde_json::Error> {
    #[derive(Serialize)]
    struct Body<'a> {
        user_id: &'a UserId,
        model_version: &'a str,
        items: &'a [RecommendedItem],
    }
    let body = Body { user_id: &line.user, model_version: version, items: &line.items };
    let mut text = serde_json::to_vec(&body)?;
    text.push(b'\n');
    Ok(text)
}

/// The columns of a Parquet file.
#[must_use]
pub fn columns() -> Vec<(&'static str, ArrowDataType)> {
    let (text, position, score) = (ArrowDataType::Utf8View, ArrowDataType::UInt32, ArrowDataType::Float32);
    vec![
        ("user_id", text.clone()),
        ("position", position),
        ("item_id", text.clone()),
        ("score", score),
        ("sources", text.clone()),
        ("because", text.clone()),
        ("name", text),
    ]
}

/// Slates as the columns of a row group.
#[must_use]
pub fn arrays(lines: &[Line]) -> Vec<Box<dyn Array>> {
    let rows = || lines.iter().flat_map(|line| line.items.iter().map(move |item| (line, item)));
    fn texts<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> Box<dyn Array> {
        Utf8ViewArray::from_slice(texts.collect::<Vec<_>>()).boxed()
    }
    let positions: Vec<u32> = lines.iter().flat_map(|line| 1..=line.items.len() as u32).collect();
    let scores: Vec<f32> = rows().map(|(_, item)| item.score).collect();
    let sources: Vec<String> = rows().map(|(_, item)| item.sources.join(",")).collect();
    vec![
        texts(rows().map(|(line, _)| Some(line.user.as_str()))),
        PrimitiveArray::from_slice(positions).boxed(),
        texts(rows().map(|(_, item)| Some(item.item_id.as_str()))),
        PrimitiveArray::from_slice(scores).boxed(),
        texts(sources.iter().map(|sources| Some(sources.as_str()))),
        texts(rows().map(|(_, item)| item.because.as_ref().map(ItemId::as_str))),
        texts(rows().map(|(_, item)| item.name.as_deref())),
    ]
}

/// Appends the row groups of a file of slates to another.
///
/// # Errors
/// [`BulkError::Parquet`] when one can't be read or written.
pub fn append(from: &Path, writer: &mut Writer, to: &Path) -> Result<(), BulkError> {
    let part = Parquet::open(from).map_err(parquet(from))?;
    let groups = part.groups().count();
    for group in 0..groups {
        let read = |column: usize| -> Result<Box<dyn Array>, ParquetError> {
            let array = part.read(group, column)?;
            // Texts are read as bytes.
            match array.as_any().downcast_ref::<BinaryViewArray>() {
                Some(bytes) => Ok(bytes.to_utf8view()?.boxed()),
                None => Ok(array),
            }
        };
        let arrays: Result<Vec<_>, _> = (0..columns().len()).map(read).collect();
        writer.write(arrays.map_err(parquet(from))?).map_err(parquet(to))?;
    }
    Ok(())
}
