//! What another version would have shown, unseen, beside what was shown: which of the two slates had what users did next.
//!
//! In: both slates of an answer, and events within the window after it, until the user's next answer. Out: counts for each pair
//! of versions. Memory: the last pair of each user who was followed, while its window lasts.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;
use shared::contract::event::Event;
use shared::contract::id::{ItemId, UserId};
use shared::contract::slate_log::LoggedSlate;
use shared::engine::attribution::Outcome;

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

/// Both slates of an answer.
struct Pair {
    at_ms: i64,
    versions: (Box<str>, Box<str>),
    served: HashSet<ItemId>,
    shadow: HashSet<ItemId>,
    done: HashSet<(ItemId, Outcome)>,
}

#[derive(Default)]
struct Counts {
    slates: u64,
    items: u64,
    shared_items: u64,
    outcomes: [Found; Outcome::ALL.len()],
}

/// The pairs whose window lasts, and what was counted.
pub struct Shadows {
    window_ms: i64,
    pairs: HashMap<UserId, Pair>,
    /// How many there were when those that are over last left.
    swept: usize,
    counts: BTreeMap<(Box<str>, Box<str>), Counts>,
}

/// The ids of a slate.
fn items(slate: &LoggedSlate) -> HashSet<ItemId> {
    slate.items.iter().map(|placed| placed.item.clone()).collect()
}

impl Shadows {
    /// Begins without slates.
    pub fn new(window_ms: i64) -> Self {
        Self { window_ms, pairs: HashMap::new(), swept: 0, counts: BTreeMap::new() }
    }

    /// Takes both slates of an answer.
    pub fn add(&mut self, served: &LoggedSlate, shadow: &LoggedSlate) {
        let versions = (served.version.clone(), shadow.version.clone());
        let (at_ms, own, others) = (served.timestamp_ms, items(served), items(shadow));
        let counts = self.counts.entry(versions.clone()).or_default();
        counts.slates += 1;
        counts.items += own.len() as u64;
        counts.shared_items += own.intersection(&others).count() as u64;
        if self.pairs.len() > 2 * self.swept.max(1000) {
            self.pairs.retain(|_, pair| at_ms.saturating_sub(pair.at_ms) <= self.window_ms);
            self.swept = self.pairs.len();
        }
        let pair = Pair { at_ms, versions, served: own, shadow: others, done: HashSet::new() };
        self.pairs.insert(served.user.clone(), pair);
    }

    /// Takes an event.
    pub fn happened(&mut self, event: &Event) {
        let (Some(outcome), Some(pair)) = (Outcome::of(&event.kind), self.pairs.get_mut(&event.user)) else { return };
        let since_ms = event.timestamp_ms.saturating_sub(pair.at_ms);
        if !(0..=self.window_ms).contains(&since_ms) || !pair.done.insert((event.item.clone(), outcome)) {
            return;
        }
        let found = &mut self.counts.entry(pair.versions.clone()).or_default().outcomes[outcome as usize];
        *match (pair.served.contains(&event.item), pair.shadow.contains(&event.item)) {
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

    use super::*;

    fn user(name: &str) -> UserId {
        UserId::new(name).expect("an id")
    }

    fn slate(of: &str, version: &str, role: Role, timestamp_ms: i64, ids: &[&str]) -> LoggedSlate {
        let item = |id: &&str| LoggedItem {
            item: ItemId::new(*id).expect("an id"),
            score: 1.0,
            sources: Vec::new(),
            propensity: None,
        };
        let items = ids.iter().map(item).collect();
        let (version, user) = (version.into(), user(of));
        LoggedSlate {
            recommendation_id: "r".into(),
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

    #[test]
    fn what_users_do_counts_for_the_slate_that_had_it_within_the_window_and_once() {
        let mut shadows = Shadows::new(100);
        let pair = |of: &str, at_ms, served: &[&str], own: &[&str]| {
            (slate(of, "v1", Role::Served, at_ms, served), slate(of, "v2", Role::Shadow, at_ms, own))
        };
        let (served, own) = pair("u", 10, &["a", "b"], &["b", "c"]);
        shadows.add(&served, &own);
        let view = |of: &str, id: &str, at_ms| event(of, id, KindName::VIEW, at_ms);
        for seen in [
            view("u", "a", 9),
            view("u", "a", 10),
            view("u", "a", 20),
            view("u", "b", 30),
            view("u", "c", 40),
            view("u", "d", 110),
            view("u", "e", 111),
            view("w", "a", 30),
            event("u", "c", KindName::ADD_TO_CART, 50),
            event("u", "c", KindName::new("like").expect("a name"), 50),
        ] {
            shadows.happened(&seen);
        }
        let (served, own) = pair("u", 60, &["x"], &[]);
        shadows.add(&served, &own);
        shadows.happened(&view("u", "c", 70));
        let ends = shadows.end();
        let clicks = Found { both: 1, served_alone: 1, shadow_alone: 1, neither: 2 };
        let carts = Found { shadow_alone: 1, ..Found::default() };
        let (served, shadow, purchases) = ("v1".to_owned(), "v2".to_owned(), Found::default());
        let beside = Beside { served, shadow, slates: 2, items: 3, shared_items: 1, clicks, carts, purchases };
        assert_eq!(ends, [beside]);
    }

    #[test]
    fn pairs_whose_window_is_over_leave() {
        let mut shadows = Shadows::new(100);
        for at_ms in 0..5000 {
            let of = format!("u{at_ms}");
            let [served, own] =
                [Role::Served, Role::Shadow].map(|role| slate(&of, "v", role, i64::from(at_ms), &["a"]));
            shadows.add(&served, &own);
        }
        assert!(shadows.pairs.len() <= 2002, "{}", shadows.pairs.len());
        assert_eq!(shadows.end()[0].slates, 5000);
    }
}
