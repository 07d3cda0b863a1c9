//! What became of an item: its place, what had a say in it, and why it is not in the slate.

use super::refusal::Refusal;
use super::trail::Tracker;
use super::witness::Said;
use super::{Absent, Effect, Why};
use crate::contract::id::ItemIdx;
use crate::engine::rules::Bury;
use crate::engine::slate::{Pick, Placed, Query};

/// What an item is explained by.
pub(super) struct Judge<'a> {
    pub query: &'a Query,
    pub now_ms: i64,
    pub slate: &'a [Pick],
    /// The longest slate.
    pub order: &'a [Pick],
    pub tracker: &'a Tracker,
}

impl Judge<'_> {
    pub fn why(&self, item: ItemIdx, said: Said, refusal: Option<Refusal>) -> Why {
        let at = self.slate.iter().position(|pick| pick.item == item);
        let by_rules = self.order.iter().position(|pick| pick.item == item).map(|at| at + 1);
        let own = self.slate.iter().chain(self.order).find(|pick| pick.item == item);
        let effects = self.effects(item, own);
        let absent = match at {
            Some(_) => None,
            None => Some(self.absent(refusal, &effects, by_rules, said.by_blend)),
        };
        let Said { sources, blended, by_blend, ranking, by_ranker, because, before_rules } = said;
        let place = at.map(|at| at + 1);
        Why {
            item,
            place,
            absent,
            sources,
            blended,
            by_blend,
            ranking,
            by_ranker,
            before_rules,
            by_rules,
            because,
            effects,
        }
    }

    fn absent(
        &self,
        refusal: Option<Refusal>,
        effects: &[Effect],
        by_rules: Option<usize>,
        by_blend: Option<usize>,
    ) -> Absent {
        let last = |effect: &Effect| match *effect {
            Effect::HeldBack { rule, value } => Some(Absent::HeldBack { rule, value }),
            Effect::Buried { rule } => Some(Absent::Buried { rule }),
            _ => None,
        };
        match (refusal, by_rules) {
            (Some(refusal), _) => Absent::Refused(refusal),
            (None, Some(place)) if place <= self.query.k => Absent::GaveWay,
            _ => match effects.iter().rev().find_map(last) {
                Some(absent) => absent,
                None if by_blend.is_none() => Absent::NotProposed,
                None => Absent::Below,
            },
        }
    }

    /// * `own`: the item in the slate, or in the longest.
    fn effects(&self, item: ItemIdx, own: Option<&Pick>) -> Vec<Effect> {
        let placed = own.map(|pick| pick.placed);
        let mut effects = Vec::new();
        if placed == Some(Placed::Together) {
            effects.push(Effect::Together(own.and_then(|pick| pick.because)));
        }
        if let Some(rules) = self.query.rules.as_deref() {
            let boosts = rules.boosts.iter().enumerate();
            let boosts = boosts.filter(|(_, boost)| boost.during.contains(&self.now_ms) && boost.items.contains(item));
            effects.extend(boosts.map(|(rule, boost)| Effect::Boosted { rule, factor: boost.factor, add: boost.add }));
        }
        let left = self.query.decays.iter().filter(|decay| decay.item == item).map(|decay| decay.left);
        effects.extend(left.reduce(f32::min).map(Effect::Decayed));
        if let Some(rules) = self.query.rules.as_deref() {
            let holds = |bury: &Bury| bury.during.contains(&self.now_ms) && bury.items.contains(item);
            effects.extend(rules.buries.iter().position(holds).map(|rule| Effect::Buried { rule }));
        }
        effects.extend(self.tracker.held_back.get(&item).map(|&(rule, value)| Effect::HeldBack { rule, value }));
        match (placed, own.and_then(|pick| pick.propensity)) {
            (Some(Placed::Pinned), _) => effects.push(Effect::Pinned),
            (Some(Placed::Explored), Some(propensity)) => effects.push(Effect::Explored(propensity)),
            _ => {}
        }
        effects
    }
}
