//! The ranker's features: the ONE place where the feature rows of candidates are built, for training and for serving.
//!
//! A feature is a name and the function that fills its column, side by side in the files of this folder; features that
//! are computed together share one function. The names go into the manifest with the ranker that was fitted on them;
//! the service looks the features up by name and fills only the columns that its ranker uses.
//!
//! In: a shortlist. Out: a matrix with a row per candidate and a column per feature; missing values are NaN. Cost: one
//! pass over the candidates per wanted column, and the neighbours of the last two items.

mod context;
mod item;
mod own;
mod pairs;
pub mod profile;
mod sources;

use std::cmp::Ordering;
use std::sync::LazyLock;

use crate::contract::id::ItemIdx;
use crate::engine::dense::{Marks, fetch};
use crate::engine::profiles::Profiles;
use crate::engine::question::Question;
use crate::engine::rank::matrix::Matrix;
use crate::engine::retrieve::Candidates;
use crate::tables::Statistics;

/// The candidates of a question that are to be ranked.
#[derive(Clone, Copy)]
pub struct Shortlist<'a> {
    /// The question: version, history and time.
    pub question: &'a Question<'a>,
    /// What the sources proposed.
    pub candidates: &'a Candidates,
    /// The candidates to describe, best first by the blend.
    pub ranked: &'a [Ranked],
}

/// A candidate with its blended score; the better of two is the greater one, and of equal ones the smaller item.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// The row among the candidates.
    pub row: u32,
    /// The item.
    pub item: ItemIdx,
    /// The blended score, finite.
    pub blended: f32,
}

impl Eq for Ranked {}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.blended.total_cmp(&other.blended).then_with(|| other.item.cmp(&self.item))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Shortlist<'_> {
    fn row(&self, at: usize) -> usize {
        self.ranked[at].row as usize
    }

    fn item(&self, at: usize) -> ItemIdx {
        self.ranked[at].item
    }

    /// The last item of the history.
    fn last(&self) -> Option<ItemIdx> {
        self.question.history.last().map(|event| event.item)
    }

    /// The blended score of the best candidate that is not in the history.
    fn best_new(&self) -> f32 {
        let own = |item: ItemIdx| self.question.recent.iter().any(|recent| recent.item == item);
        let best = (0..self.ranked.len()).find(|&at| !own(self.item(at)));
        best.map_or(f32::NAN, |at| self.ranked[at].blended.max(f32::MIN_POSITIVE))
    }
}

/// Features that are computed together.
struct Group {
    names: Vec<String>,
    fill: Fill,
}

type Fill = Box<dyn Fn(&Shortlist<'_>, &mut Columns<'_>) + Send + Sync>;

/// Several features, by the one function that fills their columns; every value is missing until it is set.
fn group<N: Into<String>>(
    names: impl IntoIterator<Item = N>,
    fill: impl Fn(&Shortlist<'_>, &mut Columns<'_>) + Send + Sync + 'static,
) -> Group {
    Group { names: names.into_iter().map(Into::into).collect(), fill: Box::new(fill) }
}

/// One feature, by the function that fills its column; every value is missing until it is set.
fn column(name: impl Into<String>, fill: impl Fn(&Shortlist<'_>, &mut [f32]) + Send + Sync + 'static) -> Group {
    group([name], move |shortlist, columns| fill(shortlist, columns.column(0)))
}

/// One feature, by a function from a candidate's position in the shortlist to its value.
fn each(name: impl Into<String>, value: impl Fn(&Shortlist<'_>, usize) -> f32 + Send + Sync + 'static) -> Group {
    column(name, move |shortlist, column| fill_each(column, |at| value(shortlist, at)))
}

/// One feature, by the value that all candidates share.
fn shared(name: impl Into<String>, value: impl Fn(&Shortlist<'_>) -> f32 + Send + Sync + 'static) -> Group {
    column(name, move |shortlist, column| column.fill(value(shortlist)))
}

/// Sets every value of a column by its position.
fn fill_each(column: &mut [f32], value: impl Fn(usize) -> f32) {
    column.iter_mut().enumerate().for_each(|(at, slot)| *slot = value(at));
}

/// The columns of a group.
struct Columns<'a> {
    matrix: &'a mut Matrix,
    first: usize,
    /// The position of each item in the shortlist.
    places: &'a Marks,
}

impl Columns<'_> {
    /// One of the group's columns; every value is missing until it is set.
    fn column(&mut self, at: usize) -> &mut [f32] {
        self.matrix.column_mut(self.first + at)
    }
}

/// The groups that every version has, in the order of their columns.
static GROUPS: LazyLock<Vec<Group>> = LazyLock::new(|| {
    [sources::features(), pairs::features(), own::features(), item::features(), context::features()]
        .into_iter()
        .flatten()
        .collect()
});

/// The names of all features of a version with these statistics and profiles, in the order of their columns.
#[must_use]
pub fn names(statistics: &Statistics, profiles: Option<&Profiles>) -> Vec<String> {
    let of_items = statistics.columns().iter().map(|(name, _)| format!("item_{name}"));
    GROUPS
        .iter()
        .flat_map(|group| group.names.iter().cloned())
        .chain(of_items)
        .chain(profiles.into_iter().flat_map(|profiles| profile::names(profiles.fields())))
        .collect()
}

/// Buffers of one thread, to be reused between requests.
#[derive(Debug, Default)]
pub struct FeatureScratch {
    places: Marks,
}

/// Builds the feature rows of a shortlist: the `wanted` columns, or all of them if that is `None`.
pub fn build(
    shortlist: &Shortlist<'_>,
    wanted: Option<&[bool]>,
    FeatureScratch { places }: &mut FeatureScratch,
    matrix: &mut Matrix,
) {
    let (snapshot, rows) = (shortlist.question.snapshot, shortlist.ranked.len());
    places.reset(snapshot.items().len());
    for at in 0..rows {
        places.insert(shortlist.item(at), at);
    }
    let statistics = snapshot.statistics().columns();
    let fixed: usize = GROUPS.iter().map(|group| group.names.len()).sum();
    let of_profile = fixed + statistics.len();
    let columns = of_profile + snapshot.profiles().map_or(0, profile::count);
    let all = vec![true; if wanted.is_none() { columns } else { 0 }];
    let wanted = wanted.unwrap_or(&all);
    matrix.reset(rows, columns);
    let mut first = 0;
    for Group { names, fill } in &*GROUPS {
        if wanted[first..first + names.len()].contains(&true) {
            fill(shortlist, &mut Columns { matrix, first, places });
        }
        first += names.len();
    }
    let of_items: Vec<usize> = (0..statistics.len()).filter(|at| wanted[fixed + at]).collect();
    fetch((0..rows).filter_map(|at| snapshot.item_rows().row(shortlist.item(at)).first().copied()));
    for at in 0..rows {
        let row = snapshot.item_rows().row(shortlist.item(at));
        of_items.iter().for_each(|&column| matrix.column_mut(fixed + column)[at] = row[column]);
    }
    if let Some(profiles) = snapshot.profiles() {
        profile::fill(shortlist, profiles, &wanted[of_profile..], of_profile, matrix);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_stands_for_two_features() {
        let mut names = names(&Statistics::default(), None);
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
