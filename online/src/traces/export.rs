//! Sends traces to a collector: OTLP over HTTP, in JSON, a batch at a time.
//!
//! In: the queue. Out: a POST a second, of up to [`BATCH`] traces, on a connection of its own. A batch that the collector
//! does not take is dropped and counted, and the first of several is logged.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::Duration;

use axum::http::uri::{Authority, PathAndQuery, Scheme};
use axum::http::{Request, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use prometheus::IntCounter;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use super::{Finished, otlp};

/// The most traces of one POST.
const BATCH: usize = 512;
/// How often traces are sent.
const EVERY: Duration = Duration::from_secs(1);
/// How long a POST may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where traces go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collector {
    authority: Authority,
    path: PathAndQuery,
}

/// Why a text is no collector.
#[derive(Debug, thiserror::Error)]
#[error("it must be a URL such as http://127.0.0.1:4318/v1/traces; a collector beside the service can go on over TLS")]
pub struct NoCollector;

impl FromStr for Collector {
    type Err = NoCollector;

    fn from_str(url: &str) -> Result<Self, NoCollector> {
        let uri: Uri = url.parse().map_err(|_| NoCollector)?;
        let parts = uri.into_parts();
        // A password would be sent as it stands, and logged.
        let authority = parts.authority.filter(|authority| !authority.as_str().contains('@')).ok_or(NoCollector)?;
        let path = parts.path_and_query.filter(|path| path.path() != "/").ok_or(NoCollector)?;
        if parts.scheme == Some(Scheme::HTTP) { Ok(Self { authority, path }) } else { Err(NoCollector) }
    }
}

impl fmt::Display for Collector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "http://{}{}", self.authority, self.path)
    }
}

/// Why a batch did not arrive.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error("no connection: {0}")]
    Connect(#[from] io::Error),
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
    #[error("no request: {0}")]
    Request(#[from] axum::http::Error),
    #[error("answered {0}")]
    Refused(StatusCode),
    #[error("no answer within {PATIENCE:?}")]
    Late,
}

/// Sends what is in the queue, as long as it runs.
pub struct Exporter {
    collector: Collector,
    service: String,
    finished: mpsc::Receiver<Finished>,
    flushes: mpsc::Receiver<oneshot::Sender<()>>,
    dropped: IntCounter,
    /// Whether the last batch arrived.
    arrives: bool,
}

impl Exporter {
    pub(super) fn new(
        collector: Collector,
        service: String,
        finished: mpsc::Receiver<Finished>,
        flushes: mpsc::Receiver<oneshot::Sender<()>>,
        dropped: IntCounter,
    ) -> Self {
        Self { collector, service, finished, flushes, dropped, arrives: true }
    }

    /// Sends traces until nobody can finish any more.
    pub async fn run(mut self) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !self.finished.is_closed() {
            let flushed = tokio::select! {
                _ = ticks.tick() => None,
                flushed = self.flushes.recv() => flushed,
            };
            self.send_all().await;
            // Whoever asked may have given up.
            let _ = flushed.map(|flushed| flushed.send(()));
        }
    }

    async fn send_all(&mut self) {
        let mut batch = Vec::new();
        // What comes meanwhile is for the next time.
        for _ in 0..self.finished.len().div_ceil(BATCH) {
            self.finished.recv_many(&mut batch, BATCH).await;
            let body = otlp::body(&batch, &self.service).to_string();
            let posted = tokio::time::timeout(PATIENCE, self.post(body)).await.unwrap_or(Err(ExportError::Late));
            match &posted {
                Ok(()) if !self.arrives => tracing::info!(collector = %self.collector, "traces arrive again"),
                Err(error) if self.arrives => {
                    tracing::warn!(collector = %self.collector, %error, "traces do not arrive and are dropped");
                }
                _ => {}
            }
            self.arrives = posted.is_ok();
            if !self.arrives {
                self.dropped.inc_by(batch.len() as u64);
            }
            batch.clear();
        }
    }

    async fn post(&self, body: String) -> Result<(), ExportError> {
        let Collector { authority, path } = &self.collector;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::post(path.as_str())
            .header(header::HOST, authority.as_str())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))?;
        // It ends with the sender.
        tokio::spawn(connection);
        let status = sender.send_request(request).await?.status();
        if status.is_success() { Ok(()) } else { Err(ExportError::Refused(status)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_a_plain_url_with_a_path_and_without_a_password() {
        for good in ["http://127.0.0.1:4318/v1/traces", "http://collector/otlp?shop=1", "http://[::1]:4318/v1/traces"] {
            assert_eq!(good.parse::<Collector>().expect(good).to_string(), good);
        }
        for bad in
            ["", "127.0.0.1:4318", "https://c/v1/traces", "http://c:4318", "http://u:p@c/v1/traces", "http:///v1"]
        {
            assert!(bad.parse::<Collector>().is_err(), "{bad}");
        }
    }
}
