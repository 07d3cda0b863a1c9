//! Notices that wait: a queue for each channel, part of the scheduler's state.
//!
//! A channel gets its notices in order, one at a time. What a receiver does not take is sent again after a pause that
//! grows; beyond a bound the oldest are dropped, and counted by job: when the receiver is back it is told how many.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Kind, Notice};
use crate::backoff;
use crate::durations::ms;

/// The queue of a channel.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// The notices that wait, the oldest first.
    waiting: Vec<Notice>,
    /// Whether the first of them is being sent. After a crash it may have been, and is sent again.
    pub sending: bool,
    /// Tries of the first that failed.
    failures: u32,
    /// When the first is tried again.
    until_ms: i64,
    /// How many were dropped, by job.
    dropped: BTreeMap<String, u64>,
    /// Notices that were taken.
    pub sent: u64,
    /// Tries that failed.
    pub failed: u64,
}

/// The queues of all channels, by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outbox(BTreeMap<String, Queue>);

/// Pauses between tries.
#[derive(Debug, Clone, Copy)]
pub struct Pauses {
    /// After the first.
    pub first: Duration,
    /// The longest.
    pub cap: Duration,
}

impl Outbox {
    /// The queues by channel.
    pub fn queues(&self) -> impl Iterator<Item = (&str, &Queue)> {
        self.0.iter().map(|(name, queue)| (name.as_str(), queue))
    }

    /// Adds a notice for a channel. Of more than `most`, the oldest that is not being sent is dropped.
    pub fn push(&mut self, channel: &str, notice: Notice, most: usize) {
        let queue = self.0.entry(channel.to_owned()).or_default();
        queue.waiting.push(notice);
        while queue.waiting.len() > most.max(1) {
            let oldest = usize::from(queue.sending);
            let dropped = queue.waiting.remove(oldest.min(queue.waiting.len() - 2));
            *queue.dropped.entry(dropped.job).or_default() += 1;
        }
    }

    /// Marks the first notice of a channel as being sent, and returns it, if it is time.
    pub fn take(&mut self, channel: &str, now_ms: i64) -> Option<Notice> {
        let queue = self.0.get_mut(channel).filter(|queue| !queue.sending && queue.until_ms <= now_ms)?;
        let first = queue.waiting.first()?.clone();
        queue.sending = true;
        Some(first)
    }

    /// Forgets what was being sent when a scheduler ended: it is sent again, under the same id.
    pub fn resume(&mut self) {
        self.0.values_mut().for_each(|queue| queue.sending = false);
    }

    /// Notes that a notice was taken, and queues what tells of those that were dropped before it.
    pub fn taken(&mut self, channel: &str, notice: &Notice) {
        let Some(queue) = self.0.get_mut(channel) else { return };
        queue.sent += 1;
        Self::done(queue, notice);
        for (job, count) in std::mem::take(&mut queue.dropped) {
            queue.waiting.insert(0, told(&job, count, notice));
        }
    }

    /// Notes that a notice was not taken and never will be.
    pub fn refused(&mut self, channel: &str, notice: &Notice) {
        let Some(queue) = self.0.get_mut(channel) else { return };
        queue.failed += 1;
        Self::done(queue, notice);
    }

    fn done(queue: &mut Queue, notice: &Notice) {
        queue.waiting.retain(|waiting| waiting.id != notice.id);
        (queue.sending, queue.failures, queue.until_ms) = (false, 0, 0);
    }

    /// Notes that a notice was not taken this time.
    ///
    /// * `asked`: how long the receiver asked to be left alone.
    pub fn failed(&mut self, channel: &str, asked: Option<Duration>, pauses: Pauses, now_ms: i64) {
        let Some(queue) = self.0.get_mut(channel) else { return };
        queue.failed += 1;
        queue.failures = queue.failures.saturating_add(1);
        queue.sending = false;
        let own = backoff::pause(pauses.first, pauses.cap, queue.failures, channel);
        // Nobody is left alone for longer than a day.
        let pause = own.max(asked.unwrap_or_default().min(Duration::from_secs(86_400)));
        queue.until_ms = now_ms.saturating_add(ms(pause));
    }
}

impl Queue {
    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// Tells how many notices of a job were dropped.
fn told(job: &str, count: u64, after: &Notice) -> Notice {
    let of = if count == 1 { "1 notice".to_owned() } else { format!("{count} notices") };
    Notice {
        id: format!("{}-dropped-{job}", after.id),
        kind: Kind::Dropped,
        shop: after.shop.clone(),
        job: job.to_owned(),
        run: None,
        at: after.at.clone(),
        seconds: None,
        attempts: None,
        reason: Some(format!("{of} of job {job} dropped: the channel was away for too long")),
        version: None,
        figures: Vec::new(),
        settings: Vec::new(),
        last_lines: Vec::new(),
        report: None,
        next_step: "offline schedule --status".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notices::samples::sample;

    const PAUSES: Pauses = Pauses { first: Duration::from_secs(10), cap: Duration::from_secs(40) };

    fn notice(id: &str) -> Notice {
        Notice { id: id.to_owned(), ..sample(Kind::Failure) }
    }

    fn ids(outbox: &Outbox) -> Vec<&str> {
        outbox.0["ops"].waiting.iter().map(|notice| notice.id.as_str()).collect()
    }

    #[test]
    fn notices_go_in_order_and_one_at_a_time() {
        let mut outbox = Outbox::default();
        ["1", "2"].into_iter().for_each(|id| outbox.push("ops", notice(id), 10));
        let first = outbox.take("ops", 0).expect("the first");
        assert_eq!((first.id.as_str(), outbox.take("ops", 0)), ("1", None));
        outbox.taken("ops", &first);
        assert_eq!(outbox.take("ops", 0).expect("the second").id, "2");
        assert_eq!(outbox.take("another", 0), None);
    }

    #[test]
    fn one_that_is_not_taken_waits_longer_each_time_and_as_long_as_was_asked() {
        let mut outbox = Outbox::default();
        outbox.push("ops", notice("1"), 10);
        for most in [10_000, 20_000, 40_000, 40_000] {
            let begin = outbox.0["ops"].until_ms;
            assert!(outbox.take("ops", begin).is_some());
            outbox.failed("ops", None, PAUSES, begin);
            let pause = outbox.0["ops"].until_ms - begin;
            assert!((most / 2..=most).contains(&pause), "{pause}");
            assert_eq!(outbox.take("ops", begin + pause - 1), None);
        }
        outbox.failed("ops", Some(Duration::from_secs(600)), PAUSES, 0);
        assert_eq!((outbox.0["ops"].until_ms, outbox.0["ops"].failed), (600_000, 5));
    }

    #[test]
    fn of_too_many_the_oldest_are_dropped_and_summed_up_when_the_receiver_is_back() {
        let mut outbox = Outbox::default();
        outbox.push("ops", notice("1"), 3);
        let first = outbox.take("ops", 0).expect("the first");
        ["2", "3", "4", "5"].into_iter().for_each(|id| outbox.push("ops", notice(id), 3));
        // The first is on its way.
        assert_eq!(ids(&outbox), ["1", "4", "5"]);
        outbox.taken("ops", &first);
        assert_eq!(ids(&outbox), ["1-dropped-nightly", "4", "5"]);
        let summed = outbox.take("ops", 0).expect("the sum");
        assert_eq!(
            summed.reason.as_deref(),
            Some("2 notices of job nightly dropped: the channel was away for too long")
        );
    }

    #[test]
    fn one_that_was_being_sent_when_the_scheduler_died_is_sent_again_under_its_id() {
        let mut outbox = Outbox::default();
        outbox.push("ops", notice("1"), 3);
        outbox.take("ops", 0).expect("the first");
        let mut after: Outbox = serde_json::from_str(&serde_json::to_string(&outbox).expect("writes")).expect("reads");
        assert_eq!(after.take("ops", 0), None);
        after.resume();
        assert_eq!(after.take("ops", 0).expect("again").id, "1");
    }
}
