//! Why an item is in a slate, or is not: the answer is made again by the functions that serve it, and what they say on
//! the way is noted.
//!
//! ```text
//! question ─▶ recommend, watched ─▶ the slate, and its way (trail)
//!          ─▶ recommend of the longest slate, watched ─▶ places before and after the ranker, sources, contributions
//! ```
//!
//! In: a question, and some items. Out: the slate, its way, and for each item its places and what gave it them. What is
//! retrieved and ranked does not depend on `k`, so that the longest slate has the places of what is further down.
//!
//! What the ranker's features add are exact Shapley values ([`crate::engine::rank::contributions`]). The base that they
//! start from is the mean score of the candidates of the question, so that they say why an item stands before the others:
//! what all candidates share, such as the hour, adds nothing. Cost: two answers, a pass over the catalogue, and for each
//! item its contributions: some 600,000 multiplications for 400 trees of depth 6.

mod judge;
mod refusal;
mod trail;
mod witness;
pub mod words;

use hashbrown::HashMap;

use crate::contract::api::MAX_K;
use crate::contract::id::ItemIdx;
use crate::contract::source::Source;
use crate::engine::recommend::{Moment, Scratch, models, recommend_watched};
use crate::engine::rules::Rules;
use crate::engine::slate::{Query, Slate};
use crate::engine::snapshot::Snapshot;
use crate::engine::state::UserState;
use crate::engine::values::Value;
use crate::tables::Step;
use judge::Judge;
pub use refusal::{Refusal, refusal};
use trail::{End, Timed, Tracker};
pub use trail::{Part, Passed, Proposed, Refused, Trail};
use witness::Witness;

/// A slate, its way, and why some items are in it or not.
#[derive(Debug)]
pub struct Explained {
    /// The slate.
    pub slate: Slate,
    /// How it came about.
    pub trail: Trail,
    /// The items that were asked for, in that order.
    pub items: Vec<Why>,
}

/// Why an item is where it is. Places count from 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Why {
    /// The item.
    pub item: ItemIdx,
    /// Its place in the slate.
    pub place: Option<usize>,
    /// Why it is not in the slate, if it is not.
    pub absent: Option<Absent>,
    /// What the sources say of it, what adds most to the blend first.
    pub sources: Vec<SourceShare>,
    /// Its blended score: what the sources add.
    pub blended: Option<f32>,
    /// Its place by the blend, before the ranker, among all candidates.
    pub by_blend: Option<usize>,
    /// What the ranker says of it, if it got there.
    pub ranking: Option<Ranking>,
    /// Its place after the ranker; what the ranker did not get comes after what it ranked. As all places that follow,
    /// missing beyond the longest slate.
    pub by_ranker: Option<usize>,
    /// Its place before the rules, which come after what is bought with the basket and after what sources have when they
    /// are asked for more.
    pub before_rules: Option<usize>,
    /// Its place after the rules, where nothing is explored.
    pub by_rules: Option<usize>,
    /// The item of the history or the basket that says most for it.
    pub because: Option<ItemIdx>,
    /// What else had a say in its place, in that order.
    pub effects: Vec<Effect>,
}

/// What a source says of an item.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SourceShare {
    /// The source.
    pub source: Source,
    /// Its own score.
    pub score: f32,
    /// Its weight in the blend.
    pub weight: f32,
    /// What it adds to the blended score: weight · score / its best score.
    pub adds: f32,
    /// That as a share of what all add, sizes counted: from -1 to 1.
    pub share: f32,
    /// Whether the item is among its best.
    pub proposed: bool,
}

/// What the ranker says of an item.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// What ranked it.
    pub step: Step,
    /// Its score, as log-odds: the base and what the features add.
    pub score: f64,
    /// The mean score of all candidates that were ranked.
    pub base: f64,
    /// The score of the slate: a probability, and no higher than that of the last item that all of the ranker scored.
    pub probability: f32,
    /// What the features add, the largest sizes first; those that add nothing are left out.
    pub features: Vec<Feature>,
}

/// What a feature adds.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// Its value for the item; `None` if that is missing.
    pub value: Option<f32>,
    /// What it adds to the score.
    pub log_odds: f64,
}

/// What has a say in an item's place beside its score. Rules are named by their places in [`Rules`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Effect {
    /// It is bought with this item of the basket.
    Together(Option<ItemIdx>),
    /// Its score is changed.
    Boosted {
        /// The boost.
        rule: usize,
        /// The factor.
        factor: f32,
        /// What is added to the product.
        add: f32,
    },
    /// The user was served it lately: so much is left of its score.
    Decayed(f32),
    /// It comes after everything else.
    Buried {
        /// The rule.
        rule: usize,
    },
    /// Enough items before it have this value.
    HeldBack {
        /// The cap.
        rule: usize,
        /// The value.
        value: Value,
    },
    /// A rule gave it the place.
    Pinned,
    /// It was drawn from the new items, and is at this place with this probability.
    Explored(f32),
}

/// Why an item is not in a slate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Absent {
    /// It may not be in it, whatever its score.
    Refused(Refusal),
    /// Its place is further down.
    Below,
    /// No source has it among its best.
    NotProposed,
    /// A cap held it back, and others took its place.
    HeldBack {
        /// The cap.
        rule: usize,
        /// The value of which there are enough.
        value: Value,
    },
    /// A rule puts it after everything else.
    Buried {
        /// The rule.
        rule: usize,
    },
    /// Its place went to a new item.
    GaveWay,
}

/// Explains a slate.
///
/// * `of`: the items to explain; `None`: those of the slate.
pub fn explain(
    snapshot: &Snapshot,
    state: &UserState,
    query: &Query,
    of: Option<&[ItemIdx]>,
    now_ms: i64,
    scratch: &mut Scratch,
) -> Explained {
    let models = models(snapshot, state, query);
    let (tracker, slate, timed) = served(snapshot, state, query, now_ms, scratch);
    let of_slate: Vec<ItemIdx> = slate.picks.iter().map(|pick| pick.item).collect();
    let of = of.unwrap_or(&of_slate);

    let mut witness = Witness::new(of, models);
    let longest = Query { k: query.k.max(MAX_K), rules: without_exploring(query), ..query.clone() };
    let hear = &mut |moment: Moment<'_>| witness.hear(moment);
    let order = recommend_watched(snapshot, state, &longest, now_ms, scratch, hear).picks;
    let said = witness.said;

    let filter = scratch.filter(snapshot, state, query, now_ms);
    let refusal = |item: ItemIdx| refusal(snapshot, state, query, filter, item, now_ms);
    let judge = Judge { query, now_ms, slate: &slate.picks, order: &order, tracker: &tracker };
    let items = of.iter().zip(said).map(|(&item, said)| judge.why(item, said, refusal(item))).collect();
    let end = end(snapshot, slate.picks.len(), refusal);
    let mut trail = tracker.trail(snapshot, |source| models.0.get(source), end, &timed);
    trail.passed.retain(|passed| match passed.part {
        Part::Together => !query.basket.is_empty(),
        Part::Extend => passed.got != passed.left,
        _ => true,
    });
    Explained { slate, trail, items }
}

/// Makes the slate, and follows it.
fn served(
    snapshot: &Snapshot,
    state: &UserState,
    query: &Query,
    now_ms: i64,
    scratch: &mut Scratch,
) -> (Tracker, Slate, Timed) {
    let kept = models(snapshot, state, query).1.and_then(|ranker| ranker.kept());
    let mut tracker = Tracker::default();
    scratch.stopwatch.start();
    scratch.sources().start();
    let hear = &mut |moment: Moment<'_>| tracker.hear(kept, &moment);
    let slate = recommend_watched(snapshot, state, query, now_ms, scratch, hear);
    let stages = scratch.stopwatch.stop().unwrap_or_default();
    let timed = Timed { stages, sources: scratch.sources().stop().unwrap_or_default() };
    tracker.end();
    (tracker, slate, timed)
}

/// The rules of a query but for what they explore.
fn without_exploring(query: &Query) -> Option<std::sync::Arc<Rules>> {
    let rules = query.rules.as_ref()?;
    match rules.explore {
        Some(_) => Some(Rules { explore: None, ..(**rules).clone() }.into()),
        None => Some(rules.clone()),
    }
}

/// Counts what is refused.
fn end(snapshot: &Snapshot, slate: usize, refusal: impl Fn(ItemIdx) -> Option<Refusal>) -> End {
    let mut counts: HashMap<Refused, usize> = HashMap::new();
    let items = snapshot.items().len();
    for refusal in (0..items as u32).filter_map(|item| refusal(ItemIdx(item))) {
        *counts.entry(refusal.into()).or_default() += 1;
    }
    let mut refused: Vec<(Refused, usize)> = counts.into_iter().collect();
    refused.sort_unstable();
    let admitted = items - refused.iter().map(|(_, count)| count).sum::<usize>();
    End { refused, admitted, slate }
}
