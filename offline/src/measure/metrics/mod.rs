//! Ranking metrics, one per file. A slate is best first. Targets are the relevant items: there are `total` of them, and
//! `targets` are those that the model has; the others are always missed.

mod coverage;
mod diversity;
mod hit_rate;
mod mrr;
mod ndcg;
mod novelty;
mod precision;
mod recall;

use shared::contract::id::ItemIdx;

pub use coverage::coverage;
pub use diversity::diversity;
pub use hit_rate::hit_rate_at;
pub use mrr::mrr_at;
pub use ndcg::{discounted_gain, ndcg_at};
pub use novelty::{information, novelty};
pub use precision::precision_at;
pub use recall::recall_at;

/// How many of the first `k` items are targets.
fn hits(k: usize, slate: &[ItemIdx], targets: &[ItemIdx]) -> usize {
    slate.iter().take(k).filter(|item| targets.contains(item)).count()
}
