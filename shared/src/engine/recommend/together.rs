//! Puts the complements of a basket before what is recommended anyway: what is bought with the items in it.
//!
//! In: a query with a basket, and its picks. Out: the same picks after those that the table of what is bought together names;
//! where that is silent, they are as they were. An item's score is the sum over the basket, divided by the highest: 1 for the
//! first. Scores of the others go on from the last of them. Cost: a random read for each item of the basket, and a look at
//! each neighbour.

use hashbrown::{HashMap, HashSet};

use super::descend;
use crate::contract::id::ItemIdx;
use crate::engine::filter::Filter;
use crate::engine::slate::{Pick, Placed, Query};
use crate::engine::snapshot::Snapshot;
use crate::engine::topk::{Scored, top_k};

/// What the basket says of an item.
#[derive(Clone, Copy)]
struct Said {
    sum: f32,
    strongest: f32,
    from: ItemIdx,
}

/// Puts what is bought with the basket first, at most `most` items, the best first; ties go to the smaller item.
pub fn put_first(snapshot: &Snapshot, query: &Query, filter: &Filter, most: usize, picks: &mut Vec<Pick>) {
    let said = said(snapshot, &query.basket);
    let admitted = said.iter().filter(|(item, _)| filter.admits(snapshot, **item));
    let best = top_k(most, admitted.map(|(&item, said)| Scored { item, score: said.sum }));
    let Some(highest) = best.first().map(|first| first.score) else { return };
    let others: HashMap<ItemIdx, Pick> = picks.iter().map(|pick| (pick.item, *pick)).collect();
    let mut first: Vec<Pick> = Vec::with_capacity(best.len() + picks.len());
    for Scored { item, score } in best {
        let sources = others.get(&item).map(|pick| pick.sources).unwrap_or_default();
        let (score, because) = (score / highest, Some(said[&item].from));
        first.push(Pick { sources, because, placed: Placed::Together, ..Pick::unexplained(item, score) });
    }
    let taken: HashSet<ItemIdx> = first.iter().map(|pick| pick.item).collect();
    picks.retain(|pick| !taken.contains(&pick.item));
    let last = first.last().map_or(1.0, |pick| pick.score);
    // The other scores are on another scale: their highest becomes the last one before them.
    let scale = picks.first().map(|pick| pick.score).filter(|&score| score > 0.0).map_or(1.0, |score| last / score);
    picks.iter_mut().for_each(|pick| pick.score *= scale);
    first.append(picks);
    descend(&mut first);
    *picks = first;
}

/// What is bought with the items of a basket; an item that is in it twice counts once.
fn said(snapshot: &Snapshot, basket: &[ItemIdx]) -> HashMap<ItemIdx, Said> {
    let (mut said, mut counted) = (HashMap::new(), HashSet::new());
    for &from in basket.iter().filter(|&&from| counted.insert(from)) {
        for (item, score) in snapshot.together().of(from) {
            let own = said.entry(item).or_insert(Said { sum: 0.0, strongest: 0.0, from });
            own.sum += score;
            if score > own.strongest {
                (own.strongest, own.from) = (score, from);
            }
        }
    }
    said
}
