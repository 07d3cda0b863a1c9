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
use crate::plan::{self, Spacing};
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

/// What became of a request of an open loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// When it was due, from the start.
    pub due: Duration,
    /// The time from when it was due to its answer.
    pub latency: Duration,
    /// Whether the answer was good.
    pub outcome: Result<(), Failure>,
}

/// Sends requests when they are due (from the start, ascending), and returns what became of each: some 50 bytes a request.
/// The warm-up and the window of the setup don't count; what could not be sent within some seconds after the last was due
/// has failed.
pub async fn scheduled(
    setup: &Setup,
    traffic: &Arc<Traffic>,
    due: impl Iterator<Item = Duration> + Clone + Send + 'static,
    label: &str,
) -> Vec<Answered> {
    let last = due.clone().last().unwrap_or_default();
    let note = |all: &mut Vec<Answered>, asked: Asked| {
        let Asked { due, outcome, .. } = asked;
        all.push(Answered { due: due - asked.start, latency: asked.answered - due, outcome });
    };
    ask_all(setup, traffic, due, last, label, note).await.concat()
}

/// Sends requests when they are due, whether or not earlier ones are answered.
pub async fn open_loop(setup: &Setup, traffic: &Arc<Traffic>, schedule: Schedule, label: &str) -> Figures {
    let Schedule { rate, spacing, seed } = schedule;
    let last = setup.warm_up + setup.window;
    let arrivals = plan::arrivals(spacing, rate, last, seed);
    let warm_up = setup.warm_up;
    let note = move |tally: &mut Tally, asked: Asked| {
        let Asked { start, due, sent, answered, outcome } = asked;
        let arrived = if answered <= start + last { Arrived::InWindow } else { Arrived::Later };
        if due >= start + warm_up || outcome == Err(Failure::Unsent) {
            tally.count(outcome, answered - due, sent.saturating_duration_since(due), arrived);
        }
    };
    let label = format!("{label}, open loop at {rate:.0}/s");
    let tallies = ask_all(setup, traffic, arrivals, last, &label, note).await;
    let mut total = Tally::default();
    tallies.iter().for_each(|tally| total.add(tally));
    total.figures(setup.window)
}

/// A request of an open loop.
#[derive(Debug, Clone, Copy)]
struct Asked {
    /// When the first was due.
    start: Instant,
    due: Instant,
    sent: Instant,
    answered: Instant,
    outcome: Result<(), Failure>,
}

/// Sends requests when they are due, and notes what became of them; returns what each connection noted.
///
/// * `last`: from the start; what is not sent some seconds after it has failed.
async fn ask_all<N: Default + Send + 'static>(
    setup: &Setup,
    traffic: &Arc<Traffic>,
    arrivals: impl Iterator<Item = Duration> + Clone + Send + 'static,
    last: Duration,
    label: &str,
    note: impl Fn(&mut N, Asked) + Copy + Send + 'static,
) -> Vec<N> {
    let expected = arrivals.clone().count() as u64;
    let progress = Arc::new(Progress::start(label.to_owned(), Some(expected)));
    let queue = Arc::new(Queue { due: Semaphore::new(0), arrivals: Mutex::new(arrivals.clone()) });
    let start = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..setup.connections {
        let mut connection = Connection::new(setup.target.clone(), setup.timeout);
        let (traffic, queue, progress) = (traffic.clone(), queue.clone(), progress.clone());
        workers.spawn(async move {
            let mut noted = N::default();
            while let Some(arrival) = queue.next().await {
                let asked = ask(&mut connection, &traffic, start, arrival, last, &progress).await;
                note(&mut noted, asked);
            }
            noted
        });
    }
    let connections = setup.connections;
    let pacer = thread::spawn(move || release(&queue.due, arrivals, start, connections));
    let mut all = Vec::new();
    while let Some(noted) = workers.join_next().await {
        all.push(noted.expect("a connection's task does not panic"));
    }
    pacer.join().expect("the pacer only sleeps and counts");
    all
}

async fn ask(
    connection: &mut Connection,
    traffic: &Traffic,
    start: Instant,
    arrival: Duration,
    last: Duration,
    progress: &Progress,
) -> Asked {
    let (due, sent) = (start + arrival, Instant::now());
    if sent >= start + last + DRAIN {
        return Asked { start, due, sent, answered: sent, outcome: Err(Failure::Unsent) };
    }
    let answer = connection.send(traffic.next()).await;
    tell(progress, &answer);
    Asked { start, due, sent, answered: Instant::now(), outcome: judge(&answer) }
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
            count(&mut tally, &answer, sent, window);
        }
        if matches!(answer, Err(ClientError::Connect { .. })) {
            tokio::time::sleep(REFUSED_PAUSE).await;
        }
    }
}

/// Requests that are due: a permit for each, and when that was.
struct Queue<I> {
    due: Semaphore,
    arrivals: Mutex<I>,
}

impl<I: Iterator<Item = Duration>> Queue<I> {
    /// Waits for the next request that is due; returns when that was, or nothing after the last one.
    async fn next(&self) -> Option<Duration> {
        self.due.acquire().await.expect("the queue is never closed").forget();
        self.arrivals.lock().expect("taking an arrival does not panic").next()
    }
}

/// Releases each arrival when it is due, then as many empty permits as there are connections, which ends them.
fn release(due: &Semaphore, arrivals: impl Iterator<Item = Duration>, start: Instant, connections: usize) {
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

fn tell(progress: &Progress, answer: &Result<(hyper::StatusCode, usize), ClientError>) {
    match judge(answer) {
        Ok(()) => progress.done(),
        Err(_) => progress.failed(),
    }
}

fn count(tally: &mut Tally, answer: &Result<(hyper::StatusCode, usize), ClientError>, sent: Instant, window: Window) {
    let answered = Instant::now();
    let arrived = if answered <= window.to { Arrived::InWindow } else { Arrived::Later };
    tally.count(judge(answer), answered - sent, Duration::ZERO, arrived);
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
