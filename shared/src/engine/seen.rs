//! Which items of a user's past a query keeps out, by the kinds of their events and by when they were.
//!
//! Of the events beyond the history it is known whether one of them bought the item, but not when: each counts as the
//! latest that it can have been ([`crate::engine::state::UserState::seen_until_ms`]), so that what might have to stay
//! out stays out.

use std::sync::Arc;

use crate::contract::kind::{KindIdx, KindName, Kinds};
use crate::contract::seen::{Seen, SeenPolicy};

const DAY_MS: i64 = 24 * 3600 * 1000;

/// A seen policy in the kinds of one version. Whatever the policy, a blocked item is kept out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeenRule {
    /// By a word.
    Word(Seen),
    /// For so long after an event of a kind, in milliseconds by the kind's row; 0: not at all.
    For(Arc<[i64]>),
    /// No policy: nothing is kept out, not even what is blocked. So it is with a list that the shop gives.
    Nothing,
}

impl SeenRule {
    /// The rule of a policy; of kinds that the version does not have, there is no event.
    #[must_use]
    pub fn of(policy: &SeenPolicy, kinds: &Kinds) -> Self {
        match policy {
            SeenPolicy::Word(word) => Self::Word(*word),
            SeenPolicy::Days(days) => {
                let of_kind = |name: &KindName| days.get(name).map_or(0, |&days| i64::from(days) * DAY_MS);
                Self::For(kinds.iter().map(|(_, kind)| of_kind(&kind.name)).collect())
            }
        }
    }

    /// Whether an event of the user's past keeps its item out of slates.
    #[must_use]
    pub fn keeps_out(&self, kinds: &Kinds, kind: KindIdx, at_ms: i64, now_ms: i64) -> bool {
        match self {
            Self::Nothing => false,
            Self::Word(word) => rules_out(*word, kinds, kind),
            Self::For(times) => {
                kinds.blocks(kind) || times[kind.at()] > 0 && now_ms.saturating_sub(at_ms) < times[kind.at()]
            }
        }
    }
}

/// The kinds of a policy that a version does not have.
pub fn unknown_kinds<'a>(policy: &'a SeenPolicy, kinds: &'a Kinds) -> impl Iterator<Item = &'a KindName> {
    let days = if let SeenPolicy::Days(days) = policy { Some(days) } else { None };
    days.into_iter().flat_map(|days| days.keys()).filter(|name| kinds.index(name.as_str()).is_none())
}

/// Whether a word keeps an item out of slates because of an event of this kind in the user's past; a blocked item is
/// kept out by every word.
#[must_use]
pub fn rules_out(seen: Seen, kinds: &Kinds, kind: KindIdx) -> bool {
    kinds.blocks(kind)
        || match seen {
            Seen::Allow => false,
            Seen::ExcludePurchased => kinds.buys(kind),
            Seen::ExcludeAll => true,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_keeps_its_item_out_for_the_days_of_its_kind() {
        let (kinds, policy) = (Kinds::default(), "transaction:2,gift:9".parse().expect("a policy"));
        let rule = SeenRule::of(&policy, &kinds);
        let keeps_out =
            |kind: &str, at_ms| rule.keeps_out(&kinds, kinds.index(kind).expect("built in"), at_ms, 10 * DAY_MS);
        assert!(keeps_out("transaction", 8 * DAY_MS + 1) && !keeps_out("transaction", 8 * DAY_MS));
        assert!(!keeps_out("view", 10 * DAY_MS), "a kind that is not named keeps nothing out");
        assert!(keeps_out("hide", 0), "a blocked item is always kept out");
        assert!(keeps_out("transaction", i64::MAX) && !keeps_out("transaction", i64::MIN), "times may be unknown");
        assert_eq!(unknown_kinds(&policy, &kinds).map(KindName::as_str).collect::<Vec<_>>(), ["gift"]);
    }
}
