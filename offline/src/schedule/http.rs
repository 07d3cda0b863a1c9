//! `/health`, `/metrics` and `/jobs` of the scheduler.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::metrics;
use super::view::{JobView, Role, View};

/// A loop that has not come by for so long hangs.
const HANGS: Duration = Duration::from_secs(30);
/// How long until an address that is taken is asked for again.
const BIND_AGAIN: Duration = Duration::from_secs(2);

type Shown = Arc<watch::Receiver<View>>;

/// Answers at an address for ever; one that is taken, by the scheduler that this one stands by for, is waited for.
pub async fn listen(address: String, shown: watch::Receiver<View>) {
    let mut told = false;
    let listener = loop {
        match TcpListener::bind(&address).await {
            Ok(listener) => break listener,
            Err(error) if !told => {
                tracing::warn!("{address}: {error}; it is asked for again");
                told = true;
            }
            Err(_) => {}
        }
        tokio::time::sleep(BIND_AGAIN).await;
    };
    let bound = listener.local_addr().map_or(address, |bound| bound.to_string());
    tracing::info!(address = bound, "listening");
    if let Err(error) = axum::serve(listener, router(shown)).await {
        tracing::error!("{error}: nothing answers at {bound} any more");
    }
}

fn router(shown: watch::Receiver<View>) -> Router {
    let routes = Router::new().route("/health", get(get_health)).route("/metrics", get(get_metrics));
    routes.route("/jobs", get(get_jobs)).with_state(Arc::new(shown))
}

/// Whether a moment of the scheduler is one of health, and what is wrong with it.
fn health(view: &View) -> (StatusCode, &'static str, Option<String>) {
    let hangs = view.seen.elapsed() > HANGS;
    match &view.role {
        _ if hangs => {
            (StatusCode::SERVICE_UNAVAILABLE, "hanging", Some("the loop does not come by any more".to_owned()))
        }
        Role::Leader => (StatusCode::OK, "leader", None),
        Role::Standby => (StatusCode::OK, "standby", None),
        Role::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping", Some("a signal was received".to_owned())),
        Role::Failing(why) => (StatusCode::SERVICE_UNAVAILABLE, "failing", Some(why.clone())),
    }
}

async fn get_health(State(shown): State<Shown>) -> Response {
    let (status, word, reason) = health(&shown.borrow());
    (status, Json(json!({ "status": word, "reason": reason }))).into_response()
}

async fn get_metrics(State(shown): State<Shown>) -> Response {
    let view = shown.borrow().clone();
    match metrics::render(&view, Timestamp::now().as_millisecond()) {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn get_jobs(State(shown): State<Shown>) -> Response {
    let view = shown.borrow().clone();
    let jobs: Vec<JobView> = view.known().map(|(name, own)| JobView::new(name, own)).collect();
    Json(json!({ "jobs": jobs })).into_response()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::schedule::state::State;
    use crate::schedule::tests::plan;

    #[test]
    fn a_leader_and_a_standby_are_healthy_and_a_loop_that_hangs_is_not() {
        let plan = plan("");
        let status = |role: Role, seen: Option<Instant>| {
            let mut view = View::new(role, &plan, State::default());
            view.seen = seen.unwrap_or(view.seen);
            health(&view).0.as_u16()
        };
        assert_eq!([Role::Leader, Role::Standby].map(|role| status(role, None)), [200, 200]);
        let failing = Role::Failing("the disk is full".to_owned());
        assert_eq!([Role::Stopping, failing].map(|role| status(role, None)), [503, 503]);
        assert_eq!(status(Role::Leader, Instant::now().checked_sub(Duration::from_secs(31))), 503);
    }
}
