//! Errors as the clients of Personalize read them: a message in the body, the name of the exception in a header.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::api::error::ApiError;

/// Names the exception.
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// The answer that tells of an error.
pub fn response(error: ApiError) -> Response {
    let message = match &error {
        ApiError::Invalid { field: Some(field), detail } => format!("{field}: {detail}"),
        error => error.to_string(),
    };
    let (mut parts, _) = error.into_response().into_parts();
    let exception = match parts.status {
        StatusCode::NOT_FOUND => "ResourceNotFoundException",
        StatusCode::TOO_MANY_REQUESTS => "ThrottlingException",
        status if status.is_server_error() => "InternalServerException",
        // There is no other of what a client does wrong.
        _ => {
            parts.status = StatusCode::BAD_REQUEST;
            "InvalidInputException"
        }
    };
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    parts.headers.insert(ERROR_TYPE, HeaderValue::from_static(exception));
    parts.headers.remove(header::CONTENT_LENGTH);
    (parts, json!({"message": message}).to_string()).into_response()
}
