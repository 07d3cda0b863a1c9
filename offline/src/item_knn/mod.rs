//! Item co-occurrence: the nearest neighbours of every item, in session windows and in user windows.
//!
//! Exact and in bounded memory: a row is summed in one dense array per thread and cut to its best neighbours before the
//! next begins, so that no table of pairs ever exists. A row is summed by one thread in a fixed order: the result does
//! not depend on the number of threads.

pub mod embedding;
pub mod session;
pub mod user;
pub mod walk;

use std::path::Path;

use rayon::prelude::*;
use shared::artifact::ArtifactError;
use shared::artifact::tables::TableWriter;
use shared::id::ItemIdx;
use shared::params::Relation;
use shared::topk::{Scored, top_k};

/// The nearest neighbours of every item, best first.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    /// Where each item's neighbours begin, and the end of the last.
    pub starts: Vec<u64>,
    /// The neighbours.
    pub items: Vec<ItemIdx>,
    /// Their scores, greater than 0.
    pub scores: Vec<f32>,
}

/// The sums of one row.
pub struct RowSums {
    sums: Vec<f64>,
    touched: Vec<u32>,
}

impl RowSums {
    fn new(items: usize) -> Self {
        Self { sums: vec![0.0; items], touched: Vec::new() }
    }

    /// Adds to the sum of a neighbour; 0 makes no neighbour.
    pub fn add(&mut self, item: u32, value: f64) {
        if value == 0.0 {
            return;
        }
        let sum = &mut self.sums[item as usize];
        if *sum == 0.0 {
            self.touched.push(item);
        }
        *sum += value;
    }

    /// Takes a neighbour out.
    pub fn forget(&mut self, item: u32) {
        self.sums[item as usize] = 0.0;
        self.touched.retain(|&other| other != item);
    }

    /// The best neighbours by `damp(item, sum)`; empties the sums.
    pub fn take_best(&mut self, neighbours: usize, damp: impl Fn(u32, f64) -> f64) -> Vec<Scored> {
        let Self { sums, touched } = self;
        let best = top_k(
            neighbours,
            touched.iter().map(|&item| Scored { item: ItemIdx(item), score: damp(item, sums[item as usize]) as f32 }),
        );
        for item in touched.drain(..) {
            sums[item as usize] = 0.0;
        }
        best
    }
}

/// Computes the rows of all items on all threads.
pub fn rows(items: usize, row: impl Fn(u32, &mut RowSums) -> Vec<Scored> + Sync) -> Neighbours {
    let rows: Vec<Vec<Scored>> = (0..items as u32)
        .into_par_iter()
        .with_min_len(64)
        .map_init(|| RowSums::new(items), |sums, item| row(item, sums))
        .collect();
    from_rows(rows)
}

/// Lays rows behind each other.
#[must_use]
pub fn from_rows(rows: Vec<Vec<Scored>>) -> Neighbours {
    let mut neighbours = Neighbours { starts: vec![0], items: Vec::new(), scores: Vec::new() };
    for row in rows {
        neighbours.items.extend(row.iter().map(|scored| scored.item));
        neighbours.scores.extend(row.iter().map(|scored| scored.score));
        neighbours.starts.push(neighbours.items.len() as u64);
    }
    neighbours
}

impl Neighbours {
    /// An item's neighbours with their scores.
    pub fn of(&self, item: ItemIdx) -> impl Iterator<Item = (ItemIdx, f32)> {
        let range = self.starts[item.at()] as usize..self.starts[item.at() + 1] as usize;
        self.items[range.clone()].iter().copied().zip(self.scores[range].iter().copied())
    }

    /// Writes the table into an artifact's folder.
    ///
    /// # Errors
    /// [`ArtifactError`] when it can't be written.
    pub fn write(&self, folder: &Path, relation: Relation) -> Result<(), ArtifactError> {
        TableWriter::default()
            .column("starts", &self.starts)
            .column("items", &self.items)
            .column("scores", &self.scores)
            .write(folder, &relation.file())
    }
}

/// Divides by powers of item frequencies: `sum / (n_i^a · n_j^b)`.
fn damped(sum: f64, own_power: f64, neighbour_power: f64) -> f64 {
    sum / (own_power * neighbour_power)
}
