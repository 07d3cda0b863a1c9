//! What a shop runs beside its requests, in tasks and threads. Each goes on in the span that it is started in, so that its log lines
//! say whose shop it is.

use std::future::Future;
use std::io;
use std::thread::{Builder, JoinHandle};

use tokio::task::{JoinError, JoinHandle as Task, JoinSet};
use tracing::{Instrument, Span};

/// Tasks that go on until they are stopped; each says what it was when it ends.
#[derive(Debug, Default)]
pub struct Background(JoinSet<&'static str>);

impl Background {
    /// Starts one.
    pub fn spawn(&mut self, part: impl Future<Output = &'static str> + Send + 'static) {
        self.0.spawn(part.in_current_span());
    }

    /// Waits for the first that ends; `None` where there are none.
    pub async fn join_next(&mut self) -> Option<Result<&'static str, JoinError>> {
        self.0.join_next().await
    }

    /// Stops all.
    pub async fn shutdown(&mut self) {
        self.0.shutdown().await;
    }
}

/// Runs work on a thread for what blocks.
pub fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Task<T> {
    let span = Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work))
}

/// Runs work on a thread of its own.
///
/// # Errors
/// [`io::Error`] when there can be no thread.
pub fn thread<T: Send + 'static>(name: &str, work: impl FnOnce() -> T + Send + 'static) -> io::Result<JoinHandle<T>> {
    let span = Span::current();
    Builder::new().name(name.to_owned()).spawn(move || span.in_scope(work))
}
