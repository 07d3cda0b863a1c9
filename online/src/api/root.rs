//! `GET /`: redirects a browser at the service's address to the documentation.

use axum::response::Redirect;

/// Redirects to the documentation.
#[utoipa::path(
    get,
    path = "/",
    tag = "operation",
    responses((status = TEMPORARY_REDIRECT, description = "To /docs", headers(("location" = String))))
)]
pub async fn get_root() -> Redirect {
    Redirect::temporary("/docs")
}
