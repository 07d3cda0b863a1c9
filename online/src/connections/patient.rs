//! A stream that is given up when the other end takes nothing for too long.
//!
//! In: a stream. Out: the same one, whose writes fail with [`ErrorKind::TimedOut`] when not one byte could be written for
//! some time: else a client that asks, and never reads, would be held for ever. A timer is made only while a write waits.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A stream with a bound on how long a write waits.
pub struct Patient<S> {
    stream: S,
    longest: Duration,
    /// Runs while a write waits.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    /// * `longest`: how long a write may wait until something can be written.
    pub fn new(stream: S, longest: Duration) -> Self {
        Self { stream, longest, timer: None }
    }

    /// The outcome of a write, or an error if it has waited for too long.
    fn within<T>(&mut self, outcome: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.timer = None;
            return outcome;
        }
        let longest = self.longest;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(longest)));
        timer.as_mut().poll(context).map(|()| Err(ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.within(outcome, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.within(outcome, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(context);
        self.within(outcome, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(context);
        self.within(outcome, context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// Takes a byte each time that its timer is over.
    struct Slow(Duration, Pin<Box<Sleep>>);

    impl AsyncWrite for Slow {
        fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            std::task::ready!(self.1.as_mut().poll(context));
            self.1 = Box::pin(sleep(self.0));
            Poll::Ready(Ok(1))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn who_takes_nothing_is_given_up_and_who_takes_little_is_not() {
        let patient = |each| Patient::new(Slow(each, Box::pin(sleep(each))), Duration::from_millis(100));
        let mut slow = patient(Duration::from_millis(30));
        for _ in 0..6 {
            let written = poll_fn(|context| Pin::new(&mut slow).poll_write(context, b"123")).await;
            assert_eq!(written.expect("takes it"), 1);
        }
        let mut silent = patient(Duration::from_secs(3600));
        let written = poll_fn(|context| Pin::new(&mut silent).poll_write(context, b"123")).await;
        assert_eq!(written.expect_err("takes nothing").kind(), ErrorKind::TimedOut);
    }
}
