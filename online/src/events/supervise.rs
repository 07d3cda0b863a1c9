//! Detects at once if a thread or task of the event log ends while the service runs.

use tokio::sync::watch;

/// A part that must run as long as the service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// The thread that makes events durable.
    #[error("the thread that writes the event log has ended; nothing acknowledged is lost: start the service again")]
    Writer,
    /// The task that applies events to the histories.
    #[error("the task that applies the event log has ended; nothing acknowledged is lost: start the service again")]
    Applier,
}

/// Reports the end of the part that holds it, by being dropped: whether the part ends in order or by a panic.
pub struct Guard {
    part: Ended,
    ended: watch::Sender<Option<Ended>>,
}

impl Guard {
    /// A guard for a part to hold.
    #[must_use]
    pub fn new(part: Ended, ended: &watch::Sender<Option<Ended>>) -> Self {
        Self { part, ended: ended.clone() }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Only the first end is reported: it is the cause of the others.
        self.ended.send_if_modified(|ended| {
            let first = ended.is_none();
            ended.get_or_insert(self.part);
            first
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_part_that_ends_is_named_also_after_a_panic() {
        let (sender, mut ended) = watch::channel(None);
        let (writer, applier) = (Guard::new(Ended::Writer, &sender), Guard::new(Ended::Applier, &sender));
        assert_eq!(*ended.borrow(), None);
        let panicked = std::thread::spawn(move || {
            let _guard = writer;
            panic!("a fault");
        });
        assert!(panicked.join().is_err());
        drop(applier);
        assert_eq!(*ended.wait_for(Option::is_some).await.expect("a sender"), Some(Ended::Writer));
    }
}
