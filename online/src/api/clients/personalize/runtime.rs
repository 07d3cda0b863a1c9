//! `GetRecommendations` and `GetPersonalizedRanking`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shared::contract::api::{MAX_K, MAX_LIST};
use shared::contract::id::{ItemId, UserId};
use shared::engine::recommend::Pick;
use shared::engine::snapshot::Snapshot;

use super::{error, last_part};
use crate::api::error::ApiError;
use crate::api::observe::Arrived;
use crate::api::recommendations::{Made, answer};
use crate::api::{App, body, json, query};
use crate::events::now_ms;
use crate::metrics::Outcome;
use crate::named_filters::filled;
use crate::recommender::{Answered, CheckedQuery, Listed};

/// How many items there are where a request does not say.
const DEFAULT_RESULTS: usize = 25;

/// The body of `GetRecommendations`. What is not here does nothing: `context`, and columns of metadata.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Asked {
    campaign_arn: Option<String>,
    recommender_arn: Option<String>,
    user_id: Option<String>,
    item_id: Option<String>,
    num_results: Option<usize>,
    filter_arn: Option<String>,
    filter_values: BTreeMap<String, String>,
    promotions: Vec<serde_json::Value>,
    /// Of `GetPersonalizedRanking`.
    input_list: Vec<String>,
}

/// Answers `GetRecommendations`.
pub async fn recommendations(app: &App, arrived: Arrived, bytes: &[u8]) -> Response {
    let answered = match body::parse(bytes).and_then(|asked| checked(app, &asked)) {
        Ok(Question::Slate(query)) => answer(app, arrived, Ok(query), slate).await,
        Ok(Question::Similar { item, query }) => similar(app, &item, &query),
        Err(error) => {
            app.metrics.count(Outcome::BadRequest);
            Err(error)
        }
    };
    answered.unwrap_or_else(error::response)
}

/// Answers `GetPersonalizedRanking`.
pub async fn post_ranking(
    State(app): State<Arc<App>>,
    Extension(arrived): Extension<Arrived>,
    request: Request<Body>,
) -> Response {
    let body = body::read(request, app.settings.max_body_bytes).await;
    let checked = body.and_then(|bytes| body::parse(&bytes)).and_then(|asked| ranking(&app, &asked));
    answer(&app, arrived, checked, ranked).await.unwrap_or_else(error::response)
}

/// What a request asks for.
enum Question {
    /// A slate for a user.
    Slate(CheckedQuery),
    /// What is like an item, for nobody.
    Similar {
        /// The item.
        item: ItemId,
        /// How many, and which.
        query: CheckedQuery,
    },
}

fn checked(app: &App, asked: &Asked) -> Result<Question, ApiError> {
    if !asked.promotions.is_empty() {
        let detail = "promotions are not known here; boosts and pins of a scenario do that";
        return Err(ApiError::invalid("promotions", detail));
    }
    let k = match asked.num_results {
        None | Some(0) => DEFAULT_RESULTS,
        Some(results) if results <= MAX_K => results,
        Some(results) => {
            return Err(ApiError::invalid("numResults", format!("{results}: it must be at most {MAX_K}")));
        }
    };
    let item = asked.item_id.as_deref().map(|id| query::id("itemId", id, ItemId::from_outside)).transpose()?;
    let user = asked.user_id.as_deref().map(|id| query::id("userId", id, UserId::from_outside)).transpose()?;
    match (user, item) {
        (Some(user), item_id) => Ok(Question::Slate(CheckedQuery { item_id, ..of(app, asked, user, k)? })),
        (None, Some(item)) => {
            let nobody = UserId::of_session("nobody").map_err(|error| ApiError::Internal(error.to_string()))?;
            Ok(Question::Similar { item, query: of(app, asked, nobody, k)? })
        }
        (None, None) => Err(ApiError::invalid("userId", "userId or itemId is required")),
    }
}

fn ranking(app: &App, asked: &Asked) -> Result<CheckedQuery, ApiError> {
    let Some(user) = asked.user_id.as_deref() else {
        return Err(ApiError::invalid("userId", "userId is required"));
    };
    let user = query::id("userId", user, UserId::from_outside)?;
    let list = asked.input_list.iter().map(|id| query::id("inputList", id, ItemId::from_outside));
    let list: Vec<ItemId> = list.collect::<Result<_, _>>()?;
    if list.is_empty() || list.len() > MAX_LIST {
        return Err(ApiError::invalid("inputList", format!("{} items; it must have 1 to {MAX_LIST}", list.len())));
    }
    Ok(CheckedQuery { list: Some(list), ..of(app, asked, user, MAX_LIST)? })
}

/// The query of a user by the scenario and the filter that the request names.
fn of(app: &App, asked: &Asked, user_id: UserId, k: usize) -> Result<CheckedQuery, ApiError> {
    let arn = asked.campaign_arn.as_deref().or(asked.recommender_arn.as_deref()).unwrap_or_default();
    let scenario = Some(last_part(arn)).filter(|name| app.recommender.has_scenario(name)).map(str::to_owned);
    let named = asked.filter_arn.as_deref().map(last_part);
    let filter = named.map(|name| filled(&app.settings.filters, name, &asked.filter_values)).transpose();
    let filter = filter.map_err(|error| ApiError::invalid("filterArn", error.to_string()))?;
    Ok(CheckedQuery { filter, scenario, ..CheckedQuery::of(user_id, k) })
}

/// What is like an item.
fn similar(app: &App, item: &ItemId, query: &CheckedQuery) -> Result<Response, ApiError> {
    let Listed { snapshot, picks } = app.recommender.similar(item, query.filter.as_ref(), query.k, now_ms())?;
    let body = ListBody { item_list: items(&snapshot, &picks, &[]), recommendation_id: None };
    Ok(json(StatusCode::OK, &body))
}

/// The answer of `GetRecommendations`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListBody<'a> {
    item_list: Vec<ItemBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recommendation_id: Option<&'a str>,
}

/// The answer of `GetPersonalizedRanking`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RankingBody<'a> {
    personalized_ranking: Vec<ItemBody<'a>>,
    recommendation_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemBody<'a> {
    item_id: &'a str,
    score: f32,
}

fn slate(made: &Made<'_>) -> Response {
    let Answered { snapshot, slate, unknown, .. } = made.answered;
    let item_list = items(snapshot, &slate.picks, unknown);
    json(StatusCode::OK, &ListBody { item_list, recommendation_id: Some(made.id) })
}

fn ranked(made: &Made<'_>) -> Response {
    let Answered { snapshot, slate, unknown, .. } = made.answered;
    let personalized_ranking = items(snapshot, &slate.picks, unknown);
    json(StatusCode::OK, &RankingBody { personalized_ranking, recommendation_id: made.id })
}

fn items<'a>(snapshot: &'a Snapshot, picks: &[Pick], unknown: &'a [ItemId]) -> Vec<ItemBody<'a>> {
    let known = picks.iter().map(|pick| ItemBody { item_id: snapshot.items().id(pick.item), score: pick.score });
    known.chain(unknown.iter().map(|item| ItemBody { item_id: item.as_str(), score: 0.0 })).collect()
}
