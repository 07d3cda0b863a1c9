//! Inner products of a query with some items, from factors in 8 bits.
//!
//! Candidates lie anywhere in the catalogue, so that each costs the time to fetch it from memory: 64 factors in full
//! precision are four cache lines, here one. The largest factor of an item is 127 times its scale; a score differs from the
//! exact one by about a hundredth of the largest. Whole numbers are summed, so that scores have the same bits on every
//! machine.

use multiversion::multiversion;

use crate::contract::id::ItemIdx;
use crate::engine::dense::{FETCHED, fetch};

/// Factors in a cache line, to a multiple of which they are padded.
const LINE: usize = 64;

/// A cache line of codes; an item's codes begin with one.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Line([i8; LINE]);
/// The largest code.
const CODES: f32 = 127.0;

/// The factors of all items in 8 bits.
#[derive(Debug, Default)]
pub struct Codes {
    /// How many lines an item takes.
    depth: usize,
    /// Items × depth.
    codes: Vec<Line>,
    /// What one unit of each item's codes stands for.
    scales: Vec<f32>,
}

/// A query in 8 bits.
#[derive(Debug, Default)]
pub struct QueryCodes {
    codes: Vec<i16>,
    scale: f32,
}

/// The codes of a vector, and what one unit of them stands for.
fn codes(vector: &[f32]) -> (impl Iterator<Item = i16>, f32) {
    let largest = vector.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    let unit = if largest > 0.0 { CODES / largest } else { 0.0 };
    (vector.iter().map(move |value| (value * unit).round() as i16), largest / CODES)
}

impl Codes {
    /// Packs the rows of `item_factors`.
    #[must_use]
    pub fn new(item_factors: &[f32], factors: usize) -> Self {
        let depth = factors.div_ceil(LINE);
        let rows = item_factors.chunks_exact(factors.max(1));
        let codes_of_all = vec![Line([0; LINE]); rows.len() * depth];
        let mut packed = Self { depth, codes: codes_of_all, scales: Vec::with_capacity(rows.len()) };
        for (row, target) in rows.zip(packed.codes.chunks_exact_mut(depth.max(1))) {
            let (codes, scale) = codes(row);
            let target = target.iter_mut().flat_map(|line| &mut line.0);
            target.zip(codes).for_each(|(target, code)| *target = code as i8);
            packed.scales.push(scale);
        }
        packed
    }

    /// Packs a query.
    pub fn query(&self, query: &[f32], packed: &mut QueryCodes) {
        let (codes, scale) = codes(query);
        packed.codes.clear();
        packed.codes.extend(codes);
        packed.codes.resize(self.depth * LINE, 0);
        packed.scale = scale;
    }

    /// The inner products of a query with items, in their order.
    pub fn scores(&self, query: &QueryCodes, items: &[ItemIdx], scores: &mut Vec<f32>) {
        scores.clear();
        scores.resize(items.len(), 0.0);
        inner_products(&self.codes, &self.scales, &query.codes, query.scale, items, scores);
    }
}

/// Plain loops: adapters of iterators are compiled for any machine, and call the closures of a faster version one element
/// at a time.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn inner_products(rows: &[Line], scales: &[f32], query: &[i16], scale: f32, items: &[ItemIdx], scores: &mut [f32]) {
    let (query, _) = query.as_chunks::<LINE>();
    // An item that came after the version has no row.
    let row = |item: ItemIdx| rows.get(item.at() * query.len()..(item.at() + 1) * query.len()).unwrap_or_default();
    let scale_of = |item: ItemIdx| scales.get(item.at()).copied().unwrap_or(0.0);
    for (scores, items) in scores.chunks_mut(FETCHED).zip(items.chunks(FETCHED)) {
        fetch(items.iter().map(|&item| (row(item).first().map_or(0, |line| line.0[0]), scale_of(item))));
        for (score, &item) in scores.iter_mut().zip(items) {
            let mut total = 0;
            for (Line(codes), query) in row(item).iter().zip(query) {
                for (&code, &query) in codes.iter().zip(query) {
                    total += i32::from(code) * i32::from(query);
                }
            }
            *score = total as f32 * (scale_of(item) * scale);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::clustered;
    use super::*;
    use crate::engine::factors::dot;

    #[test]
    fn scores_differ_from_the_exact_ones_by_a_hundredth_of_the_largest() {
        // 30 factors: no multiple of the lanes.
        let (rows, factors) = (500, 30);
        let vectors = clustered(rows, factors);
        let codes = Codes::new(&vectors, factors);
        let items: Vec<ItemIdx> = (0..rows as u32).rev().map(ItemIdx).collect();
        let (mut packed, mut scores) = (QueryCodes::default(), Vec::new());
        for query in vectors.chunks_exact(factors).take(20) {
            codes.query(query, &mut packed);
            codes.scores(&packed, &items, &mut scores);
            let exact: Vec<f32> =
                items.iter().map(|item| dot(&vectors[item.at() * factors..][..factors], query)).collect();
            let largest = exact.iter().copied().fold(0.0, f32::max);
            assert!(scores.iter().zip(&exact).all(|(score, exact)| (score - exact).abs() < 0.01 * largest));
        }
    }

    #[test]
    fn zeros_have_no_score() {
        let codes = Codes::new(&[0.0, 0.0, 1.0, -1.0], 2);
        let (mut packed, mut scores) = (QueryCodes::default(), Vec::new());
        codes.query(&[0.0, 0.0], &mut packed);
        codes.scores(&packed, &[ItemIdx(0), ItemIdx(1)], &mut scores);
        assert_eq!(scores, [0.0, 0.0]);
    }
}
