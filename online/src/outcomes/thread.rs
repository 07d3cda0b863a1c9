//! The thread: takes messages in their order, and writes the log when it is time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Instant;

use super::count::Counting;
use super::erasing::Erasing;
use super::log::SlateLog;
use super::{Message, Report};

/// What the thread works with.
pub struct Worker {
    messages: Receiver<Message>,
    waiting: Arc<AtomicUsize>,
    erasing: Arc<Erasing>,
    counting: Counting,
    log: Option<SlateLog>,
}

impl Worker {
    pub fn new(
        messages: Receiver<Message>,
        waiting: Arc<AtomicUsize>,
        erasing: Arc<Erasing>,
        counting: Counting,
        log: Option<SlateLog>,
    ) -> Self {
        Self { messages, waiting, erasing, counting, log }
    }

    /// Works until the last message, or until nobody can send any more.
    pub fn run(mut self) {
        loop {
            match self.next() {
                Ok(Message::Close) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(message) => {
                    self.waiting.fetch_sub(message.weight(), Ordering::Relaxed);
                    self.take(message);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Some(log) = self.log.as_mut().filter(|log| log.due().is_some_and(|due| due <= Instant::now())) {
                log.write();
            }
        }
        if let Some(log) = &mut self.log {
            log.write();
        }
    }

    /// The next message, unless the log is to be written before there is one.
    fn next(&self) -> Result<Message, RecvTimeoutError> {
        match self.log.as_ref().and_then(SlateLog::due) {
            Some(due) => self.messages.recv_timeout(due.saturating_duration_since(Instant::now())),
            None => self.messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Served(served) if self.erasing.has(&served.user) => {}
            Message::Served(served) => {
                let slate = served.named();
                if let Some(log) = &mut self.log {
                    log.add(&slate);
                }
                if slate.role.is_served() {
                    self.counting.served(slate);
                }
            }
            Message::Reported(Report { events, impressions }) => {
                impressions.iter().for_each(|impression| self.counting.shown(impression));
                events.iter().for_each(|event| self.counting.happened(event));
            }
            Message::Erased(user) => {
                self.counting.forget(&user);
                if let Some(log) = &mut self.log {
                    log.forget(&user);
                }
                self.erasing.end(&user);
            }
            Message::Close => {}
        }
    }
}
