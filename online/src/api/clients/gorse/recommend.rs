//! Slates for a user or a session, and lists of items: similar, popular, latest.

use std::cmp::Reverse;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use serde::Serialize;
use shared::contract::expression::{Asks, Comparison, Expression, Literal, Test};
use shared::contract::id::{ItemId, ItemIdx, UserId};
use shared::contract::served::ServedPolicy;
use shared::engine::recommend::Pick;
use shared::engine::snapshot::Snapshot;
use shared::engine::topk::top_k;
use shared::tables::Property;
use uuid::Uuid;

use super::error::Answer;
use super::feedback::GivenFeedback;
use super::{InPath, Parts, Wanted};
use crate::api::body::Object;
use crate::api::clients::ADDED;
use crate::api::error::ApiError;
use crate::api::observe::Arrived;
use crate::api::recommendations::{Made, answer};
use crate::api::{App, body, json, query};
use crate::events::now_ms;
use crate::metrics::Outcome;
use crate::recommender::{CheckedQuery, Deadline, Listed, NoAnswer};

/// The header that asks for scores beside the items, if it is 2.
const VERSION: &str = "x-api-version";

/// The most items of a session that a slate goes on from.
const MOST_OF_SESSION: usize = 100;

/// An item with its score.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Scored<'a> {
    id: &'a str,
    score: f64,
}

/// Recommends items to a user. What is written back is left out of the next slates that write back.
pub async fn get_recommend(
    State(app): State<Arc<App>>,
    Extension(arrived): Extension<Arrived>,
    path: InPath,
    RawQuery(text): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let read = asked(path, text.as_deref()).and_then(|(parts, wanted, k)| {
        let user = query::id("user-id", parts.get("id"), UserId::from_outside)?;
        let writes_back = wanted.write_back_type.as_deref().is_some_and(|kind| !kind.is_empty());
        let served = writes_back.then_some(ServedPolicy::Skip);
        Ok((wanted.offset, CheckedQuery { served, category: category(&parts, &wanted), ..CheckedQuery::of(user, k) }))
    });
    let (offset, query) = match read {
        Ok(read) => read,
        Err(error) => {
            app.metrics.count(Outcome::BadRequest);
            return Err(error.into());
        }
    };
    if is_empty(&app, query.category.as_deref())? {
        return Ok(json(StatusCode::OK, &[(); 0]));
    }
    let with_scores = headers.get(VERSION).is_some_and(|version| version == "2");
    let write = |made: &Made<'_>| {
        let (snapshot, picks) = (&made.answered.snapshot, &made.answered.slate.picks);
        if with_scores { scored(snapshot, picks, offset) } else { ids(snapshot, picks, offset) }
    };
    Ok(answer(&app, arrived, Ok(query), write).await?)
}

/// Recommends items to somebody of whom nothing is known but the feedback of the body; it is not kept.
pub async fn post_session(
    State(app): State<Arc<App>>,
    Extension(arrived): Extension<Arrived>,
    path: InPath,
    RawQuery(text): RawQuery,
    request: Request<Body>,
) -> Answer {
    let (parts, wanted, k) = asked(path, text.as_deref())?;
    let bytes = body::read(request, app.settings.max_body_bytes).await?;
    let given: Vec<Object<GivenFeedback>> = body::parse(&bytes)?;
    // Of whom nothing can be known.
    let nobody =
        UserId::of_session(&Uuid::now_v7().to_string()).map_err(|error| ApiError::Internal(error.to_string()))?;
    let (item_ids, exclude) = session(&app, &given)?;
    let category = category(&parts, &wanted);
    if is_empty(&app, category.as_deref())? {
        return Ok(json(StatusCode::OK, &[(); 0]));
    }
    let query = CheckedQuery { item_ids, exclude, category, ..CheckedQuery::of(nobody, k) };
    let deadline = Deadline::of(arrived.at, app.settings.deadline);
    let id = Uuid::now_v7().to_string();
    let answered = app.recommender.recommend(&query, &id, now_ms(), deadline, arrived.trace.as_ref()).await?;
    Ok(scored(&answered.snapshot, &answered.slate.picks, wanted.offset))
}

/// Lists the items most similar to an item; of one that nobody knows there are none.
pub async fn get_neighbors(State(app): State<Arc<App>>, path: InPath, RawQuery(text): RawQuery) -> Answer {
    let (parts, wanted, k) = asked(path, text.as_deref())?;
    let item = query::id("item-id", parts.get("id"), ItemId::from_outside)?;
    let filter = category(&parts, &wanted).map(|name| {
        let asks = Asks::Compare(Comparison::Equal, Literal::Text(name));
        Expression::Test(Test { property: "category".to_owned(), asks })
    });
    match app.recommender.similar(&item, filter.as_ref(), k, now_ms()) {
        Err(NoAnswer::UnknownItem(_)) => Ok(json(StatusCode::OK, &[(); 0])),
        listed => Ok(list(&listed?, wanted.offset)),
    }
}

/// Lists the most popular items.
pub async fn get_popular(State(app): State<Arc<App>>, path: InPath, RawQuery(text): RawQuery) -> Answer {
    let (parts, wanted, k) = asked(path, text.as_deref())?;
    match app.recommender.popular(category(&parts, &wanted).as_deref(), None, k, now_ms()) {
        Err(NoAnswer::UnknownCategory(_)) => Ok(json(StatusCode::OK, &[(); 0])),
        listed => Ok(list(&listed?, wanted.offset)),
    }
}

/// Lists the items that came last, of those that say when; the score is that, seconds since the epoch.
pub async fn get_latest(State(app): State<Arc<App>>, path: InPath, RawQuery(text): RawQuery) -> Answer {
    let (parts, wanted, k) = asked(path, text.as_deref())?;
    let snapshot = app.recommender.snapshot()?;
    let latest = latest(&snapshot, category(&parts, &wanted).as_deref(), k, now_ms());
    let body = latest
        .iter()
        .skip(wanted.offset)
        .map(|&(added_ms, item)| Scored { id: snapshot.items().id(item), score: added_ms.div_euclid(1000) as f64 });
    Ok(json(StatusCode::OK, &body.collect::<Vec<_>>()))
}

/// The items that came last, of those that are available: when, and which. Cost: a look at each item.
fn latest(snapshot: &Snapshot, category: Option<&str>, k: usize, now_ms: i64) -> Vec<(i64, ItemIdx)> {
    let Some(Property::Numbers(added)) = snapshot.properties().get(ADDED) else { return Vec::new() };
    let items = snapshot.items();
    let category = match category.map(|name| items.category(name)) {
        None => None,
        Some(Some(category)) => Some(category),
        Some(None) => return Vec::new(),
    };
    let known = added.iter().enumerate().filter(|(_, added_ms)| !added_ms.is_nan());
    let known = known.map(|(row, &added_ms)| (added_ms as i64, Reverse(ItemIdx(row as u32))));
    let wanted = known.filter(|(_, Reverse(item))| {
        items.availability().at(*item, now_ms) && category.is_none_or(|category| items.is_of(*item, category))
    });
    top_k(k, wanted).into_iter().map(|(added_ms, Reverse(item))| (added_ms, item)).collect()
}

/// The parameters of path and query string, and how many items are to be made.
fn asked(path: InPath, text: Option<&str>) -> Result<(Parts, Wanted, usize), ApiError> {
    let (parts, wanted) = (Parts::of(path)?, query::read::<Wanted>(text)?);
    if wanted.user_id.is_some() {
        return Err(ApiError::Unsupported(
            "a list does not leave out what a user knows; GET /api/recommend/{user-id} is for users",
        ));
    }
    let k = wanted.made()?;
    Ok((parts, wanted, k))
}

/// The category of the path, else of the query string.
fn category(parts: &Parts, wanted: &Wanted) -> Option<String> {
    let given = parts.find("category").or(wanted.category.as_deref());
    given.filter(|category| !category.is_empty()).map(str::to_owned)
}

/// Whether a category has no items that are known.
fn is_empty(app: &App, category: Option<&str>) -> Result<bool, ApiError> {
    let Some(name) = category else { return Ok(false) };
    Ok(app.recommender.snapshot()?.items().category(name).is_none())
}

/// The items that a session goes on from, the latest last, and all that it has.
fn session(app: &App, given: &[Object<GivenFeedback>]) -> Result<(Vec<ItemId>, Vec<ItemId>), ApiError> {
    let snapshot = app.recommender.snapshot()?;
    let kinds = &snapshot.params().kinds;
    let mut told = Vec::with_capacity(given.len());
    for (place, Object(given)) in given.iter().enumerate() {
        told.push(given.read(&app.settings.kinds, kinds).map_err(|error| error.at(place))?);
    }
    told.sort_by_key(|(_, _, time_ms)| *time_ms);
    let exclude = told.iter().map(|(_, item, _)| item.clone()).collect();
    // What blocks or takes back is nothing to go on from.
    let goes_on =
        told.iter().filter(|(kind, ..)| kinds.index(kind.as_str()).is_some_and(|row| kinds.weight(row) > 0.0));
    let mut items: Vec<ItemId> = goes_on.map(|(_, item, _)| item.clone()).collect();
    items.drain(..items.len().saturating_sub(MOST_OF_SESSION));
    Ok((items, exclude))
}

fn list(listed: &Listed, offset: usize) -> Response {
    scored(&listed.snapshot, &listed.picks, offset)
}

fn scored(snapshot: &Snapshot, picks: &[Pick], offset: usize) -> Response {
    let scored = picks.iter().skip(offset);
    let scored = scored.map(|pick| Scored { id: snapshot.items().id(pick.item), score: f64::from(pick.score) });
    json(StatusCode::OK, &scored.collect::<Vec<_>>())
}

fn ids(snapshot: &Snapshot, picks: &[Pick], offset: usize) -> Response {
    let ids = picks.iter().skip(offset).map(|pick| snapshot.items().id(pick.item));
    json(StatusCode::OK, &ids.collect::<Vec<_>>())
}
