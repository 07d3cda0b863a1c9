//! Scans all items with factors quantised to 7 bits, then scores the best of them exactly.
//!
//! In full precision a scan is bound by memory: 37,000 × 64 factors are 9.5 MB per query. Here each item's factors are
//! whole numbers from -63 to 63 times the item's scale, the query's from -127 to 127, so that the sum of four products
//! fits into 16 bits. Items are stored in descending order of their norms, in blocks of 32, factor by factor; the scan
//! ends as soon as no later item can beat the candidates so far (Cauchy-Schwarz). Twice as many candidates as asked for
//! get their exact inner products.
//!
//! Scores have the same bits on every machine: they take whole numbers and one product of floats per item. Cost for n
//! items of f factors: about n·f / 16 instructions at most; see `benches/ann.rs`.
//!
//! Source for the order and the bound: Teflioudi, Gemulla, Mykytiuk, "LEMP", SIGMOD 2015.

use multiversion::multiversion;

use crate::contract::id::ItemIdx;
use crate::engine::factors::dot;
use crate::engine::topk::{Best, Scored, top_k};

/// Items per block.
const LANES: usize = 32;
/// Factors whose products are summed in 16 bits.
const GROUP: usize = 4;
/// The largest code of an item's factor: `GROUP · 63 · 127` fits into 16 bits.
const ITEM_CODES: f32 = 63.0;
/// The largest code of a query's factor.
const QUERY_CODES: f32 = 127.0;
/// Candidates that get exact scores, per requested item.
const RESCORED: usize = 2;

/// Item factors quantised to 7 bits, in descending order of their norms.
#[derive(Debug, Default)]
pub struct Scan {
    /// Factors per item, padded to a multiple of [`GROUP`].
    depth: usize,
    /// Blocks × depth × lanes.
    codes: Vec<i8>,
    /// The item of each lane; the padding lanes of the last block have none.
    items: Vec<ItemIdx>,
    /// The factor that turns a lane's integer sum into a score; 0 for padding lanes.
    scales: Vec<f32>,
    /// The largest norm of each block.
    norms: Vec<f32>,
}

impl Scan {
    /// Packs the rows of `item_factors` that are not zero.
    #[must_use]
    pub fn new(item_factors: &[f32], factors: usize) -> Self {
        let row = |item: ItemIdx| &item_factors[item.at() * factors..][..factors];
        let norm = |item: ItemIdx| dot(row(item), row(item)).sqrt();
        let count = item_factors.len().checked_div(factors).unwrap_or(0) as u32;
        let mut items: Vec<ItemIdx> = (0..count).map(ItemIdx).filter(|&item| norm(item) > 0.0).collect();
        items.sort_by(|&a, &b| norm(b).total_cmp(&norm(a)).then(a.cmp(&b)));
        let depth = factors.next_multiple_of(GROUP);
        let blocks = items.len().div_ceil(LANES);
        let mut scan = Self { depth, codes: vec![0; blocks * depth * LANES], ..Self::default() };
        scan.scales = vec![0.0; blocks * LANES];
        for (place, &item) in items.iter().enumerate() {
            let (block, lane) = (place / LANES, place % LANES);
            let (largest, row) = (row(item).iter().fold(0.0f32, |most, value| most.max(value.abs())), row(item));
            for (factor, value) in row.iter().enumerate() {
                scan.codes[(block * depth + factor) * LANES + lane] = (value / largest * ITEM_CODES).round() as i8;
            }
            scan.scales[place] = largest / ITEM_CODES;
        }
        scan.norms = items.iter().step_by(LANES).map(|&first| norm(first)).collect();
        scan.items = items;
        scan
    }

    /// The `k` items with the largest inner products among those that `admit` lets through, best first, with exact
    /// scores.
    #[must_use]
    pub fn nearest(
        &self,
        item_factors: &[f32],
        query: &[f32],
        k: usize,
        admit: impl Fn(ItemIdx) -> bool,
    ) -> Vec<Scored> {
        let largest = query.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        if largest == 0.0 || k == 0 {
            return Vec::new();
        }
        let mut codes: Vec<i16> = query.iter().map(|value| (value / largest * QUERY_CODES).round() as i16).collect();
        codes.resize(self.depth, 0);
        // Scores here are in units of the query's scale.
        let norm = dot(query, query).sqrt() * QUERY_CODES / largest;
        let mut best = Best::new(k * RESCORED);
        let mut scores = [0.0; LANES];
        let blocks = self.codes.chunks_exact(self.depth * LANES).zip(self.scales.as_chunks().0);
        for (((block, scales), items), bound) in blocks.zip(self.items.chunks(LANES)).zip(&self.norms) {
            if bound * norm < best.floor() {
                break;
            }
            if block_scores(block, &codes, scales, best.floor(), &mut scores) == 0 {
                continue;
            }
            for (&score, &item) in scores.iter().zip(items) {
                if score >= best.floor() && admit(item) {
                    best.push(Scored { item, score });
                }
            }
        }
        let exact = |Scored { item, .. }: Scored| {
            let row = &item_factors[item.at() * query.len()..][..query.len()];
            Scored { item, score: dot(row, query) }
        };
        top_k(k, best.into_unsorted().into_iter().map(exact))
    }
}

/// The inner products of a block's items with the query, in units of its scale; returns how many reach the floor.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn block_scores(block: &[i8], query: &[i16], scales: &[f32; LANES], floor: f32, scores: &mut [f32; LANES]) -> u32 {
    let mut totals = [0i32; LANES];
    let (rows, _) = block.as_chunks::<LANES>();
    let (row_groups, _) = rows.as_chunks::<GROUP>();
    let (query_groups, _) = query.as_chunks::<GROUP>();
    for ([a, b, c, d], [p, q, r, s]) in row_groups.iter().zip(query_groups) {
        // The lanes are the inner loop, or the compiler would vectorise the other way round, five times slower.
        for lane in 0..LANES {
            // Can't overflow: see ITEM_CODES.
            let times = |code: i8, query: i16| i16::from(code).wrapping_mul(query);
            let (first, second) = (times(a[lane], *p), times(b[lane], *q));
            let (third, fourth) = (times(c[lane], *r), times(d[lane], *s));
            totals[lane] += i32::from(first.wrapping_add(second).wrapping_add(third.wrapping_add(fourth)));
        }
    }
    let mut reached = 0;
    for lane in 0..LANES {
        scores[lane] = totals[lane] as f32 * scales[lane];
        reached += u32::from(scores[lane] >= floor);
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::super::{clustered, nearest_exact};
    use super::*;

    #[test]
    fn the_packed_scan_finds_what_the_exact_scan_finds() {
        // 30 factors: no multiple of the group; 3,001 rows: no multiple of the lanes.
        let (rows, factors, k) = (3001, 30, 50);
        let items = clustered(rows, factors);
        let scan = Scan::new(&items, factors);
        let admit = |item: ItemIdx| !item.0.is_multiple_of(7);
        let mut found = 0;
        for query in items.chunks_exact(factors).step_by(60) {
            let exact = nearest_exact(&items, query, k, admit);
            let near = scan.nearest(&items, query, k, admit);
            assert_eq!(near.len(), k);
            assert!(near.iter().all(|scored| admit(scored.item)));
            found += exact.iter().filter(|scored| near.contains(scored)).count();
        }
        let recall = found as f64 / (51 * k) as f64;
        assert!(recall > 0.999, "recall {recall}");
    }

    #[test]
    fn small_norms_are_not_lost_behind_the_bound() {
        // The best for this query is the item with the smallest norm.
        let mut items = vec![0.0f32; 200 * 2];
        for row in items.chunks_exact_mut(2) {
            row.copy_from_slice(&[-5.0, 0.0]);
        }
        items[398..].copy_from_slice(&[0.1, 0.0]);
        let best = Scan::new(&items, 2).nearest(&items, &[1.0, 0.0], 1, |_| true);
        assert_eq!(best, [Scored { item: ItemIdx(199), score: 0.1 }]);
    }

    #[test]
    fn items_without_factors_are_left_out() {
        let items = [0.0, 0.0, 1.0, 0.0];
        let best = Scan::new(&items, 2).nearest(&items, &[1.0, 0.0], 5, |_| true);
        assert_eq!(best.len(), 1);
    }
}
