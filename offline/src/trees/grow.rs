//! Grows one oblivious tree: level by level the split with the largest gain, summed over all leaves.
//!
//! The gain of a split is `Σ_leaf G_no² / (H_no + λ) + G_yes² / (H_yes + λ) - G² / (H + λ)`, where G and H are the sums
//! of gradients and curvatures of the rows at or below the border (no), above it (yes), and of both; where a row has
//! several gradients, the gains by each are added. Only the
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

/// The rows of the leaves, with their gradients, and the curvature behind them, beside them.
pub struct Partition<const N: usize> {
    rows: Vec<u32>,
    gradients: Vec<[f32; N]>,
    /// The range of rows of each leaf.
    leaves: Vec<Range<usize>>,
    /// The buffers that the next level is written to.
    spare: (Vec<u32>, Vec<[f32; N]>),
}

/// The histograms of a leaf for the features of a block, one after the other, each as long as its feature has bins: sums
/// of gradients, and of curvatures behind them.
type Histograms<const N: usize> = Vec<[f64; N]>;

/// How many bins each feature of a block has; 1 for a place without a feature.
type Counts = [usize; BLOCK];

/// Grows a tree on some rows, with their gradients, and some blocks of features; returns its splits and the rows of its
/// leaves.
///
/// * `gradients`: of each row N - 1 gradients, and its curvature behind them.
pub fn grow<const N: usize>(
    binned: &Binned,
    bins: &Bins,
    rows: Vec<u32>,
    gradients: Vec<[f32; N]>,
    blocks: &[usize],
    config: &TreesConfig,
) -> (Vec<Split>, Partition<N>) {
    let mut partition = Partition::new(rows, gradients);
    // For each block, the histograms of every leaf.
    let mut histograms: Vec<Vec<Histograms<N>>> = vec![Vec::new(); blocks.len()];
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
    (splits, partition)
}

/// The smallest penalty: a leaf without rows has a value, 0.
pub const LEAST_L2: f64 = 1e-9;

/// A split that divides no rows, so that the tree has full depth even if nothing can be gained.
const NO_SPLIT: Split = Split { feature: 0, bin: u8::MAX, gain: 1e-9 };

/// The split with the larger gain; of equal ones that of the earlier feature.
fn better(a: Split, b: Split) -> Split {
    let later = b.gain > a.gain || b.gain == a.gain && b.feature < a.feature;
    if later { b } else { a }
}

/// Updates a block's histograms from the leaves of the previous level to those of this one.
fn sum<const N: usize>(
    leaves: &mut Vec<Histograms<N>>,
    rows: &[[u8; BLOCK]],
    counts: Counts,
    partition: &Partition<N>,
) {
    let of_leaf = |leaf: usize| {
        let mut histograms = vec![[0.0; N]; counts.iter().sum()];
        let range = partition.leaves[leaf].clone();
        add_rows(rows, &partition.rows[range.clone()], &partition.gradients[range], counts, &mut histograms);
        histograms
    };
    if leaves.is_empty() {
        leaves.push(of_leaf(0));
        return;
    }
    let half = leaves.len();
    let mut yes: Vec<Histograms<N>> = Vec::with_capacity(half);
    let size = |leaf: usize| partition.leaves[leaf].len();
    for (leaf, of_parent) in leaves.iter_mut().enumerate() {
        let smaller = if size(leaf) <= size(leaf + half) { leaf } else { leaf + half };
        let summed = of_leaf(smaller);
        for (rest, summed) in of_parent.iter_mut().zip(&summed) {
            *rest = std::array::from_fn(|at| rest[at] - summed[at]);
        }
        yes.push(if smaller == leaf { std::mem::replace(of_parent, summed) } else { summed });
    }
    leaves.append(&mut yes);
}

/// Adds rows to the histograms of a block, feature by feature, so that consecutive additions are independent.
fn add_rows<const N: usize>(
    block: &[[u8; BLOCK]],
    rows: &[u32],
    gradients: &[[f32; N]],
    counts: Counts,
    histograms: &mut [[f64; N]],
) {
    let mut rest = histograms;
    let mut histograms = counts.map(|count| {
        let (own, after) = std::mem::take(&mut rest).split_at_mut(count);
        rest = after;
        own
    });
    for (&row, gradients) in rows.iter().zip(gradients) {
        let gradients = gradients.map(f64::from);
        for (histogram, &bin) in histograms.iter_mut().zip(&block[row as usize]) {
            let sums = &mut histogram[usize::from(bin)];
            *sums = std::array::from_fn(|at| sums[at] + gradients[at]);
        }
    }
}

/// The best split on a feature, whose sums begin at `first` in the histograms.
fn best_split<const N: usize>(feature: usize, first: usize, leaves: &[Histograms<N>], count: usize, l2: f64) -> Split {
    let value = |sums: [f64; N]| {
        let squares = sums[..N - 1].iter().map(|gradient| gradient * gradient);
        squares.fold(0.0, |sum, square| sum + square) / (sums[N - 1].max(0.0) + l2.max(LEAST_L2))
    };
    let mut gains = vec![0.0; count.saturating_sub(1)];
    for histograms in leaves {
        let histogram = &histograms[first..first + count];
        let total: [f64; N] = histogram.iter().fold([0.0; N], |sum, bin| std::array::from_fn(|at| sum[at] + bin[at]));
        let whole = value(total);
        let mut no = [0.0; N];
        for (gain, bin) in gains.iter_mut().zip(histogram) {
            no = std::array::from_fn(|at| no[at] + bin[at]);
            *gain += value(no) + value(std::array::from_fn(|at| total[at] - no[at])) - whole;
        }
    }
    let best =
        gains.iter().enumerate().fold((0, 0.0), |best, (bin, &gain)| if gain > best.1 { (bin, gain) } else { best });
    Split { feature, bin: best.0 as u8, gain: best.1 }
}

impl<const N: usize> Partition<N> {
    /// All rows in one leaf.
    fn new(rows: Vec<u32>, gradients: Vec<[f32; N]>) -> Self {
        let spare = (vec![0; rows.len()], vec![[0.0; N]; rows.len()]);
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
        let halve = |(leaf, to_rows, to_gradients): (usize, &mut [u32], &mut [[f32; N]])| {
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

    /// The rows of each leaf.
    pub fn leaves(&self) -> impl Iterator<Item = &[u32]> {
        self.leaves.iter().map(|leaf| &self.rows[leaf.clone()])
    }
}

impl Partition<2> {
    /// A step for each leaf.
    pub fn steps(&self, config: &TreesConfig) -> Vec<f32> {
        self.leaves.iter().map(|leaf| step(sum_of(self.gradients[leaf.clone()].iter().copied()), config)).collect()
    }
}

/// The sums of the gradients and of the curvatures of rows.
pub fn sum_of(rows: impl Iterator<Item = [f32; 2]>) -> [f64; 2] {
    rows.fold([0.0; 2], |sum, [gradient, curvature]| [sum[0] + f64::from(gradient), sum[1] + f64::from(curvature)])
}

/// The Newton step of rows with these sums, limited to `largest_step`: where curvatures are small, far from the optimum of
/// a softmax over many rows, a whole step would overshoot.
pub fn step([gradient, curvature]: [f64; 2], config: &TreesConfig) -> f32 {
    let step = -gradient / (curvature + config.l2.max(LEAST_L2));
    (config.learning_rate * step.clamp(-config.largest_step, config.largest_step)) as f32
}
