//! The errors of requests and their answers: problem details (RFC 9457), in JSON.
//!
//! A 4xx is the client's fault: the answer says what is wrong, what would be right, and which field is concerned. A 5xx
//! is the service's fault: the answer hides the cause, which is logged.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use shared::contract::api::{FieldProblem, Problem};
use shared::engine::profiles::RefusedValue;

use super::authorize;
use crate::auth::Refusal;
use crate::events::AcceptError;
use crate::models::UnknownModel;
use crate::recommender::{BadProfile, NoAnswer, NoRecommender, UnknownCursor};
use crate::store::StoreError;

/// The most values of a profile that are told of.
const TOLD: usize = 100;

/// Why a request fails.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The key of the request is missing, unknown or not enough.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A part of the request is invalid.
    #[error("{detail}")]
    Invalid {
        /// The parameter, or the field of the body; `None` for the body as a whole.
        field: Option<String>,
        /// What is wrong, and what would be right.
        detail: String,
    },
    /// Fields of rows, or of a profile, are refused.
    #[error("{refusals} values are refused{}", if *.refusals > .errors.len() as u64 { ", the first of them are listed" } else { "" })]
    Rows {
        /// How many.
        refusals: u64,
        /// The first of them.
        errors: Vec<FieldProblem>,
    },
    /// The body is too large.
    #[error("the body has more than {0} bytes; send fewer events or rows per request")]
    TooLarge(usize),
    /// The content type of the body is not JSON.
    #[error("the content type must be application/json, not {0:?}")]
    ContentType(String),
    /// The body is packed.
    #[error("a body is packed by gzip or not at all; it has the content encoding {0:?}")]
    ContentEncoding(String),
    /// There is no such path, item or category.
    #[error("{detail}")]
    NotFound {
        /// The parameter with the unknown name; `None` if the name is part of the path.
        field: Option<String>,
        /// What does not exist, and what does.
        detail: String,
    },
    /// The feed that a cursor names is not remembered.
    #[error(transparent)]
    Gone(#[from] UnknownCursor),
    /// It was done already.
    #[error("{0}")]
    Conflict(String),
    /// The path exists, but not for this method.
    #[error("this path does not answer this method; /docs lists what there is")]
    Method,
    /// A call of another system's clients that can't be answered as it is meant; why.
    #[error("{0}")]
    Unsupported(&'static str),
    /// Too many requests are being answered, or the service is too slow.
    #[error("{0}; try again in a second")]
    Busy(&'static str),
    /// Nothing can be recommended.
    #[error(transparent)]
    NoRecommender(#[from] NoRecommender),
    /// The store does not answer, or can't read the user's history.
    #[error("{}; try again in a second", trouble(.0))]
    Store(#[from] StoreError),
    /// Events are not accepted.
    #[error("events can't be accepted now; send them again in a second: with ids of their own none counts twice")]
    Events(AcceptError),
    /// Rows that a model is to remember are not accepted.
    #[error("rows can't be taken now; send them again in a second (if it stays so, the service's log says why)")]
    NotRemembered(AcceptError),
    /// There is no room for events or rows on the disk of their log.
    #[error(
        "the service's log has no room on its disk: nothing of this request was taken, and what was acknowledged before is \
         safe; send it again when there is room (the service's log names the folder)"
    )]
    NoRoom(AcceptError),
    /// A defect of the service.
    #[error("internal error")]
    Internal(String),
}

/// What clients are told of a failure of the store.
fn trouble(error: &StoreError) -> &'static str {
    match error {
        StoreError::Unreadable => "the user's history can't be read yet, and is being rebuilt",
        _ => "the store does not answer",
    }
}

impl ApiError {
    /// Makes an [`ApiError::Invalid`] of a field.
    pub fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid { field: Some(field.into()), detail: detail.into() }
    }

    /// Says in which place of a list the invalid part is.
    #[must_use]
    pub fn at(self, place: usize) -> Self {
        match self {
            Self::Invalid { field: Some(field), detail } => Self::invalid(format!("[{place}].{field}"), detail),
            Self::Invalid { field: None, detail } => Self::invalid(format!("[{place}]"), detail),
            other => other,
        }
    }

    /// The error about a field of an object that is a field itself.
    pub fn below(self, parent: &str) -> Self {
        match self {
            Self::Invalid { field: Some(field), detail } => Self::invalid(format!("{parent}.{field}"), detail),
            other => other,
        }
    }

    /// Makes an [`ApiError::Invalid`] of serde's error about a body or a query string.
    ///
    /// * `path`: the path of the field; empty for the whole, and for a position before any field.
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
        let nearest = nearest_of_unknown(detail).map_or(String::new(), |name| format!("; the nearest is `{name}`"));
        Self::Invalid { field, detail: format!("{detail}{nearest}") }
    }

    /// Makes the error about rows that a model is to remember.
    pub fn of_rows(error: AcceptError) -> Self {
        if matches!(error, AcceptError::NoRoom(_)) { Self::NoRoom(error) } else { Self::NotRemembered(error) }
    }

    /// The status of its answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Refused(Refusal::NoKey | Refusal::UnknownKey | Refusal::SharedKey) => StatusCode::UNAUTHORIZED,
            Self::Refused(Refusal::Scope(_) | Refusal::Elsewhere | Refusal::Foreign) => StatusCode::FORBIDDEN,
            Self::Refused(Refusal::Rate(_)) => StatusCode::TOO_MANY_REQUESTS,
            Self::Invalid { .. } => StatusCode::BAD_REQUEST,
            Self::Rows { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ContentType(_) | Self::ContentEncoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotFound { .. } => StatusCode::NOT_FOUND,
            Self::Gone(_) => StatusCode::GONE,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unsupported(_) => StatusCode::NOT_IMPLEMENTED,
            Self::Busy(_) | Self::NoRecommender(_) | Self::Store(_) | Self::Events(_) | Self::NotRemembered(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::NoRoom(_) => StatusCode::INSUFFICIENT_STORAGE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Logs the cause that the answer hides.
    fn log(&self) {
        match self {
            Self::Internal(cause) => tracing::error!(cause, "request failed"),
            Self::Store(cause) => tracing::warn!(%cause, "request failed: store"),
            // The writer has logged a failed append already; a full queue is only counted.
            Self::Events(cause) | Self::NoRoom(cause) => tracing::debug!(%cause, "request failed: events"),
            Self::NotRemembered(cause) => tracing::debug!(%cause, "request failed: rows"),
            _ => {}
        }
    }
}

/// The existing field with the nearest name, where serde's error is about an unknown one and lists those that exist.
/// None is near if most letters would have to change, unless one name begins with the other.
fn nearest_of_unknown(detail: &str) -> Option<&str> {
    let (unknown, rest) = detail.strip_prefix("unknown field `")?.split_once('`')?;
    // Between the marks, every second part is a name.
    let names = rest.split('`').skip(1).step_by(2);
    let distance = |name: &str| {
        let begins = !unknown.is_empty() && (name.starts_with(unknown) || unknown.starts_with(name));
        let changes = strsim::osa_distance(name, &unknown.to_lowercase());
        (begins || 2 * changes <= unknown.len()).then_some(changes)
    };
    names.filter_map(|name| Some((distance(name)?, name))).min().map(|(_, name)| name)
}

impl From<AcceptError> for ApiError {
    fn from(error: AcceptError) -> Self {
        if matches!(error, AcceptError::NoRoom(_)) { Self::NoRoom(error) } else { Self::Events(error) }
    }
}

impl From<NoAnswer> for ApiError {
    fn from(reason: NoAnswer) -> Self {
        let field = match reason {
            NoAnswer::NoRecommender(reason) => return reason.into(),
            NoAnswer::Store(reason) => return reason.into(),
            NoAnswer::Profile(refused) => return refused.into(),
            NoAnswer::UnknownCursor(reason) => return reason.into(),
            NoAnswer::Filter(reason) => return Self::invalid("filter", reason.to_string()),
            NoAnswer::UnknownScenario(reason) => return Self::invalid("scenario", reason.to_string()),
            NoAnswer::UnknownProperty(reason) => return Self::invalid("max_per", reason.to_string()),
            NoAnswer::UnknownKind(reason) => return Self::invalid("seen", reason.to_string()),
            NoAnswer::UnknownItem(_) => None,
            NoAnswer::UnknownCategory(_) => Some("category".to_owned()),
        };
        Self::NotFound { field, detail: reason.to_string() }
    }
}

impl From<BadProfile> for ApiError {
    fn from(BadProfile(refused): BadProfile) -> Self {
        let problem =
            |value: RefusedValue| FieldProblem { field: format!("profile.{}", value.field), detail: value.detail };
        let refusals = refused.len() as u64;
        Self::Rows { refusals, errors: refused.into_iter().take(TOLD).map(problem).collect() }
    }
}

impl From<UnknownModel> for ApiError {
    fn from(unknown: UnknownModel) -> Self {
        Self::NotFound { field: Some("name".to_owned()), detail: unknown.to_string() }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let status = self.status();
        let detail = self.to_string();
        let refusal = if let Self::Refused(refusal) = self { Some(refusal) } else { None };
        let (field, errors) = match self {
            Self::Invalid { field, .. } | Self::NotFound { field, .. } => (field, Vec::new()),
            Self::Rows { errors, .. } => (None, errors),
            Self::Gone(_) => (Some("cursor".to_owned()), Vec::new()),
            _ => (None, Vec::new()),
        };
        let problem = Problem {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail,
            field,
            errors,
        };
        let body = serde_json::to_vec(&problem).expect("texts and a number serialise into memory");
        let content_type = (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let mut response = (status, [content_type], body).into_response();
        let retry_after = match status {
            StatusCode::SERVICE_UNAVAILABLE => Some("1"),
            // Somebody has to make room first.
            StatusCode::INSUFFICIENT_STORAGE => Some("30"),
            _ => None,
        };
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        if let Some(refusal) = refusal {
            authorize::explain(refusal, response.headers_mut());
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
    fn the_nearest_of_the_listed_fields_is_found() {
        let nearest = |unknown: &str| {
            let detail =
                format!("unknown field `{unknown}`, expected one of `k`, `user_id`, `timestamp`, `event` at line 1");
            nearest_of_unknown(&detail).map(str::to_owned)
        };
        for (unknown, name) in
            [("userId", "user_id"), ("user", "user_id"), ("time", "timestamp"), ("event_type", "event")]
        {
            assert_eq!(nearest(unknown).as_deref(), Some(name), "{unknown}");
        }
        assert_eq!((nearest("colour"), nearest("x"), nearest("")), (None, None, None));
        assert_eq!(nearest_of_unknown("unknown field `kk`, expected `k`"), Some("k"));
        assert_eq!(nearest_of_unknown("unknown field `x`, there are no fields"), None);
        assert_eq!(nearest_of_unknown("missing field `x`"), None);
    }

    #[test]
    fn an_internal_cause_stays_inside() {
        assert_eq!(ApiError::Internal("secret".to_owned()).to_string(), "internal error");
    }
}
