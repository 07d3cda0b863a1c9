//! `als`: folds the user's factors in from the history, and proposes the items with the largest inner products.
//!
//! The fold-in is the half step of training for one user (see [`crate::engine::factors::solve`]), with the history's
//! items as observations. Cost: O(steps · (f² + n·f)), then a scan or a graph search.

use crate::contract::id::ItemIdx;
use crate::contract::params::{AlsParams, EngineParams};
use crate::engine::ann::codes::QueryCodes;
use crate::engine::factors::{Fixed, Observations, SolveBuffers, dot, penalty, solve};
use crate::engine::state::Interaction;
use crate::engine::topk::{Scored, top_k};
use crate::tables::{Als, Index};

/// Conjugate gradient steps of a fold-in, from zero; the residual is small long before.
const STEPS: usize = 12;
/// Most items fetched from the graph on top of the limit, to make up for refused ones.
const MAX_SURPLUS: usize = 500;

/// A user's factors for one request, with the buffers to find them.
#[derive(Debug, Default)]
pub struct FoldIn {
    user: Vec<f32>,
    weights: Vec<(u32, f32)>,
    items: Vec<u32>,
    sums: Vec<f32>,
    buffers: SolveBuffers,
    codes: QueryCodes,
}

impl FoldIn {
    /// Solves for the user's factors; returns whether the history has an item with factors.
    pub fn fold(&mut self, als: &Als, params: &EngineParams, history: &[Interaction]) -> bool {
        let known = history.iter().filter(|event| als.has(event.item));
        let weights = known.map(|event| (event.item.0, params.kinds.weight(event.kind)));
        self.weights.clear();
        self.weights.extend(weights);
        // Stable: the weights of an item are added in the order of its events.
        self.weights.sort_by_key(|&(item, _)| item);
        self.items.clear();
        self.sums.clear();
        for events in self.weights.chunk_by(|a, b| a.0 == b.0) {
            self.items.push(events[0].0);
            self.sums.push(events.iter().map(|(_, weight)| weight).sum::<f32>());
        }
        self.user.clear();
        self.user.resize(als.factors, 0.0);
        let AlsParams { unobserved_weight: unobserved, regularization, regularization_power } = params.als;
        let (total, items) = (self.sums.iter().sum(), als.known());
        let penalty = penalty(regularization, regularization_power, total, unobserved, items);
        let observed = Observations { rows: &self.items, weights: &self.sums, penalty };
        let fixed = Fixed { factors: &als.item_factors, gram: &als.gram, unobserved };
        solve(fixed, observed, STEPS, &mut self.user, &mut self.buffers);
        self.user.iter().any(|&value| value != 0.0)
    }

    /// The user's factors.
    #[must_use]
    pub fn user(&self) -> &[f32] {
        &self.user
    }

    /// The inner products of the user's factors with those of items, in 8 bits.
    pub fn scores(&mut self, als: &Als, items: &[ItemIdx], scores: &mut Vec<f32>) {
        als.codes.query(&self.user, &mut self.codes);
        als.codes.scores(&self.codes, items, scores);
    }

    /// The `limit` admitted items with the largest inner products, best first.
    ///
    /// * `refused`: about how many of the nearest items `admit` refuses; that many more are fetched from the graph.
    /// * `restricted`: if given, only these items are considered, by a scan.
    pub fn nearest(
        &self,
        als: &Als,
        params: &EngineParams,
        limit: usize,
        refused: usize,
        restricted: Option<&[ItemIdx]>,
        admit: impl Fn(ItemIdx) -> bool,
    ) -> Vec<Scored> {
        let scored = |item: ItemIdx| Scored { item, score: dot(&self.user, als.item(item)) };
        match (restricted, &als.index) {
            (Some(items), _) => top_k(limit, items.iter().copied().filter(|&item| admit(item)).map(scored)),
            (None, Index::Graph(graph)) => {
                let found = graph.nearest(&self.user, limit + refused.min(MAX_SURPLUS), params.ann_ef_search);
                top_k(limit, found.into_iter().filter(|&item| admit(item)).map(scored))
            }
            (None, Index::Scan(scan)) => scan.nearest(&als.item_factors, &self.user, limit, admit),
        }
    }
}
