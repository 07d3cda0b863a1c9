//! `GET /`: redirects a browser at the service's address to the documentation.

use axum::response::Redirect;

/// Redirects to the documentation.
pub async fn get_root() -> Redirect {
    Redirect::temporary("/docs")
}
