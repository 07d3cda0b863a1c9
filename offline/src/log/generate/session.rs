//! Generates one visit: a random walk over items, of which some are put into the cart and ordered.
//!
//! In: the user's taste, the last item of their previous visit, the demand of the day, the start. Out: the visit's
//! events, in time order. Each step of the walk goes to an item seen before in the visit, to a companion of the last
//! one, to another item of its style, or to a new draw from the user's taste. A viewed item may be put into the cart
//! right away; a cart may be ordered at the end, all its items in one order.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, LogNormal};
use shared::contract::kind::Stage;

use super::{catalogue::Catalogue, demand::Demand, taste::Taste};

/// The natural logarithm of the median number of views in a visit, and its spread: heavy-tailed.
const VIEWS: (f64, f64) = (0.75, 1.05);
/// The maximum number of views in a visit.
const MAX_VIEWS: usize = 60;
/// The natural logarithm of the median seconds between two events of a visit, and its spread.
const GAP_SECS: (f64, f64) = (3.6, 1.0);
/// The longest pause in a visit: well below the 30 minutes that end a session.
const MAX_GAP_MS: i64 = 15 * 60 * 1000;

/// The probability that a visit starts with the last item of the previous visit.
const RESUME: f64 = 0.15;
/// The probability that the next view is of an item already seen in the visit.
const REPEAT: f64 = 0.06;
/// The probability that the next view is of a companion of the last item, and of another item of its style.
const COMPANION: f64 = 0.50;
const SAME_STYLE: f64 = 0.20;
/// How well each of [`Catalogue::companions`] goes with the item; multiplied by the root of the demand for the
/// companion, this is its relative frequency as the next view.
const COMPANIONS: [f64; 4] = [0.40, 0.30, 0.18, 0.12];
/// The probability that a viewed item is put into the cart.
const TO_CART: f64 = 0.125;
/// The probability that a cart is ordered.
const TO_ORDER: f64 = 0.48;

/// One event of a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The time of the event, milliseconds since the epoch.
    pub time_ms: i64,
    /// What the user does.
    pub kind: Stage,
    /// The item.
    pub item: usize,
}

/// The input that all visits of one day share.
#[derive(Debug, Clone, Copy)]
pub struct Shop<'a> {
    /// The items of the shop.
    pub catalogue: &'a Catalogue,
    /// The demand of the day.
    pub today: &'a Demand,
}

/// The distributions that visits are drawn from, set up once.
#[derive(Debug)]
pub struct Habits {
    views: LogNormal<f64>,
    gap_secs: LogNormal<f64>,
}

impl Habits {
    /// The distributions, which are the same for all users.
    pub fn new() -> Self {
        let law = |(mu, sigma)| LogNormal::new(mu, sigma).expect("the constants are finite and the spread positive");
        Self { views: law(VIEWS), gap_secs: law(GAP_SECS) }
    }

    fn gap_ms(&self, rng: &mut impl Rng) -> i64 {
        ((self.gap_secs.sample(rng) * 1000.0) as i64).clamp(1000, MAX_GAP_MS)
    }
}

/// Fills `steps` with the events of a visit that starts at `start_ms`: at least one.
pub fn visit(
    steps: &mut Vec<Step>,
    start_ms: i64,
    taste: &Taste,
    last_visit: Option<usize>,
    shop: Shop,
    habits: &Habits,
    rng: &mut impl Rng,
) {
    steps.clear();
    let views = (habits.views.sample(rng).ceil() as usize).clamp(1, MAX_VIEWS);
    let mut seen = Vec::with_capacity(views);
    let mut cart: Vec<usize> = Vec::new();
    let mut time_ms = start_ms;
    for _ in 0..views {
        let item = match (seen.last(), last_visit) {
            (Some(&last), _) => next_item(last, &seen, taste, shop, rng),
            (None, Some(item)) if rng.random_bool(RESUME) => item,
            (None, _) => taste.wish(shop.catalogue, shop.today, rng),
        };
        steps.push(Step { time_ms, kind: Stage::View, item });
        time_ms += habits.gap_ms(rng);
        if rng.random_bool(TO_CART) && !cart.contains(&item) {
            steps.push(Step { time_ms, kind: Stage::Cart, item });
            time_ms += habits.gap_ms(rng);
            cart.push(item);
        }
        seen.push(item);
    }
    if !cart.is_empty() && rng.random_bool(TO_ORDER) {
        steps.extend(cart.into_iter().map(|item| Step { time_ms, kind: Stage::Purchase, item }));
    }
}

fn next_item(last: usize, seen: &[usize], taste: &Taste, shop: Shop, rng: &mut impl Rng) -> usize {
    let turn: f64 = rng.random();
    if turn < REPEAT {
        return seen[rng.random_range(0..seen.len())];
    }
    // A few tries to draw an item not yet seen in the visit; a small shop runs out of them.
    let mut item = last;
    for _ in 0..4 {
        item = fresh_item(turn, last, taste, shop, rng);
        if !seen.contains(&item) {
            break;
        }
    }
    item
}

fn fresh_item(turn: f64, last: usize, taste: &Taste, shop: Shop, rng: &mut impl Rng) -> usize {
    let Shop { catalogue, today } = shop;
    if turn < REPEAT + COMPANION {
        let companions = catalogue.companions(last);
        let pulls = std::array::from_fn::<f64, 4, _>(|place| COMPANIONS[place] * today.of(companions[place]).sqrt());
        let mut point = rng.random::<f64>() * pulls.iter().sum::<f64>();
        for (companion, pull) in companions.into_iter().zip(pulls) {
            // An item that is still to be launched has no demand, and is never drawn.
            if point < pull {
                return companion;
            }
            point -= pull;
        }
    }
    if turn < REPEAT + COMPANION + SAME_STYLE {
        let style = &catalogue.clusters[catalogue.items[last].cluster];
        if let Some(item) = taste.affordable(style, catalogue, today, rng) {
            return item;
        }
    }
    taste.wish(catalogue, today, rng)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn visits(count: usize, items: usize) -> Vec<Vec<Step>> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let catalogue = Catalogue::draw(items, &mut rng);
        let today = Demand::on(60, &catalogue);
        let taste = Taste::of(0, 1, &catalogue, &today);
        let shop = Shop { catalogue: &catalogue, today: &today };
        let habits = Habits::new();
        let mut steps = Vec::new();
        (0..count)
            .map(|_| {
                visit(&mut steps, 1_000, &taste, None, shop, &habits, &mut rng);
                steps.clone()
            })
            .collect()
    }

    #[test]
    fn an_order_holds_what_was_put_into_the_cart_in_the_visit() {
        let mut orders = 0;
        for steps in visits(500, 300) {
            for (index, step) in steps.iter().enumerate().filter(|(_, step)| step.kind == Stage::Purchase) {
                orders += 1;
                let carted = |earlier: &&Step| earlier.kind == Stage::Cart && earlier.item == step.item;
                assert_eq!(steps[..index].iter().filter(carted).count(), 1);
            }
        }
        assert!(orders > 50, "{orders}");
    }

    #[test]
    fn a_visit_starts_when_it_should_with_a_view_and_pauses_less_than_a_session_gap() {
        for steps in visits(500, 300) {
            assert_eq!((steps[0].time_ms, steps[0].kind), (1_000, Stage::View));
            let gaps = steps.windows(2).map(|pair| pair[1].time_ms - pair[0].time_ms);
            assert!(gaps.into_iter().all(|gap| (0..=MAX_GAP_MS).contains(&gap)));
        }
    }

    #[test]
    fn a_shop_with_one_item_has_visits_too() {
        assert!(visits(50, 1).iter().flatten().all(|step| step.item == 0));
    }
}
