//! `PUT /ui/upload`: takes a file that was dropped on the page, part by part: a part is as large as any body, and comes after
//! the parts before it.
//!
//! In: `kind` (a log or an item table), the file's `name`, `at` (where the part begins), and its bytes. Out: the file in
//! `uploads` of the artifacts folder; its name keeps the ending alone, and a new file of the kind takes the place of the
//! last. Nothing is learnt from it before somebody orders that.

use std::fs::{self, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json as value;

use crate::api::error::ApiError;
use crate::api::{App, body, json, query};

/// An event log.
pub const LOG: &str = "log";
/// An item table.
pub const ITEMS: &str = "items";
/// The folder of the files in the artifacts folder; it is no version.
const FOLDER: &str = ".uploads";
/// The endings that files keep: by them the batch tells what a file is.
const ENDINGS: [&str; 9] = ["csv", "tsv", "txt", "json", "jsonl", "parquet", "csv.gz", "jsonl.gz", "zip"];
/// The largest file, in bytes.
const LARGEST: u64 = 4 << 30;

/// A part.
#[derive(Debug, Deserialize)]
struct Part {
    kind: String,
    name: String,
    at: u64,
}

/// Takes a part.
///
/// # Errors
/// [`ApiError`] for what is no part of a file, and where the batch's program is not known.
pub async fn put_upload(State(app): State<Arc<App>>, request: Request<Body>) -> Result<Response, ApiError> {
    if app.settings.batch.is_none() {
        let detail = "the page takes no files: page.batch of the config names no program that reads them".to_owned();
        return Err(ApiError::NotFound { field: None, detail });
    }
    let Part { kind, name, at } = query::read(request.uri().query())?;
    let kind = [LOG, ITEMS].into_iter().find(|known| *known == kind);
    let kind = kind.ok_or_else(|| ApiError::invalid("kind", "it must be log or items"))?;
    let ending = ending(&name)
        .ok_or_else(|| ApiError::invalid("name", format!("the file must end with one of .{}", ENDINGS.join(", ."))))?;
    let bytes = body::read_untyped(request, app.settings.max_body_bytes).await?;
    if at + bytes.len() as u64 > LARGEST {
        return Err(ApiError::invalid("at", "a file has at most 4 GiB here; give a larger one to `offline run`"));
    }
    let folder = app.settings.artifacts.join(FOLDER);
    let kept = tokio::task::spawn_blocking(move || keep(&folder, kind, ending, at, &bytes)).await;
    let length = kept
        .map_err(|panic| ApiError::Internal(panic.to_string()))?
        .map_err(|error| ApiError::Internal(format!("upload: {error}")))?;
    match length {
        Some(length) => Ok(json(StatusCode::OK, &value!({ "bytes": length }))),
        None => Err(ApiError::Conflict("a part before this one is missing; send the file again".to_owned())),
    }
}

/// The file of a kind that is there.
#[must_use]
pub fn uploaded(app: &App, kind: &str) -> Option<PathBuf> {
    of_kind(&app.settings.artifacts.join(FOLDER), kind).into_iter().next()
}

/// The ending of a file's name.
fn ending(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    // `csv.gz` before what a shorter one would leave of it.
    let fits = |ending: &&&str| name.strip_suffix(**ending).is_some_and(|rest| rest.ends_with('.'));
    ENDINGS.iter().filter(fits).max_by_key(|ending| ending.len()).copied()
}

fn of_kind(folder: &Path, kind: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let begin = format!("{kind}.");
    entries.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&begin))).collect()
}

/// Writes a part where it belongs; returns the length of the file so far, or none if a part before it is missing.
fn keep(folder: &Path, kind: &str, ending: &str, at: u64, bytes: &[u8]) -> io::Result<Option<u64>> {
    fs::create_dir_all(folder)?;
    let path = folder.join(format!("{kind}.{ending}"));
    if at == 0 {
        for old in of_kind(folder, kind) {
            fs::remove_file(old)?;
        }
    }
    let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
    if file.metadata()?.len() < at {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)?;
    let length = at + bytes.len() as u64;
    file.set_len(length)?;
    Ok(Some(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_put_together_and_a_new_file_takes_the_place_of_the_last() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let keep = |ending, at, bytes: &[u8]| keep(folder.path(), LOG, ending, at, bytes).expect("writes");
        assert_eq!((keep("csv", 0, b"abc"), keep("csv", 3, b"def"), keep("csv", 7, b"x")), (Some(3), Some(6), None));
        assert_eq!(keep("csv", 3, b"DE"), Some(5), "a part that is sent again");
        let there = of_kind(folder.path(), LOG);
        assert_eq!(fs::read(&there[0]).expect("reads"), b"abcDE");
        assert_eq!(keep("jsonl.gz", 0, b"z"), Some(1));
        assert_eq!(of_kind(folder.path(), LOG), [folder.path().join("log.jsonl.gz")]);
        assert!(of_kind(folder.path(), ITEMS).is_empty());
    }

    #[test]
    fn a_name_gives_its_ending_alone() {
        assert_eq!(ending("../Shop Events.CSV"), Some("csv"));
        assert_eq!(ending("a.csv.gz"), Some("csv.gz"));
        assert_eq!([ending("csv"), ending("a.exe"), ending("a.gz"), ending("")], [None; 4]);
    }
}
