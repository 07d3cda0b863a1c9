//! One oblivious tree: level by level the question with the largest gain over all leaves.
//!
//! The gain of a question is `Σ_leaf G_no² / (H_no + λ) + G_yes² / (H_yes + λ) - G² / (H + λ)`. Histograms of the
//! smaller half of a leaf are summed, those of the larger are the rest. Cost: at most rows / 2 · features a level.

use rayon::prelude::*;

use super::TreesConfig;
use super::bins::Bins;

/// A question: is the bin of a feature above a bin?
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split {
    /// The feature.
    pub feature: usize,
    /// The bin.
    pub bin: u8,
    /// What it brought.
    pub gain: f64,
}

/// Sums of gradients and curvatures.
type Sums = [f64; 2];

/// The rows of the leaves, leaf by leaf, with their gradients beside them.
struct Partition {
    rows: Vec<u32>,
    gradients: Vec<[f32; 2]>,
    /// Where each leaf begins, and the end of the last.
    starts: Vec<usize>,
}

/// Grows a tree on some rows; returns its questions and the values of its leaves.
pub fn grow(
    binned: &[Vec<u8>],
    bins: &Bins,
    gradients: &[[f32; 2]],
    sampled: &[u32],
    config: &TreesConfig,
) -> (Vec<Split>, Vec<f32>) {
    let mut partition = Partition {
        rows: sampled.to_vec(),
        gradients: sampled.iter().map(|&row| gradients[row as usize]).collect(),
        starts: vec![0, sampled.len()],
    };
    // One histogram a leaf for each feature.
    let mut histograms: Vec<Vec<Vec<Sums>>> = vec![Vec::new(); binned.len()];
    let mut splits: Vec<Split> = Vec::new();
    for _ in 0..config.depth {
        let best = histograms
            .par_iter_mut()
            .enumerate()
            .map(|(feature, histograms)| {
                let count = bins.count(feature);
                sum(histograms, &binned[feature], count, &partition, splits.last().is_some());
                best_split(feature, histograms, count, config.l2)
            })
            .reduce_with(|a, b| if b.gain > a.gain { b } else { a })
            .filter(|split| split.gain > 1e-9)
            // A question that nothing answers: the tree is of full depth all the same.
            .unwrap_or(Split { feature: 0, bin: u8::MAX, gain: 0.0 });
        partition = partition.split(&binned[best.feature], best.bin);
        splits.push(best);
    }
    let leaves = partition.leaves(config);
    (splits, leaves)
}

/// Brings a feature's histograms from the leaves of the level before to those of this one.
fn sum(histograms: &mut Vec<Vec<Sums>>, column: &[u8], count: usize, partition: &Partition, halved: bool) {
    let of_leaf = |leaf: usize| {
        let mut histogram = vec![[0.0; 2]; count];
        let range = partition.starts[leaf]..partition.starts[leaf + 1];
        for (&row, &[gradient, curvature]) in partition.rows[range.clone()].iter().zip(&partition.gradients[range]) {
            let sums = &mut histogram[usize::from(column[row as usize])];
            sums[0] += f64::from(gradient);
            sums[1] += f64::from(curvature);
        }
        histogram
    };
    if !halved {
        *histograms = vec![of_leaf(0)];
        return;
    }
    let parents = std::mem::take(histograms);
    let half = parents.len();
    let mut yes: Vec<Vec<Sums>> = Vec::with_capacity(half);
    let size = |leaf: usize| partition.starts[leaf + 1] - partition.starts[leaf];
    for (leaf, mut rest) in parents.into_iter().enumerate() {
        let smaller = if size(leaf) <= size(leaf + half) { leaf } else { leaf + half };
        let summed = of_leaf(smaller);
        for (rest, summed) in rest.iter_mut().zip(&summed) {
            rest[0] -= summed[0];
            rest[1] -= summed[1];
        }
        let (no_half, yes_half) = if smaller == leaf { (summed, rest) } else { (rest, summed) };
        histograms.push(no_half);
        yes.push(yes_half);
    }
    histograms.append(&mut yes);
}

/// The best question about a feature.
fn best_split(feature: usize, histograms: &[Vec<Sums>], count: usize, l2: f64) -> Split {
    let value = |[gradient, curvature]: Sums| gradient * gradient / (curvature.max(0.0) + l2);
    let mut gains = vec![0.0; count.saturating_sub(1)];
    for histogram in histograms {
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
    /// Halves every leaf: leaf l becomes l where the answer is no, and l + their number where it is yes.
    fn split(&self, column: &[u8], bin: u8) -> Self {
        let mut halves = Self {
            rows: Vec::with_capacity(self.rows.len()),
            gradients: Vec::with_capacity(self.rows.len()),
            starts: vec![0],
        };
        for wanted in [false, true] {
            for leaf in self.starts.windows(2) {
                for at in leaf[0]..leaf[1] {
                    if (column[self.rows[at] as usize] > bin) == wanted {
                        halves.rows.push(self.rows[at]);
                        halves.gradients.push(self.gradients[at]);
                    }
                }
                halves.starts.push(halves.rows.len());
            }
        }
        halves
    }

    /// A Newton step for each leaf, at most the largest: where curvatures are small, far from the optimum of a softmax
    /// over many rows, a whole step would overshoot.
    fn leaves(&self, config: &TreesConfig) -> Vec<f32> {
        let of_leaf = |bounds: &[usize]| {
            let sums = self.gradients[bounds[0]..bounds[1]].iter().fold([0.0f64; 2], |sum, &[gradient, curvature]| {
                [sum[0] + f64::from(gradient), sum[1] + f64::from(curvature)]
            });
            let step = -sums[0] / (sums[1] + config.l2);
            (config.learning_rate * step.clamp(-config.largest_step, config.largest_step)) as f32
        };
        self.starts.windows(2).map(of_leaf).collect()
    }
}
