//! What happens while a question is answered, told to who asks why an item is where it is. Otherwise nobody listens, and
//! nothing is done for it.

use crate::contract::id::ItemIdx;
use crate::engine::filter::Filter;
use crate::engine::question::Question;
use crate::engine::rank::features::Shortlist;
use crate::engine::rank::matrix::Matrix;
use crate::engine::rerank::cap::Caps;
use crate::engine::retrieve::Candidates;
use crate::engine::slate::Pick;

/// A moment of an answer; they come in this order, some of them perhaps not.
pub enum Moment<'a> {
    /// The sources have proposed candidates, of what the filter admits.
    Retrieved(&'a Question<'a>, &'a Candidates, &'a Filter),
    /// The ranker has ordered the blend's best, described by a row each: its picks, which may be fewer.
    Ranked(&'a Shortlist<'a>, &'a Matrix, &'a [Pick]),
    /// All candidates that are wanted are in order: those that the ranker did not rank come after the others.
    Ordered(&'a [Pick]),
    /// What is bought with the basket stands first.
    Together(&'a [Pick]),
    /// Sources were asked for more where the slate was short; with the candidates of the last time.
    Extended(&'a Candidates, &'a [Pick]),
    /// A cap of the rules holds an item back.
    HeldBack(ItemIdx, &'a Caps<'a>),
}

/// Listens to nothing.
pub(super) fn unseen(_: Moment<'_>) {}
