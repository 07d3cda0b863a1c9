//! The demand for each item of the generated shop on a given day, and random draws of items by demand.
//!
//! In: the catalogue and a day. Out: prefix sums of the items' weights that day, from which an item of any range (a
//! style cluster, a category, the shop) is drawn in O(log range). Moving to another day costs O(items).
//!
//! An item's demand is its own weight, times its category's season, times its boom, times the attention that a new item
//! gets; before its launch it is 0.

use std::{f64::consts::TAU, ops::Range};

use rand::{Rng, RngExt};

use super::catalogue::Catalogue;

/// How long a category's season lasts, in days.
const SEASON_DAYS: f64 = 150.0;
/// How many times its ordinary weight a boom adds to an item at its peak.
const BOOM_HEIGHT: f64 = 5.0;
/// How many times its ordinary weight an item gains at its launch.
const LAUNCH_ATTENTION: f64 = 2.0;
/// How long the attention for a new item lasts, in days.
const LAUNCH_ATTENTION_DAYS: f64 = 12.0;

/// The demand of one day.
#[derive(Debug)]
pub struct Demand {
    /// `cumulative[i]` is the weight of all items before the `i`-th.
    cumulative: Vec<f64>,
}

impl Demand {
    /// The demand on `day`, from 0.
    pub fn on(day: u16, catalogue: &Catalogue) -> Self {
        let seasons: Vec<f64> = catalogue
            .categories
            .iter()
            .map(|category| 1.0 + category.swing * (TAU * f64::from(day) / SEASON_DAYS + category.phase).sin())
            .collect();
        let mut cumulative = Vec::with_capacity(catalogue.items.len() + 1);
        let mut sum = 0.0;
        cumulative.push(sum);
        for item in &catalogue.items {
            if item.launch_day <= day {
                let boom = item.boom.map_or(0.0, |boom| {
                    let distance = (f64::from(day) - boom.peak_day) / boom.width_days;
                    BOOM_HEIGHT * (-distance * distance).exp()
                });
                let attention = if item.launch_day > 0 {
                    LAUNCH_ATTENTION * (-f64::from(day - item.launch_day) / LAUNCH_ATTENTION_DAYS).exp()
                } else {
                    0.0
                };
                sum += item.weight * seasons[item.category] * (1.0 + boom + attention);
            }
            cumulative.push(sum);
        }
        Self { cumulative }
    }

    /// The demand for an item; 0 before its launch.
    pub fn of(&self, item: usize) -> f64 {
        self.cumulative[item + 1] - self.cumulative[item]
    }

    /// Draws an item of `range` by its weight; none if all of them are still to be launched.
    pub fn draw(&self, range: &Range<usize>, rng: &mut impl Rng) -> Option<usize> {
        let (low, high) = (self.cumulative[range.start], self.cumulative[range.end]);
        if high <= low {
            return None;
        }
        let point = rng.random_range(low..high);
        // The first item whose cumulative weight exceeds the point; an item of weight 0 is never it.
        let ends = &self.cumulative[range.start + 1..range.end];
        Some(range.start + ends.partition_point(|&end| end <= point))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn an_item_is_not_wanted_before_its_launch() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let catalogue = Catalogue::draw(100, &mut rng);
        for day in [0, 30, 119] {
            let demand = Demand::on(day, &catalogue);
            for (index, item) in catalogue.items.iter().enumerate() {
                assert_eq!(demand.of(index) > 0.0, item.launch_day <= day);
                assert_eq!(demand.draw(&(index..index + 1), &mut rng).is_some(), item.launch_day <= day);
            }
        }
    }

    #[test]
    fn an_item_is_drawn_as_often_as_it_weighs() {
        let demand = Demand { cumulative: vec![0.0, 1.0, 1.0, 4.0] };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut counts = [0; 3];
        for _ in 0..10_000 {
            counts[demand.draw(&(0..3), &mut rng).expect("two of three are wanted")] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((2_300..2_700).contains(&counts[0]), "{counts:?}");
    }
}
