//! The fitted model of `repeat`: the probability of each item of a history to come next.

use super::{Misfit, Table, TreeTable};
use crate::contract::artifact::ArtifactError;
use crate::contract::artifact::columns::{Column, TableFile, TableWriter};
use crate::contract::artifact::strings::Strings;
use crate::engine::rank::matrix::Matrix;
use crate::engine::rank::trees::probability;

const DEPTH: &str = "depth";
const NAMES: &str = "name";

/// The features of a model from a release that did not store their names.
const UNNAMED: [&str; 33] = [
    "own_last_place",
    "own_first_place",
    "own_count",
    "own_share",
    "own_session_count",
    "own_distinct_place",
    "own_kind",
    "own_last_kind",
    "own_after_last",
    "own_gap",
    "session_events",
    "session_items",
    "session_repeats",
    "session_stays",
    "last_run",
    "history_events",
    "last_is_repeat",
    "return_1",
    "return_2",
    "return_3",
    "return_4",
    "return_5",
    "return_6",
    "item_events",
    "item_repeat_share",
    "item_stay_share",
    "item_exit_share",
    "item_entry_share",
    "last_events",
    "last_repeat_share",
    "last_stay_share",
    "last_exit_share",
    "last_entry_share",
];

/// Trees whose sum is the log-odds that the next event is with an item of the history; without trees there is no model.
#[derive(Debug, Clone, Default)]
pub struct RepeatTable {
    /// The number of splits of each tree: one value.
    depth: Column<u32>,
    trees: TreeTable,
    /// The names of the features, in the order in which the splits number them.
    names: Strings,
}

impl RepeatTable {
    /// A model of trees of this depth over features of these names.
    #[must_use]
    pub fn new(depth: usize, trees: TreeTable, names: &[String]) -> Self {
        Self { depth: vec![depth as u32].into(), trees, names: names.iter().collect() }
    }

    pub(super) fn check(&self) -> Result<(), Misfit> {
        match self.is_empty() {
            true => Ok(()),
            false => self.trees.check(self.depth(), self.names.len()),
        }
    }

    /// Whether there is no model.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.trees.features.is_empty()
    }

    /// The names of the features, in the order in which the splits number them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        (0..self.names.len()).map(|row| self.names.get(row))
    }

    fn depth(&self) -> usize {
        self.depth.first().map_or(1, |&depth| depth as usize)
    }
}

impl Table for RepeatTable {
    fn read(file: &TableFile) -> Result<Self, ArtifactError> {
        let named = file.names()?.iter().any(|name| name.starts_with(NAMES));
        let names = if named { Strings::open(file, NAMES)? } else { UNNAMED.into_iter().collect() };
        Ok(Self { depth: file.column(DEPTH)?, trees: TreeTable::read(file)?, names })
    }

    fn add_to<'a>(&'a self, writer: &mut TableWriter<'a>) {
        writer.add(DEPTH, &self.depth);
        self.trees.add_to(writer);
        self.names.add_to(writer, NAMES);
    }
}

/// A model whose features are mapped to the columns of this build.
#[derive(Debug, Clone)]
pub struct Repeat {
    depth: usize,
    trees: TreeTable,
}

impl Repeat {
    /// Maps the features of a model to the columns of this build; `None` without trees.
    #[must_use]
    pub fn new(table: &RepeatTable, columns: &[usize]) -> Option<Self> {
        let mut trees = table.trees.clone();
        trees.features = trees.features.iter().map(|&feature| columns[feature as usize] as u32).collect();
        (!table.is_empty()).then(|| Self { depth: table.depth(), trees })
    }

    /// The probability of each row.
    pub fn chances(&self, matrix: &Matrix, chances: &mut Vec<f32>) {
        self.trees.score(self.depth, matrix, chances);
        chances.iter_mut().for_each(|score| *score = probability(*score));
    }
}
