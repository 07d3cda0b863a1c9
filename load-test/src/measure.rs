//! One measurement: closed loop (as fast as the connections allow) or open loop (as scheduled).
//!
//! In: [`Traffic`] and a [`Setup`]. Out: [`Figures`]. A connection is one task; in the open loop a thread of its own
//! releases requests when they are due, because the timers of the async runtime are a millisecond coarse. A request
//! that is due while all connections are busy waits, and its latency runs from when it was due.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::client::{ClientError, Connection};
use crate::plan::{self, Arrivals, Spacing};
use crate::progress::Progress;
use crate::tally::{Arrived, Failure, Figures, Tally, judge};
use crate::target::Target;
use crate::traffic::Traffic;

/// How long after the end of an open loop requests that were due may still be sent.
const DRAIN: Duration = Duration::from_secs(5);
/// The pause of a connection after the service refused it.
const REFUSED_PAUSE: Duration = Duration::from_millis(10);

/// The setup that all measurements of a run share.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The service.
    pub target: Target,
    /// How many keep-alive connections.
    pub connections: usize,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Load before the measured window.
    pub warm_up: Duration,
    /// The measured window.
    pub window: Duration,
}

/// The open loop's schedule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// Requests per second, above 0.
    pub rate: f64,
    /// How they are spread.
    pub spacing: Spacing,
    /// The seed of the random gaps.
    pub seed: u64,
}

/// When the measured window is.
#[derive(Debug, Clone, Copy)]
struct Window {
    from: Instant,
    to: Instant,
}

impl Setup {
    fn window_after(&self, start: Instant) -> Window {
        let from = start + self.warm_up;
        Window { from, to: from + self.window }
    }
}

/// Sends requests over every connection, the next one as soon as the last is answered: the maximum rate of the service.
pub async fn closed_loop(setup: &Setup, traffic: &Arc<Traffic>, label: &str) -> Figures {
    let progress = Arc::new(Progress::start(format!("{label}, closed loop"), None));
    let window = setup.window_after(Instant::now());
    let mut workers = JoinSet::new();
    for _ in 0..setup.connections {
        let connection = Connection::new(setup.target.clone(), setup.timeout);
        workers.spawn(ask_at_once(connection, traffic.clone(), window, progress.clone()));
    }
    sum(workers).await.figures(setup.window)
}

/// Sends requests when they are due, whether or not earlier ones are answered.
pub async fn open_loop(setup: &Setup, traffic: &Arc<Traffic>, schedule: Schedule, label: &str) -> Figures {
    let Schedule { rate, spacing, seed } = schedule;
    let arrivals = plan::arrivals(spacing, rate, setup.warm_up + setup.window, seed);
    let expected = arrivals.clone().count() as u64;
    let progress = Arc::new(Progress::start(format!("{label}, open loop at {rate:.0}/s"), Some(expected)));
    let queue = Arc::new(Queue { due: Semaphore::new(0), arrivals: Mutex::new(arrivals.clone()) });
    let start = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..setup.connections {
        let connection = Connection::new(setup.target.clone(), setup.timeout);
        let (traffic, queue, progress) = (traffic.clone(), queue.clone(), progress.clone());
        workers.spawn(ask_when_due(connection, traffic, queue, start, setup.window_after(start), progress));
    }
    let connections = setup.connections;
    let pacer = thread::spawn(move || release(&queue.due, arrivals, start, connections));
    let tally = sum(workers).await;
    pacer.join().expect("the pacer only sleeps and counts");
    tally.figures(setup.window)
}

async fn sum(mut workers: JoinSet<Tally>) -> Tally {
    let mut total = Tally::default();
    while let Some(tally) = workers.join_next().await {
        total.add(&tally.expect("a connection's task does not panic"));
    }
    total
}

async fn ask_at_once(
    mut connection: Connection,
    traffic: Arc<Traffic>,
    window: Window,
    progress: Arc<Progress>,
) -> Tally {
    let mut tally = Tally::default();
    loop {
        let sent = Instant::now();
        if sent >= window.to {
            return tally;
        }
        let answer = connection.send(traffic.next()).await;
        tell(&progress, &answer);
        if sent >= window.from {
            count(&mut tally, &answer, sent, sent, window);
        }
        if matches!(answer, Err(ClientError::Connect { .. })) {
            tokio::time::sleep(REFUSED_PAUSE).await;
        }
    }
}

/// Requests that are due: a permit for each, and when that was.
struct Queue {
    due: Semaphore,
    arrivals: Mutex<Arrivals>,
}

impl Queue {
    /// Waits for the next request that is due; returns when that was, or nothing after the last one.
    async fn next(&self) -> Option<Duration> {
        self.due.acquire().await.expect("the queue is never closed").forget();
        self.arrivals.lock().expect("taking an arrival does not panic").next()
    }
}

/// Releases each arrival when it is due, then as many empty permits as there are connections, which ends them.
fn release(due: &Semaphore, arrivals: Arrivals, start: Instant, connections: usize) {
    let mut held = 0;
    for arrival in arrivals {
        let wait = (start + arrival).saturating_duration_since(Instant::now());
        if !wait.is_zero() {
            due.add_permits(held);
            held = 0;
            thread::sleep(wait);
        }
        held += 1;
    }
    due.add_permits(held + connections);
}

async fn ask_when_due(
    mut connection: Connection,
    traffic: Arc<Traffic>,
    queue: Arc<Queue>,
    start: Instant,
    window: Window,
    progress: Arc<Progress>,
) -> Tally {
    let mut tally = Tally::default();
    while let Some(arrival) = queue.next().await {
        let due = start + arrival;
        let sent = Instant::now();
        if sent >= window.to + DRAIN {
            tally.count(Err(Failure::Unsent), sent - due, sent - due, Arrived::Later);
            continue;
        }
        let answer = connection.send(traffic.next()).await;
        tell(&progress, &answer);
        if due >= window.from {
            count(&mut tally, &answer, due, sent, window);
        }
    }
    tally
}

fn tell(progress: &Progress, answer: &Result<(hyper::StatusCode, usize), ClientError>) {
    match judge(answer) {
        Ok(()) => progress.done(),
        Err(_) => progress.failed(),
    }
}

fn count(
    tally: &mut Tally,
    answer: &Result<(hyper::StatusCode, usize), ClientError>,
    due: Instant,
    sent: Instant,
    window: Window,
) {
    let answered = Instant::now();
    let arrived = if answered <= window.to { Arrived::InWindow } else { Arrived::Later };
    tally.count(judge(answer), answered - due, sent.saturating_duration_since(due), arrived);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{stub, traffic};

    fn setup(target: Target, connections: usize, window_ms: u64) -> Setup {
        let (timeout, warm_up) = (Duration::from_secs(5), Duration::ZERO);
        Setup { target, connections, timeout, warm_up, window: Duration::from_millis(window_ms) }
    }

    #[tokio::test]
    async fn a_closed_loop_counts_what_the_service_answered() {
        let stub = stub::serve(|_| stub::ok("{}")).await;
        let figures = closed_loop(&setup(stub.target(), 4, 200), &Arc::new(traffic::health()), "health").await;
        assert_eq!((figures.requests, figures.failed), (stub.requests() as u64, 0));
        assert_eq!(stub.connections(), 4);
        assert!(figures.rate > 0.0 && figures.p50_ms <= figures.p99_ms && figures.p99_ms <= figures.max_ms);
    }

    #[tokio::test]
    async fn warm_up_is_not_measured() {
        let stub = stub::serve(|_| stub::ok("{}")).await;
        let setup = Setup { warm_up: Duration::from_millis(100), ..setup(stub.target(), 1, 100) };
        let schedule = Schedule { rate: 1000.0, spacing: Spacing::Uniform, seed: 1 };
        let figures = open_loop(&setup, &Arc::new(traffic::health()), schedule, "health").await;
        assert_eq!((stub.requests(), figures.requests), (200, 100));
    }

    #[tokio::test]
    async fn latency_runs_from_the_scheduled_start() {
        // One connection, 20 ms an answer, due every 4 ms: request n is answered 20 + 16n ms after it was due.
        let stub = stub::serve(|_| {
            thread::sleep(Duration::from_millis(20));
            stub::ok("{}")
        })
        .await;
        let schedule = Schedule { rate: 250.0, spacing: Spacing::Uniform, seed: 1 };
        let figures = open_loop(&setup(stub.target(), 1, 100), &Arc::new(traffic::health()), schedule, "slow").await;
        assert_eq!((figures.requests, figures.failed), (25, 0));
        assert!(figures.p50_ms >= 20.0 + 16.0 * 12.0, "{}", figures.p50_ms);
        assert!(figures.max_ms >= 20.0 + 16.0 * 24.0, "{}", figures.max_ms);
        assert!(figures.start_delay_p99_ms >= 16.0 * 24.0 * 0.99, "{}", figures.start_delay_p99_ms);
        assert!(figures.rate <= 50.0, "5 answers of 25 fit into 100 ms: {}", figures.rate);
    }

    #[tokio::test]
    async fn failures_are_counted_by_kind() {
        let stub = stub::serve(|_| stub::refuse(503, "busy", "none")).await;
        let schedule = Schedule { rate: 100.0, spacing: Spacing::Uniform, seed: 1 };
        let figures = open_loop(&setup(stub.target(), 2, 100), &Arc::new(traffic::health()), schedule, "busy").await;
        assert_eq!(figures.errors.get("status 503"), Some(&10));
        assert!((figures.error_share - 1.0).abs() < 1e-9 && figures.rate == 0.0);
    }
}
