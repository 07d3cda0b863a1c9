//! Co-occurrence in user windows: `s(i, j) = n_i^-a · n_j^-b · Σ_u n_u^-g` over the users who had both.
//!
//! The general form of cosine (a = b = 0.5, g = 0), RP3beta (a = g = 1) and their kin; see Paudel et al., TiiS 2017.
//! Of a user the last `window` distinct items count. Cost: O(Σ_u n_u · min(n_u, window)).

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use shared::topk::Scored;

use super::{Neighbours, RowSums, damped, rows};
use crate::ingest::Log;
use crate::interactions::{Csr, by_user};

/// How pairs are counted. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ItemKnnUserConfig {
    pub window: usize,
    pub item_power: f64,
    pub neighbour_power: f64,
    pub user_power: f64,
    pub neighbours: usize,
}

/// Users × items, 1 for each of a user's last `window` distinct items.
#[must_use]
pub fn windows(log: &Log, window: usize) -> Csr<f32> {
    let (starts, order) = by_user(log);
    let (mut indptr, mut indices) = (vec![0u32], Vec::new());
    let mut last: HashSet<u32> = HashSet::new();
    for bounds in starts.windows(2) {
        last.clear();
        for &at in order[bounds[0] as usize..bounds[1] as usize].iter().rev() {
            if last.len() == window {
                break;
            }
            last.insert(log.events[at as usize].item.0);
        }
        let first = indices.len();
        indices.extend(last.iter().copied());
        indices[first..].sort_unstable();
        indptr.push(indices.len() as u32);
    }
    let data = vec![1.0; indices.len()];
    Csr::new((log.users.len(), log.items.len()), indptr, indices, data)
}

/// Sums `n_u^-user_power` over the users whose windows hold an item together with each other item, and with itself;
/// `take` makes a row of the sums.
pub fn co_occurrence(
    windows: &Csr<f32>,
    user_power: f64,
    take: impl Fn(u32, &mut RowSums) -> Vec<Scored> + Sync,
) -> Neighbours {
    let users_of = windows.transpose_view().to_csr();
    let (user_ptr, users) = (users_of.indptr(), users_of.indices());
    let (item_ptr, items) = (windows.indptr(), windows.indices());
    let (user_ptr, item_ptr) = (user_ptr.raw_storage(), item_ptr.raw_storage());
    let user_weights: Vec<f64> =
        item_ptr.windows(2).map(|bounds| f64::from((bounds[1] - bounds[0]).max(1)).powf(-user_power)).collect();
    rows(windows.cols(), |item, sums| {
        let at = item as usize;
        for &user in &users[user_ptr[at] as usize..user_ptr[at + 1] as usize] {
            let user = user as usize;
            for &other in &items[item_ptr[user] as usize..item_ptr[user + 1] as usize] {
                sums.add(other, user_weights[user]);
            }
        }
        take(item, sums)
    })
}

/// How many users' windows hold each item.
#[must_use]
pub fn user_counts(windows: &Csr<f32>) -> Vec<u32> {
    let mut counts = vec![0; windows.cols()];
    windows.indices().iter().for_each(|&item| counts[item as usize] += 1);
    counts
}

/// Finds the neighbours of all items in user windows (users × items, see [`windows`]).
#[must_use]
pub fn fit(windows: &Csr<f32>, config: &ItemKnnUserConfig) -> Neighbours {
    let counts: Vec<f64> = user_counts(windows).into_iter().map(|count| f64::from(count.max(1))).collect();
    let neighbour_powers: Vec<f64> = counts.iter().map(|count| count.powf(config.neighbour_power)).collect();
    co_occurrence(windows, config.user_power, |item, sums| {
        sums.forget(item);
        let own_power = counts[item as usize].powf(config.item_power);
        sums.take_best(config.neighbours, |neighbour, sum| damped(sum, own_power, neighbour_powers[neighbour as usize]))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use shared::id::ItemIdx;

    use super::*;
    use crate::interactions::ones;

    #[test]
    fn a_pair_weighs_what_its_users_and_items_weigh() {
        // Users {0, 1} and {0, 1, 2}; a = b = 1, g = 1.
        let windows = Csr::new((2, 3), vec![0, 2, 5], vec![0, 1, 0, 1, 2], vec![1.0; 5]);
        let config =
            ItemKnnUserConfig { window: 9, item_power: 1.0, neighbour_power: 1.0, user_power: 1.0, neighbours: 9 };
        let table = fit(&windows, &config);
        let expected = [(1.0 / 2.0 + 1.0 / 3.0) / 4.0, (1.0 / 3.0) / 2.0];
        assert_eq!(table.items[..2].iter().map(|item| item.0).collect::<Vec<_>>(), [1, 2]);
        assert!(table.scores.iter().zip(expected).all(|(score, expected)| (f64::from(*score) - expected).abs() < 1e-7));
    }

    proptest! {
        #[test]
        fn rows_agree_with_the_formula_pair_by_pair(
            users in prop::collection::vec(prop::collection::btree_set(0u32..8, 0..7), 1..10),
            (item_power, neighbour_power, user_power) in (0f64..1.0, 0f64..1.0, 0f64..1.0),
        ) {
            let config = ItemKnnUserConfig { window: 9, item_power, neighbour_power, user_power, neighbours: 9 };
            let table = fit(&ones(&users, 8), &config);
            let count = |item: u32| users.iter().filter(|user| user.contains(&item)).count().max(1) as f64;
            for i in 0..8 {
                let found: BTreeMap<u32, f32> = table.of(ItemIdx(i)).map(|(item, score)| (item.0, score)).collect();
                for j in 0..8 {
                    let both = users.iter().filter(|user| i != j && user.contains(&i) && user.contains(&j));
                    let sum: f64 = both.map(|user| (user.len() as f64).powf(-user_power)).sum();
                    let expected = sum * count(i).powf(-item_power) * count(j).powf(-neighbour_power);
                    let score = f64::from(found.get(&j).copied().unwrap_or(0.0));
                    prop_assert!((score - expected).abs() < 1e-5 * (1.0 + expected), "{score} for {expected}");
                }
            }
        }
    }
}
