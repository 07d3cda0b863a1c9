//! What another version would have shown, unseen, beside what was shown: which of the two slates had what users did next.
//!
//! In: slates of both kinds, and events. Out: counts for each pair of versions. An event counts for the slate that it names,
//! else for the user's last one before it; if nothing was asked of the other version there, it does not count. Memory: what
//! the other version answered, while the slate that was served is kept by the attribution.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use shared::contract::event::Event;
use shared::contract::id::{ItemId, UserId};
use shared::contract::slate_log::LoggedSlate;
use shared::engine::attribution::{Attribution, Outcome, arrived_ms};

/// What users did, by which slate had the item; of each item of an answer each outcome counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Found {
    /// Both slates had it.
    pub both: u64,
    /// The one that was served alone.
    pub served_alone: u64,
    /// The other one alone: the user found it elsewhere.
    pub shadow_alone: u64,
    /// None of them.
    pub neither: u64,
}

/// A version that answered unseen, and the one that was served.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Beside {
    /// The version that was served.
    pub served: String,
    /// The version that answered unseen.
    pub shadow: String,
    /// How many answers both gave.
    pub slates: u64,
    /// How many items the served slates have.
    pub items: u64,
    /// How many of these the others have as well.
    pub shared_items: u64,
    /// What was clicked.
    pub clicks: Found,
    /// What was put into carts.
    pub carts: Found,
    /// What was bought.
    pub purchases: Found,
}

/// An answer to a user whom another version answered as well, at least once.
struct Answer {
    at_ms: i64,
    id: Box<str>,
    /// What the other version answered; `None` if it was not asked.
    shadow: Option<Unseen>,
}

/// What another version answered.
struct Unseen {
    version: Box<str>,
    items: Box<[ItemId]>,
    /// What counts no more.
    done: Vec<(ItemId, Outcome)>,
}

#[derive(Default)]
struct Counts {
    slates: u64,
    items: u64,
    shared_items: u64,
    outcomes: [Found; Outcome::ALL.len()],
}

/// The answers whose window lasts, and what was counted.
#[derive(Default)]
pub struct Shadows {
    window_ms: i64,
    /// Of each user in the order of time.
    answers: HashMap<UserId, Vec<Answer>>,
    kept: usize,
    /// How many there were when those that are over last left.
    swept: usize,
    counts: BTreeMap<(Box<str>, Box<str>), Counts>,
}

/// So many answers are kept before those that are over leave.
const FEW: usize = 1000;

fn has(slate: &LoggedSlate, item: &ItemId) -> bool {
    slate.items.iter().any(|placed| placed.item == *item)
}

impl Shadows {
    /// Begins without slates.
    pub fn new(window_ms: i64) -> Self {
        Self { window_ms, ..Self::default() }
    }

    /// Takes a slate that was served.
    pub fn served(&mut self, slate: &LoggedSlate) {
        if let Some(answers) = self.answers.get_mut(&slate.user) {
            let answer = Answer { at_ms: slate.timestamp_ms, id: slate.recommendation_id.clone(), shadow: None };
            answers.insert(answers.partition_point(|other| other.at_ms <= answer.at_ms), answer);
            self.kept += 1;
        }
    }

    /// Takes what another version would have answered.
    ///
    /// * `attribution`: knows the slates that were served.
    pub fn answered(&mut self, shadow: &LoggedSlate, attribution: &Attribution) {
        let Some(served) = attribution.slate(&shadow.recommendation_id) else { return };
        let counts = self.counts.entry((served.version.clone(), shadow.version.clone())).or_default();
        counts.slates += 1;
        counts.items += served.items.len() as u64;
        counts.shared_items += served.items.iter().filter(|placed| has(shadow, &placed.item)).count() as u64;
        let items = shadow.items.iter().map(|placed| placed.item.clone()).collect();
        let unseen = Some(Unseen { version: shadow.version.clone(), items, done: Vec::new() });
        // Of the first one of a user it was not known that there would be another.
        let answers = self.answers.entry(served.user.clone()).or_default();
        match answers.iter_mut().find(|answer| answer.id == shadow.recommendation_id) {
            Some(answer) => answer.shadow = unseen,
            None => {
                let answer =
                    Answer { at_ms: served.timestamp_ms, id: shadow.recommendation_id.clone(), shadow: unseen };
                answers.insert(answers.partition_point(|other| other.at_ms <= answer.at_ms), answer);
                self.kept += 1;
            }
        }
        if self.kept > 2 * self.swept.max(FEW) {
            self.answers.values_mut().for_each(|answers| answers.retain(|kept| attribution.slate(&kept.id).is_some()));
            self.answers.retain(|_, answers| !answers.is_empty());
            self.kept = self.answers.values().map(Vec::len).sum();
            self.swept = self.kept;
        }
    }

    /// Takes an event.
    pub fn happened(&mut self, event: &Event, attribution: &Attribution) {
        let (Some(outcome), Some(answers)) = (Outcome::of(&event.kind), self.answers.get_mut(&event.user)) else {
            return;
        };
        let before = |at_ms: i64| answers.partition_point(|answer| answer.at_ms <= at_ms).checked_sub(1);
        let at = match &event.recommendation_id {
            Some(id) => answers.iter().position(|answer| *answer.id == **id),
            None => before(event.timestamp_ms).or_else(|| before(arrived_ms(event))),
        };
        let Some(Answer { at_ms, id, shadow: Some(shadow) }) = at.map(|at| &mut answers[at]) else { return };
        let Some(served) = attribution.slate(id) else { return };
        let key = (event.item.clone(), outcome);
        if event.timestamp_ms.saturating_sub(*at_ms) > self.window_ms || shadow.done.contains(&key) {
            return;
        }
        shadow.done.push(key);
        let versions = (served.version.clone(), shadow.version.clone());
        let found = &mut self.counts.entry(versions).or_default().outcomes[outcome as usize];
        *match (has(served, &event.item), shadow.items.contains(&event.item)) {
            (true, true) => &mut found.both,
            (true, false) => &mut found.served_alone,
            (false, true) => &mut found.shadow_alone,
            (false, false) => &mut found.neither,
        } += 1;
    }

    /// What was counted, by versions.
    pub fn end(self) -> Vec<Beside> {
        let beside = |((served, shadow), counts): ((Box<str>, Box<str>), Counts)| {
            let Counts { slates, items, shared_items, outcomes: [clicks, carts, purchases] } = counts;
            let (served, shadow) = (served.into(), shadow.into());
            Beside { served, shadow, slates, items, shared_items, clicks, carts, purchases }
        };
        self.counts.into_iter().map(beside).collect()
    }
}

#[cfg(test)]
mod tests {
    use shared::contract::kind::KindName;
    use shared::contract::slate_log::{LoggedItem, Role};
    use shared::engine::attribution::{Settings, Shown};

    use super::*;

    fn user(name: &str) -> UserId {
        UserId::new(name).expect("an id")
    }

    fn slate(id: &str, of: &str, version: &str, role: Role, timestamp_ms: i64, ids: &[&str]) -> LoggedSlate {
        let item = |id: &&str| LoggedItem {
            item: ItemId::new(*id).expect("an id"),
            score: 1.0,
            sources: Vec::new(),
            propensity: None,
        };
        let items = ids.iter().map(item).collect();
        let (version, user) = (version.into(), user(of));
        LoggedSlate {
            recommendation_id: id.into(),
            role,
            timestamp_ms,
            user,
            version,
            scenario: None,
            page: None,
            category: None,
            fallback: false,
            items,
        }
    }

    fn event(of: &str, id: &str, kind: KindName, timestamp_ms: i64) -> Event {
        Event {
            timestamp_ms,
            user: user(of),
            kind,
            item: ItemId::new(id).expect("an id"),
            transaction_id: None,
            event_id: format!("{of}{id}{timestamp_ms}"),
            received_ms: timestamp_ms,
            recommendation_id: None,
        }
    }

    /// Slates and events of both kinds of slates, in the order in which they are taken.
    struct Log {
        attribution: Attribution,
        shadows: Shadows,
    }

    impl Log {
        fn new(window_ms: i64) -> Self {
            let settings = Settings { window_ms, shown: Shown::Served, max_items: 3000 };
            Self { attribution: Attribution::new(settings), shadows: Shadows::new(window_ms) }
        }

        fn served(&mut self, id: &str, of: &str, at_ms: i64, items: &[&str]) {
            let slate = slate(id, of, "v1", Role::Served, at_ms, items);
            self.shadows.served(&slate);
            self.attribution.served(slate);
        }

        fn unseen(&mut self, id: &str, of: &str, at_ms: i64, items: &[&str]) {
            let slate = slate(id, of, "v2", Role::Shadow, at_ms, items);
            self.shadows.answered(&slate, &self.attribution);
        }

        fn happens(&mut self, event: &Event) {
            self.shadows.happened(event, &self.attribution);
        }

        fn ends(self) -> Beside {
            self.shadows.end().pop().expect("a pair of versions")
        }
    }

    fn view(of: &str, id: &str, at_ms: i64) -> Event {
        event(of, id, KindName::VIEW, at_ms)
    }

    #[test]
    fn what_users_do_counts_for_the_slate_that_had_it_within_the_window_and_once() {
        let mut log = Log::new(100);
        log.served("r", "u", 10, &["a", "b"]);
        log.unseen("r", "u", 10, &["b", "c"]);
        for seen in [
            view("u", "a", 20),
            view("u", "a", 21),
            view("u", "b", 30),
            view("u", "c", 40),
            view("u", "d", 110),
            view("u", "e", 111),
            view("w", "a", 30),
            event("u", "c", KindName::ADD_TO_CART, 50),
            event("u", "c", KindName::new("like").expect("a name"), 50),
        ] {
            log.happens(&seen);
        }
        let clicks = Found { both: 1, served_alone: 1, shadow_alone: 1, neither: 1 };
        let carts = Found { shadow_alone: 1, ..Found::default() };
        let (served, shadow, purchases) = ("v1".to_owned(), "v2".to_owned(), Found::default());
        assert_eq!(
            log.ends(),
            Beside { served, shadow, slates: 1, items: 2, shared_items: 1, clicks, carts, purchases }
        );
    }

    #[test]
    fn an_event_is_of_the_slate_before_it_though_the_next_is_known_or_of_the_one_that_it_names() {
        let mut log = Log::new(100);
        log.served("r1", "u", 0, &["a"]);
        log.unseen("r1", "u", 0, &["b"]);
        // Slates are taken a minute early.
        log.served("r2", "u", 40, &["b"]);
        log.unseen("r2", "u", 40, &["a"]);
        log.happens(&view("u", "a", 30));
        log.happens(&view("u", "a", 50));
        log.happens(&Event { recommendation_id: Some("r1".to_owned()), ..view("u", "b", 60) });
        // Nothing was asked of the other version here, so that what follows is of neither.
        log.served("r3", "u", 70, &["a"]);
        log.happens(&view("u", "b", 75));
        // By a clock that is behind: before the first.
        log.happens(&Event { received_ms: 20, ..view("u", "c", -50) });
        let clicks = Found { both: 0, served_alone: 1, shadow_alone: 2, neither: 1 };
        assert_eq!(log.ends().clicks, clicks);
    }

    #[test]
    fn answers_whose_slate_is_not_kept_leave() {
        let mut log = Log::new(1_000_000);
        for at_ms in 0..5000 {
            let (id, of) = (format!("r{at_ms}"), format!("u{}", at_ms % 7));
            log.served(&id, &of, at_ms, &["a"]);
            log.unseen(&id, &of, at_ms, &["a"]);
        }
        // 1500 slates of an item, which are as many items again.
        assert!(log.shadows.kept <= 3001, "{}", log.shadows.kept);
        assert_eq!(log.ends().slates, 5000);
    }
}
