//! Accepts connections and answers requests on each until it ends, is idle for too long, or the service stops.
//!
//! In: a listener, the API, and TLS if there is some. A connection is closed if the client sends no whole request head
//! within the idle timeout, at first or after an answer, or takes nothing of an answer for as long: the limit of concurrent
//! requests does not count it, so it could be held for ever. Costs one timer per request.
//!
//! There are so many connections at most; others wait in the system's queue until one ends.
//!
//! Handshakes of TLS are tasks of their own, so that one that takes long keeps nobody waiting; when the service stops,
//! those that are under way are given up.
//!
//! Failures of single connections do not stop accepting, and it pauses if the system has no file descriptors or memory
//! left. Only the loss of the listener ends it, which [`Connections::broken`] reports.

mod patient;
mod unread;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use prometheus::IntGauge;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use self::patient::Patient;
use crate::api::slash::Api;
use crate::tls::Tls;

/// The first pause when the system has run out of a resource; it doubles up to the longest pause.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The bounds of connections.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How long a client may send no whole request head, or take nothing of an answer.
    pub idle_timeout: Duration,
    /// How many connections there are at most.
    pub most: usize,
    /// How many there are.
    pub open: IntGauge,
}

/// A connection that counts, until it is dropped.
struct Place {
    open: IntGauge,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    fn new(permit: OwnedSemaphorePermit, open: &IntGauge) -> Self {
        open.inc();
        Self { open: open.clone(), _permit: permit }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.dec();
    }
}

/// Connections that are being accepted and answered.
pub struct Connections {
    close: oneshot::Sender<()>,
    broken: oneshot::Receiver<io::Error>,
    task: JoinHandle<()>,
}

impl Connections {
    /// Starts to accept connections.
    #[must_use]
    pub fn open(listener: TcpListener, api: Api, tls: Option<Tls>, limits: Limits) -> Self {
        let (close, closed) = oneshot::channel();
        let (tell, broken) = oneshot::channel();
        let mut protocol = http1::Builder::new();
        protocol.timer(TokioTimer::new()).header_read_timeout(limits.idle_timeout);
        let answers = Answers { protocol, api, limits };
        Self { close, broken, task: tokio::spawn(run(listener, answers, tls, closed, tell)) }
    }

    /// Waits until the listener is lost, and returns the error. Call it once only.
    pub async fn broken(&mut self) -> io::Error {
        (&mut self.broken).await.unwrap_or_else(|_| io::Error::other("the task that accepts connections ended"))
    }

    /// Stops accepting, and waits until all requests in flight are answered.
    pub async fn close(self) {
        // If there is no receiver, the task has ended already.
        let _ = self.close.send(());
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the connections did not end in order");
        }
    }
}

/// What answers the requests of a connection.
struct Answers {
    protocol: http1::Builder,
    api: Api,
    limits: Limits,
}

impl Answers {
    /// Answers the requests of a connection until it ends, in a task of its own.
    fn to(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, place: Place, watcher: Watcher) {
        let stream = Patient::new(stream, self.limits.idle_timeout);
        let api = self.api.clone();
        let service = service_fn(move |request| unread::answer(api.clone(), request).map(Ok::<_, Infallible>));
        let connection = self.protocol.serve_connection(TokioIo::new(stream), service);
        let connection = watcher.watch(connection);
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection broken off");
            }
        });
    }
}

/// Accepts and serves connections until `closed`, then until the requests in flight are answered.
async fn run(
    listener: TcpListener,
    answers: Answers,
    tls: Option<Tls>,
    mut closed: oneshot::Receiver<()>,
    tell: oneshot::Sender<io::Error>,
) {
    let connections = GracefulShutdown::new();
    let mut handshakes = JoinSet::new();
    let room = Arc::new(Semaphore::new(answers.limits.most));
    loop {
        let next = async {
            let permit = room.clone().acquire_owned().await.map_err(io::Error::other)?;
            let stream = accept(&listener).await?;
            Ok((stream, Place::new(permit, &answers.limits.open)))
        };
        let next = tokio::select! {
            next = next => next,
            Some(shaken) = handshakes.join_next() => {
                if let Ok((Some(stream), place)) = shaken {
                    answers.to(stream, place, connections.watcher());
                }
                continue;
            }
            _ = &mut closed => break,
        };
        let (stream, place) = match next {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(%error, "no more connections are accepted");
                // There is no receiver while the service stops.
                let _ = tell.send(error);
                let _ = closed.await;
                break;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY can't be set");
        }
        match tls.clone() {
            Some(tls) => drop(handshakes.spawn(async move { (tls.accept(stream).await, place) })),
            None => answers.to(stream, place, connections.watcher()),
        }
    }
    drop(listener);
    drop(handshakes);
    connections.shutdown().await;
}

/// Accepts the next connection.
///
/// # Errors
/// [`io::Error`] when the listener is lost.
async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match listener.accept().await {
            Ok((stream, _)) => return Ok(stream),
            Err(error) => error,
        };
        match error.kind() {
            // EINVAL: the socket no longer listens.
            io::ErrorKind::InvalidInput => return Err(error),
            // The client has disconnected already.
            io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted => {}
            // Such as EMFILE: connections that end free the resource.
            _ => {
                if pause == FIRST_PAUSE {
                    tracing::warn!(%error, "connections can't be accepted for the moment");
                }
                tokio::time::sleep(pause).await;
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
        }
    }
}
