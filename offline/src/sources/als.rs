//! Implicit-feedback ALS: factorises confidences (users × items) into user and item factors.
//!
//! The loss is `Σ_observed wᵢ·(1 - xᵀy)² + w₀·Σ_all (p - xᵀy)² + Σ_rows λ_row·|x|²`, where p is 1 for a pair with an
//! event and 0 for any other.
//!
//! In: users × items as CSR. Out: item factors and their Gram matrix. Pure: no clock, no files; the only randomness
//! comes from `AlsConfig::seed`. Each half step solves every row by a few steps of conjugate gradient, starting from
//! the row's last factors: O(steps · (nnz·f + rows·f²)), where rows are users and items with events. Memory: 4 bytes per
//! factor and row; the table has as much for each listed item, zeros for those without events.
//!
//! The result has the same bits for any number of threads: a row is solved by one thread, and the Gram matrix is summed
//! in fixed chunks, added in order.
//!
//! Source: Hu, Koren, Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008, eq. 4 and 5;
//! Takács, Pilászy, Tikk, "Applications of the Conjugate Gradient Method for Implicit Feedback Collaborative
//! Filtering", RecSys 2011; Rendle et al., "Revisiting the Performance of iALS on Item Recommendation Benchmarks",
//! RecSys 2022 (weight of the unobserved, penalties that grow with a row's weights).

use ndarray::Array2;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use shared::contract::artifact::columns::Column;
use shared::contract::params::AlsParams;
use shared::contract::source::Source;
use shared::engine::factors::{Fixed, Observations, SolveBuffers, add_gram, penalty, solve};
use shared::tables::AlsTable;

use super::{SourceStudy, SourcesConfig, Trainer};
use crate::config::knobs::{Range, knob};
use crate::config::ranges::{OutOfRange, range};
use crate::log::interactions::Csr;
use crate::log::interactions::user_items;
use crate::log::with_events::WithEvents;

/// The number of rows whose Gram matrix is summed by one thread.
const GRAM_CHUNK: usize = 1024;

/// How the factors are fitted. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct AlsConfig {
    pub factors: usize,
    pub sweeps: usize,
    pub unobserved_weight: f32,
    pub regularization: f32,
    pub regularization_power: f32,
    pub solver_steps: usize,
    pub seed: u64,
}

/// The trainer of `als`.
pub const TRAINER: Trainer = Trainer {
    sources: &[Source::Als],
    fit: |inputs, tables, done| {
        let interactions = user_items(inputs.log, inputs.items, inputs.settings.kinds);
        let factors = fit(&interactions, &inputs.settings.sources.als, &|sweep| done(sweep as u64));
        tables.als = spread(factors.table(), inputs.items);
    },
    steps: |sources| sources.als.sweeps as u64,
    check,
    studies: &[SourceStudy {
        source: Source::Als,
        share: 0.15,
        knobs: &[
            knob("als.unobserved_weight", Range::Log(0.0003, 10.0)),
            knob("als.regularization", Range::Log(0.0001, 1000.0)),
            knob("als.regularization_power", Range::Linear(0.0, 1.2)),
        ],
    }],
};

fn check(config: &SourcesConfig) -> Result<(), OutOfRange> {
    let config = &config.als;
    range((1..=512).contains(&config.factors), "als.factors", config.factors, "1 to 512")?;
    range((1..=1000).contains(&config.sweeps), "als.sweeps", config.sweeps, "1 to 1000")?;
    range(config.regularization > 0.0, "als.regularization", config.regularization, "greater than 0")?;
    range(config.unobserved_weight > 0.0, "als.unobserved_weight", config.unobserved_weight, "greater than 0")?;
    range(
        (0.0..=2.0).contains(&config.regularization_power),
        "als.regularization_power",
        config.regularization_power,
        "0 to 2",
    )?;
    range(config.solver_steps > 0, "als.solver_steps", config.solver_steps, "at least 1")
}

impl AlsConfig {
    /// The parameters of the loss, for the fold-in.
    #[must_use]
    pub fn params(&self) -> AlsParams {
        AlsParams {
            unobserved_weight: self.unobserved_weight,
            regularization: self.regularization,
            regularization_power: self.regularization_power,
        }
    }
}

/// The part of a factorisation that the engine needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Factors {
    /// Items × f, row-major; an item without interactions has a zero row.
    pub items: Array2<f32>,
    /// `w₀·YᵀY`, f × f.
    pub gram: Array2<f32>,
}

/// Alternates between users and items for `config.sweeps` sweeps.
///
/// * `user_items`: users × items; a value is a weight greater than 0, which is added to that of unobserved pairs.
/// * `progress`: called after each sweep.
#[must_use]
pub fn fit(user_items: &Csr<f32>, config: &AlsConfig, progress: &dyn Fn(usize)) -> Factors {
    let transposed = user_items.transpose_view().to_csr();
    let (users, items) = user_items.shape();
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    let mut random = |rows: usize| {
        Array2::from_shape_simple_fn((rows, config.factors), || {
            let value: f32 = StandardNormal.sample(&mut rng);
            value * 0.1 / (config.factors as f32).sqrt()
        })
    };
    let (mut user_factors, mut item_factors) = (random(users), random(items));
    for sweep in 0..config.sweeps {
        half_step(user_items, &item_factors, &mut user_factors, config);
        half_step(&transposed, &user_factors, &mut item_factors, config);
        progress(sweep + 1);
    }
    let gram = gram(&item_factors, config.unobserved_weight);
    Factors { items: item_factors, gram }
}

/// Solves every row of `solved` while `fixed` stays fixed.
fn half_step(weights: &Csr<f32>, fixed: &Array2<f32>, solved: &mut Array2<f32>, config: &AlsConfig) {
    let AlsParams { unobserved_weight: unobserved, regularization, regularization_power } = config.params();
    let gram = gram(fixed, unobserved);
    let all = fixed.nrows();
    let fixed = Fixed { factors: contiguous(fixed), gram: contiguous(&gram), unobserved };
    let indptr = weights.indptr();
    let starts = indptr.raw_storage();
    let (rows, values) = (weights.indices(), weights.data());
    let solved = solved.as_slice_mut().expect("owned factors are contiguous");
    solved.par_chunks_exact_mut(config.factors).enumerate().with_min_len(32).for_each_init(
        SolveBuffers::default,
        |buffers, (row, x)| {
            let range = starts[row] as usize..starts[row + 1] as usize;
            if range.is_empty() {
                x.fill(0.0);
                return;
            }
            let own = &values[range.clone()];
            let penalty = penalty(regularization, regularization_power, own.iter().sum(), unobserved, all);
            solve(fixed, Observations { rows: &rows[range], weights: own, penalty }, config.solver_steps, x, buffers);
        },
    );
}

/// `w₀·FᵀF` of row-major factors, summed in fixed chunks.
fn gram(factors: &Array2<f32>, unobserved: f32) -> Array2<f32> {
    let width = factors.ncols();
    let chunks: Vec<Vec<f32>> = contiguous(factors)
        .par_chunks(GRAM_CHUNK * width)
        .map(|rows| {
            let mut sum = vec![0.0; width * width];
            add_gram(rows, &mut sum, width);
            sum
        })
        .collect();
    let mut total = vec![0.0f64; width * width];
    for chunk in chunks {
        for (sum, value) in total.iter_mut().zip(chunk) {
            *sum += f64::from(value);
        }
    }
    let value = |(row, column)| (f64::from(unobserved) * total[row * width + column]) as f32;
    Array2::from_shape_fn((width, width), value)
}

fn contiguous(factors: &Array2<f32>) -> &[f32] {
    factors.as_slice().expect("owned factors are contiguous")
}

/// The table of all items, given that of items with events: an item without events has a zero row.
fn spread(table: AlsTable, items: &WithEvents) -> AlsTable {
    if items.len() == items.of_all() {
        return table;
    }
    let factors = table.item_factors.width();
    let mut all = vec![0.0; items.of_all() * factors];
    for (row, item) in table.item_factors.chunks_exact(factors).zip(items.items()) {
        all[item.at() * factors..][..factors].copy_from_slice(row);
    }
    AlsTable { item_factors: Column::matrix(all, factors), gram: table.gram }
}

impl Factors {
    /// The table that the factors are served from.
    #[must_use]
    pub fn table(&self) -> AlsTable {
        let rows = |matrix: &Array2<f32>| Column::matrix(contiguous(matrix).to_vec(), self.items.ncols());
        AlsTable { item_factors: rows(&self.items), gram: rows(&self.gram) }
    }

    /// The item factors, row-major.
    #[must_use]
    pub fn item_factors(&self) -> &[f32] {
        contiguous(&self.items)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Users and items of the same parity like each other, but for one pair left out: user 0 and item 6. Two factors
    /// can tell the colours, and no more: with many the model would learn the gap too.
    fn checkerboard() -> Csr<f32> {
        let (mut indptr, mut indices) = (vec![0u32], Vec::new());
        for user in 0..40u32 {
            indices.extend((0..30u32).filter(|item| item % 2 == user % 2 && (user, *item) != (0, 6)));
            indptr.push(indices.len() as u32);
        }
        let data = vec![1.0; indices.len()];
        Csr::new((40, 30), indptr, indices, data)
    }

    fn config() -> AlsConfig {
        AlsConfig {
            factors: 2,
            sweeps: 10,
            unobserved_weight: 0.5,
            regularization: 0.05,
            regularization_power: 0.0,
            solver_steps: 3,
            seed: 1,
        }
    }

    #[test]
    fn the_pair_left_out_of_a_checkerboard_scores_like_its_colour() {
        let factors = fit(&checkerboard(), &config(), &|_| ());
        let mut user = vec![0.0; 2];
        let rows: Vec<u32> = (0..30).filter(|item| item % 2 == 0 && *item != 6).collect();
        let weights = vec![1.0; rows.len()];
        let observed = Observations { rows: &rows, weights: &weights, penalty: 0.05 };
        let gram = factors.gram.as_slice().expect("contiguous");
        solve(
            Fixed { factors: factors.item_factors(), gram, unobserved: 0.5 },
            observed,
            20,
            &mut user,
            &mut SolveBuffers::default(),
        );
        let score = |item: usize| shared::engine::factors::dot(&user, &factors.item_factors()[item * 2..][..2]);
        assert!(score(6) > 0.8, "left out: {}", score(6));
        assert!((0..30).filter(|item| item % 2 == 1).all(|item| score(item) < 0.2));
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| fit(&checkerboard(), &config(), &|_| ()))
        };
        assert_eq!(with(1), with(3));
    }

    proptest! {
        #[test]
        fn a_half_step_ends_where_the_loss_over_all_pairs_has_no_slope(
            observed in prop::collection::vec(prop::collection::btree_map(0u32..6, 0.2f32..4.0, 1..6), 4),
            fixed in prop::collection::vec(-1f32..1.0, 6 * 3),
        ) {
            let mut weights = sprs::TriMatI::<f32, u32>::new((4, 6));
            for (row, own) in observed.iter().enumerate() {
                own.iter().for_each(|(&item, &weight)| weights.add_triplet(row, item as usize, weight));
            }
            let weights: Csr<f32> = weights.to_csr();
            let fixed = Array2::from_shape_vec((6, 3), fixed).expect("6 × 3");
            let config = AlsConfig { factors: 3, regularization_power: 1.0, solver_steps: 12, ..config() };
            let mut solved = Array2::zeros((4, 3));
            half_step(&weights, &fixed, &mut solved, &config);
            for (own, x) in observed.iter().zip(solved.rows()) {
                // The penalty grows with the weight of the row: w0 for every pair, plus the weights of its observed
                // pairs.
                let weighs = own.values().sum::<f32>() + config.unobserved_weight * 6.0;
                let mut slope = x.mapv(|value| value * config.regularization * weighs);
                for (item, y) in (0..).zip(fixed.rows()) {
                    let (weight, there) = own.get(&item).map_or((0.0, 0.0), |&weight| (weight, 1.0));
                    let error = weight * (1.0 - x.dot(&y)) + config.unobserved_weight * (there - x.dot(&y));
                    slope.scaled_add(-error, &y);
                }
                prop_assert!(slope.iter().all(|value| value.abs() < 1e-3), "{slope}");
            }
        }
    }
}
