//! `/models`: the served models of rows.

pub mod describe;
pub mod drift;
pub mod openapi;
pub mod predict;

use std::sync::Arc;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;

use super::error::ApiError;
use super::{App, path_text};
use crate::models::Served;

/// The model of a path.
fn model_of(app: &App, path: Result<Path<String>, PathRejection>) -> Result<Arc<Served>, ApiError> {
    Ok(app.models.get(&path_text("name", path)?)?)
}
