//! Linear algebra on factors: dot products, and the one solve that ALS training and the live fold-in share.
//!
//! Every sum runs over 16 lanes in a fixed order and without fused multiply-add, so that a result has the same bits on
//! every x86-64 machine; the widest instructions the machine has are chosen at run time.

use multiversion::multiversion;

const LANES: usize = 16;

#[inline(always)]
fn dot_lanes(a: &[f32], b: &[f32]) -> f32 {
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0f32; LANES];
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    a_rest.iter().zip(b_rest).fold(sums[0], |sum, (a, b)| sum + a * b)
}

#[inline(always)]
fn add_scaled(target: &mut [f32], scale: f32, row: &[f32]) {
    for (value, &addend) in target.iter_mut().zip(row) {
        *value += scale * addend;
    }
}

/// The number of rows added at a time: the target is loaded and stored once for all of them.
const ROWS: usize = 4;

/// Adds [`ROWS`] rows, stored one after another, each multiplied by its value.
#[inline(always)]
fn add_scaled_rows(target: &mut [f32], [v0, v1, v2, v3]: [f32; ROWS], rows: &[f32]) {
    let (first, second) = rows.split_at(2 * target.len());
    let ((r0, r1), (r2, r3)) = (first.split_at(target.len()), second.split_at(target.len()));
    for ((((sum, a), b), c), d) in target.iter_mut().zip(r0).zip(r1).zip(r2).zip(r3) {
        *sum += (v0 * a + v1 * b) + (v2 * c + v3 * d);
    }
}

/// `target = matrix · x` for a symmetric row-major matrix: its rows are summed, which needs no sums across lanes.
#[inline(always)]
fn multiply_symmetric(matrix: &[f32], x: &[f32], target: &mut [f32]) {
    target.fill(0.0);
    let (values, rest) = x.as_chunks::<ROWS>();
    let (blocks, rows_left) = matrix.split_at(values.len() * ROWS * x.len());
    for (&values, rows) in values.iter().zip(blocks.chunks_exact(ROWS * x.len())) {
        add_scaled_rows(target, values, rows);
    }
    for (&value, row) in rest.iter().zip(rows_left.chunks_exact(x.len())) {
        add_scaled(target, value, row);
    }
}

/// The inner product of two vectors of the same length.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2", "aarch64+neon"))]
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    dot_lanes(a, b)
}

/// Adds `rowᵀ·row` of every row of the row-major matrix `rows` to `gram` (f × f).
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2", "aarch64+neon"))]
pub fn add_gram(rows: &[f32], gram: &mut [f32], factors: usize) {
    let mut blocks = rows.chunks_exact(ROWS * factors);
    for block in blocks.by_ref() {
        for (at, target) in gram.chunks_exact_mut(factors).enumerate() {
            add_scaled_rows(target, std::array::from_fn(|row| block[row * factors + at]), block);
        }
    }
    for row in blocks.remainder().chunks_exact(factors) {
        for (target, &value) in gram.chunks_exact_mut(factors).zip(row) {
            add_scaled(target, value, row);
        }
    }
}

/// What all rows of a half step share.
#[derive(Debug, Clone, Copy)]
pub struct Fixed<'a> {
    /// Y, row-major, f values per row.
    pub factors: &'a [f32],
    /// `w₀·YᵀY`, f × f, row-major.
    pub gram: &'a [f32],
    /// w₀: the weight of an unobserved pair, greater than 0.
    pub unobserved: f32,
}

/// One user's (or item's) observations for [`solve`].
#[derive(Debug, Clone, Copy)]
pub struct Observations<'a> {
    /// Rows of the fixed factors.
    pub rows: &'a [u32],
    /// The weight of each on top of w₀, greater than 0.
    pub weights: &'a [f32],
    /// λ: the L2 penalty of this row.
    pub penalty: f32,
}

/// The penalty of a row: `λ · (Σ wᵢ + w₀·n)^ν`, where n is the number of rows that could have been observed.
///
/// Source: Rendle et al., "Revisiting the Performance of iALS on Item Recommendation Benchmarks", RecSys 2022, eq. 4.
#[must_use]
pub fn penalty(regularization: f32, power: f32, observed: f32, unobserved: f32, all: usize) -> f32 {
    regularization * (observed + unobserved * all as f32).powf(power)
}

/// Buffers of [`solve`], to be reused.
#[derive(Debug, Default, Clone)]
pub struct SolveBuffers {
    residual: Vec<f32>,
    direction: Vec<f32>,
    product: Vec<f32>,
}

/// Solves `(w₀·YᵀY + λI + Σ wᵢ·yᵢyᵢᵀ) x = Σ (w₀ + wᵢ)·yᵢ` for `x` by conjugate gradient, starting from the `x` given.
///
/// * `steps`: the maximum number of steps, each O(f² + n·f) for n observations; f steps solve exactly but for rounding.
///
/// Source: Hu, Koren, Volinsky, ICDM 2008, eq. 4; Takács, Pilászy, Tikk, RecSys 2011, for conjugate gradient.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2", "aarch64+neon"))]
pub fn solve(fixed: Fixed<'_>, observed: Observations<'_>, steps: usize, x: &mut [f32], buffers: &mut SolveBuffers) {
    let factors = x.len();
    let SolveBuffers { residual, direction, product } = buffers;
    for buffer in [&mut *residual, &mut *direction, &mut *product] {
        buffer.clear();
        buffer.resize(factors, 0.0);
    }
    let row = |index: u32| &fixed.factors[index as usize * factors..][..factors];
    let observations = || observed.rows.iter().zip(observed.weights);
    // r = b - A·x
    multiply_symmetric(fixed.gram, x, residual);
    for (target, &own) in residual.iter_mut().zip(&*x) {
        *target = -*target - observed.penalty * own;
    }
    for (&index, &weight) in observations() {
        let y = row(index);
        add_scaled(residual, fixed.unobserved + weight - weight * dot_lanes(y, x), y);
    }
    direction.copy_from_slice(residual);
    let mut norm = dot_lanes(residual, residual);
    for _ in 0..steps {
        if norm < 1e-20 {
            return;
        }
        // A·p
        multiply_symmetric(fixed.gram, direction, product);
        add_scaled(product, observed.penalty, direction);
        for (&index, &weight) in observations() {
            let y = row(index);
            add_scaled(product, weight * dot_lanes(y, direction), y);
        }
        let step = norm / dot_lanes(direction, product);
        if !step.is_finite() {
            return;
        }
        add_scaled(x, step, direction);
        add_scaled(residual, -step, product);
        let next = dot_lanes(residual, residual);
        let ratio = next / norm;
        for (target, &value) in direction.iter_mut().zip(residual.iter()) {
            *target = value + ratio * *target;
        }
        norm = next;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_lanes_agree_with_a_plain_sum(pairs in prop::collection::vec((-1f32..1.0, -1f32..1.0), 0..70)) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let plain: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(a * b)).sum();
            prop_assert!((f64::from(dot(&a, &b)) - plain).abs() < 1e-4);
        }
    }

    proptest! {
        #[test]
        fn a_symmetric_matrix_times_a_vector_agrees_with_its_rows(values in prop::collection::vec(-1f32..1.0, 1..12)) {
            let size = values.len();
            let matrix: Vec<f32> = values.iter().flat_map(|a| values.iter().map(move |b| a * b + a + b)).collect();
            let mut product = vec![f32::NAN; size];
            multiply_symmetric(&matrix, &values, &mut product);
            for (row, value) in matrix.chunks_exact(size).zip(product) {
                prop_assert!((dot(row, &values) - value).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn two_unknowns_are_solved_as_by_hand() {
        // Y = I, w₀ = 1, λ = 1. One observation of row 0 that weighs 2: (1 + 1 + 2)·x₀ = 1 + 2.
        let identity = [1.0, 0.0, 0.0, 1.0];
        let mut x = [0.0; 2];
        let fixed = Fixed { factors: &identity, gram: &identity, unobserved: 1.0 };
        let observed = Observations { rows: &[0], weights: &[2.0], penalty: 1.0 };
        solve(fixed, observed, 2, &mut x, &mut SolveBuffers::default());
        assert!((x[0] - 0.75).abs() < 1e-6 && x[1].abs() < 1e-6, "{x:?}");
    }

    #[test]
    fn the_gram_matrix_is_the_sum_of_outer_products() {
        let mut gram = [0.0; 4];
        add_gram(&[1.0, 2.0, 3.0, 4.0], &mut gram, 2);
        assert_eq!(gram, [10.0, 14.0, 14.0, 20.0]);
        // Five rows: four at a time and one.
        add_gram(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 2.0, 0.0, 0.0, 3.0], &mut gram, 2);
        assert_eq!(gram, [16.0, 15.0, 15.0, 31.0]);
    }
}
