//! What is written of audiences: a row an item and user, `item_id`, `position` (from 1), `user_id` and `score`.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use polars_arrow::array::{PrimitiveArray, Utf8ViewArray};
use serde::Serialize;
use shared::contract::id::{ItemId, UserId};

use super::audience::{Audience, Liking};
use super::{BulkError, failed, parquet};
use crate::log::parquet::write;

/// Every item's users with their places.
fn rows<'a>(ids: &'a [ItemId], found: &'a Audience) -> impl Iterator<Item = (&'a ItemId, u32, &'a Liking)> {
    let of_item = |(id, users): (&'a ItemId, &'a Vec<Liking>)| (1..).zip(users).map(move |(at, user)| (id, at, user));
    ids.iter().zip(&found.of_items).flat_map(of_item)
}

/// Writes audiences as JSON lines.
///
/// # Errors
/// [`io::Error`] when they can't be written.
pub fn lines(ids: &[ItemId], found: &Audience, out: &mut dyn Write) -> io::Result<()> {
    #[derive(Serialize)]
    struct Row<'a> {
        item_id: &'a ItemId,
        position: u32,
        user_id: &'a UserId,
        score: f32,
    }
    for (item_id, position, Liking { score, user: user_id }) in rows(ids, found) {
        writeln!(out, "{}", serde_json::to_string(&Row { item_id, position, user_id, score: *score })?)?;
    }
    out.flush()
}

/// Writes audiences as Parquet, into a file that has its name only when it is whole.
///
/// # Errors
/// [`BulkError`] when it can't be written.
pub fn table(ids: &[ItemId], found: &Audience, path: &Path) -> Result<(), BulkError> {
    let texts = |texts: Vec<Option<&str>>| Utf8ViewArray::from_slice(texts).boxed();
    let scores: Vec<f32> = rows(ids, found).map(|(.., liking)| liking.score).collect();
    let columns = vec![
        ("item_id", texts(rows(ids, found).map(|(item, ..)| Some(item.as_str())).collect())),
        ("position", PrimitiveArray::from_vec(rows(ids, found).map(|(_, position, _)| position).collect()).boxed()),
        ("user_id", texts(rows(ids, found).map(|(.., liking)| Some(liking.user.as_str())).collect())),
        ("score", PrimitiveArray::from_vec(scores).boxed()),
    ];
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let written = write(&temporary, columns).map_err(parquet(path));
    let written = written.and_then(|()| fs::rename(&temporary, path).map_err(failed(path)));
    if written.is_err() {
        // Nothing is left behind.
        let _ = fs::remove_file(&temporary);
    }
    written
}
