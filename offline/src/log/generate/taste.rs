//! The taste of a generated user: a few preferred categories, a few style clusters in each, and a price level.
//!
//! A taste is a function of the seed and the user's number. It is computed again for each of the user's sessions, so
//! that a million users take no memory.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{catalogue::Catalogue, demand::Demand};

/// The maximum number of categories that a user likes.
const CATEGORIES: usize = 3;
/// The number of style clusters that a user likes in one category.
const CLUSTERS: usize = 2;
/// The probability that a draw is from the first of the liked categories; the others share the rest.
const FAVOURITE: f64 = 0.55;
/// The probability that a draw is from the liked clusters, and from the rest of the liked category.
const IN_CLUSTER: f64 = 0.70;
const IN_CATEGORY: f64 = 0.15;
/// The standard deviation of users' price levels, in standard deviations of the items' price levels.
const PRICE_SPREAD: f64 = 0.8;

/// The preferences of one user.
#[derive(Debug)]
pub struct Taste {
    /// The liked categories, most liked first, with the liked clusters of each.
    likes: [(usize, [usize; CLUSTERS]); CATEGORIES],
    price_level: f64,
}

impl Taste {
    /// The taste of user number `user` in the shop of this seed. Liked categories are drawn by the demand of the first
    /// day; the same category may be drawn twice, which makes the preference stronger.
    pub fn of(user: u32, seed: u64, catalogue: &Catalogue, first_day: &Demand) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // Stream 0 is the shop's own.
        rng.set_stream(u64::from(user) + 1);
        let shop = 0..catalogue.items.len();
        let likes = std::array::from_fn(|_| {
            let liked = first_day.draw(&shop, &mut rng).expect("nine items in ten are there from the first day");
            let category = catalogue.items[liked].category;
            let clusters = &catalogue.categories[category].clusters;
            (category, std::array::from_fn(|_| rng.random_range(clusters.clone())))
        });
        let level: f64 = StandardNormal.sample(&mut rng);
        Self { likes, price_level: PRICE_SPREAD * level }
    }

    /// Draws an item from the user's taste and the demand of the day, independent of the items seen so far.
    pub fn wish(&self, catalogue: &Catalogue, today: &Demand, rng: &mut impl Rng) -> usize {
        let favourite = if rng.random_bool(FAVOURITE) { 0 } else { rng.random_range(1..CATEGORIES) };
        let (category, clusters) = self.likes[favourite];
        let mood: f64 = rng.random();
        let range = if mood < IN_CLUSTER {
            &catalogue.clusters[clusters[rng.random_range(0..CLUSTERS)]]
        } else if mood < IN_CLUSTER + IN_CATEGORY {
            &catalogue.categories[category].items
        } else {
            &(0..catalogue.items.len())
        };
        self.affordable(range, catalogue, today, rng)
            .or_else(|| today.draw(&(0..catalogue.items.len()), rng))
            .expect("nine items in ten are there from the first day")
    }

    /// Draws two items of the range by demand, and returns the one whose price suits the user better.
    pub fn affordable(
        &self,
        range: &std::ops::Range<usize>,
        catalogue: &Catalogue,
        today: &Demand,
        rng: &mut impl Rng,
    ) -> Option<usize> {
        let (one, other) = (today.draw(range, rng)?, today.draw(range, rng)?);
        let misfit = |item: usize| (catalogue.items[item].price_level - self.price_level).abs();
        Some(if misfit(other) < misfit(one) { other } else { one })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_wishes_mostly_within_the_own_likes() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let catalogue = Catalogue::draw(300, &mut rng);
        let demand = Demand::on(0, &catalogue);
        let taste = Taste::of(7, 1, &catalogue, &demand);
        let liked: Vec<usize> = taste.likes.iter().flat_map(|(_, clusters)| *clusters).collect();
        let within = (0..1_000)
            .filter(|_| liked.contains(&catalogue.items[taste.wish(&catalogue, &demand, &mut rng)].cluster))
            .count();
        assert!((650..900).contains(&within), "{within}");
    }

    #[test]
    fn users_with_expensive_taste_draw_dearer_items() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let catalogue = Catalogue::draw(300, &mut rng);
        let demand = Demand::on(0, &catalogue);
        let mean_level = |price_level: f64, rng: &mut ChaCha8Rng| {
            let taste = Taste { price_level, ..Taste::of(1, 1, &catalogue, &demand) };
            let items = (0..500).map(|_| taste.affordable(&(0..300), &catalogue, &demand, rng));
            items.map(|item| catalogue.items[item.expect("the shop sells something")].price_level).sum::<f64>() / 500.0
        };
        assert!(mean_level(1.5, &mut rng) > mean_level(-1.5, &mut rng) + 0.3);
    }
}
