//! The ranker's features by name: what `features` fills, in this order, and what a ranker was trained on.

use std::ops::Range;

use crate::params::{Relation, Source};

/// A counter or rate of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// ln(1 + events).
    Events,
    /// ln(1 + events of the last 6 hours of the log).
    Events6h,
    /// ln(1 + events of the last day).
    Events1d,
    /// ln(1 + events of the last 7 days).
    Events7d,
    /// ln(1 + events of the last 30 days).
    Events30d,
    /// ln of the events of the last 7 days to those of the last 30 days, smoothed.
    Trend,
    /// ln(1 + adds to cart).
    Carts,
    /// ln(1 + adds to cart of the last 7 days).
    Carts7d,
    /// ln(1 + adds to cart of the last 30 days).
    Carts30d,
    /// ln(1 + transactions).
    Purchases,
    /// ln(1 + transactions of the last 7 days).
    Purchases7d,
    /// ln(1 + transactions of the last 30 days).
    Purchases30d,
    /// Adds to cart for each view, smoothed.
    CartRate,
    /// Adds to cart for each view in the last 7 days, drawn towards the item's rate over the whole log.
    CartRate7d,
    /// As the one before, in the last 30 days.
    CartRate30d,
    /// Transactions for each view, smoothed.
    PurchaseRate,
    /// Transactions for each view in the last 7 days, drawn towards the item's rate over the whole log.
    PurchaseRate7d,
    /// As the one before, in the last 30 days.
    PurchaseRate30d,
    /// Days from the item's first event to the end of the log.
    AgeDays,
    /// Days from the item's last event to the end of the log.
    IdleDays,
    /// The share of its occurrences in sessions that repeat it.
    RepeatShare,
    /// The share of its occurrences that are directly followed by itself.
    StayShare,
    /// The share of its occurrences that end a session.
    ExitShare,
    /// The share of its occurrences that begin a session.
    EntryShare,
    /// ln(1 + events of its category).
    CategoryEvents,
    /// Adds to cart for each view in its category, smoothed.
    CategoryCartRate,
    /// Transactions for each view in its category, smoothed.
    CategoryPurchaseRate,
}

impl Statistic {
    /// All of them with their names, in the order of their columns.
    pub const ALL: [(Self, &str); 27] = [
        (Self::Events, "events"),
        (Self::Events6h, "events_6h"),
        (Self::Events1d, "events_1d"),
        (Self::Events7d, "events_7d"),
        (Self::Events30d, "events_30d"),
        (Self::Trend, "trend"),
        (Self::Carts, "carts"),
        (Self::Carts7d, "carts_7d"),
        (Self::Carts30d, "carts_30d"),
        (Self::Purchases, "purchases"),
        (Self::Purchases7d, "purchases_7d"),
        (Self::Purchases30d, "purchases_30d"),
        (Self::CartRate, "cart_rate"),
        (Self::CartRate7d, "cart_rate_7d"),
        (Self::CartRate30d, "cart_rate_30d"),
        (Self::PurchaseRate, "purchase_rate"),
        (Self::PurchaseRate7d, "purchase_rate_7d"),
        (Self::PurchaseRate30d, "purchase_rate_30d"),
        (Self::AgeDays, "age_days"),
        (Self::IdleDays, "idle_days"),
        (Self::RepeatShare, "repeat_share"),
        (Self::StayShare, "stay_share"),
        (Self::ExitShare, "exit_share"),
        (Self::EntryShare, "entry_share"),
        (Self::CategoryEvents, "category_events"),
        (Self::CategoryCartRate, "category_cart_rate"),
        (Self::CategoryPurchaseRate, "category_purchase_rate"),
    ];
}

/// What each source says of a candidate.
pub const OF_SOURCE: [&str; 3] = ["share", "rank", "ln_score"];
/// What is known of the sums of history items: the largest contribution of one of them, and how many contributed.
pub const OF_SUM: [&str; 2] = ["strongest", "support"];
/// How much of the nearest past sessions speaks for a candidate.
pub const NEAREST: [&str; 1] = ["nearest_share"];
/// What the blend says of a candidate.
pub const BLEND: [&str; 5] = ["blend", "blend_rank", "blend_of_best", "blend_of_best_new", "proposed_by"];
/// The last items of the history that are related to the candidates one by one.
pub const PLACES: [&str; 2] = ["last", "second"];
/// How an item of the history relates to a candidate under each relation: the score, and the rank among its neighbours.
pub const OF_PAIR: [&str; 2] = ["score", "rank"];
/// How the factors of the last items relate to those of a candidate.
pub const COSINES: [&str; 2] = ["last_cosine", "second_cosine"];
/// How long the factors of a candidate are.
pub const NORM: &str = "norm";
/// The candidate in the user's own history.
pub const OWN: [&str; 10] = [
    "own_last_place",
    "own_first_place",
    "own_count",
    "own_share",
    "own_session_count",
    "own_distinct_place",
    "own_kind",
    "own_last_kind",
    "own_after_last",
    "own_gap",
];
/// Popularity, category and price beside those of the history. Prices are ln(1 + price), and differences of it.
pub const ITEM: [&str; 7] = [
    "popularity_of_last",
    "events_of_last",
    "category_of_last",
    "category_share",
    "price",
    "price_of_last",
    "price_of_history",
];
/// The current session as a whole.
pub const SESSION: [&str; 7] = [
    "session_events",
    "session_items",
    "session_repeats",
    "session_stays",
    "last_run",
    "history_events",
    "last_is_repeat",
];
/// The user as far as the history goes: the shares of its events that are adds to cart and transactions, its sessions, the days
/// to the question from its first event and from the last event before the current session.
pub const USER: [&str; 5] =
    ["user_cart_share", "user_purchase_share", "user_sessions", "user_days", "user_days_since_last_session"];
/// The last item, and the question as a whole.
pub const CONTEXT: [&str; 12] = [
    "repeat_chance",
    "last_kind",
    "last_events",
    "last_repeat_share",
    "last_stay_share",
    "last_exit_share",
    "candidates",
    "best_new",
    "ln_best_session_knn",
    "ln_best_item_knn_walk",
    "hour",
    "weekday",
];

/// The names of all features, in the order of their columns.
#[must_use]
pub fn names() -> Vec<String> {
    let of_source = |source: Source| OF_SOURCE.map(|name| format!("{}_{name}", source.as_str()));
    let plain = NEAREST.into_iter().chain(BLEND).map(str::to_owned);
    let of_sums = OF_SUM
        .into_iter()
        .flat_map(|name| Source::SUMMED.into_iter().map(move |source| format!("{name}_{}", source.as_str())));
    let of_pair = PLACES.into_iter().flat_map(|place| {
        Relation::ALL
            .into_iter()
            .flat_map(move |relation| OF_PAIR.map(|name| format!("{place}_{}_{name}", relation.as_str())))
    });
    let others = [&COSINES[..], &[NORM], &OWN, &ITEM, &SESSION, &USER, &CONTEXT]
        .into_iter()
        .flatten()
        .map(|&name| name.to_owned());
    let of_item = Statistic::ALL.iter().map(|&(_, name)| format!("item_{name}"));
    Source::ALL
        .into_iter()
        .flat_map(of_source)
        .chain(of_sums)
        .chain(plain)
        .chain(of_pair)
        .chain(others)
        .chain(of_item)
        .collect()
}

/// How many events back each of the last events' items stood before.
pub const RETURNS: [&str; 6] = ["return_1", "return_2", "return_3", "return_4", "return_5", "return_6"];
/// What the model of [`Source::Repeat`] knows of an item by itself.
pub const HABITS: [Statistic; 5] =
    [Statistic::Events, Statistic::RepeatShare, Statistic::StayShare, Statistic::ExitShare, Statistic::EntryShare];

/// The names of what the model of [`Source::Repeat`] looks at, in the order of their columns: an item of the history in it, the
/// session, and the habits of the item and of the last one.
#[must_use]
pub fn of_repeat() -> Vec<String> {
    let habit = |of: &str, statistic: Statistic| format!("{of}_{}", Statistic::ALL[statistic as usize].1);
    let plain = OWN.into_iter().chain(SESSION).chain(RETURNS).map(str::to_owned);
    let habits = ["item", "last"].into_iter().flat_map(|of| HABITS.map(|statistic| habit(of, statistic)));
    plain.chain(habits).collect()
}

/// The columns that somebody looks at; the others need not be filled.
#[derive(Debug, Clone)]
pub struct Wanted(Vec<bool>);

impl Wanted {
    /// Every column of the schema.
    #[must_use]
    pub fn all() -> Self {
        Self(vec![true; names().len()])
    }

    /// Some columns of the schema; those beyond it are not there.
    pub fn of(columns: impl IntoIterator<Item = usize>) -> Self {
        let mut wanted = vec![false; names().len()];
        for column in columns {
            if let Some(wanted) = wanted.get_mut(column) {
                *wanted = true;
            }
        }
        Self(wanted)
    }

    /// Whether one of the columns is wanted.
    #[must_use]
    pub fn any(&self, columns: Range<usize>) -> bool {
        self.0[columns].contains(&true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_stands_for_two_features() {
        let mut names = names();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn statistics_are_listed_in_the_order_of_their_columns() {
        assert!(Statistic::ALL.iter().enumerate().all(|(column, &(statistic, _))| statistic as usize == column));
    }
}
