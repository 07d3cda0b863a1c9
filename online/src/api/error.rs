//! Why a request fails, and how that is answered: as problem details (RFC 9457), in JSON.
//!
//! A 4xx is the client's fault: the answer says what is wrong, what would be right, and which field it is about. A 5xx
//! is the service's: the answer hides the cause, and the log has it.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use shared::api::Problem;

use crate::events::AcceptError;
use crate::recommender::{UnknownCategory, UnknownItem};
use crate::store::StoreError;

/// Why a request fails.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// A part of the request can't be.
    #[error("{detail}")]
    Invalid {
        /// The parameter or the field of the body; nothing for the body as a whole.
        field: Option<String>,
        /// What is wrong, and what would be right.
        detail: String,
    },
    /// The body is too large.
    #[error("the body has more than {0} bytes; send fewer events per request")]
    TooLarge(usize),
    /// The body is not JSON by its content type.
    #[error("the content type must be application/json, not {0:?}")]
    ContentType(String),
    /// There is nothing here, or nothing of this name.
    #[error("{detail}")]
    NotFound {
        /// The parameter that has the name; nothing where it is part of the path.
        field: Option<String>,
        /// What is not there, and what is.
        detail: String,
    },
    /// The path is known, the method is not.
    #[error("this path does not answer this method; /docs lists what there is")]
    Method,
    /// Too much is going on.
    #[error("{0}; try again in a second")]
    Busy(&'static str),
    /// The store does not answer.
    #[error("the store does not answer; try again in a second")]
    Store(#[from] StoreError),
    /// Events are not accepted.
    #[error("events can't be accepted now and none of these was; send them again in a second")]
    Events(#[from] AcceptError),
    /// Something that must not happen.
    #[error("internal error")]
    Internal(String),
}

impl ApiError {
    /// A field with a value that can't be.
    pub fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid { field: Some(field.into()), detail: detail.into() }
    }

    /// What serde has to say of a body or a query string.
    ///
    /// * `path`: where it happened; empty for the whole, and for a place before any field.
    pub fn of_serde(path: &str, detail: &str) -> Self {
        let named = ["missing field `", "duplicate field `", "unknown field `"]
            .iter()
            .find_map(|start| detail.strip_prefix(start)?.split('`').next());
        let field = match (path.is_empty(), named) {
            (true, None) => None,
            (true, Some(name)) => Some(name.to_owned()),
            (false, Some(name)) if path.rsplit('.').next() != Some(name) => Some(format!("{path}.{name}")),
            (false, _) => Some(path.to_owned()),
        };
        Self::Invalid { field, detail: detail.to_owned() }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Invalid { .. } => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ContentType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotFound { .. } => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Busy(_) | Self::Store(_) | Self::Events(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Logs what the answer hides.
    fn log(&self) {
        match self {
            Self::Internal(cause) => tracing::error!(cause, "request failed"),
            Self::Store(cause) => tracing::warn!(%cause, "request failed: store"),
            // The writer has logged a failed append; a full queue is a matter for the metric.
            Self::Events(cause) => tracing::debug!(%cause, "request failed: events"),
            _ => {}
        }
    }
}

impl From<UnknownItem> for ApiError {
    fn from(unknown: UnknownItem) -> Self {
        Self::NotFound { field: None, detail: unknown.to_string() }
    }
}

impl From<UnknownCategory> for ApiError {
    fn from(unknown: UnknownCategory) -> Self {
        Self::NotFound { field: Some("category".to_owned()), detail: unknown.to_string() }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let status = self.status();
        let detail = self.to_string();
        let field = match self {
            Self::Invalid { field, .. } | Self::NotFound { field, .. } => field,
            _ => None,
        };
        let problem = Problem {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail,
            field,
        };
        let body = serde_json::to_vec(&problem).expect("texts and a number serialise into memory");
        let content_type = (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let mut response = (status, [content_type], body).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overload_says_when_to_come_back() {
        let response = ApiError::Busy("full").into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    }

    #[test]
    fn an_internal_cause_stays_inside() {
        assert_eq!(ApiError::Internal("secret".to_owned()).to_string(), "internal error");
    }
}
