//! Errors as Gorse's clients read them: a status with a sentence.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::api::error::ApiError;

/// An answer of a handler.
pub type Answer = Result<Response, Failed>;

/// Why a request of a Gorse client fails.
pub struct Failed(ApiError);

impl<E: Into<ApiError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let message = match &error {
            ApiError::Invalid { field: Some(field), detail } => format!("{field}: {detail}"),
            error => error.to_string(),
        };
        let (mut parts, _) = error.into_response().into_parts();
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        parts.headers.remove(header::CONTENT_LENGTH);
        (parts, message).into_response()
    }
}
