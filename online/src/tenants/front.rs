//! What stands before the tenants: it finds whose a request is, and answers those of operators, and of probes, itself.
//!
//! | call | who | |
//! |---|---|---|
//! | `GET /health` | anybody | the process lives |
//! | `GET /ready` | anybody | requests should be sent here: some tenant is open |
//! | `GET /metrics` | operators, scope `read` | those of all tenants |
//! | `GET /tenants` | operators, scope `admin` | how each of them is |
//! | `GET /` and `/ui/…` | browsers | the form that asks for a key; that of a shop opens its pages |
//!
//! With a key of a tenant the first three are the tenant's own. The keys of operators are those of the service's config.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRef, State};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use tower::ServiceExt as _;
use tracing::Instrument as _;

use super::directory::{Directory, Owner, State as Of};
use super::exposition;
use crate::api::authorize::{Door, Gate, authorize};
use crate::api::error::ApiError;
use crate::api::page::{guard, login};
use crate::api::{cors, health, json};
use crate::auth::keys::KeyFile;
use crate::auth::{self, Refusal};

/// What answers at an address.
///
/// * `gate`: of operators.
/// * `origins`: of pages that may call from a browser; preflights carry no key, and so are nobody's.
pub fn router(directory: &Arc<Directory>, gate: Gate, origins: &[HeaderValue]) -> Router {
    let (door, operators) = (gate.door, gate.keys.clone());
    let own = Router::new()
        .route("/health", get(health::get_health))
        .route("/ready", get(get_ready))
        .route("/metrics", get(get_metrics))
        .route("/tenants", get(get_tenants))
        // A browser is asked for the key of a shop; who has an operator's is shown how they all are.
        .route("/", get(get_tenants))
        .route("/ui/{page}", get(get_tenants))
        .merge(login::routes())
        .method_not_allowed_fallback(|| async { ApiError::Method })
        .route_layer(axum::middleware::from_fn_with_state(Arc::new(gate.clone()), authorize))
        .fallback(move |request: Request<Body>| async move { no_shop(&gate, request.headers()) })
        .with_state(directory.clone());
    let own = match cors::layer(origins) {
        Some(cors) => own.layer(cors),
        None => own,
    };
    let hall = Arc::new(Hall { directory: directory.clone(), door, operators, own });
    Router::new().fallback(dispatch).with_state(hall)
}

impl FromRef<Arc<Directory>> for login::Scheme {
    fn from_ref(directory: &Arc<Directory>) -> Self {
        Self(directory.scheme())
    }
}

/// Where requests come in.
struct Hall {
    directory: Arc<Directory>,
    door: Door,
    operators: Option<Arc<KeyFile>>,
    own: Router,
}

/// Gives a request to whose it is.
async fn dispatch(State(hall): State<Arc<Hall>>, mut request: Request<Body>) -> Response {
    if guard::is_page(request.uri().path()) {
        guard::take_cookie(&mut request);
    }
    let router = match hall.directory.owner(request.headers(), hall.operators.as_deref()) {
        Owner::Front => return answered(hall.own.clone(), request).await,
        Owner::Several => {
            hall.directory.metrics().refused.with_label_values(&[Refusal::SharedKey.reason()]).inc();
            return ApiError::from(Refusal::SharedKey).into_response();
        }
        Owner::Tenant(tenant) => match &*tenant.state() {
            Of::Up(open) => Ok((open.router(hall.door), tracing::error_span!("tenant", name = tenant.name))),
            Of::Starting => Err(ApiError::Busy("this shop is being started")),
            Of::Down(_) => {
                Err(ApiError::Busy("this shop is not open, and is tried again; GET /tenants tells its operators why"))
            }
        },
    };
    match router {
        Ok((router, span)) => answered(router, request).instrument(span).await,
        Err(error) => error.into_response(),
    }
}

async fn answered(router: Router, request: Request<Body>) -> Response {
    let Ok(response) = router.oneshot(request).await;
    response
}

/// The answer to a request for what a shop has that has no key of a shop.
fn no_shop(gate: &Gate, headers: &HeaderMap) -> ApiError {
    let keys = gate.keys.as_ref().map(|file| file.current());
    let refusal = match auth::presented(headers) {
        None => Refusal::NoKey,
        Some(given) if keys.is_some_and(|keys| keys.find(&given).is_some()) => {
            let detail =
                "a key of an operator opens /tenants and /metrics; what a shop has is answered to its own keys";
            return ApiError::NotFound { field: None, detail: detail.to_owned() };
        }
        Some(_) => Refusal::UnknownKey,
    };
    gate.refused.with_label_values(&[refusal.reason()]).inc();
    refusal.into()
}

/// Whether requests should be sent to this replica.
#[derive(Serialize)]
struct Ready {
    ready: bool,
    /// How many there are.
    tenants: usize,
    /// How many of them are open.
    open: usize,
}

/// One shop that does not start must not take the others from a balancer.
async fn get_ready(State(directory): State<Arc<Directory>>) -> Response {
    let tenants = directory.tenants();
    let open = tenants.iter().filter_map(|tenant| match &*tenant.state() {
        Of::Up(open) => Some(open.app.is_ready()),
        Of::Starting | Of::Down(_) => None,
    });
    let open: Vec<bool> = open.collect();
    let (ready, open) = (open.contains(&true) && !directory.is_stopping(), open.len());
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &Ready { ready, tenants: tenants.len(), open })
}

async fn get_metrics(State(directory): State<Arc<Directory>>) -> Result<Response, ApiError> {
    let of_tenants = directory.tenants().iter().filter_map(|tenant| match &*tenant.state() {
        Of::Up(open) => Some((tenant.name.clone(), open.app.gather())),
        Of::Starting | Of::Down(_) => None,
    });
    health::exposed(&exposition::merge(directory.gather(), of_tenants))
}

/// How a tenant is.
#[derive(Serialize)]
struct Told {
    name: String,
    open: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_version: Option<String>,
    /// Why it is not open, or recommends nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

async fn get_tenants(State(directory): State<Arc<Directory>>) -> Response {
    let told = directory.tenants().iter().map(|tenant| {
        let name = tenant.name.clone();
        match &*tenant.state() {
            Of::Up(open) => {
                let version = open.app.recommender.snapshot().map(|snapshot| snapshot.manifest().version.clone());
                let reason = (!open.app.is_ready()).then(|| "nothing is published yet".to_owned());
                Told { name, open: true, model_version: version.ok(), reason }
            }
            Of::Starting => Told { name, open: false, model_version: None, reason: Some("it is starting".to_owned()) },
            Of::Down(reason) => Told { name, open: false, model_version: None, reason: Some(reason.clone()) },
        }
    });
    json(StatusCode::OK, &told.collect::<Vec<_>>())
}
