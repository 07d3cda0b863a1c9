//! The page for people at `/`: whom the service recommends what, and why; the items; how the service is.
//!
//! ```text
//! GET / and /ui/…   ─▶ visit (who looks, from where) ─▶ a file a page ─▶ parts ─▶ frame ─▶ HTML
//! POST /ui/event    ─▶ the event is taken as that of any client ─▶ back to the page that it came from
//! ```
//!
//! In: a URL, which says all that is shown and can be passed on. Out: HTML that needs no script and nothing from
//! elsewhere. The pages call what the handlers of the API call, never the API over HTTP. What lists a person's past needs
//! the scope that the history needs, see [`super::access`]; the key is in a cookie ([`guard`]).

pub mod asked;
pub mod assets;
pub mod compare;
pub mod event;
pub mod figures;
pub mod first_run;
pub mod frame;
pub mod guard;
pub mod health;
pub mod items;
pub mod login;
pub mod models;
pub mod parts;
pub mod recent;
pub mod tables;
pub mod try_it;
pub mod upload;
pub mod visit;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post, put};

use super::App;

/// Whether there are pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pages {
    /// There are.
    On,
    /// There is the API alone.
    Off,
}

/// The routes below `/ui`, with their methods; [`super::access`] says what each needs. `/` is [`super::root`]'s.
pub const ROUTES: [(&str, &str); 16] = [
    ("GET", "/ui/health"),
    ("GET", "/ui/items"),
    ("GET", "/ui/item"),
    ("GET", "/ui/tables"),
    ("GET", "/ui/table"),
    ("GET", "/ui/compare"),
    ("GET", "/ui/models"),
    ("GET", "/ui/report"),
    ("GET", "/ui/order"),
    ("POST", "/ui/order"),
    ("PUT", "/ui/upload"),
    ("GET", "/ui/login"),
    ("GET", assets::PATH),
    ("POST", "/ui/event"),
    ("POST", "/ui/login"),
    ("POST", "/ui/logout"),
];

/// The routes of the pages.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/ui/items", get(items::get_items))
        .route("/ui/item", get(items::get_item))
        .route("/ui/health", get(health::get_health))
        .route("/ui/tables", get(tables::get_tables))
        .route("/ui/table", get(tables::get_table))
        .route("/ui/compare", get(compare::get_compare))
        .route("/ui/models", get(models::get_models))
        .route("/ui/report", get(models::get_report))
        .route("/ui/order", get(models::get_order).post(models::post_order))
        .route("/ui/upload", put(upload::put_upload))
        .route("/ui/event", post(event::post_event))
        .merge(login::routes())
}
