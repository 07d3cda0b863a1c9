//! The funnel: how much of what is looked at is put into a cart, and how much of that is bought.

use serde::Serialize;

use super::calendar::{Unit, written};
use super::times::{Steps, Times};

/// How far it goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Rates {
    /// What the rates are of.
    #[serde(flatten)]
    pub counted: Steps,
    /// Carts for each view; none without views or carts.
    pub view_to_cart: Option<f64>,
    /// Purchases for each cart; none without carts or purchases.
    pub cart_to_purchase: Option<f64>,
    /// Purchases for each view.
    pub view_to_purchase: Option<f64>,
}

impl Rates {
    /// The rates of some counts. A log has all of a kind or none, so that a rate of nothing in a shop's week is 0 only where
    /// the shop has such events at all.
    #[must_use]
    pub fn of(counted: Steps, all: Steps) -> Self {
        let rate = |part: u64, whole: u64, ever: u64| (whole > 0 && ever > 0).then(|| part as f64 / whole as f64);
        let Steps { views, carts, purchases } = counted;
        Self {
            counted,
            view_to_cart: rate(carts, views, all.carts),
            cart_to_purchase: rate(purchases, carts, all.purchases),
            view_to_purchase: rate(purchases, views, all.purchases),
        }
    }
}

/// A period of the funnel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RatePeriod {
    /// The day that it begins with.
    pub begin: String,
    /// Its rates.
    #[serde(flatten)]
    pub rates: Rates,
}

/// The funnel of a log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Funnel {
    /// Over all events.
    pub events: Rates,
    /// Over sessions: those that have such an event.
    pub sessions: Rates,
    /// How long the periods are; none without times.
    pub by: Option<Unit>,
    /// Over time: those that the log covers from end to end.
    pub periods: Vec<RatePeriod>,
}

/// The funnel.
///
/// * `sessions`: how many sessions have an event of each step.
#[must_use]
pub fn funnel(events: Steps, sessions: Steps, times: Option<&Times>) -> Funnel {
    let period =
        |(begin, counted): &(i64, Steps)| RatePeriod { begin: written(*begin), rates: Rates::of(*counted, events) };
    Funnel {
        events: Rates::of(events, events),
        sessions: Rates::of(sessions, sessions),
        by: times.map(|times| times.funnel.0),
        periods: times.iter().flat_map(|times| &times.funnel.1).map(period).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_shares_of_the_step_before_and_none_of_a_step_that_the_log_lacks() {
        let all = Steps { views: 200, carts: 20, purchases: 5 };
        let found = Rates::of(all, all);
        assert_eq!(
            (found.view_to_cart, found.cart_to_purchase, found.view_to_purchase),
            (Some(0.1), Some(0.25), Some(0.025))
        );
        let week = Rates::of(Steps { views: 10, carts: 0, purchases: 0 }, all);
        assert_eq!((week.view_to_cart, week.cart_to_purchase), (Some(0.0), None));
        let views = Steps { views: 10, carts: 0, purchases: 0 };
        assert_eq!(Rates::of(views, views), Rates { counted: views, ..Rates::default() });
    }
}
