//! Traces of requests for a collector: what happened when within a request.
//!
//! ```text
//! request ─▶ begin (its traceparent says so, or it is one of so many) ─▶ parts ─▶ end ─▶ queue ─▶ export: OTLP over HTTP
//! ```
//!
//! Off, as by default, a request costs a look at an `Option`. On, a request that is traced reads the clock some dozen times
//! and takes one place in a bounded queue; where the collector is away or slow the queue is full, and traces are dropped and
//! counted. No request waits for it. Nothing in a trace names a user or an item.

mod export;
mod otlp;
mod parent;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;
use prometheus::IntCounter;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

pub use export::{Collector, Exporter};
use parent::Parent;

/// How many traces wait for the export at most: a second of 16,000 requests, of which every eighth is traced.
const QUEUE: usize = 2048;

/// Which requests are traced, and where their traces go.
#[derive(Default)]
pub struct Traces(Option<On>);

struct On {
    queue: mpsc::Sender<Finished>,
    flush: mpsc::Sender<oneshot::Sender<()>>,
    every: u64,
    requests: AtomicU64,
    dropped: IntCounter,
}

/// A request that is traced; clones are of the same request.
#[derive(Debug, Clone)]
pub struct Trace(Arc<Request>);

#[derive(Debug)]
struct Request {
    /// The trace and the span that the request is in.
    parent: Parent,
    /// The span of the request.
    span: u64,
    began: Instant,
    /// Nanoseconds since the epoch.
    began_ns: u64,
    parts: Mutex<Vec<Part>>,
}

/// A part of a request.
#[derive(Debug, Clone)]
struct Part {
    name: &'static str,
    during: Range<Instant>,
    /// What it consists of, one after the other.
    stages: Vec<(&'static str, Duration)>,
}

/// A request that was answered.
#[derive(Debug)]
struct Finished {
    trace: Trace,
    method: &'static str,
    route: String,
    status: u16,
    ended: Instant,
}

impl Traces {
    /// Traces that go to a collector, and the exporter that sends them as long as it runs.
    ///
    /// * `every`: of requests that don't say whether they are traced, one of so many is.
    /// * `service`: names this replica.
    /// * `dropped`: counts traces that did not reach the collector.
    #[must_use]
    pub fn to(collector: Collector, every: u64, service: String, dropped: IntCounter) -> (Self, Exporter) {
        let (queue, finished) = mpsc::channel(QUEUE);
        let (flush, flushes) = mpsc::channel(1);
        let exporter = Exporter::new(collector, service, finished, flushes, dropped.clone());
        (Self(Some(On { queue, flush, every, requests: AtomicU64::new(0), dropped })), exporter)
    }

    /// Begins the trace of a request that arrived at `began`; `None` if it is not traced.
    ///
    /// A request is traced if its `traceparent` says that its caller is, and is not if that says so; of the others one of
    /// so many is.
    #[must_use]
    pub fn begin(&self, headers: &HeaderMap, began: Instant) -> Option<Trace> {
        let on = self.0.as_ref()?;
        let parent = match Parent::of(headers) {
            Some((parent, sampled)) => sampled.then_some(parent),
            None => {
                let is_drawn = on.requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(on.every);
                is_drawn.then(|| Parent { trace: Uuid::now_v7().as_u128(), span: None })
            }
        }?;
        // The lower half of a UUID of version 7 is random but for its first two bits, and never zero.
        let (_, span) = Uuid::now_v7().as_u64_pair();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let began_ns = u64::try_from(since.saturating_sub(began.elapsed()).as_nanos()).unwrap_or(u64::MAX);
        Some(Trace(Arc::new(Request { parent, span, began, began_ns, parts: Mutex::default() })))
    }

    /// Ends the trace of a request that was answered, and leaves it to the exporter.
    pub fn end(&self, trace: Trace, method: &'static str, route: &str, status: u16) {
        let Some(on) = &self.0 else { return };
        let finished = Finished { trace, method, route: route.to_owned(), status, ended: Instant::now() };
        if on.queue.try_send(finished).is_err() {
            on.dropped.inc();
        }
    }

    /// Sends what waits, and waits for it a second at most.
    pub async fn flush(&self) {
        let Some(on) = &self.0 else { return };
        let (reply, sent) = oneshot::channel();
        let flush = async { on.flush.send(reply).await.is_ok() && sent.await.is_ok() };
        if !tokio::time::timeout(Duration::from_secs(1), flush).await.unwrap_or_default() {
            tracing::warn!("the last traces did not reach the collector");
        }
    }
}

impl Trace {
    /// Adds a part of the request.
    ///
    /// * `stages`: what it consists of, with their durations, one after the other.
    pub fn add(&self, name: &'static str, during: Range<Instant>, stages: Vec<(&'static str, Duration)>) {
        // Whatever panicked, the list is whole.
        let mut parts = self.0.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.push(Part { name, during, stages });
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn dropped() -> IntCounter {
        IntCounter::new("dropped", "dropped").expect("a counter")
    }

    fn headers(traceparent: &'static str) -> HeaderMap {
        [("traceparent".parse().expect("a name"), HeaderValue::from_static(traceparent))].into_iter().collect()
    }

    #[test]
    fn a_request_is_traced_if_its_caller_is_and_one_of_so_many_others() {
        let collector = "http://127.0.0.1:4318/v1/traces".parse().expect("a collector");
        let (traces, _exporter) = Traces::to(collector, 3, "tandem".to_owned(), dropped());
        let begin = |headers: &HeaderMap| traces.begin(headers, Instant::now());
        let drawn = (0..9).filter(|_| begin(&HeaderMap::new()).is_some()).count();
        assert_eq!(drawn, 3);
        let asked = begin(&headers("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")).expect("traced");
        assert_eq!(asked.0.parent.trace, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!(asked.0.parent.span, Some(0xb7ad_6b71_6920_3331));
        for _ in 0..9 {
            assert!(begin(&headers("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")).is_none());
        }
        assert!(Traces::default().begin(&HeaderMap::new(), Instant::now()).is_none());
    }

    #[tokio::test]
    async fn without_a_collector_requests_go_on_and_traces_are_dropped_and_counted() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
        let (collector, dropped) = (format!("http://{free}/v1/traces").parse().expect("a collector"), dropped());
        let (traces, exporter) = Traces::to(collector, 1, "tandem".to_owned(), dropped.clone());
        let request = || {
            let trace = traces.begin(&HeaderMap::new(), Instant::now()).expect("traced");
            traces.end(trace, "GET", "/health", 200);
        };
        (0..QUEUE + 5).for_each(|_| request());
        assert_eq!(dropped.get(), 5, "the queue is bounded");
        let running = tokio::spawn(exporter.run());
        traces.flush().await;
        assert_eq!(dropped.get(), 5 + QUEUE as u64);
        running.abort();
    }
}
