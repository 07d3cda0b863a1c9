//! The thread: asks the challenger what was asked of the champion, and sets its slate beside the one that was served.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use shared::contract::slate_log::Role;
use shared::engine::recommend::Scratch;
use shared::engine::slate::Pick;
use shared::engine::snapshot::Snapshot;

use super::challenger::Challenger;
use super::{Message, Question, Told};
use crate::metrics::{Metrics, Shadowed};
use crate::outcomes::{Outcomes, Served};
use crate::recommender::{Asker, CheckedQuery};

/// What the thread works with.
pub struct Worker {
    messages: Receiver<Message>,
    told: Arc<Told>,
    challenger: Challenger,
    asker: Asker,
    outcomes: Arc<Outcomes>,
    metrics: Arc<Metrics>,
    scratch: Scratch,
}

impl Worker {
    pub fn new(
        messages: Receiver<Message>,
        told: Arc<Told>,
        challenger: Challenger,
        asker: Asker,
        outcomes: Arc<Outcomes>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { messages, told, challenger, asker, outcomes, metrics, scratch: Scratch::default() }
    }

    /// Answers until nobody can ask any more.
    ///
    /// * `poll`: how often it looks which version to ask.
    pub fn run(mut self, poll: Duration) {
        loop {
            self.challenger.look();
            if let Some(snapshot) = self.challenger.snapshot() {
                self.asker.observe(snapshot);
            }
            let until = Instant::now() + poll;
            loop {
                let next = self.messages.recv_timeout(until.saturating_duration_since(Instant::now()));
                if self.told.closes.load(Ordering::Acquire) {
                    return;
                }
                match next {
                    Ok(Message::Served(question, erasures)) => {
                        let is_old = erasures < self.told.erasures.load(Ordering::Acquire);
                        let how = if is_old { Shadowed::Dropped } else { self.answer(*question) };
                        self.metrics.shadow.count(how);
                    }
                    Ok(Message::Close) | Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => break,
                }
                if Instant::now() >= until {
                    break;
                }
            }
        }
    }

    fn answer(&mut self, question: Question) -> Shadowed {
        let Some(challenger) = self.challenger.snapshot().cloned() else { return Shadowed::NoVersion };
        let Question { id, query, at_ms, stored, snapshot, picks } = question;
        if snapshot.manifest().version == challenger.manifest().version {
            return Shadowed::SameVersion;
        }
        // It may lack the category, or the field of a filter, that the champion has.
        let Ok(asked) = self.asker.ask(&query, &id.to_string(), &challenger) else { return Shadowed::Refused };
        let timer = self.metrics.shadow.seconds.start_timer();
        let state = asked.state(&challenger, &query.user_id, Some(&stored), &self.metrics.store_unreadable);
        let slate = asked.answer(&challenger, &state, at_ms, &mut self.scratch);
        timer.observe_duration();
        let names = |snapshot: &Snapshot, picks: &[_]| -> HashSet<String> {
            picks.iter().map(|pick: &Pick| snapshot.items().id(pick.item).to_owned()).collect()
        };
        let (served, own) = (names(&snapshot, &picks), names(&challenger, &slate.picks));
        self.metrics.shadow.compare(&challenger.manifest().version, &served, &own);
        if self.outcomes.follows(&query.user_id) {
            let CheckedQuery { user_id: user, scenario, item_id: page, category, .. } = query;
            let (role, fallback, snapshot, picks) = (Role::Shadow, false, challenger, slate.picks);
            self.outcomes.served(Served { id, role, user, scenario, page, category, fallback, at_ms, snapshot, picks });
        }
        Shadowed::Answered
    }
}
