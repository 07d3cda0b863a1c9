//! Which slate led to an event: the last one that showed the item to the user, within a window before it.
//!
//! ```text
//! served (a slate) ─┐
//! shown (which items were seen) ─┼─▶ slates of the window ─▶ settled: what became of each item
//! happened (an event) ─┘                    └─▶ the touch: slate, position, outcome
//! ```
//!
//! In: what happened, about in the order of time; times are arguments. Out: for each event the item of the slate that it is
//! due to, and each slate with what became of it once no event can be due to it any more. An event that names its slate is due
//! to that one or to none. One that names none goes by its own time; if no slate had shown the item by then, as where a client's
//! clock is behind, by the time of its arrival, if that is near. Each item of a slate is clicked, put into the cart and bought
//! once at most.
//!
//! Memory: the slates of the window, bounded by their items, with one more for each slate; the oldest leave first. An
//! event costs a look-up and a binary search among the slates that showed the item to the user.

mod index;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::contract::event::Event;
use crate::contract::id::{ItemId, UserId};
use crate::contract::impression::Impression;
use crate::contract::kind::KindName;
use crate::contract::slate_log::LoggedSlate;

use index::Index;

/// How far the clock of a client may be behind: two minutes.
const BEHIND_MS: i64 = 120_000;

/// What counts as shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// Every item of a slate that was served.
    #[default]
    Served,
    /// Items that an impression names, and those of which an event names the slate: who clicks on an item has seen it.
    Reported,
}

/// What a user may do with an item that was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// A `view`: they looked at its page.
    Click,
    /// An `addtocart`.
    Cart,
    /// A `transaction`.
    Purchase,
}

impl Outcome {
    /// All of them, in the order of [`Fate::outcomes_ms`].
    pub const ALL: [Self; 3] = [Self::Click, Self::Cart, Self::Purchase];

    /// The outcome that an event of a kind is; `None` for other kinds.
    #[must_use]
    pub fn of(kind: &KindName) -> Option<Self> {
        let kinds = [KindName::VIEW, KindName::ADD_TO_CART, KindName::TRANSACTION];
        kinds.iter().position(|known| known == kind).map(|at| Self::ALL[at])
    }

    /// Its name: `click`, `cart` or `purchase`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Click => "click",
            Self::Cart => "cart",
            Self::Purchase => "purchase",
        }
    }
}

/// How events are attributed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long after a slate an event may be due to it, milliseconds.
    pub window_ms: i64,
    /// What counts as shown.
    pub shown: Shown,
    /// The most items of slates that are kept, about half a kilobyte each. A slate counts as one more, since one
    /// without items takes memory too. The last slate is kept whatever its length.
    pub max_items: usize,
}

/// What became of an item of a slate. Times are milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fate {
    /// When it was shown; `None` if it does not count as shown.
    pub shown_ms: Option<i64>,
    /// When each outcome happened, in the order of [`Outcome::ALL`].
    pub outcomes_ms: [Option<i64>; Outcome::ALL.len()],
}

/// A slate, and what became of its items.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// The slate.
    pub slate: LoggedSlate,
    /// One for each item, in their order.
    pub fates: Vec<Fate>,
}

/// Items of a slate that were shown now, and not before.
#[derive(Debug, PartialEq)]
pub struct NewlyShown<'a> {
    /// The slate.
    pub slate: &'a LoggedSlate,
    /// The positions of the items, from 0.
    pub positions: Vec<usize>,
}

/// The item of a slate that an event is due to.
#[derive(Debug, PartialEq)]
pub struct Touch<'a> {
    /// The slate.
    pub slate: &'a LoggedSlate,
    /// The position of the item, from 0.
    pub position: usize,
    /// What happened.
    pub outcome: Outcome,
    /// Whether the event itself is what says that the item was shown.
    pub is_first_shown: bool,
}

/// What an event is due to.
#[derive(Debug, PartialEq)]
pub enum Due<'a> {
    /// A slate: the event is the first of its outcome for this item of it.
    Touch(Touch<'a>),
    /// A slate that had this outcome of the item already.
    Again,
    /// No slate: none showed the item to the user, or the one that it names did not, within the window.
    Nothing,
    /// A slate that it names and that is not known: another replica's, one that has left, or none at all.
    Unknown,
    /// It is no outcome.
    NoOutcome,
}

/// The slates of a window, and what became of them so far.
#[derive(Debug)]
pub struct Attribution {
    settings: Settings,
    /// In the order in which they came; numbers ascend by 1 from `first`. Nothing is left of those of users who are forgotten.
    slates: VecDeque<Option<Settled>>,
    first: u64,
    items: usize,
    by_id: HashMap<Box<str>, u64>,
    index: Index,
}

impl Attribution {
    /// Begins without slates.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let (slates, by_id, index) = (VecDeque::new(), HashMap::new(), Index::default());
        Self { settings, slates, first: 0, items: 0, by_id, index }
    }

    /// A slate that is kept.
    #[must_use]
    pub fn slate(&self, id: &str) -> Option<&LoggedSlate> {
        let number = self.by_id.get(id)?;
        self.slates[(number - self.first) as usize].as_ref().map(|held| &held.slate)
    }

    /// How many items of slates are kept.
    #[must_use]
    pub fn items(&self) -> usize {
        self.items
    }

    /// Adds a slate; one that is known by its id is passed over. Returns those that have to leave for it.
    pub fn served(&mut self, slate: LoggedSlate) -> Vec<Settled> {
        if self.by_id.contains_key(&slate.recommendation_id) {
            return Vec::new();
        }
        let number = self.first + self.slates.len() as u64;
        self.by_id.insert(slate.recommendation_id.clone(), number);
        self.items += slate.items.len();
        let mut fates = vec![Fate::default(); slate.items.len()];
        if self.settings.shown == Shown::Served {
            for (position, fate) in fates.iter_mut().enumerate() {
                fate.shown_ms = Some(slate.timestamp_ms);
                self.index.add(&slate, number, position);
            }
        }
        self.slates.push_back(Some(Settled { slate, fates }));
        let mut left = Vec::new();
        while self.items + self.by_id.len() > self.settings.max_items && self.slates.len() > 1 {
            left.extend(self.leave());
        }
        left
    }

    /// Notes which items of a slate were seen; `None` where every item that is served counts as shown, and for a slate that
    /// is not known, or not of the window.
    pub fn shown(&mut self, impression: &Impression) -> Option<NewlyShown<'_>> {
        if self.settings.shown == Shown::Served {
            return None;
        }
        let number = *self.by_id.get(&*impression.recommendation_id)?;
        let held = self.slates[(number - self.first) as usize].as_mut()?;
        if impression.timestamp_ms > ends_ms(&held.slate, &self.settings) {
            return None;
        }
        let mut positions = Vec::new();
        for item in &impression.items {
            let Some(position) = position_of(&held.slate, item) else { continue };
            if show(held, &mut self.index, number, position, impression.timestamp_ms) {
                positions.push(position);
            }
        }
        Some(NewlyShown { slate: &held.slate, positions })
    }

    /// Notes an event, and tells what it is due to.
    pub fn happened(&mut self, event: &Event) -> Due<'_> {
        let Some(outcome) = Outcome::of(&event.kind) else { return Due::NoOutcome };
        let number = match &event.recommendation_id {
            Some(id) => match self.by_id.get(&**id) {
                Some(&number) => number,
                None => return Due::Unknown,
            },
            None => match self.last(event) {
                Some(number) => number,
                None => return Due::Nothing,
            },
        };
        let Some(held) = self.slates[(number - self.first) as usize].as_mut() else { return Due::Nothing };
        // A time before the slate that is named is one of another clock.
        let is_near = event.timestamp_ms <= ends_ms(&held.slate, &self.settings);
        let Some(position) = position_of(&held.slate, &event.item).filter(|_| is_near) else { return Due::Nothing };
        let is_first_shown = show(held, &mut self.index, number, position, event.timestamp_ms);
        let at_ms = &mut held.fates[position].outcomes_ms[outcome as usize];
        if at_ms.is_some() {
            return Due::Again;
        }
        *at_ms = Some(event.timestamp_ms);
        Due::Touch(Touch { slate: &held.slate, position, outcome, is_first_shown })
    }

    /// The number of the last slate of the window that showed the item to the user before the event, by its own time; if none
    /// did, before it arrived, and no later than a clock may be behind.
    fn last(&self, event: &Event) -> Option<u64> {
        let last = |at_ms| {
            let number = self.index.last(&event.user, &event.item, at_ms)?;
            let held = self.slates[(number - self.first) as usize].as_ref()?;
            (event.timestamp_ms <= ends_ms(&held.slate, &self.settings)).then_some(number)
        };
        last(event.timestamp_ms).or_else(|| last(arrived_ms(event)))
    }

    /// Takes out the slates that no event from a time on can be due to, oldest first; all of them for the end of time.
    pub fn settle(&mut self, now_ms: i64) -> Vec<Settled> {
        let mut settled = Vec::new();
        let is_over = |held: &Settled| ends_ms(&held.slate, &self.settings) < now_ms;
        let count = self.slates.iter().take_while(|held| held.as_ref().is_none_or(is_over)).count();
        for _ in 0..count {
            settled.extend(self.leave());
        }
        settled
    }

    /// Forgets the slates of a user who was erased. Costs a pass over all of them.
    pub fn forget(&mut self, user: &UserId) {
        for slot in &mut self.slates {
            if let Some(held) = slot.take_if(|held| held.slate.user == *user) {
                self.items -= held.slate.items.len();
                self.by_id.remove(&held.slate.recommendation_id);
            }
        }
        self.index.forget(user);
    }

    /// Takes out the oldest slate; `None` if nothing was left of it.
    fn leave(&mut self) -> Option<Settled> {
        let held = self.slates.pop_front()?;
        let number = self.first;
        self.first += 1;
        let held = held?;
        self.items -= held.slate.items.len();
        self.by_id.remove(&held.slate.recommendation_id);
        for (position, _) in held.fates.iter().enumerate().filter(|(_, fate)| fate.shown_ms.is_some()) {
            self.index.remove(&held.slate, number, position);
        }
        Some(held)
    }
}

/// When an event happened at the latest: when it arrived, and no later than a clock may be behind.
#[must_use]
pub fn arrived_ms(event: &Event) -> i64 {
    event.received_ms.min(event.timestamp_ms.saturating_add(BEHIND_MS))
}

/// The last time at which an event may be due to a slate.
fn ends_ms(slate: &LoggedSlate, settings: &Settings) -> i64 {
    slate.timestamp_ms.saturating_add(settings.window_ms)
}

/// The position of an item; the first, if a slate has it twice.
fn position_of(slate: &LoggedSlate, item: &ItemId) -> Option<usize> {
    slate.items.iter().position(|placed| placed.item == *item)
}

/// Notes that an item was shown; returns whether that is news.
fn show(held: &mut Settled, index: &mut Index, number: u64, position: usize, at_ms: i64) -> bool {
    let shown_ms = &mut held.fates[position].shown_ms;
    if shown_ms.is_some() {
        return false;
    }
    *shown_ms = Some(at_ms);
    index.add(&held.slate, number, position);
    true
}
