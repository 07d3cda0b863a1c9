//! The progress of a command as a line on the terminal; shows nothing if standard error is not a terminal.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

/// Counts finished steps; shows the count once a second until it is dropped.
#[derive(Debug)]
pub struct Progress {
    counts: Arc<Counts>,
    shown: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Counts {
    done: AtomicU64,
    failed: AtomicU64,
}

impl Progress {
    /// Starts a line; `expected` is the number of steps, if it is known.
    #[must_use]
    pub fn start(label: String, expected: Option<u64>) -> Self {
        let counts = Arc::new(Counts::default());
        let shown = std::io::stderr().is_terminal().then(|| tokio::spawn(show(label, expected, counts.clone())));
        Self { counts, shown }
    }

    /// One step is done.
    pub fn done(&self) {
        self.counts.done.fetch_add(1, Ordering::Relaxed);
    }

    /// One step has failed.
    pub fn failed(&self) {
        self.counts.failed.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(shown) = &self.shown {
            shown.abort();
            eprint!("\r\x1b[K");
        }
    }
}

async fn show(label: String, expected: Option<u64>, counts: Arc<Counts>) {
    let start = Instant::now();
    let mut every_second = tokio::time::interval(Duration::from_secs(1));
    let mut before = 0;
    every_second.tick().await;
    loop {
        every_second.tick().await;
        let done = counts.done.load(Ordering::Relaxed);
        let failed = counts.failed.load(Ordering::Relaxed);
        eprint!("\r\x1b[K{}", line(&label, start.elapsed(), done, expected, done - before, failed));
        // A failure to write the line is no reason to stop.
        let _ = std::io::stderr().flush();
        before = done;
    }
}

fn line(label: &str, elapsed: Duration, done: u64, expected: Option<u64>, per_second: u64, failed: u64) -> String {
    let of = expected.map_or(String::new(), |expected| format!(" of {expected}"));
    format!("{label}: {} s, {done}{of}, {per_second}/s, {failed} failed", elapsed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is() {
        let elapsed = Duration::from_millis(3900);
        assert_eq!(line("replay", elapsed, 30, Some(90), 10, 0), "replay: 3 s, 30 of 90, 10/s, 0 failed");
        assert_eq!(line("health", elapsed, 30, None, 10, 2), "health: 3 s, 30, 10/s, 2 failed");
    }
}
