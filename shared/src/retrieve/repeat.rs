//! `repeat`: the user's own items, the last ones first.

use super::recent::Recent;
use crate::id::ItemIdx;
use crate::topk::Scored;

/// The first `limit` admitted items of the history, scored by how recent they are.
pub fn own_items(recent: &[Recent], limit: usize, admit: impl Fn(ItemIdx) -> bool) -> Vec<Scored> {
    let admitted = recent.iter().filter(|own| admit(own.item)).take(limit);
    admitted.map(|own| Scored { item: own.item, score: own.session_weight }).collect()
}
