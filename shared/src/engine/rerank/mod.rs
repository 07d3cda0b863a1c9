//! Applies the rules of a shop to what was ranked.
//!
//! ```text
//! ranked ─▶ boost ─▶ decay ─▶ cap ─▶ pin ─▶ explore ─▶ slate
//!                              └ what is not buried: ranked, popular, held back by caps; then the same of what is buried
//! ```
//!
//! Each choice but that of [`explore`] depends on those before it alone, so that the first ten of fifty are the slate
//! of ten; and none refuses an item for good, so that the slate is as full as without rules. Cost: a look at each
//! ranked item for each rule, and at what fills the slate.

mod boost;
pub mod cap;
pub mod decay;
pub mod explore;
mod pin;

use cap::Caps;

use crate::contract::id::ItemIdx;
use crate::engine::filter::Filter;
use crate::engine::rules::{Bury, Rules};
use crate::engine::slate::{Decay, Pick};
use crate::engine::snapshot::Snapshot;

/// What rules are applied to, beside what was ranked.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The version.
    pub snapshot: &'a Snapshot,
    /// The number of items.
    pub k: usize,
    /// What was served lately.
    pub decays: &'a [Decay],
    /// What draws the places and items to explore, see [`explore::seed`].
    pub seed: u64,
    /// The time of the query, milliseconds since the epoch.
    pub now_ms: i64,
}

/// The first `k` items of the order that rules make of ranked ones.
///
/// * `ranked`: best first; more than `k`, where rules are to lift what is further down.
/// * `filter`: admits what fills the slate.
/// * `watch`: is told of each item that a cap holds back.
pub fn apply(
    rules: &Rules,
    wanted: Wanted<'_>,
    ranked: Vec<Pick>,
    filter: &mut Filter,
    watch: &mut impl FnMut(ItemIdx, &Caps<'_>),
) -> Vec<Pick> {
    let Wanted { snapshot, k, decays, seed, now_ms } = wanted;
    let new = rules.explore.as_ref().map(|explore| explore::admitted(explore, |item| filter.admits(snapshot, item)));
    let pins = pin::admitted(&rules.pins, now_ms, |item| filter.admits(snapshot, item));
    let mut ranked = decay::apply(decays, boost::apply(&rules.boosts, now_ms, ranked));
    ranked.retain(|pick| pins.iter().all(|pin| pin.item != pick.item));
    filter.refuse(ranked.iter().map(|pick| pick.item).chain(pins.iter().map(|pin| pin.item)));

    let buries: Vec<&Bury> = rules.buries.iter().filter(|bury| bury.during.contains(&now_ms)).collect();
    let is_buried = |item: ItemIdx| buries.iter().any(|bury| bury.items.contains(item));
    let mut caps = Caps::new(&rules.caps, snapshot);
    pins.iter().for_each(|pin| caps.count(pin.item));
    let filter = &*filter;
    let mut others = Vec::with_capacity(k);
    for buried in [false, true] {
        let ranked = ranked.iter().copied().filter(|pick| is_buried(pick.item) == buried);
        let popular = filter.popular(snapshot).filter(|&item| is_buried(item) == buried);
        let popular = popular.map(|item| Pick::popular(item, 0.0));
        cap::fill(&mut others, k, &mut caps, ranked.chain(popular), watch);
    }
    let mut slate = pin::place(&pins, others, k);
    if let Some((explore, mut new)) = rules.explore.as_ref().zip(new) {
        new.retain(|&item| !is_buried(item));
        explore::place(explore.share, new, seed, &mut slate);
    }
    slate
}
