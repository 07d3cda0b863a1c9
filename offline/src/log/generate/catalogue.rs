//! The items of the generated shop: their names and prices, their popularity, and which items go together.
//!
//! In: how many items, and a random generator. Out: the [`Catalogue`], O(items) in memory and O(items log items) in
//! time.
//!
//! A category holds style clusters of about [`CLUSTER_SIZE`] items. Items are sorted by category, then cluster, then
//! popularity, so that a category and a cluster are ranges of indices, and the neighbours of an item in its cluster are
//! about as popular as itself: a walk along neighbours keeps the popularity distribution. Inside a category this is
//! Zipf's law, weight ∝ rank^-[`ZIPF_EXPONENT`].

use std::{collections::HashMap, f64::consts::TAU, ops::Range};

use rand::{Rng, RngExt, seq::SliceRandom};
use rand_distr::{Distribution, StandardNormal};

use super::words::{CATEGORIES, CategoryWords};

/// How fast popularity falls with the rank inside a category.
const ZIPF_EXPONENT: f64 = 1.0;
/// How fast the size of a category falls with its rank in the shop.
const CATEGORY_EXPONENT: f64 = 0.6;
/// The approximate number of items in a style cluster.
const CLUSTER_SIZE: usize = 15;
/// The minimum number of items per category: a shop with fewer items gets fewer categories.
const MIN_CATEGORY_SIZE: usize = 8;
/// One item in this many is launched within the time line.
const ITEMS_PER_LAUNCH: usize = 10;
/// The days within which new items are launched.
const LAUNCH_DAYS: Range<u16> = 10..111;
/// One item in this many has a temporary boom.
const ITEMS_PER_BOOM: u32 = 4;

/// One item.
#[derive(Debug, Clone)]
pub struct Item {
    /// A readable slug, such as `lamp-0042`.
    pub id: String,
    /// Such as "Oak Bedside Lamp".
    pub name: String,
    /// Index of its category.
    pub category: usize,
    /// Index of its style cluster.
    pub cluster: usize,
    /// In hundredths.
    pub price_cents: u64,
    /// How expensive it is for its kind, in standard deviations.
    pub price_level: f64,
    /// The first day it can be seen, from 0.
    pub launch_day: u16,
    /// Its demand without season and boom.
    pub weight: f64,
    /// Its boom, if it has one.
    pub boom: Option<Boom>,
}

/// A temporary rise of one item's demand: a bell curve over the days.
#[derive(Debug, Clone, Copy)]
pub struct Boom {
    /// The day of the highest demand.
    pub peak_day: f64,
    /// How long it lasts, in days either side.
    pub width_days: f64,
}

/// A category: a range of items, and of the clusters that divide it.
#[derive(Debug, Clone)]
pub struct Category {
    /// What the shop calls it, and names its items after.
    pub words: &'static CategoryWords,
    /// Its items.
    pub items: Range<usize>,
    /// Its style clusters.
    pub clusters: Range<usize>,
    /// The amplitude of its seasonal demand, 0 to 1.
    pub swing: f64,
    /// The phase of its season on day 0, in radians.
    pub phase: f64,
    /// Which of its styles the first cluster has; the next clusters have the next ones.
    pub first_style: usize,
}

/// All items of the shop.
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// Sorted by category, cluster and popularity.
    pub items: Vec<Item>,
    /// In the order of `words::CATEGORIES`.
    pub categories: Vec<Category>,
    /// The items of each style cluster.
    pub clusters: Vec<Range<usize>>,
}

impl Catalogue {
    /// Draws a shop of `items` items, at least 1.
    pub fn draw(items: usize, rng: &mut impl Rng) -> Self {
        let mut catalogue = Self { items: Vec::with_capacity(items), categories: Vec::new(), clusters: Vec::new() };
        let sizes = category_sizes(items);
        for (words, size) in CATEGORIES.iter().zip(sizes) {
            catalogue.add_category(words, size, rng);
        }
        for index in rand::seq::index::sample(rng, items, items / ITEMS_PER_LAUNCH) {
            catalogue.items[index].launch_day = rng.random_range(LAUNCH_DAYS);
        }
        catalogue.name_items(rng);
        catalogue
    }

    fn add_category(&mut self, words: &'static CategoryWords, size: usize, rng: &mut impl Rng) {
        let (first_item, first_cluster, category) = (self.items.len(), self.clusters.len(), self.categories.len());
        let mut ranks: Vec<usize> = (1..=size).collect();
        ranks.shuffle(rng);
        // A category's demand is proportional to its size: the weights of its items sum to about its size.
        let total: f64 = ranks.iter().map(|&rank| zipf(rank)).sum();
        let clusters = size.div_ceil(CLUSTER_SIZE);
        for cluster in 0..clusters {
            let members = &mut ranks[size * cluster / clusters..size * (cluster + 1) / clusters];
            members.sort_unstable();
            let start = self.items.len();
            for &rank in members.iter() {
                let price_level: f64 = StandardNormal.sample(rng);
                let boom = rng
                    .random_ratio(1, ITEMS_PER_BOOM)
                    .then(|| Boom { peak_day: rng.random_range(0.0..120.0), width_days: rng.random_range(4.0..12.0) });
                self.items.push(Item {
                    id: String::new(),
                    name: String::new(),
                    category,
                    cluster: self.clusters.len(),
                    price_cents: 0,
                    price_level,
                    launch_day: 0,
                    weight: size as f64 * zipf(rank) / total,
                    boom,
                });
            }
            self.clusters.push(start..self.items.len());
        }
        self.categories.push(Category {
            words,
            items: first_item..self.items.len(),
            clusters: first_cluster..self.clusters.len(),
            swing: rng.random_range(0.1..0.6),
            phase: rng.random_range(0.0..TAU),
            first_style: rng.random_range(0..words.styles.len()),
        });
    }

    /// Gives ids, names and prices, in an order that is independent of clusters and popularity.
    fn name_items(&mut self, rng: &mut impl Rng) {
        let mut order: Vec<usize> = (0..self.items.len()).collect();
        order.shuffle(rng);
        let mut ids_given: HashMap<&str, u32> = HashMap::new();
        let mut names_given: HashMap<(&str, &str), usize> = HashMap::new();
        for index in order {
            let item = &mut self.items[index];
            let category = &self.categories[item.category];
            let words = category.words;
            let style_number = category.first_style + item.cluster - category.clusters.start;
            let kind = &words.kinds[rng.random_range(0..words.kinds.len())];
            let style = words.styles[style_number % words.styles.len()];

            let ordinal = ids_given.entry(kind.slug).or_default();
            *ordinal += 1;
            item.id = format!("{}-{ordinal:04}", kind.slug);

            let namesake = names_given.entry((style, kind.name)).or_default();
            let modifier = words.modifiers[*namesake % words.modifiers.len()];
            let round = *namesake / words.modifiers.len();
            *namesake += 1;
            item.name = format!("{style} {modifier} {}", kind.name);
            if round > 0 {
                item.name.push_str(&format!(" {}", round + 1));
            }

            let price = kind.typical_price * (0.4 * item.price_level).exp();
            // Shops end their prices on 90 or 50.
            item.price_cents =
                if price < 20.0 { price.ceil() as u64 * 100 - 50 } else { price.ceil() as u64 * 100 - 10 };
        }
    }

    /// The items that go with this one, best first: its two neighbours in its cluster, and its two counterparts in the
    /// cluster that complements its own. An item alone in its cluster is its own neighbour.
    pub fn companions(&self, item: usize) -> [usize; 4] {
        let own = &self.clusters[self.items[item].cluster];
        let (size, place) = (own.len(), item - own.start);
        let complement = &self.clusters[self.complement(self.items[item].cluster)];
        let counterpart = place * complement.len() / size;
        [
            own.start + (place + 1) % size,
            complement.start + counterpart,
            own.start + (place + size - 1) % size,
            complement.start + (counterpart + 1) % complement.len(),
        ]
    }

    /// The cluster whose items are bought with those of `cluster`: the one at the same position in the other category
    /// of the pair; in a category without a pair, the next one.
    fn complement(&self, cluster: usize) -> usize {
        let category = self.items[self.clusters[cluster].start].category;
        let own = &self.categories[category].clusters;
        let place = cluster - own.start;
        match self.categories.get(category ^ 1) {
            Some(partner) => partner.clusters.start + place * partner.clusters.len() / own.len(),
            None => own.start + (place + 1) % own.len(),
        }
    }
}

fn zipf(rank: usize) -> f64 {
    (rank as f64).powf(-ZIPF_EXPONENT)
}

/// Splits the items over as many categories as can have enough items each; the sizes fall by rank and sum to `items`.
fn category_sizes(items: usize) -> Vec<usize> {
    let categories = (items / MIN_CATEGORY_SIZE).clamp(1, CATEGORIES.len());
    let shares: Vec<f64> = (1..=categories).map(|rank| (rank as f64).powf(-CATEGORY_EXPONENT)).collect();
    let total: f64 = shares.iter().sum();
    // Every category keeps one item whatever its share; the largest takes what rounding leaves.
    let mut sizes: Vec<usize> =
        shares.iter().map(|share| 1 + ((items - categories) as f64 * share / total) as usize).collect();
    sizes[0] += items - sizes.iter().sum::<usize>();
    sizes
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn catalogue(items: usize) -> Catalogue {
        Catalogue::draw(items, &mut ChaCha8Rng::seed_from_u64(1))
    }

    #[test]
    fn ids_and_names_are_unique_when_the_words_run_out() {
        let catalogue = catalogue(100_000);
        let ids: HashSet<_> = catalogue.items.iter().map(|item| &item.id).collect();
        let names: HashSet<_> = catalogue.items.iter().map(|item| &item.name).collect();
        assert_eq!((ids.len(), names.len()), (100_000, 100_000));
    }

    #[test]
    fn shops_of_any_size_have_the_items_asked_for_in_categories_without_gaps() {
        for items in (1..200).chain([1_000, 12_345]) {
            let catalogue = catalogue(items);
            assert_eq!(catalogue.items.len(), items);
            let mut next = 0;
            for category in &catalogue.categories {
                assert_eq!(category.items.start, next);
                assert!(!category.items.is_empty());
                next = category.items.end;
            }
            assert_eq!(next, items);
            assert!(catalogue.clusters.iter().all(|cluster| !cluster.is_empty()));
        }
    }

    #[test]
    fn one_item_in_ten_is_launched_late() {
        let late = catalogue(300).items.iter().filter(|item| item.launch_day > 0).count();
        assert_eq!(late, 30);
    }

    #[test]
    fn companions_are_of_the_same_cluster_or_its_complement() {
        let catalogue = catalogue(300);
        for (index, item) in catalogue.items.iter().enumerate() {
            let [next, counterpart, previous, second] = catalogue.companions(index);
            assert_eq!(catalogue.items[next].cluster, item.cluster);
            assert_eq!(catalogue.items[previous].cluster, item.cluster);
            assert_ne!(catalogue.items[counterpart].category, item.category);
            assert_eq!(catalogue.items[second].cluster, catalogue.items[counterpart].cluster);
        }
    }

    #[test]
    fn the_only_item_of_a_shop_is_its_own_companion() {
        assert_eq!(catalogue(1).companions(0), [0; 4]);
    }
}
