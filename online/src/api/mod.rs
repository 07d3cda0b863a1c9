//! The HTTP API: one handler per route, named after it.
//!
//! A handler reads the request ([`query`], [`body`]), calls the module that does the work (`recommender`, `events`) and
//! writes the answer as JSON, except for `/metrics`, the page for people ([`page`]) and the pages under `/docs`. Every
//! error is an [`error::ApiError`]. The rules for all requests are here, in [`observe`], [`authorize`] and [`admit`], which
//! come in this order: no answer may be stored by caches unless it says so, a panic is a 500, and a path works with and
//! without a trailing slash.
//!
//! The wire formats of other systems are in [`clients`].

pub mod access;
pub mod admit;
pub mod authorize;
pub mod body;
pub mod browse;
pub mod calls;
pub mod catalogue;
pub mod clients;
pub mod cors;
pub mod description;
pub mod error;
pub mod events;
pub mod fields;
pub mod gate;
pub mod health;
pub mod home;
pub mod items;
pub mod model;
pub mod models;
pub mod observe;
pub mod page;
pub mod people;
pub mod query;
pub mod rank;
pub mod recommendations;
pub mod reports;
pub mod root;
pub mod segments;
pub mod slash;
pub mod slate;
pub mod users;
pub mod why;

use std::any::Any;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::proto::MetricFamily;
use serde::Serialize;
use serde_json::Value;
use shared::contract::home::GivenRow;
use tokio::sync::{Mutex, Semaphore};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

use self::authorize::Gate;
use self::clients::kinds::OtherKinds;
use self::error::ApiError;
use self::gate::Admission;
use self::page::Pages;
use self::page::recent::Recent;
use self::query::Clock;
use crate::batch::Batch;
use crate::compare::Comparison;
use crate::events::{Events, now_ms};
use crate::metrics::Metrics;
use crate::models::Models;
use crate::named_filters::NamedFilters;
use crate::outcomes::Outcomes;
use crate::recommender::Recommender;
use crate::remember::Memory;
use crate::shadow::Shadow;
use crate::traces::Traces;

/// A request may stand in line for this part of its deadline: it may have waited as long before it was read, and its
/// store is still to be asked.
const WAIT_SHARE: u32 = 4;

/// The settings of the API.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The artifacts folder, which has the reports of the batch.
    pub artifacts: PathBuf,
    /// Whether queries may carry `now`.
    pub clock: Clock,
    /// The maximum size of a body, in bytes.
    pub max_body_bytes: usize,
    /// The maximum size of a body of rows to score, in bytes.
    pub max_rows_bytes: usize,
    /// The maximum number of rows to score in one request.
    pub max_rows: usize,
    /// The maximum number of rows to explain in one request.
    pub max_explained_rows: usize,
    /// The maximum number of concurrent requests of a [`gate::Class`].
    pub max_in_flight: usize,
    /// The filters that requests of other systems' clients name.
    pub filters: NamedFilters,
    /// What other systems call the kinds of events.
    pub kinds: OtherKinds,
    /// The rows of a front page whose query names none.
    pub home_rows: Vec<GivenRow>,
    /// Whether there is a page for people.
    pub pages: Pages,
    /// The batch's program, if the page may order something of it.
    pub batch: Option<Batch>,
    /// What the service speaks: `http`, or `https` where it has a certificate.
    pub scheme: &'static str,
    /// The origins of pages that may call from a browser.
    pub cors_origins: Vec<HeaderValue>,
    /// How long after its arrival recommendations should be answered at the latest.
    pub deadline: Duration,
    /// After which time any request ends with an error.
    pub request_timeout: Duration,
}

/// The parts of the service that handlers call, as [`App`] has them.
#[allow(missing_docs)]
pub struct Parts {
    pub recommender: Recommender,
    pub models: Arc<Models>,
    pub memory: Arc<Memory>,
    pub events: Arc<Events>,
    pub outcomes: Arc<Outcomes>,
    pub shadow: Option<Shadow>,
    pub comparison: Arc<Comparison>,
    pub metrics: Arc<Metrics>,
    pub traces: Traces,
}

/// The state that all handlers share.
pub struct App {
    /// Makes slates.
    pub recommender: Recommender,
    /// Scores rows.
    pub models: Arc<Models>,
    /// Goes on with what models remember.
    pub memory: Arc<Memory>,
    /// Accepts events.
    pub events: Arc<Events>,
    /// Follows what becomes of slates.
    pub outcomes: Arc<Outcomes>,
    /// Asks another version, unseen, if there is one.
    pub shadow: Option<Shadow>,
    /// Compares versions and settings.
    pub comparison: Arc<Comparison>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Which requests are traced, and where their traces go.
    pub traces: Traces,
    /// The settings of the API.
    pub settings: Settings,
    /// Lets requests in.
    pub gate: Admission,
    /// Turns for work that takes a thread of its own: half as many as there are cores, for all shops of the process, so that the
    /// others are left to what is short.
    pub long_work: Arc<Semaphore>,
    /// What was counted when somebody looked last.
    pub recent: Recent,
    /// The turn to read what is known of items or users and say something else in its place.
    pub retold: Mutex<()>,
    stopping: AtomicBool,
}

impl App {
    /// Makes the state that all handlers share.
    #[must_use]
    pub fn new(parts: Parts, settings: Settings) -> Self {
        let Parts { recommender, models, memory, events, outcomes, shadow, comparison, metrics, traces } = parts;
        let gate = Admission::new(settings.max_in_flight, settings.deadline / WAIT_SHARE);
        let stopping = AtomicBool::new(false);
        Self {
            recommender,
            models,
            memory,
            events,
            outcomes,
            shadow,
            comparison,
            metrics,
            traces,
            settings,
            gate,
            long_work: TURNS.clone(),
            recent: Recent::default(),
            retold: Mutex::default(),
            stopping,
        }
    }

    /// Makes `/ready` say no from now on, so that balancers send no new requests.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// All metrics as they are now.
    #[must_use]
    pub fn gather(&self) -> Vec<MetricFamily> {
        self.metrics.ready.set(i64::from(self.is_ready()));
        self.metrics.http_in_flight.set(i64::try_from(self.gate.inside()).unwrap_or(i64::MAX));
        self.models.observe_drift();
        self.recommender.observe_scenarios();
        self.metrics.gather(now_ms())
    }

    /// Whether requests should be sent here: not while it is stopping, nor before there is anything to answer with.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.is_stopping() && (self.recommender.snapshot().is_ok() || !self.models.is_empty())
    }

    /// Whether [`App::stop`] was called.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// The turns of [`App::long_work`]: the shops of a process share its cores.
static TURNS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Arc::new(Semaphore::new(cores.div_ceil(2)))
});

/// The header that forbids caches to keep an answer, since it is out of date with the user's next event. The pages
/// under `/docs` have it too, so that those of one release never show the description of another.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The routes that the description lists; [`access`] says what each needs.
fn described() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(description::head())
        .routes(routes!(recommendations::get_recommendations, recommendations::post_recommendations))
        .routes(routes!(why::get_why))
        .routes(routes!(home::post_home))
        .routes(routes!(segments::get_segments))
        .routes(routes!(rank::post_rank))
        .routes(routes!(browse::get_items, catalogue::put_items))
        .routes(routes!(browse::get_item, catalogue::put_item, catalogue::delete_item))
        .routes(routes!(items::get_similar))
        .routes(routes!(items::get_together))
        .routes(routes!(items::get_popular))
        .routes(routes!(events::post_events))
        .routes(routes!(users::get_history))
        .routes(routes!(people::get_users, people::put_users))
        .routes(routes!(people::get_user, people::put_user, users::delete_user))
        .routes(routes!(users::post_merge))
        .routes(routes!(users::post_undo))
        .routes(routes!(health::get_health))
        .routes(routes!(health::get_ready))
        .routes(routes!(health::get_metrics))
        .routes(routes!(model::get_metadata))
        .routes(routes!(model::get_params))
        .routes(routes!(model::get_metrics))
        .routes(routes!(reports::get_reports))
        .routes(routes!(reports::get_report))
        .routes(routes!(models::describe::get_models))
        .routes(routes!(models::describe::get_model))
        .routes(routes!(models::describe::get_model_metadata))
        .routes(routes!(models::describe::get_model_params))
        .routes(routes!(models::describe::get_model_metrics))
        .routes(routes!(models::describe::get_model_schema))
        .routes(routes!(models::drift::get_model_drift))
        .routes(routes!(models::predict::post_predict))
        .routes(routes!(models::remember::post_rows))
}

/// The OpenAPI description of what every service answers, whatever models it serves.
#[must_use]
pub fn description() -> Value {
    description::finish(described().split_for_parts().1)
}

/// All routes, and what is done around every request.
pub fn router(app: Arc<App>, gate: Gate) -> Router {
    let (router, described) = described().split_for_parts();
    let description = description::finish(described);
    let cors = cors::layer(&app.settings.cors_origins);
    let router = router
        .merge(SwaggerUi::new("/docs").config(utoipa_swagger_ui::Config::from("/openapi.json")))
        .route("/", get(root::get_root))
        .route("/openapi.json", get(move |State(app): State<Arc<App>>| async move { describe(&app, &description) }))
        .merge(clients::routes())
        .merge(if app.settings.pages == Pages::On { page::routes() } else { Router::new() })
        .fallback(
            |State(app): State<Arc<App>>, request: Request<Body>| async move { calls::answer(&app, request).await },
        )
        .method_not_allowed_fallback(|| async { ApiError::Method })
        .layer(CatchPanicLayer::custom(after_panic))
        .layer(axum::middleware::from_fn_with_state(app.clone(), admit::admit))
        .layer(axum::middleware::from_fn_with_state(Arc::new(gate), authorize::authorize))
        .layer(axum::middleware::from_fn_with_state(app.clone(), observe::observe))
        .layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, NO_STORE))
        .with_state(app);
    // Around everything: a preflight carries no key, and a page has to be told of refusals, too.
    match cors {
        Some(cors) => router.layer(cors),
        None => router,
    }
}

/// The OpenAPI description, with the models that are served now.
fn describe(app: &App, description: &Value) -> Response {
    let mut description = description.clone();
    models::openapi::add(&mut description, &app.models);
    json(StatusCode::OK, &description)
}

/// The answer to a request whose handler panicked.
fn after_panic(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words");
    ApiError::Internal(format!("panic: {text}")).into_response()
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut bytes = Vec::with_capacity(2048);
    match serde_json::to_writer(&mut bytes, body) {
        Ok(()) => {
            let content_type = HeaderValue::from_static("application/json");
            (status, [(header::CONTENT_TYPE, content_type)], bytes).into_response()
        }
        Err(error) => ApiError::Internal(error.to_string()).into_response(),
    }
}

/// The value of a path's only parameter.
fn path_text(field: &str, path: Result<Path<String>, PathRejection>) -> Result<String, ApiError> {
    path.map(|Path(text)| text).map_err(|error| ApiError::invalid(field, error.body_text()))
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_opaque_500() {
        async fn handler() {
            panic!("secret");
        }
        let router = Router::new().route("/", axum::routing::get(handler));
        let router: Router = router.layer(CatchPanicLayer::custom(after_panic));
        let request = Request::get("/").body(Body::empty()).expect("a request");
        let response = router.oneshot(request).await.expect("infallible");
        assert_eq!(response.status(), 500);
        let body = axum::body::to_bytes(response.into_body(), 1000).await.expect("a body");
        assert!(!String::from_utf8_lossy(&body).contains("secret"));
    }
}
