//! The long tail: how the events spread over the items that have any.
//!
//! The Gini coefficient is 0 where all items have as many events, and near 1 where one has them all: `(2 Σ i·xᵢ / (n Σ xᵢ)) -
//! (n + 1) / n` over ascending counts `x₁ … xₙ`.

use serde::Serialize;

/// How many points the curve has.
const POINTS: usize = 50;

/// How the events spread over items.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tail {
    /// The items with events.
    pub items: usize,
    /// The items of the item table without any.
    pub without_events: usize,
    /// The share of the events that the most popular percent, tenth and half of the items have.
    pub top: [Share; 3],
    /// The Gini coefficient.
    pub gini: f64,
    /// The share of the items, the most popular first, and the share of the events that they have together.
    pub curve: Vec<[f64; 2]>,
    /// How many items have a single event.
    pub single: usize,
}

/// What a share of the items has.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// The share of the items.
    pub items: f64,
    /// Their share of the events.
    pub events: f64,
}

/// How events spread over items; none of no events.
#[must_use]
pub fn tail(counts: &[u64]) -> Option<Tail> {
    let mut counts: Vec<u64> = counts.to_vec();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let all = counts.len();
    counts.truncate(counts.partition_point(|count| *count > 0));
    let (items, events) = (counts.len(), counts.iter().sum::<u64>() as f64);
    if items == 0 {
        return None;
    }
    let mut sums = vec![0.0];
    sums.extend(counts.iter().scan(0.0f64, |sum, count| {
        *sum += *count as f64;
        Some(*sum / events)
    }));
    let first = |share: f64| sums[((share * items as f64).ceil() as usize).clamp(1, items)];
    let weighted: f64 = counts.iter().rev().zip(1u32..).map(|(count, place)| f64::from(place) * *count as f64).sum();
    let n = items as f64;
    let step = (items as f64 / POINTS as f64).max(1.0);
    let point = |at: usize| {
        let item = ((at as f64 * step).round() as usize).min(items);
        [item as f64 / n, sums[item]]
    };
    let mut curve: Vec<[f64; 2]> = (0..=POINTS).map(point).collect();
    curve.dedup();
    Some(Tail {
        items,
        without_events: all - items,
        top: [0.01, 0.1, 0.5].map(|share| Share { items: share, events: first(share) }),
        gini: (2.0 * weighted / (n * events) - (n + 1.0) / n).max(0.0),
        curve,
        single: counts.iter().filter(|count| **count == 1).count(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_items_have_no_inequality_and_one_that_has_all_has_most() {
        let equal = tail(&[3, 3, 3, 3, 0]).expect("events");
        assert_eq!((equal.items, equal.without_events, equal.gini, equal.single), (4, 1, 0.0, 0));
        assert_eq!(equal.curve, [[0.0, 0.0], [0.25, 0.25], [0.5, 0.5], [0.75, 0.75], [1.0, 1.0]]);
        // Ascending 1, 1, 8: 2·(1 + 2 + 24) / (3·10) - 4/3 = 1.8 - 1.3333.
        let steep = tail(&[1, 8, 1]).expect("events");
        assert!((steep.gini - 0.466_667).abs() < 1e-6, "{}", steep.gini);
        assert_eq!((steep.top[0].events, steep.top[2].events, steep.single), (0.8, 0.9, 2));
        assert_eq!(tail(&[0, 0]), None);
    }
}
