//! Gorse, as its clients (pygorse, gorsejs) speak to it, under `/api`.
//!
//! | file | calls |
//! |---|---|
//! | [`items`] | items: what is said and known of them ([`item`]) |
//! | [`users`] | users, the same ([`user`]) |
//! | [`feedback`] | events, in and out, and taken back |
//! | [`recommend`] | slates and lists of items |
//!
//! What a feedback type is to us says `[clients] kinds`; labels are properties of items and fields of users ([`labels`]). What
//! can't be answered as it is meant is answered with 501 and a sentence.

pub mod error;
pub mod feedback;
pub mod item;
pub mod items;
pub mod labels;
pub mod recommend;
pub mod time;
pub mod user;
pub mod users;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post, put};
use serde::{Deserialize, Serialize};
use shared::contract::api::{DEFAULT_K, MAX_K};
use shared::contract::known::MAX_LIMIT;

use crate::api::error::ApiError;
use crate::api::{App, json};

/// The routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/item", post(items::post_item))
        .route("/api/items", get(items::get_items).post(items::post_items).put(items::post_items))
        .route("/api/item/{id}", get(items::get_item).patch(items::patch_item).delete(items::delete_item))
        .route("/api/item/{id}/category/{category}", put(items::put_category).delete(items::delete_category))
        .route("/api/item/{id}/neighbors", get(recommend::get_neighbors))
        .route("/api/item/{id}/neighbors/{category}", get(recommend::get_neighbors))
        .route("/api/item/{id}/feedback", get(feedback::get_of_item))
        .route("/api/item/{id}/feedback/{kind}", get(feedback::get_of_item))
        .route("/api/user", post(users::post_user))
        .route("/api/users", get(users::get_users).post(users::post_users))
        .route("/api/user/{id}", get(users::get_user).patch(users::patch_user).delete(users::delete_user))
        .route("/api/user/{id}/neighbors", get(users::get_neighbors))
        .route("/api/user/{id}/feedback", get(feedback::get_of_user))
        .route("/api/user/{id}/feedback/{kind}", get(feedback::get_of_user))
        .route("/api/feedback", get(feedback::get_all).post(feedback::post_feedback).put(feedback::post_feedback))
        .route("/api/feedback/{kind}", get(feedback::get_all))
        .route("/api/feedback/{kind}/{item}", get(feedback::get_pair).delete(feedback::delete_pair))
        .route("/api/feedback/{kind}/{user}/{item}", get(feedback::get_one).delete(feedback::delete_one))
        .route("/api/recommend/{id}", get(recommend::get_recommend))
        .route("/api/recommend/{id}/{category}", get(recommend::get_recommend))
        .route("/api/session/recommend", post(recommend::post_session))
        .route("/api/session/recommend/{category}", post(recommend::post_session))
        .route("/api/popular", get(recommend::get_popular))
        .route("/api/popular/{category}", get(recommend::get_popular))
        .route("/api/latest", get(recommend::get_latest))
        .route("/api/latest/{category}", get(recommend::get_latest))
}

/// The parameters of a path, by name.
type InPath = Result<Path<BTreeMap<String, String>>, PathRejection>;

/// The parameters of a path.
struct Parts(BTreeMap<String, String>);

impl Parts {
    fn of(path: InPath) -> Result<Self, ApiError> {
        let path = path.map_err(|error| ApiError::Invalid { field: None, detail: error.body_text() })?;
        Ok(Self(path.0))
    }

    /// A parameter that the route has; empty if it has not.
    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    fn find(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// The parameters of a query string, of which each call heeds its own. Others do nothing, as with Gorse.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Wanted {
    n: Option<usize>,
    offset: usize,
    #[serde(alias = "Cursor")]
    cursor: Option<String>,
    q: Option<String>,
    category: Option<String>,
    user_id: Option<String>,
    write_back_type: Option<String>,
}

impl Wanted {
    /// How many of a list are to be made, of which the first `offset` are left out.
    fn made(&self) -> Result<usize, ApiError> {
        let n = self.n.unwrap_or(DEFAULT_K);
        let k = n.saturating_add(self.offset);
        if n == 0 || k > MAX_K {
            return Err(ApiError::invalid(
                "n",
                format!("n must be at least 1, and n and offset together at most {MAX_K}"),
            ));
        }
        Ok(k)
    }

    /// How many a page has: no more than ours, whatever is asked for; the cursor leads on.
    fn page(&self) -> Result<usize, ApiError> {
        match self.n.unwrap_or(DEFAULT_K) {
            0 => Err(ApiError::invalid("n", "n must be at least 1")),
            n => Ok(n.min(MAX_LIMIT)),
        }
    }

    /// Where the page begins.
    fn cursor(&self) -> Option<String> {
        self.cursor.clone().filter(|cursor| !cursor.is_empty())
    }
}

/// Of those in a list that have one id what comes last; each with its place in the list.
fn last_of_each<T>(list: Vec<T>, id_of: impl Fn(&T) -> String) -> Vec<(usize, T)> {
    let last: HashMap<String, usize> = list.iter().enumerate().map(|(place, told)| (id_of(told), place)).collect();
    list.into_iter().enumerate().filter(|(place, told)| last.get(&id_of(told)) == Some(place)).collect()
}

/// The answer of a call that changes something.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Affected {
    row_affected: usize,
}

fn affected(rows: usize) -> Response {
    json(StatusCode::OK, &Affected { row_affected: rows })
}
