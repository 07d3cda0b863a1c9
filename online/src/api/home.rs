//! `POST /home`: the rows of a front page.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use serde::Serialize;
use shared::contract::api::Problem;
use shared::contract::expression::Expression;
use shared::contract::home::{GivenRow, Home, HomeQuery, MAX_ROWS, RowKind};
use shared::contract::id::UserId;
use shared::contract::slate_log::Role;
use shared::engine::home::{About, Shelf};
use shared::engine::snapshot::Snapshot;
use uuid::Uuid;

use super::body::Object;
use super::error::ApiError;
use super::observe::Arrived;
use super::query::{self, Clock, NoQuery};
use super::slate::Items;
use super::{App, body, json};
use crate::events::now_ms;
use crate::metrics::Outcome;
use crate::outcomes::Served;
use crate::recommender::{AnsweredHome, CheckedQuery, CheckedRow, Deadline};

/// Makes the rows of a front page for a user: several slates, no item of which stands in two. Each row has a
/// `recommendation_id` of its own, by which events and impressions name it.
#[utoipa::path(
    post,
    path = "/home",
    operation_id = "home",
    tag = "recommendations",
    request_body = HomeQuery,
    responses(
        (status = OK, body = Home),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = PAYLOAD_TOO_LARGE, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, description = "Values of the profile are refused; all of them are listed",
            body = Problem, content_type = "application/problem+json"),
        (status = UNSUPPORTED_MEDIA_TYPE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn post_home(
    State(app): State<Arc<App>>,
    Extension(arrived): Extension<Arrived>,
    RawQuery(text): RawQuery,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let refused = |_: &ApiError| app.metrics.count(Outcome::BadRequest);
    let bytes = body::read(request, app.settings.max_body_bytes).await;
    let rows = query::read(text.as_deref()).and_then(|NoQuery {}| {
        let Object(query) = body::parse(&bytes?)?;
        check(query, &app.settings.home_rows, app.settings.clock)
    });
    let rows = rows.inspect_err(refused)?;
    let deadline = Deadline::of(arrived.at, app.settings.deadline);
    let (id, clock_ms) = (Uuid::now_v7(), now_ms());
    let answered = app.recommender.home(&rows, &id.to_string(), clock_ms, deadline).await.map_err(ApiError::from);
    let AnsweredHome { snapshot, shelves, fallback } = answered.inspect_err(refused)?;
    let Some(CheckedQuery { user_id, .. }) = rows.first().map(|row| &row.query) else {
        return Err(ApiError::Internal("a page without rows".to_owned()));
    };
    let named: Vec<(Uuid, Shelf)> = shelves.into_iter().map(|shelf| (Uuid::now_v7(), shelf)).collect();
    let body = HomeBody {
        user_id,
        model_version: &snapshot.manifest().version,
        rows: named.iter().map(|(id, shelf)| RowBody::of(*id, shelf, &rows[shelf.row], &snapshot)).collect(),
    };
    let response = json(StatusCode::OK, &body);
    if app.outcomes.follows(user_id) {
        for (id, shelf) in named {
            let CheckedQuery { user_id: user, scenario, category, now, .. } = rows[shelf.row].query.clone();
            let (role, at_ms) = (Role::Served, now.unwrap_or(clock_ms));
            let (snapshot, picks, page) = (snapshot.clone(), shelf.picks, None);
            app.outcomes.served(Served { id, role, user, scenario, page, category, fallback, at_ms, snapshot, picks });
        }
    }
    Ok(response)
}

/// Checks a query for a page, and makes a query of each row.
///
/// * `default`: the rows of a query that names none.
///
/// # Errors
/// [`ApiError::Invalid`] names the field.
fn check(query: HomeQuery, default: &[GivenRow], clock: Clock) -> Result<Vec<CheckedRow>, ApiError> {
    let HomeQuery { user_id, rows, k, filter, scenario, exclude, seen, now, profile } = query;
    let user_id = user_id.ok_or_else(|| ApiError::invalid("user_id", "user_id is required"))?;
    query::check_now(now, clock)?;
    let of_page = query::filter(filter)?;
    let given = rows.as_deref().unwrap_or(default);
    if !(1..=MAX_ROWS).contains(&given.len()) {
        return Err(ApiError::invalid("rows", format!("a page has 1 to {MAX_ROWS} rows, not {}", given.len())));
    }
    let row = |(at, row): (usize, &GivenRow)| {
        let own = query::filter(row.filter.clone()).map_err(|error| error.below(&format!("rows[{at}]")))?;
        let own = own.or_else(|| (row.row == RowKind::New).then(new_items));
        let filter = match (of_page.clone(), own) {
            (Some(of_page), Some(own)) => Some(Expression::And(vec![of_page, own])),
            (of_page, own) => of_page.or(own),
        };
        let query = CheckedQuery {
            filter,
            scenario: row.scenario.clone().or_else(|| scenario.clone()),
            exclude: exclude.clone(),
            seen: seen.clone(),
            now,
            profile: profile.clone(),
            ..CheckedQuery::of(user_id.clone(), row.k.or(k).unwrap_or_default().get())
        };
        Ok(CheckedRow { kind: row.row, title: row.title.clone(), query })
    };
    given.iter().enumerate().map(row).collect()
}

/// What counts as new where a row does not say.
fn new_items() -> Expression {
    Expression::parse("events < 10").expect("a condition, which a test reads")
}

/// [`Home`], borrowed.
#[derive(Serialize)]
struct HomeBody<'a> {
    user_id: &'a UserId,
    model_version: &'a str,
    rows: Vec<RowBody<'a>>,
}

#[derive(Serialize)]
struct RowBody<'a> {
    row: RowKind,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<AboutBody<'a>>,
    recommendation_id: String,
    items: Items<'a>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
enum AboutBody<'a> {
    Item {
        item_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
    },
    Category {
        category: &'a str,
    },
}

impl<'a> RowBody<'a> {
    fn of(id: Uuid, shelf: &'a Shelf, row: &CheckedRow, snapshot: &'a Snapshot) -> Self {
        let items = snapshot.items();
        let about = shelf.about.map(|about| match about {
            About::Item(item) => AboutBody::Item { item_id: items.id(item), name: items.name(item) },
            About::Category(category) => AboutBody::Category { category: items.category_name(category) },
        });
        let items = Items { snapshot, picks: &shelf.picks, unknown: &[] };
        let recommendation_id = id.hyphenated().to_string();
        Self { row: row.kind, title: title(row, about), about, recommendation_id, items }
    }
}

/// The heading of a row.
fn title(row: &CheckedRow, about: Option<AboutBody<'_>>) -> String {
    let about = about.map(|about| match about {
        AboutBody::Item { item_id, name } => name.unwrap_or(item_id),
        AboutBody::Category { category } => category,
    });
    let default = match (row.kind, about) {
        (RowKind::ForYou, _) => "For you",
        (RowKind::Because, _) => "More like {about}",
        (RowKind::PopularIn, Some(_)) => "Popular in {about}",
        (RowKind::PopularIn, None) => "Popular",
        (RowKind::Trending, _) => "Trending",
        (RowKind::New, _) => "New for you",
        (RowKind::Again, _) => "Again",
    };
    row.title.as_deref().unwrap_or(default).replace("{about}", about.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(body: &str) -> Result<Vec<CheckedRow>, ApiError> {
        let Object(query) = body::parse(body.as_bytes())?;
        let row = |row| GivenRow { row, k: None, title: None, filter: None, scenario: None };
        check(query, &[row(RowKind::ForYou), row(RowKind::New)], Clock::Service)
    }

    #[test]
    fn a_row_takes_what_the_page_says_where_it_says_nothing_itself() {
        let rows = checked(
            r#"{"user_id":"u","k":4,"filter":"price < 5","scenario":"s","exclude":["a",7],"rows":[
                {"row":"because","title":"Wegen {about}"},{"row":"new","k":2,"filter":"brand","scenario":"t"}]}"#,
        )
        .expect("valid");
        let [because, new] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!((because.query.k, new.query.k), (4, 2));
        assert_eq!((because.query.scenario.as_deref(), new.query.scenario.as_deref()), (Some("s"), Some("t")));
        assert_eq!(because.query.exclude, new.query.exclude);
        let filters = rows.iter().map(|row| row.query.filter.as_ref().map(ToString::to_string)).collect::<Vec<_>>();
        assert_eq!(filters, [Some("price < 5.0".to_owned()), Some("price < 5.0 and brand".to_owned())]);
        let about = AboutBody::Item { item_id: "i", name: Some("Lamp") };
        assert_eq!(title(because, Some(about)), "Wegen Lamp");
    }

    #[test]
    fn without_rows_those_of_the_config_are_asked_for() {
        let rows = checked(r#"{"user_id":"u"}"#).expect("valid");
        assert_eq!(rows.iter().map(|row| row.kind).collect::<Vec<_>>(), [RowKind::ForYou, RowKind::New]);
        assert_eq!(rows[1].query.filter, Some(new_items()));
        assert_eq!((rows[0].query.k, &rows[0].query.filter), (10, &None));
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (body, field) in [
            (r#"{}"#, "user_id"),
            (r#"{"user_id":"u","rows":[]}"#, "rows"),
            (r#"{"user_id":"u","rows":[{"row":"nice"}]}"#, "rows[0].row"),
            (r#"{"user_id":"u","rows":[{"row":"new"},{"row":"new","filter":"price <"}]}"#, "rows[1].filter"),
            (r#"{"user_id":"u","rows":[{"row":"new","k":0}]}"#, "rows[0].k"),
            (r#"{"user_id":"u","filter":"price <"}"#, "filter"),
            (r#"{"user_id":"u","now":1}"#, "now"),
        ] {
            match checked(body) {
                Err(ApiError::Invalid { field: Some(named), .. }) => assert_eq!(named, field, "{body}"),
                other => panic!("{body}: {other:?}"),
            }
        }
    }
}
