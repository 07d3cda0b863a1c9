//! `PUT /ui/upload`: takes a file that was dropped on the page, part by part: a part is as large as any body, and comes after
//! the parts before it.
//!
//! In: `kind` (a log or an item table), the file's `name` and `size`, an `id` of this sending, `at` (where the part begins), and
//! its bytes. Out: with the last part the file in `.uploads` of the artifacts folder; its name keeps the ending alone, and a
//! new file of the kind takes the place of the last. Until then its parts are under a name of their own, so that no half of a
//! file is ever read. Nothing is learnt from it before somebody orders that.

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
const ENDINGS: [&str; 8] = ["csv", "tsv", "txt", "json", "jsonl", "parquet", "csv.gz", "jsonl.gz"];
/// The largest file, in bytes.
const LARGEST: u64 = 4 << 30;

/// A part.
#[derive(Debug, Deserialize)]
struct Part {
    kind: String,
    name: String,
    id: String,
    at: u64,
    size: u64,
}

/// Takes a part.
///
/// # Errors
/// [`ApiError`] for what is no part of a file, and where the batch's program is not known.
pub async fn put_upload(State(app): State<Arc<App>>, request: Request<Body>) -> Result<Response, ApiError> {
    let Some(batch) = &app.settings.batch else {
        let detail = "the page takes no files: page.batch of the config names no program that reads them".to_owned();
        return Err(ApiError::NotFound { field: None, detail });
    };
    let Part { kind, name, id, at, size } = query::read(request.uri().query())?;
    let kind = [LOG, ITEMS].into_iter().find(|known| *known == kind);
    let kind = kind.ok_or_else(|| ApiError::invalid("kind", "it must be log or items"))?;
    let ending = ending(&name)
        .ok_or_else(|| ApiError::invalid("name", format!("the file must end with one of .{}", ENDINGS.join(", ."))))?;
    if !(1..=40).contains(&id.len()) || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(ApiError::invalid("id", "it must be 1 to 40 letters or digits, the same for all parts of a file"));
    }
    if size > LARGEST {
        return Err(ApiError::invalid("size", "a file has at most 4 GiB here; give a larger one to `offline run`"));
    }
    let bytes = body::read_untyped(request, app.settings.max_body_bytes).await?;
    let end = at.checked_add(bytes.len() as u64).filter(|end| *end <= size);
    let end = end.ok_or_else(|| ApiError::invalid("at", "the part ends behind the end of the file"))?;
    if batch.job().is_some_and(|job| job.ended.is_none()) {
        return Err(ApiError::Conflict("the batch reads the file that is there; wait until it has ended".to_owned()));
    }
    let folder = app.settings.artifacts.join(FOLDER);
    let kept = tokio::task::spawn_blocking(move || {
        let sent = Sent { folder: &folder, kind, id: &id, ending };
        let Some(()) = sent.add(at, &bytes)? else { return Ok(None) };
        if end == size {
            sent.finish()?;
        }
        Ok::<_, io::Error>(Some(end))
    });
    let length = kept
        .await
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

/// A file that is being sent.
struct Sent<'a> {
    folder: &'a Path,
    kind: &'a str,
    id: &'a str,
    ending: &'a str,
}

impl Sent<'_> {
    /// Where its parts are put together. Other sendings of the kind have other names.
    fn path(&self) -> PathBuf {
        self.folder.join(format!("part-{}.{}", self.kind, self.id))
    }

    /// Adds a part, which may come again; `None` if one before it is missing.
    fn add(&self, at: u64, bytes: &[u8]) -> io::Result<Option<()>> {
        fs::create_dir_all(self.folder)?;
        if at == 0 {
            // What was broken off before goes.
            for old in of_kind(self.folder, &format!("part-{}", self.kind)) {
                // Another sending may have begun at once, and been first.
                match fs::remove_file(old) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        let mut options = OpenOptions::new();
        let opened = options.create(at == 0).truncate(false).write(true).open(self.path());
        let mut file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        if file.metadata()?.len() < at {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)?;
        file.set_len(at + bytes.len() as u64)?;
        Ok(Some(()))
    }

    /// Puts the whole file in its place.
    fn finish(&self) -> io::Result<()> {
        let path = self.folder.join(format!("{}.{}", self.kind, self.ending));
        fs::rename(self.path(), &path)?;
        for old in of_kind(self.folder, self.kind).into_iter().filter(|old| *old != path) {
            fs::remove_file(old)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_put_together_and_a_whole_file_takes_the_place_of_the_last() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let folder = folder.path();
        let sent = |id, ending| Sent { folder, kind: LOG, id, ending };
        let first = sent("a", "csv");
        let add = |at, bytes: &[u8]| first.add(at, bytes).expect("writes").is_some();
        assert!(add(0, b"abc") && add(3, b"def") && !add(7, b"x"), "a part is missing");
        assert!(add(3, b"DE"), "a part that is sent again");
        assert!(of_kind(folder, LOG).is_empty(), "no half of a file is there");
        first.finish().expect("in place");
        assert_eq!(fs::read(&of_kind(folder, LOG)[0]).expect("reads"), b"abcDE");
        // Another sending begins anew, and who was before finds a part missing.
        assert!(add(0, b"x") && sent("b", "jsonl.gz").add(0, b"z").expect("writes").is_some() && !add(1, b"y"));
        sent("b", "jsonl.gz").finish().expect("in place");
        assert_eq!(of_kind(folder, LOG), [folder.join("log.jsonl.gz")]);
        assert!(of_kind(folder, ITEMS).is_empty());
    }

    #[test]
    fn a_name_gives_its_ending_alone() {
        assert_eq!(ending("../Shop Events.CSV"), Some("csv"));
        assert_eq!(ending("a.csv.gz"), Some("csv.gz"));
        assert_eq!([ending("csv"), ending("a.exe"), ending("a.gz"), ending("")], [None; 4]);
    }
}
