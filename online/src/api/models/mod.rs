//! `/models`: the served models of rows.

pub mod describe;
pub mod drift;
pub mod openapi;
pub mod predict;
pub mod remember;

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use super::error::ApiError;
use super::{App, path_text};
use crate::models::Served;

/// The model that a path names.
pub struct ServedModel(pub Arc<Served>);

impl FromRequestParts<Arc<App>> for ServedModel {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        Ok(Self(app.models.get(&path_text("name", path)?)?))
    }
}
