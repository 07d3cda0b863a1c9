//! `PUT /users/{id}` and `PUT /users`: say something of users; `GET /users/{id}` and `GET /users`: what is known of them.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use futures_util::future::try_join_all;
use shared::contract::api::Problem;
use shared::contract::id::UserId;
use shared::contract::known::{KnownUser, UserPage, UsersChanged};
use shared::contract::profile::GivenValue;

use super::error::ApiError;
use super::fields::{self, Fields, Of};
use super::query::{self, NoQuery, UsersQuery};
use super::{App, body, json, path_text};
use crate::events::user::{check_list, unknown};
use crate::events::{Visible, now_ms};
use crate::lookup::{Cursor, WantedUsers, describe_user, page_of_users};

/// Says what the shop knows of a user beside events: fields by the names of the columns of its user table. What is not named
/// stays as it is; `null` says that nothing is known any more. It is on disk before this answers, and after 200 in the very
/// next slate, on every replica; of two changes of a field the later one counts. A field that the served version does not
/// know is kept, and named in the answer. The next version is learnt with it.
#[utoipa::path(
    put,
    path = "/users/{id}",
    operation_id = "putUser",
    tag = "users",
    params(("id" = String, Path, description = "Of whom")),
    request_body(
        content = BTreeMap<String, GivenValue>,
        description = "Fields with their values, a text, a number, true, false or null; and `timestamp`: since when it is so.",
        example = json!({"age": 34, "city": "Bern", "plan": null}),
    ),
    responses(
        (status = OK, body = UsersChanged),
        (status = ACCEPTED, body = UsersChanged),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, body = Problem, content_type = "application/problem+json"),
        (status = INSUFFICIENT_STORAGE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn put_user(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(text): RawQuery,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let user_id = query::id("id", &path_text("id", path)?, UserId::from_outside)?;
    let NoQuery {} = query::read(text.as_deref())?;
    let bytes = body::read(request, app.settings.max_body_bytes).await?;
    let Fields(fields) = body::parse(&bytes)?;
    let (status, answer) = say(&app, vec![(user_id, fields)]).await.map_err(|(_, error)| error)?;
    Ok(json(status, &answer))
}

/// Says something of up to 1,000 users at once, each as in `PUT /users/{id}`. If a field is refused, nothing of the list is
/// taken. Of two entries of one user the later one counts, field by field.
#[utoipa::path(
    put,
    path = "/users",
    operation_id = "putUsers",
    tag = "users",
    request_body(
        content = Vec<BTreeMap<String, GivenValue>>,
        description = "A list of objects, each with `user_id` and the fields of that user.",
        example = json!([{"user_id": "u1", "age": 34}, {"user_id": "u2", "city": "Bern"}]),
    ),
    responses(
        (status = OK, body = UsersChanged),
        (status = ACCEPTED, body = UsersChanged),
        (status = BAD_REQUEST, description = "Names place and field, such as `[3].age`", body = Problem,
            content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, body = Problem, content_type = "application/problem+json"),
        (status = INSUFFICIENT_STORAGE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn put_users(
    State(app): State<Arc<App>>,
    RawQuery(text): RawQuery,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let NoQuery {} = query::read(text.as_deref())?;
    let bytes = body::read(request, app.settings.max_body_bytes).await?;
    let list = fields::list(&bytes, "user_id")?;
    let (status, answer) = say(&app, list).await.map_err(|(place, error)| error.at(place))?;
    Ok(json(status, &answer))
}

/// Checks what is said of users and says it; an error comes with the place in the list that is wrong. Before a first version is
/// there, everything is taken.
pub async fn say(app: &App, list: Vec<Of<UserId>>) -> Result<(StatusCode, UsersChanged), (usize, ApiError)> {
    let snapshot = app.recommender.snapshot().ok();
    let profiles = snapshot.as_ref().and_then(|snapshot| snapshot.profiles());
    let said = check_list(list, profiles, now_ms()).map_err(|(place, bad)| (place, bad.into()))?;
    let (changed, unknown_to_version) = (said.len(), unknown(&said, profiles));
    drop(snapshot);
    let (status, applied) = match app.events.say(said).await.map_err(|error| (0, error.into()))? {
        Visible::Now { .. } => (StatusCode::OK, true),
        Visible::Later => (StatusCode::ACCEPTED, false),
    };
    Ok((status, UsersChanged { changed, applied, unknown_to_version }))
}

/// Shows what is known of a user: what the served version has, what was said since, and when there were events.
#[utoipa::path(
    get,
    path = "/users/{id}",
    operation_id = "getUser",
    tag = "users",
    params(("id" = String, Path, description = "Whom")),
    responses(
        (status = OK, body = KnownUser),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get_user(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    let user_id = query::id("id", &path_text("id", path)?, UserId::from_outside)?;
    let NoQuery {} = query::read(text.as_deref())?;
    let live = app.recommender.history(&user_id, now_ms()).await?;
    let snapshot = app.recommender.snapshot()?;
    let known = describe_user(&snapshot, user_id.as_str(), &live).ok_or_else(|| ApiError::NotFound {
        field: None,
        detail: format!(
            "nothing is known of the user {:?}; recommendations for them are those for anybody",
            user_id.as_str()
        ),
    })?;
    Ok(json(StatusCode::OK, &known))
}

/// Lists users by their ids, page by page: those of the served version, and those of whom something was said since. Who has
/// but events of today is listed from the next version on.
#[utoipa::path(
    get,
    path = "/users",
    operation_id = "listUsers",
    tag = "users",
    params(UsersQuery),
    responses(
        (status = OK, body = UserPage),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get_users(State(app): State<Arc<App>>, RawQuery(text): RawQuery) -> Result<Response, ApiError> {
    let UsersQuery { limit, cursor, q } = query::read(text.as_deref())?;
    let (after, begin) = (query::page_cursor(cursor)?, q.unwrap_or_default());
    let wanted = WantedUsers { after: after.as_ref(), limit: limit.get(), begin: &begin };
    Ok(json(StatusCode::OK, &page(&app, wanted).await?))
}

/// What is known of the users of a page.
///
/// # Errors
/// [`ApiError`] without a recommender, or when the store does not answer.
pub(super) async fn page(app: &App, wanted: WantedUsers<'_>) -> Result<UserPage, ApiError> {
    let named = app.recommender.named(wanted.from(), wanted.most()).await?;
    let snapshot = app.recommender.snapshot()?;
    let named = named.into_iter().map(|user| user.as_str().to_owned()).collect();
    let (ids, next) = page_of_users(&snapshot, wanted, named);
    let users: Vec<UserId> = ids.into_iter().filter_map(|id| UserId::new(id).ok()).collect();
    let now_ms = now_ms();
    let histories = try_join_all(users.iter().map(|user| app.recommender.history(user, now_ms))).await?;
    let known = users.iter().zip(&histories).filter_map(|(user, live)| describe_user(&snapshot, user.as_str(), live));
    Ok(UserPage {
        model_version: snapshot.manifest().version.clone(),
        users: known.collect(),
        cursor: next.as_ref().map(Cursor::to_string),
    })
}
