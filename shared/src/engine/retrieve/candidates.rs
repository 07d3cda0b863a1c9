//! The candidates of a question, and what every source says of each: a column of scores for each source.
//!
//! An item gets a row when the first source names it, unless the filter refuses it; both are decided once an item. It is a
//! candidate if it is among the best of a source. Sums of history items' contributions are kept in the order of the rows,
//! close together, so that they stay in the nearest cache whatever the size of the catalogue.

use crate::contract::id::ItemIdx;
use crate::contract::params::Weights;
use crate::contract::source::{Kind, Source, SourceSet};
use crate::engine::topk::Scored;

/// What is known of an item: nothing, that it is refused, or its row, counted from [`FIRST`].
type Place = u32;
const UNKNOWN: Place = 0;
const REFUSED: Place = 1;
const FIRST: Place = 2;

/// The place of each item of the catalogue among the candidates. Reused between requests: 4 bytes per item.
#[derive(Debug, Default)]
pub struct Places {
    places: Vec<Place>,
    /// The items that have a place, or are refused.
    known: Vec<ItemIdx>,
}

impl Places {
    /// Forgets everything, makes room for a catalogue of `items`, and refuses some of them.
    pub fn reset(&mut self, items: usize, refused: &[ItemIdx]) {
        for item in self.known.drain(..) {
            self.places[item.at()] = UNKNOWN;
        }
        self.places.resize(items, UNKNOWN);
        refused.iter().for_each(|item| self.places[item.at()] = REFUSED);
        self.known.extend_from_slice(refused);
    }
}

/// The contributions of history items to a candidate.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Contributions {
    /// The largest.
    pub strongest: f32,
    /// Which history item made it.
    pub from: u32,
    /// How many there were.
    pub count: u32,
}

/// The candidates that a source names, as they are found.
pub struct Pool<'a, F> {
    /// The items that are candidates.
    pub items: &'a mut Vec<ItemIdx>,
    /// Their places.
    pub places: &'a mut Places,
    /// Whether an item that is not refused already may be in the slate.
    pub admit: F,
}

impl<F: Fn(ItemIdx) -> bool> Pool<'_, F> {
    /// The row of an item, which becomes a candidate if it is admitted and is none yet.
    #[inline]
    pub fn row(&mut self, item: ItemIdx) -> Option<usize> {
        match self.places.places[item.at()] {
            UNKNOWN => self.enter(item),
            place => place.checked_sub(FIRST).map(|row| row as usize),
        }
    }

    #[cold]
    #[inline(never)]
    fn enter(&mut self, item: ItemIdx) -> Option<usize> {
        self.places.known.push(item);
        if !(self.admit)(item) {
            self.places.places[item.at()] = REFUSED;
            return None;
        }
        let row = self.items.len();
        self.places.places[item.at()] = FIRST + row as Place;
        self.items.push(item);
        Some(row)
    }

    /// Adds a contribution, greater than 0, of the history item `from`.
    #[inline]
    pub fn add(&mut self, sums: &mut Sums, item: ItemIdx, contribution: f32, from: u32) {
        let Some(row) = self.row(item) else { return };
        if row >= sums.scores.len() {
            sums.resize(self.items.len());
        }
        sums.scores[row] += contribution;
        let own = &mut sums.contributions[row];
        own.count += 1;
        if contribution > own.strongest {
            (own.strongest, own.from) = (contribution, from);
        }
    }
}

/// The summed contributions of one source, by the candidates' rows.
#[derive(Debug, Default)]
pub struct Sums {
    scores: Vec<f32>,
    contributions: Vec<Contributions>,
}

impl Sums {
    fn resize(&mut self, rows: usize) {
        self.scores.resize(rows, 0.0);
        self.contributions.resize(rows, Contributions::default());
    }

    /// Multiplies what was contributed to each candidate by a factor of the item.
    pub fn scale(&mut self, items: &[ItemIdx], factor: impl Fn(ItemIdx) -> f32) {
        for ((score, own), &item) in self.scores.iter_mut().zip(&mut self.contributions).zip(items) {
            if own.count > 0 {
                let factor = factor(item);
                *score *= factor;
                own.strongest *= factor;
            }
        }
    }

    fn clear(&mut self) {
        self.scores.clear();
        self.contributions.clear();
    }
}

/// The union of what the sources proposed. Kept between requests, so that its memory is.
#[derive(Debug, Default)]
pub struct Candidates {
    /// The items that a source named, in that order; those that are candidates are told by [`Candidates::proposed_by`].
    pub items: Vec<ItemIdx>,
    /// What each of [`Source::SUMMED`] adds up.
    sums: [Sums; Source::SUMMED.len()],
    /// The scores of the other sources, by [`Source::column`].
    others: [Vec<f32>; Source::COUNT],
    /// The sources that proposed each item.
    proposed_by: Vec<SourceSet>,
    /// A buffer.
    sorted: Vec<f32>,
    /// The best score of each source, 0 if it proposed nothing.
    pub best: [f32; Source::COUNT],
    /// How many candidates each source proposed.
    pub proposed: [u32; Source::COUNT],
    /// [`super::repeat::OwnItems::chance`]; missing without the source `repeat` or its model.
    pub repeat_chance: f32,
    /// The total weight of the nearest past sessions of `session_knn`.
    pub nearest: f32,
}

impl Candidates {
    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        self.items.clear();
        self.proposed_by.clear();
        self.sums.iter_mut().for_each(Sums::clear);
        self.others.iter_mut().for_each(Vec::clear);
        (self.best, self.proposed) = ([0.0; Source::COUNT], [0; Source::COUNT]);
        (self.repeat_chance, self.nearest) = (f32::NAN, 0.0);
    }

    /// The candidates so far with the sums of one of [`Source::SUMMED`].
    pub fn pool<'a, F>(&'a mut self, source: Source, places: &'a mut Places, admit: F) -> (Pool<'a, F>, &'a mut Sums) {
        let Self { items, sums, .. } = self;
        (Pool { items, places, admit }, &mut sums[POSITIONS[source.column()]])
    }

    /// The candidates so far, of which more are to be named.
    pub(super) fn names<'a, F>(&'a mut self, places: &'a mut Places, admit: F) -> Pool<'a, F> {
        Pool { items: &mut self.items, places, admit }
    }

    /// How many there are: items that a source proposed.
    #[must_use]
    pub fn count(&self) -> usize {
        self.proposed_by.iter().filter(|sources| !sources.is_empty()).count()
    }

    /// Adds a source's list, best first, of admitted items.
    pub(super) fn list(
        &mut self,
        source: Source,
        list: &[Scored],
        places: &mut Places,
        admit: impl Fn(ItemIdx) -> bool,
    ) {
        let Self { items, others, proposed_by, .. } = self;
        let mut pool = Pool { items, places, admit };
        let scores = &mut others[source.column()];
        for scored in list {
            let Some(row) = pool.row(scored.item) else { continue };
            let rows = pool.items.len();
            scores.resize(rows.max(scores.len()), 0.0);
            proposed_by.resize(rows.max(proposed_by.len()), SourceSet::default());
            scores[row] = scored.score;
            proposed_by[row] = proposed_by[row].with(source);
        }
        self.proposed[source.column()] = list.len() as u32;
        self.best[source.column()] = list.first().map_or(0.0, |first| first.score);
    }

    /// Whether a source proposed at least `limit` items: with a larger limit there may be more.
    #[must_use]
    pub fn reach(&self, limit: usize) -> bool {
        self.proposed.iter().any(|&proposed| proposed as usize >= limit)
    }

    /// Gives every source a score of every candidate, 0 where it said nothing. A candidate
    /// that comes after that has a score once it is closed again.
    pub fn close(&mut self, weights: &Weights) {
        let rows = self.items.len();
        self.proposed_by.resize(rows, SourceSet::default());
        for source in Source::ALL.into_iter().filter(|&source| weights.get(source) > 0.0) {
            match summed(source) {
                Some(sums) => self.sums[sums].resize(rows),
                None => self.others[source.column()].resize(rows, 0.0),
            }
        }
    }

    /// Has a source propose the items with its highest scores above 0: `limit` of them, and those that tie with the last.
    pub fn propose(&mut self, source: Source, limit: usize) {
        let Self { sums, others, proposed_by, sorted, .. } = self;
        let scores = match summed(source) {
            Some(at) => &sums[at].scores,
            None => &others[source.column()],
        };
        sorted.clear();
        sorted.extend(scores.iter().copied().filter(|&score| score > 0.0));
        let best = sorted.iter().copied().fold(0.0, f32::max);
        let floor = match sorted.len() > limit {
            true => *sorted.select_nth_unstable_by(limit.saturating_sub(1), |a, b| b.total_cmp(a)).1,
            false => f32::MIN_POSITIVE,
        };
        let mut proposed = 0;
        for (own, &score) in proposed_by.iter_mut().zip(scores) {
            if score >= floor {
                *own = own.with(source);
                proposed += 1;
            }
        }
        (self.best[source.column()], self.proposed[source.column()]) = (best, proposed);
    }

    /// Scores every item anew by a source that has a score for any.
    pub(super) fn score(&mut self, source: Source, score: impl FnOnce(&[ItemIdx], &mut Vec<f32>)) {
        let scores = &mut self.others[source.column()];
        score(&self.items, scores);
        let best = scores.iter().copied().fold(0.0, f32::max);
        self.best[source.column()] = best.max(self.best[source.column()]);
    }

    /// A source's scores of all candidates; none of a source without a weight.
    #[must_use]
    pub fn scores(&self, source: Source) -> &[f32] {
        match summed(source) {
            Some(at) => &self.sums[at].scores,
            None => &self.others[source.column()],
        }
    }

    /// What history items contributed to the scores of one of [`Source::SUMMED`], by its position there.
    #[must_use]
    pub fn contributions(&self, at: usize) -> &[Contributions] {
        &self.sums[at].contributions
    }

    /// The sources that proposed an item. One that none proposed is no candidate: its scores are those of an item that
    /// every source has better ones for.
    #[must_use]
    pub fn proposed_by(&self) -> &[SourceSet] {
        &self.proposed_by
    }

    /// The position in the history of the item that contributed most to a candidate's blended score.
    #[must_use]
    pub fn because(&self, row: usize, weights: &Weights) -> Option<u32> {
        let mut because = (0.0, None);
        for (&source, sums) in Source::SUMMED.iter().zip(&self.sums) {
            let Some(own) = sums.contributions.get(row) else { continue };
            let share = weights.get(source) * own.strongest / self.best[source.column()].max(1e-30);
            if share > because.0 {
                because = (share, Some(own.from));
            }
        }
        because.1
    }

    /// The blended score of every candidate: the weighted sum of its scores, each divided by its source's best.
    #[must_use]
    pub fn blended(&self, weights: &Weights) -> Vec<f32> {
        let mut blended = vec![0.0; self.items.len()];
        for source in Source::ALL {
            let (weight, best) = (weights.get(source), self.best[source.column()]);
            if weight > 0.0 && best > 0.0 {
                blended.iter_mut().zip(self.scores(source)).for_each(|(sum, score)| *sum += weight * score / best);
            }
        }
        blended
    }
}

/// The position of each source in [`Source::SUMMED`], by its column; past the end for a source that sums nothing.
const POSITIONS: [usize; Source::COUNT] = {
    let (mut positions, mut at) = ([usize::MAX; Source::COUNT], 0);
    while at < Source::SUMMED.len() {
        positions[Source::SUMMED[at] as usize] = at;
        at += 1;
    }
    positions
};

/// The position of a source in [`Source::SUMMED`].
fn summed(source: Source) -> Option<usize> {
    match source.kind() {
        Kind::Neighbours(..) | Kind::Sessions => Some(POSITIONS[source.column()]),
        _ => None,
    }
}
