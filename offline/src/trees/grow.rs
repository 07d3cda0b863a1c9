//! Grows one oblivious tree: level by level the split with the largest gain, summed over all leaves.
//!
//! The gain of a split is `Σ_leaf G_no² / (H_no + λ) + G_yes² / (H_yes + λ) - G² / (H + λ)`, where G and H are the sums
//! of gradients and curvatures of the rows at or below the border (no), above it (yes), and of both. Only the
//! histograms of the smaller half of a leaf are summed; those of the larger half are the difference to the whole. Cost:
//! at most rows / 2 · features per level.

use std::mem;
use std::ops::Range;

use rayon::prelude::*;

use super::TreesConfig;
use super::bins::{BLOCK, Binned, Bins, Column};

/// A split: whether the bin of a feature is above a bin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split {
    /// The feature.
    pub feature: usize,
    /// The bin.
    pub bin: u8,
    /// The gain.
    pub gain: f64,
}

/// Sums of gradients and curvatures.
type Sums = [f64; 2];

/// The rows of the leaves, with their gradients beside them.
struct Partition {
    rows: Vec<u32>,
    gradients: Vec<[f32; 2]>,
    /// The range of rows of each leaf.
    leaves: Vec<Range<usize>>,
    /// The buffers that the next level is written to.
    spare: (Vec<u32>, Vec<[f32; 2]>),
}

/// The histograms of a leaf for the features of a block, one after the other, each as long as its feature has bins.
type Histograms = Vec<Sums>;

/// How many bins each feature of a block has; 1 for a place without a feature.
type Counts = [usize; BLOCK];

/// Grows a tree on some rows, with their gradients, and some blocks of features; returns its splits and the values of
/// its leaves.
pub fn grow(
    binned: &Binned,
    bins: &Bins,
    rows: Vec<u32>,
    gradients: Vec<[f32; 2]>,
    blocks: &[usize],
    config: &TreesConfig,
) -> (Vec<Split>, Vec<f32>) {
    let mut partition = Partition::new(rows, gradients);
    // For each block, the histograms of every leaf.
    let mut histograms: Vec<Vec<Histograms>> = vec![Vec::new(); blocks.len()];
    let mut splits: Vec<Split> = Vec::new();
    for _ in 0..config.depth {
        let best = histograms
            .par_iter_mut()
            .zip(blocks)
            .map(|(leaves, &block)| {
                let features = binned.order.iter().skip(block * BLOCK).take(BLOCK);
                let mut counts: Counts = [1; BLOCK];
                counts.iter_mut().zip(features.clone()).for_each(|(count, &feature)| *count = bins.count(feature));
                sum(leaves, &binned.blocks[block], counts, &partition);
                let firsts = counts.iter().scan(0, |end, count| {
                    *end += count;
                    Some(*end - count)
                });
                let best = features
                    .zip(firsts)
                    .map(|(&feature, first)| best_split(feature, first, leaves, bins.count(feature), config.l2));
                best.reduce(better).unwrap_or(NO_SPLIT)
            })
            .reduce(|| NO_SPLIT, better);
        partition.split(binned.column(best.feature), best.bin);
        splits.push(best);
    }
    let leaves = partition.leaves(config);
    (splits, leaves)
}

/// A split that divides no rows, so that the tree has full depth even if nothing can be gained.
const NO_SPLIT: Split = Split { feature: 0, bin: u8::MAX, gain: 1e-9 };

/// The split with the larger gain; of equal ones that of the earlier feature.
fn better(a: Split, b: Split) -> Split {
    let later = b.gain > a.gain || b.gain == a.gain && b.feature < a.feature;
    if later { b } else { a }
}

/// Updates a block's histograms from the leaves of the previous level to those of this one.
fn sum(leaves: &mut Vec<Histograms>, rows: &[[u8; BLOCK]], counts: Counts, partition: &Partition) {
    let of_leaf = |leaf: usize| {
        let mut histograms = vec![[0.0; 2]; counts.iter().sum()];
        let range = partition.leaves[leaf].clone();
        add_rows(rows, &partition.rows[range.clone()], &partition.gradients[range], counts, &mut histograms);
        histograms
    };
    if leaves.is_empty() {
        leaves.push(of_leaf(0));
        return;
    }
    let half = leaves.len();
    let mut yes: Vec<Histograms> = Vec::with_capacity(half);
    let size = |leaf: usize| partition.leaves[leaf].len();
    for (leaf, of_parent) in leaves.iter_mut().enumerate() {
        let smaller = if size(leaf) <= size(leaf + half) { leaf } else { leaf + half };
        let summed = of_leaf(smaller);
        for (rest, summed) in of_parent.iter_mut().zip(&summed) {
            *rest = [rest[0] - summed[0], rest[1] - summed[1]];
        }
        yes.push(if smaller == leaf { std::mem::replace(of_parent, summed) } else { summed });
    }
    leaves.append(&mut yes);
}

/// Adds rows to the histograms of a block, feature by feature, so that consecutive additions are independent.
fn add_rows(block: &[[u8; BLOCK]], rows: &[u32], gradients: &[[f32; 2]], counts: Counts, histograms: &mut [Sums]) {
    let mut rest = histograms;
    let mut histograms = counts.map(|count| {
        let (own, after) = std::mem::take(&mut rest).split_at_mut(count);
        rest = after;
        own
    });
    for (&row, &[gradient, curvature]) in rows.iter().zip(gradients) {
        let (gradient, curvature) = (f64::from(gradient), f64::from(curvature));
        for (histogram, &bin) in histograms.iter_mut().zip(&block[row as usize]) {
            let sums = &mut histogram[usize::from(bin)];
            *sums = [sums[0] + gradient, sums[1] + curvature];
        }
    }
}

/// The best split on a feature, whose sums begin at `first` in the histograms.
fn best_split(feature: usize, first: usize, leaves: &[Histograms], count: usize, l2: f64) -> Split {
    let value = |[gradient, curvature]: Sums| gradient * gradient / (curvature.max(0.0) + l2);
    let mut gains = vec![0.0; count.saturating_sub(1)];
    for histograms in leaves {
        let histogram = &histograms[first..first + count];
        let total = histogram.iter().fold([0.0; 2], |sum, bin| [sum[0] + bin[0], sum[1] + bin[1]]);
        let whole = value(total);
        let mut no = [0.0; 2];
        for (gain, bin) in gains.iter_mut().zip(histogram) {
            no = [no[0] + bin[0], no[1] + bin[1]];
            *gain += value(no) + value([total[0] - no[0], total[1] - no[1]]) - whole;
        }
    }
    let best =
        gains.iter().enumerate().fold((0, 0.0), |best, (bin, &gain)| if gain > best.1 { (bin, gain) } else { best });
    Split { feature, bin: best.0 as u8, gain: best.1 }
}

impl Partition {
    /// All rows in one leaf.
    fn new(rows: Vec<u32>, gradients: Vec<[f32; 2]>) -> Self {
        let spare = (vec![0; rows.len()], vec![[0.0; 2]; rows.len()]);
        let all = 0..rows.len();
        Self { leaves: vec![all], rows, gradients, spare }
    }

    /// Splits each of the n leaves: the rows of leaf l at or below the border stay in leaf l, those above it go to leaf
    /// l + n. Rows keep their order.
    fn split(&mut self, column: Column<'_>, bin: u8) {
        let Self { rows, gradients, leaves, spare } = self;
        let mut parts = Vec::with_capacity(leaves.len());
        let (mut rest_rows, mut rest_gradients) = (spare.0.as_mut_slice(), spare.1.as_mut_slice());
        let mut in_place: Vec<usize> = (0..leaves.len()).collect();
        in_place.sort_unstable_by_key(|&leaf| (leaves[leaf].start, leaves[leaf].end));
        for leaf in in_place {
            let (to_rows, after_rows) = rest_rows.split_at_mut(leaves[leaf].len());
            let (to_gradients, after_gradients) = rest_gradients.split_at_mut(leaves[leaf].len());
            parts.push((leaf, to_rows, to_gradients));
            (rest_rows, rest_gradients) = (after_rows, after_gradients);
        }
        let halve = |(leaf, to_rows, to_gradients): (usize, &mut [u32], &mut [[f32; 2]])| {
            let (mut no, mut yes) = (0, to_rows.len());
            for at in leaves[leaf].clone() {
                // Rows above the border are written from the end, and reversed below.
                let is_yes = column.bin(rows[at] as usize) > bin;
                yes -= usize::from(is_yes);
                let to = if is_yes { yes } else { no };
                no += usize::from(!is_yes);
                (to_rows[to], to_gradients[to]) = (rows[at], gradients[at]);
            }
            to_rows[yes..].reverse();
            to_gradients[yes..].reverse();
            (leaf, no)
        };
        let mut halves: Vec<(usize, usize)> = parts.into_par_iter().map(halve).collect();
        halves.sort_unstable();
        let middle = |&(leaf, no): &(usize, usize)| leaves[leaf].start + no;
        let middles: Vec<usize> = halves.iter().map(middle).collect();
        let yes: Vec<Range<usize>> = leaves.iter().zip(&middles).map(|(leaf, &middle)| middle..leaf.end).collect();
        leaves.iter_mut().zip(middles).for_each(|(leaf, middle)| leaf.end = middle);
        leaves.extend(yes);
        mem::swap(rows, &mut spare.0);
        mem::swap(gradients, &mut spare.1);
    }

    /// A Newton step for each leaf, limited to `largest_step`: where curvatures are small, far from the optimum of a
    /// softmax over many rows, a whole step would overshoot.
    fn leaves(&self, config: &TreesConfig) -> Vec<f32> {
        let of_leaf = |leaf: &Range<usize>| {
            let sums = self.gradients[leaf.clone()].iter().fold([0.0f64; 2], |sum, &[gradient, curvature]| {
                [sum[0] + f64::from(gradient), sum[1] + f64::from(curvature)]
            });
            let step = -sums[0] / (sums[1] + config.l2);
            (config.learning_rate * step.clamp(-config.largest_step, config.largest_step)) as f32
        };
        self.leaves.iter().map(of_leaf).collect()
    }
}
