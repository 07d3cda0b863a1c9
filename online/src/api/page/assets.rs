//! The style sheet and the script of the pages. They are in the program, and their paths have the hash of what is in
//! them: a browser may keep them for ever, and another release has others.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

use crate::api::error::ApiError;

/// The route of all of them.
pub const PATH: &str = "/ui/assets/{file}";

/// What browsers and caches may do with them.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A file that pages need.
pub struct Asset {
    /// Its path, with its hash.
    pub path: String,
    content_type: &'static str,
    text: &'static str,
}

impl Asset {
    fn new(name: &str, content_type: &'static str, text: &'static str) -> Self {
        let hash = hex::encode(Sha256::digest(text));
        Self { path: format!("/ui/assets/{}-{name}", &hash[..12]), content_type, text }
    }
}

/// The style sheet.
pub static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("style.css", "text/css; charset=utf-8", include_str!("assets/style.css")));
/// The script.
pub static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("page.js", "text/javascript; charset=utf-8", include_str!("assets/page.js")));
/// The icon of the pages.
pub static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")));

/// Answers with one of them. It needs no key: it is the same for everybody.
///
/// # Errors
/// [`ApiError::NotFound`] for any other name: that of another release among them.
pub async fn get_asset(Path(file): Path<String>) -> Result<Response, ApiError> {
    let all = [&STYLE, &SCRIPT, &ICON];
    let found = all.into_iter().find(|asset| asset.path.rsplit('/').next() == Some(&file));
    let asset = found.ok_or_else(|| ApiError::NotFound {
        field: None,
        detail: "this release has no such file; load the page again".to_owned(),
    })?;
    let content_type = HeaderValue::from_static(asset.content_type);
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, FOR_EVER),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Ok((headers, asset.text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_little_and_a_path_has_the_hash_of_its_file() {
        assert!(SCRIPT.text.len() < 5_000, "{}", SCRIPT.text.len());
        assert_ne!(Asset::new("a", "", "1").path, Asset::new("a", "", "2").path);
        assert_eq!(Asset::new("a", "", "1").path.len(), "/ui/assets/-a".len() + 12);
    }
}
