//! `/models`: the served models of rows.

pub mod describe;
pub mod drift;
pub mod openapi;
pub mod predict;
pub mod remember;
pub mod shapes;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::error::ApiError;
use super::{App, path_text};
use crate::models::Served;

/// A row, or a list of rows: each an object with a value for each field, which is a number, a text, true, false or null.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum GivenRows {
    /// One.
    One(BTreeMap<String, Value>),
    /// Several.
    Many(Vec<BTreeMap<String, Value>>),
}

/// The model that a path names.
pub struct ServedModel(pub Arc<Served>);

impl FromRequestParts<Arc<App>> for ServedModel {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        Ok(Self(app.models.get(&path_text("name", path)?)?))
    }
}
