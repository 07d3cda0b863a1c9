//! `GET /`: what somebody sees who opens the service's address.

use axum::response::Redirect;

/// Leads to the documentation.
#[utoipa::path(
    get,
    path = "/",
    tag = "operation",
    responses((status = TEMPORARY_REDIRECT, description = "To /docs", headers(("location" = String))))
)]
pub async fn get_root() -> Redirect {
    Redirect::temporary("/docs")
}
