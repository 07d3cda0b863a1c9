//! `GET /reports` and `/reports/{name}`: the pages that the batch wrote into the artifacts folder, as `offline report` makes
//! them.
//!
//! A page shows a shop's figures, and so is for operators. Its content is the batch's, with names of the shop in it: it may run
//! nothing, load nothing and be framed by nobody, whatever got into it.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Serialize;
use shared::contract::api::Problem;
use utoipa::ToSchema;

use super::error::ApiError;
use super::{App, json, path_text};

/// The folder of the pages in the artifacts folder.
const REPORTS: &str = "reports";
/// The end of a page's file name.
const PAGE: &str = ".html";
/// The longest name of a page.
const LONGEST: usize = 200;

/// What a browser must keep of a page.
const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// The answer of `/reports`.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Reports {
    /// The pages, those of the last versions first.
    reports: Vec<Report>,
}

/// A page.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Report {
    /// What it is about: a version, or a model of rows and its version.
    name: String,
    /// Where it is.
    path: String,
    /// When it was written, milliseconds since the epoch.
    written_ms: i64,
    /// How large it is.
    bytes: u64,
}

impl Report {
    /// What it is about.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Lists the reports that the batch has written.
#[utoipa::path(
    get,
    path = "/reports",
    operation_id = "listReports",
    tag = "model",
    responses((status = OK, body = Reports)),
)]
pub async fn get_reports(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    Ok(json(StatusCode::OK, &Reports { reports: listed(&app).await? }))
}

/// The reports, those of the last versions first.
///
/// # Errors
/// [`ApiError::Internal`] when the folder can't be read.
pub async fn listed(app: &Arc<App>) -> Result<Vec<Report>, ApiError> {
    let app = app.clone();
    blocking(move || list(&app.settings.artifacts)).await
}

/// Shows a report, a page of HTML.
#[utoipa::path(
    get,
    path = "/reports/{name}",
    operation_id = "getReport",
    tag = "model",
    params(("name" = String, Path, description = "The version, or the name that /reports lists")),
    responses(
        (status = OK, body = String, content_type = "text/html"),
        (status = NOT_FOUND, description = "There is no such report", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub async fn get_report(
    State(app): State<Arc<App>>,
    path: Result<UrlPath<String>, PathRejection>,
) -> Result<Response, ApiError> {
    shown(&app, path_text("name", path)?).await
}

/// A report as an answer.
///
/// # Errors
/// [`ApiError::NotFound`] if there is none of this name.
pub async fn shown(app: &Arc<App>, name: String) -> Result<Response, ApiError> {
    let app = app.clone();
    let found = if is_name(&name) {
        let name = name.clone();
        blocking(move || read(&app.settings.artifacts, &name)).await?
    } else {
        None
    };
    match found {
        Some(page) => Ok((HEADERS, Html(page)).into_response()),
        None => Err(ApiError::NotFound {
            field: Some("name".to_owned()),
            detail: format!(
                "there is no report {name:?}; `offline report --version VERSION` writes one, and /reports lists those that there are"
            ),
        }),
    }
}

/// Reads files where that may take its time.
async fn blocking<T: Send + 'static>(read: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, ApiError> {
    let internal = |error: &dyn std::fmt::Display| ApiError::Internal(format!("reports: {error}"));
    tokio::task::spawn_blocking(read).await.map_err(|error| internal(&error))?.map_err(|error| internal(&error))
}

/// Whether a text is the name of a page: no path, no hidden file.
fn is_name(text: &str) -> bool {
    let letters = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    text.len() <= LONGEST
        && text.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && text.chars().all(letters)
}

/// The pages of an artifacts folder, the last names first.
fn list(artifacts: &Path) -> io::Result<Vec<Report>> {
    let entries = match fs::read_dir(artifacts.join(REPORTS)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let report = |entry: fs::DirEntry| {
        let file = entry.file_name();
        let name = file.to_str()?.strip_suffix(PAGE).filter(|name| is_name(name))?;
        let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        let written = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Report {
            name: name.to_owned(),
            path: format!("/reports/{name}"),
            written_ms: i64::try_from(written.as_millis()).ok()?,
            bytes: metadata.len(),
        })
    };
    let mut reports: Vec<Report> = entries.filter_map(|entry| report(entry.ok()?)).collect();
    reports.sort_by(|a, b| b.name.cmp(&a.name));
    Ok(reports)
}

/// A page; none if there is no file of this name. What a link leads to is none.
fn read(artifacts: &Path, name: &str) -> io::Result<Option<String>> {
    let path = artifacts.join(REPORTS).join(format!("{name}{PAGE}"));
    match fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.is_file() => fs::read_to_string(&path).map(Some),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_path_and_no_hidden_file() {
        assert!(["v000001-ab12cd34", "credit.v000002-aa", "evaluated-000001-ab"].into_iter().all(is_name));
        let others = ["", ".", "..", ".champion", "../champion", "a/b", "a\\b", "a\0", "ä", "%2e%2e", &"a".repeat(201)];
        assert!(!others.into_iter().any(is_name));
    }

    #[test]
    fn only_pages_are_listed_and_read_and_no_link_is_followed() {
        let folder = tempfile::tempdir().expect("temporary folder");
        assert_eq!(list(folder.path()).expect("lists"), []);
        let reports = folder.path().join(REPORTS);
        fs::create_dir(&reports).expect("creates");
        fs::write(folder.path().join("secret.html"), "secret").expect("writes");
        std::os::unix::fs::symlink(folder.path().join("secret.html"), reports.join("link.html")).expect("links");
        fs::create_dir(reports.join("folder.html")).expect("creates");
        for name in ["v1.html", "v2.html", ".v3.html", "v4.txt"] {
            fs::write(reports.join(name), name).expect("writes");
        }
        let listed = list(folder.path()).expect("lists");
        assert_eq!(listed.iter().map(|report| &*report.path).collect::<Vec<_>>(), ["/reports/v2", "/reports/v1"]);
        let read = |name| read(folder.path(), name).expect("reads");
        assert_eq!(read("v1").as_deref(), Some("v1.html"));
        assert_eq!((read("link"), read("folder"), read("none")), (None, None, None));
    }
}
