//! Accepts connections and answers on each until it ends, falls silent, or the service stops.
//!
//! In: a listener and the routes. A client that sends no whole request head within the idle timeout, at first or after
//! an answer, is hung up on: it is not in the bound of requests at once, and would hold its connection for ever. Costs
//! one timer per request.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::ServiceExt;

use crate::api::Api;

/// Accepts connections until `stop` changes or is dropped, then until the requests under way are answered.
pub async fn accept(mut listener: TcpListener, api: Api, idle_timeout: Duration, mut stop: watch::Receiver<()>) {
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(idle_timeout);
    let connections = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            // axum's accept waits where the system is out of file descriptors.
            (stream, _) = Listener::accept(&mut listener) => stream,
            _ = stop.changed() => break,
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY can't be set");
        }
        let service = api.clone().map_request(|request: Request<Incoming>| request.map(Body::new));
        let connection = protocol.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection broken off");
            }
        });
    }
    drop(listener);
    connections.shutdown().await;
}
