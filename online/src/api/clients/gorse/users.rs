//! Users: told, shown, listed and erased.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{Request, StatusCode};
use futures_util::future::try_join_all;
use serde::Serialize;
use serde_json::Value;
use shared::contract::id::UserId;
use shared::contract::known::{KnownUser, MAX_LIMIT};

use super::error::Answer;
use super::labels;
use super::user::{COMMENT, GivenUser, UserBody};
use super::{InPath, Parts, Wanted, affected, last_of_each};
use crate::api::body::Object;
use crate::api::error::ApiError;
use crate::api::fields::Of;
use crate::api::{App, body, json, people, query};
use crate::events::now_ms;
use crate::lookup::{WantedUsers, describe_user};

/// Says something of one user.
pub async fn post_user(State(app): State<Arc<App>>, request: Request<Body>) -> Answer {
    let bytes = body::read(request, app.settings.max_body_bytes).await?;
    let Object(given) = body::parse(&bytes)?;
    insert(&app, vec![given]).await.map_err(|(_, error)| error)?;
    Ok(affected(1))
}

/// Says something of many users: all of it, or nothing; of one that is in the list twice what comes last.
pub async fn post_users(State(app): State<Arc<App>>, request: Request<Body>) -> Answer {
    let bytes = body::read(request, app.settings.max_body_bytes).await?;
    let given: Vec<Object<GivenUser>> = body::parse(&bytes)?;
    let given: Vec<GivenUser> = given.into_iter().map(|Object(given)| given).collect();
    let count = given.len();
    if count > 0 {
        insert(&app, given).await.map_err(|(place, error)| error.at(place))?;
    }
    Ok(affected(count))
}

/// Says something of a user, and leaves what is null.
pub async fn patch_user(State(app): State<Arc<App>>, path: InPath, request: Request<Body>) -> Answer {
    let user = id_of(&Parts::of(path)?)?;
    let bytes = body::read(request, app.settings.max_body_bytes).await?;
    let Object(given) = body::parse::<Object<GivenUser>>(&bytes)?;
    let _turn = if given.has_labels() { Some(app.retold.lock().await) } else { None };
    let known = if given.has_labels() { known(&app, &user).await? } else { None };
    let fields = given.fields(known.as_ref())?;
    if !fields.is_empty() {
        say(&app, vec![(user, fields)]).await.map_err(|(_, error)| error)?;
    }
    Ok(affected(1))
}

/// Erases a user.
pub async fn delete_user(State(app): State<Arc<App>>, path: InPath) -> Answer {
    let user = id_of(&Parts::of(path)?)?;
    crate::api::users::erase(&app, user).await?;
    Ok(affected(1))
}

/// Shows what is known of a user.
pub async fn get_user(State(app): State<Arc<App>>, path: InPath) -> Answer {
    let user = id_of(&Parts::of(path)?)?;
    let known = known(&app, &user).await?.ok_or_else(|| ApiError::NotFound {
        field: None,
        detail: format!("nothing is known of the user {:?}", user.as_str()),
    })?;
    Ok(json(StatusCode::OK, &UserBody::from(known)))
}

/// Users like one: there is no list of them.
pub async fn get_neighbors() -> Answer {
    Err(ApiError::Unsupported("no lists of users are kept; what users like one did is in the recommendations for them")
        .into())
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct UserPage {
    /// Empty on the last page.
    cursor: String,
    users: Vec<UserBody>,
}

/// Lists users.
pub async fn get_users(State(app): State<Arc<App>>, RawQuery(text): RawQuery) -> Answer {
    let wanted: Wanted = query::read(text.as_deref())?;
    let after = query::page_cursor(wanted.cursor())?;
    let wanted = WantedUsers { after: after.as_ref(), limit: wanted.page()?, begin: "" };
    let page = people::page(&app, wanted).await?;
    let users = page.users.into_iter().map(Into::into).collect();
    Ok(json(StatusCode::OK, &UserPage { cursor: page.cursor.unwrap_or_default(), users }))
}

/// Says what is told of users; an error comes with the place in the list that is wrong.
async fn insert(app: &App, given: Vec<GivenUser>) -> Result<(), (usize, ApiError)> {
    let given = last_of_each(given, |given| key(&given.user_id));
    let places: Vec<usize> = given.iter().map(|(place, _)| *place).collect();
    let has_labels = given.iter().any(|(_, given)| given.has_labels());
    let _turn = if has_labels { Some(app.retold.lock().await) } else { None };
    let mut list: Vec<Of<UserId>> = Vec::with_capacity(given.len());
    let mut given = given.into_iter().peekable();
    while given.peek().is_some() {
        // So many are asked of the store at once.
        let some: Vec<(usize, GivenUser)> = given.by_ref().take(MAX_LIMIT).collect();
        let one = async |(place, given): (usize, GivenUser)| inserted(app, given).await.map_err(|error| (place, error));
        list.extend(try_join_all(some.into_iter().map(one)).await?);
    }
    say(app, list).await.map_err(|(at, error)| (places[at], error))
}

/// What is said of a user that is told anew; of whom nothing is said, it is that there is no comment, so that they are known.
async fn inserted(app: &App, given: GivenUser) -> Result<Of<UserId>, ApiError> {
    let user = query::id("UserId", &given.user_id, UserId::from_outside)?;
    let known = if given.has_labels() { known(app, &user).await? } else { None };
    let mut fields = given.fields(known.as_ref())?;
    if fields.is_empty() {
        fields.push((COMMENT.to_owned(), Value::Null));
    }
    Ok((user, fields))
}

/// The id as it is known, by which a list is looked through; what is none is refused later.
fn key(id: &str) -> String {
    UserId::from_outside(id).map_or_else(|_| id.to_owned(), |id| id.as_str().to_owned())
}

async fn say(app: &App, list: Vec<Of<UserId>>) -> Result<(), (usize, ApiError)> {
    let theirs = |error: ApiError| match error {
        ApiError::Invalid { field: Some(field), detail } if field == COMMENT => ApiError::invalid("Comment", detail),
        error => error.below(labels::FIELD),
    };
    people::say(app, list).await.map(|_| ()).map_err(|(place, error)| (place, theirs(error)))
}

fn id_of(parts: &Parts) -> Result<UserId, ApiError> {
    query::id("user-id", parts.get("id"), UserId::from_outside)
}

async fn known(app: &App, user: &UserId) -> Result<Option<KnownUser>, ApiError> {
    let live = app.recommender.history(user, now_ms()).await?;
    let Ok(snapshot) = app.recommender.snapshot() else { return Ok(None) };
    Ok(describe_user(&snapshot, user.as_str(), &live))
}
