//! The way of a slate: what goes into each part of the engine and what comes out, and how long it takes.

use std::time::Duration;

use hashbrown::HashMap;

use super::refusal::Refusal;
use crate::contract::id::ItemIdx;
use crate::contract::source::Source;
use crate::engine::recommend::Moment;
use crate::engine::snapshot::Snapshot;
use crate::engine::stages::{Stage, Stopwatch};
use crate::engine::values::Value;

macro_rules! parts {
    ($($(#[$doc:meta])* $part:ident, $name:literal;)*) => {
        /// A part of the way of a slate, in their order.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Part {
            $($(#[$doc])* $part,)*
        }

        impl Part {
            /// All of them, with their names.
            pub const ALL: &[(Self, &str)] = &[$((Self::$part, $name),)*];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                Self::ALL[self as usize].1
            }
        }
    };
}

parts! {
    /// What may be in the slate: of the items of the catalogue those that nothing refuses.
    Filter, "filter";
    /// Of them the candidates: what any source has among its best.
    Retrieve, "retrieve";
    /// Of them those that are looked at: the blend's best, all of which get to the ranker.
    Blend, "blend";
    /// Of them those that all of the ranker scores; its first trees leave the others behind.
    Rank, "rank";
    /// The order: what the ranker did not get comes after, as far as that many are wanted.
    Order, "order";
    /// What is bought with the basket, before the others.
    Together, "together";
    /// What sources have when they are asked for more, behind.
    Extend, "extend";
    /// What the rules leave first, and what fills the slate.
    Rules, "rules";
}

/// What went into a part, and what came out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Passed {
    /// The part.
    pub part: Part,
    /// How many items it got.
    pub got: usize,
    /// How many it left.
    pub left: usize,
    /// How long it took.
    pub took: Duration,
}

/// What a source had.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Proposed {
    /// The source.
    pub source: Source,
    /// Its weight in the blend.
    pub weight: f32,
    /// How many candidates it proposed.
    pub items: usize,
    /// How long it took to find and score them.
    pub took: Duration,
}

/// The way of a slate.
#[derive(Debug, Clone, PartialEq)]
pub struct Trail {
    /// The sources that have a weight.
    pub sources: Vec<Proposed>,
    /// How many items of the catalogue are refused, by the reason that counts: each is counted once.
    pub refused: Vec<(Refused, usize)>,
    /// The parts that the slate went through.
    pub passed: Vec<Passed>,
    /// How many items the caps of the rules held back.
    pub held_back: usize,
}

/// A [`Refusal`] without its particulars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Refused {
    Unavailable,
    Blocked,
    Seen,
    InBasket,
    OnPage,
    Excluded,
    Filtered,
    OtherCategory,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unavailable { .. } => Self::Unavailable,
            Refusal::Blocked(_) => Self::Blocked,
            Refusal::Seen { .. } => Self::Seen,
            Refusal::InBasket => Self::InBasket,
            Refusal::OnPage => Self::OnPage,
            Refusal::Excluded => Self::Excluded,
            Refusal::Filtered => Self::Filtered,
            Refusal::OtherCategory => Self::OtherCategory,
        }
    }
}

/// Follows a slate.
#[derive(Default)]
pub(super) struct Tracker {
    /// What came out of each part, if the slate went through it.
    left: [Option<usize>; Part::COUNT],
    stopwatch: Stopwatch<{ Part::COUNT }>,
    /// The cap and the value that held back each of these items.
    pub held_back: HashMap<ItemIdx, (usize, Value)>,
    proposed: [u32; Source::COUNT],
}

/// What is timed of an answer by the engine itself.
pub(super) struct Timed {
    pub stages: [Duration; Stage::COUNT],
    pub sources: [Duration; Source::COUNT],
}

impl Tracker {
    /// Notes a moment. The ranker's own parts are timed by the engine.
    ///
    /// * `kept`: how many rows all of the ranker scores.
    pub fn hear(&mut self, kept: Option<usize>, moment: &Moment<'_>) {
        let mut left = |part: Part, items: usize| self.left[part as usize] = Some(items);
        match moment {
            Moment::Retrieved(_, candidates, _) => {
                left(Part::Retrieve, candidates.count());
                self.proposed = candidates.proposed;
            }
            Moment::Ranked(shortlist, ..) => {
                let rows = shortlist.ranked.len();
                left(Part::Blend, rows);
                left(Part::Rank, kept.unwrap_or(rows).min(rows));
            }
            Moment::Ordered(picks) => {
                left(Part::Order, picks.len());
                self.left[Part::Blend as usize].get_or_insert(picks.len());
                self.stopwatch.start();
            }
            Moment::Together(picks) => {
                left(Part::Together, picks.len());
                self.stopwatch.lap_at(Part::Together as usize);
            }
            Moment::Extended(_, picks) => {
                left(Part::Extend, picks.len());
                self.stopwatch.lap_at(Part::Extend as usize);
            }
            Moment::HeldBack(item, caps) => {
                self.held_back.extend(caps.full(*item).map(|full| (*item, full)));
            }
        }
    }

    /// Notes that the slate is made.
    pub fn end(&mut self) {
        self.stopwatch.lap_at(Part::Rules as usize);
    }

    /// The way of the slate.
    pub fn trail(mut self, snapshot: &Snapshot, weight: impl Fn(Source) -> f32, end: End, timed: &Timed) -> Trail {
        let of_parts = self.stopwatch.stop().unwrap_or_default();
        self.left[Part::Filter as usize] = Some(end.admitted);
        self.left[Part::Rules as usize] = Some(end.slate);
        let took = |part: Part| {
            let stage = |stage: Stage| timed.stages[stage as usize];
            match part {
                Part::Filter => stage(Stage::Question),
                Part::Retrieve => stage(Stage::Retrieve),
                Part::Blend => stage(Stage::Blend),
                Part::Rank => stage(Stage::Features) + stage(Stage::Rank),
                Part::Order => Duration::ZERO,
                Part::Together | Part::Extend | Part::Rules => of_parts[part as usize],
            }
        };
        let mut got = snapshot.items().len();
        let mut passed = Vec::with_capacity(Part::COUNT);
        for &(part, _) in Part::ALL {
            let Some(left) = self.left[part as usize] else { continue };
            passed.push(Passed { part, got, left, took: took(part) });
            got = left;
        }
        let weighted = Source::ALL.into_iter().filter(|&source| weight(source) > 0.0);
        let sources = weighted.map(|source| {
            let (at, weight) = (source.column(), weight(source));
            Proposed { source, weight, items: self.proposed[at] as usize, took: timed.sources[at] }
        });
        Trail { sources: sources.collect(), refused: end.refused, passed, held_back: self.held_back.len() }
    }
}

/// What is known of a way beside what happened on it.
pub(super) struct End {
    pub refused: Vec<(Refused, usize)>,
    pub admitted: usize,
    pub slate: usize,
}
