//! `POST /rank`: a list of items that the shop has, such as a page of search results, in the order for a user.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::Request;
use axum::response::Response;
use shared::contract::api::{Problem, RankQuery, Recommendations};

use super::body::Object;
use super::error::ApiError;
use super::observe::Arrived;
use super::query::NoQuery;
use super::recommendations::{answer, slate};
use super::{App, body, query};

/// Ranks a list of up to 1000 items for a user, as a slate of them would be ranked. All of them are in the answer, available
/// or not, unless `k` or `seen` says otherwise. An item that the served version does not know comes last, with score 0.
#[utoipa::path(
    post,
    path = "/rank",
    operation_id = "rank",
    tag = "recommendations",
    request_body = RankQuery,
    responses(
        (status = OK, body = Recommendations),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = PAYLOAD_TOO_LARGE, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, description = "Values of the profile are refused; all of them are listed",
            body = Problem, content_type = "application/problem+json"),
        (status = UNSUPPORTED_MEDIA_TYPE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn post_rank(
    State(app): State<Arc<App>>,
    Extension(arrived): Extension<Arrived>,
    RawQuery(text): RawQuery,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let body = body::read(request, app.settings.max_body_bytes).await;
    let read = body.and_then(|bytes| {
        let NoQuery {} = query::read(text.as_deref())?;
        let Object(query) = body::parse::<Object<RankQuery>>(&bytes)?;
        query::check_rank(query, app.settings.clock)
    });
    answer(&app, arrived, read, slate).await
}
