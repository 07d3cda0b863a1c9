//! What the ranker knows of each candidate: the ONE function that builds their rows, for training and for serving.
//!
//! In: a question with its candidates. Out: a matrix, a row a candidate, a column a name of [`crate::schema`].
//! Columns that the ranker does not look at stay missing. Cost: one pass over the candidates per wanted column, and the
//! neighbours of the last three items.

mod context;
mod item;
mod own;
mod pairs;
mod sources;

use std::ops::Range;

use crate::id::ItemIdx;
use crate::matrix::Matrix;
use crate::params::{Relation, Source};
use crate::retrieve::accumulator::Marks;
use crate::retrieve::{Candidate, Candidates};
use crate::schema::Wanted;
use crate::snapshot::Snapshot;
use crate::state::Interaction;

/// A candidate that is to be described: its row among the candidates and its blended score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// The row in [`Candidates::rows`].
    pub row: u32,
    /// The blended score.
    pub blended: f32,
}

/// What rows are built from.
pub struct Question<'a> {
    /// The tables.
    pub snapshot: &'a Snapshot,
    /// What the sources proposed.
    pub candidates: &'a Candidates,
    /// The candidates to describe, best first by the blend.
    pub ranked: &'a [Ranked],
    /// The user's history, oldest first, with the page they are on.
    pub history: &'a [Interaction],
    /// The time of the question, milliseconds since the epoch.
    pub now_ms: i64,
}

impl<'a> Question<'a> {
    fn candidate(&self, at: usize) -> &'a Candidate {
        &self.candidates.rows[self.ranked[at].row as usize]
    }

    fn item(&self, at: usize) -> ItemIdx {
        self.candidate(at).item
    }

    /// The blended score of the best candidate that the user did not have.
    fn best_new(&self) -> f32 {
        let own = |item: ItemIdx| self.candidates.recent.iter().any(|recent| recent.item == item);
        let best = (0..self.ranked.len()).find(|&at| !own(self.item(at)));
        best.map_or(f32::NAN, |at| self.ranked[at].blended.max(f32::MIN_POSITIVE))
    }
}

/// Fills one column after the other, but for those that nobody wants.
struct Columns<'a> {
    matrix: &'a mut Matrix,
    wanted: &'a Wanted,
    next: usize,
}

impl Columns<'_> {
    /// Fills the next column, row by row.
    fn push(&mut self, value: impl Fn(usize) -> f32) {
        if self.wants(self.next..self.next + 1) {
            for (row, slot) in self.matrix.column_mut(self.next).iter_mut().enumerate() {
                *slot = value(row);
            }
        }
        self.next += 1;
    }

    /// Whether one of the columns is wanted.
    fn wants(&self, columns: Range<usize>) -> bool {
        self.wanted.any(columns)
    }

    /// Fills the next column with one value.
    fn fill(&mut self, value: f32) {
        self.matrix.column_mut(self.next).fill(value);
        self.next += 1;
    }

    /// The next columns, missing until they are set.
    fn reserve(&mut self, columns: usize) -> Range<usize> {
        self.next += columns;
        self.next - columns..self.next
    }
}

/// Buffers of one thread, to be reused between requests.
#[derive(Debug, Default)]
pub struct FeatureScratch {
    slots: Marks,
}

/// How many features there are.
pub const COUNT: usize = Source::COUNT * crate::schema::OF_SOURCE.len()
    + Source::SUMMED.len() * crate::schema::OF_SUM.len()
    + crate::schema::NEAREST.len()
    + crate::schema::BLEND.len()
    + crate::schema::PLACES.len() * Relation::ALL.len() * crate::schema::OF_PAIR.len()
    + crate::schema::COSINES.len()
    + 1
    + crate::schema::OWN.len()
    + crate::schema::ITEM.len()
    + crate::schema::SESSION.len()
    + crate::schema::USER.len()
    + crate::schema::CONTEXT.len()
    + crate::schema::Statistic::ALL.len();

/// Builds the rows of the question's candidates, with the columns that are wanted.
pub fn build(question: &Question<'_>, wanted: &Wanted, scratch: &mut FeatureScratch, matrix: &mut Matrix) {
    let FeatureScratch { slots } = scratch;
    slots.reset(question.snapshot.items().len());
    for at in 0..question.ranked.len() {
        slots.insert(question.item(at), at);
    }
    matrix.reset(question.ranked.len(), COUNT);
    let mut columns = Columns { matrix, wanted, next: 0 };
    sources::fill(question, &mut columns);
    pairs::fill(question, slots, &mut columns);
    own::fill(question, slots, &mut columns);
    item::fill(question, &mut columns);
    context::fill(question, &mut columns);
    item::fill_statistics(question, &mut columns);
    debug_assert_eq!(columns.next, COUNT);
}
