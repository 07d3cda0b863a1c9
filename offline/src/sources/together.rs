//! Items that are bought together: the complements of what is in a basket. No candidate source: the table answers queries
//! with a basket, and says nothing to others.
//!
//! `s(i, j) = c² / (c + shrinkage) / (n_i^a · n_j^b)` with `c = Σ_baskets n^-g` over the baskets that have both, where n is
//! how many items a basket has, and n_i how many baskets have i. So j counts less the more often it is bought anyway, what
//! was together once counts little, and a large basket, in which everything is with everything, no more than a small one.
//! What a basket leads to is the sum over its items. The form was chosen on validation (`compare/baskets.py`), where plain
//! lift (a = b = 1), conditional probability (b = 0) and the log-likelihood ratio are behind it.
//!
//! Cost: O(Σ n²) over the baskets of at most `most_items` items. Memory: 4 bytes per bought item, 8 per item and thread, 8
//! bytes per listed item.

use serde::{Deserialize, Serialize};
use shared::tables::Neighbours;

use super::item_knn_session::Occurrences;
use super::neighbours::{damped, lists};
use crate::config::ranges::{OutOfRange, range};
use crate::log::baskets::Basket;
use crate::log::with_events::WithEvents;

/// How pairs are counted. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct TogetherConfig {
    pub most_items: usize,
    pub basket_power: f64,
    pub shrinkage: f64,
    pub item_power: f64,
    pub neighbour_power: f64,
    pub neighbours: usize,
}

impl TogetherConfig {
    /// Checks the ranges of the settings.
    ///
    /// # Errors
    /// [`OutOfRange`] for the first that is out of its range.
    pub fn check(&self) -> Result<(), OutOfRange> {
        range(self.most_items > 1, "together.most_items", self.most_items, "at least 2")?;
        range(self.shrinkage >= 0.0, "together.shrinkage", self.shrinkage, "at least 0")
    }
}

/// Finds what all items are bought with. Without a basket of two the table has no rows.
#[must_use]
pub fn fit(baskets: &[Basket], items: &WithEvents, config: &TogetherConfig) -> Neighbours {
    let (mut starts, mut rows) = (vec![0], Vec::new());
    for basket in baskets.iter().filter(|basket| basket.items.len() <= config.most_items) {
        rows.extend(basket.items.iter().map(|&item| items.row_of_event(item)));
        starts.push(rows.len());
    }
    let is_pair = |bounds: &[usize]| bounds[1] - bounds[0] > 1;
    if config.neighbours == 0 || !starts.windows(2).any(is_pair) {
        return Neighbours::default();
    }
    let mut basket_of = vec![0u32; rows.len()];
    for (basket, bounds) in (0..).zip(starts.windows(2)) {
        basket_of[bounds[0]..bounds[1]].fill(basket);
    }
    let occurrences = Occurrences::of(&rows, items.len());
    let count = |item: u32| occurrences.places(item).len().max(1) as f64;
    let neighbour_powers: Vec<f64> =
        (0..items.len() as u32).map(|item| count(item).powf(config.neighbour_power)).collect();
    let table = lists(items.len(), |item, sums| {
        for &place in occurrences.places(item) {
            let basket = basket_of[place as usize] as usize;
            let own = &rows[starts[basket]..starts[basket + 1]];
            let weight = (own.len() as f64).powf(-config.basket_power);
            own.iter().filter(|&&other| other != item).for_each(|&other| sums.add(other, weight));
        }
        let own_power = count(item).powf(config.item_power);
        let shrunk = |sum: f64| sum * sum / (sum + config.shrinkage);
        sums.take_best(config.neighbours, |other, sum| damped(shrunk(sum), own_power, neighbour_powers[other as usize]))
    });
    items.spread(table)
}

#[cfg(test)]
mod tests {
    use shared::contract::id::{ItemIdx, UserIdx};

    use super::*;
    use crate::log::ingest::Log;

    const CONFIG: TogetherConfig = TogetherConfig {
        most_items: 3,
        basket_power: 1.0,
        shrinkage: 1.0,
        item_power: 0.5,
        neighbour_power: 1.0,
        neighbours: 10,
    };

    fn basket(items: &[u32]) -> Basket {
        Basket { user: UserIdx(0), at_ms: 0, items: items.iter().copied().map(ItemIdx).collect() }
    }

    /// Five items with an event each.
    fn items() -> WithEvents {
        WithEvents::of(&Log::of_views(&[(0, "u", "a"), (0, "u", "b"), (0, "u", "c"), (0, "u", "d"), (0, "u", "e")]))
    }

    #[test]
    fn scores_are_those_of_a_small_case_by_hand() {
        // a: 3 baskets, b: 2, c: 2, d: 1; that of four items is too large.
        let baskets = [&[0, 1][..], &[0, 1, 2], &[0], &[2, 3], &[0, 1, 2, 4]].map(basket);
        let table = fit(&baskets, &items(), &CONFIG);
        let of = |item: u32| table.of(ItemIdx(item)).map(|(item, score)| (item.0, score)).collect::<Vec<_>>();
        // With b: c = 1/2 + 1/3; with c: 1/3.
        let shrunk = |sum: f32| sum * sum / (sum + 1.0);
        let expected = [(1, shrunk(5.0 / 6.0) / 3f32.sqrt() / 2.0), (2, shrunk(1.0 / 3.0) / 3f32.sqrt() / 2.0)];
        assert_eq!(of(0).len(), 2);
        for (own, expected) in of(0).into_iter().zip(expected) {
            assert!(own.0 == expected.0 && (own.1 - expected.1).abs() < 1e-6, "{own:?} {expected:?}");
        }
        assert_eq!(of(2)[0].0, 3, "what is bought less often counts more");
        assert!(of(4).is_empty());
    }

    #[test]
    fn the_table_is_the_same_whatever_the_number_of_threads() {
        let baskets: Vec<Basket> = (0..400u32)
            .map(|at| basket(&[at % 5, (at / 3 + 1) % 5, (at / 7 + 2) % 5]))
            .map(|mut basket| {
                basket.items.sort_unstable();
                basket.items.dedup();
                basket
            })
            .collect();
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let table = pool.install(|| fit(&baskets, &items(), &CONFIG));
            let bits: Vec<u32> = table.scores.iter().map(|score| score.to_bits()).collect();
            (table.starts.to_vec(), table.items.to_vec(), bits)
        };
        assert_eq!(on(1), on(3));
    }

    #[test]
    fn without_a_basket_of_two_there_is_no_table() {
        assert!(fit(&[basket(&[0]), basket(&[1])], &items(), &CONFIG).is_empty());
        assert!(fit(&[basket(&[0, 1])], &items(), &TogetherConfig { neighbours: 0, ..CONFIG }).is_empty());
    }
}
