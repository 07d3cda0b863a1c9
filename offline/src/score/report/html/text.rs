//! Figures in words and digits.

use maud::{Markup, html};

use crate::measure::evaluate::bootstrap::Interval;
use crate::score::measure::Figure;
use crate::score::report::beside::Who;

/// The metrics in the order in which they are shown: the name, what it is called, and which way is better.
const METRICS: [(&str, &str, Better); 14] = [
    ("roc_auc", "ROC AUC", Better::More),
    ("average_precision", "average precision", Better::More),
    ("log_loss", "log-loss", Better::Less),
    ("brier", "Brier score", Better::Less),
    ("map@7", "MAP@7", Better::More),
    ("micro_f1", "micro F1", Better::More),
    ("macro_f1", "macro F1", Better::More),
    ("weighted_f1", "weighted F1", Better::More),
    ("subset_accuracy", "all labels right", Better::More),
    ("accuracy", "accuracy", Better::More),
    ("precision", "precision", Better::Neither),
    ("recall", "recall", Better::Neither),
    ("f1", "F1", Better::More),
    ("total_cost", "cost", Better::Less),
];

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Higher.
    More,
    /// Lower.
    Less,
    /// It is bought with another.
    Neither,
}

/// The metrics that there are, in order: the name, what it is called, and which way is better.
pub fn shown<'a>(has: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = (&'static str, &'static str, Better)> + 'a {
    METRICS.into_iter().filter(move |(name, ..)| has(name))
}

/// What a model is called.
#[must_use]
pub fn called(who: Who) -> &'static str {
    match who {
        Who::Version => "this version",
        Who::Baseline => "logistic regression",
        Who::Champion => "champion",
    }
}

/// The class that gives a model its colour.
#[must_use]
pub fn class(who: Who) -> &'static str {
    match who {
        Who::Version => "version",
        Who::Baseline => "baseline",
        Who::Champion => "champion",
    }
}

/// A figure with four digits behind the point; large ones with none.
#[must_use]
pub fn digits(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.4}") }
}

/// A figure with its interval.
#[must_use]
pub fn figure(figure: &Figure) -> Markup {
    html! { (digits(figure.value)) " " small { (interval(figure.interval)) } }
}

/// An interval.
#[must_use]
pub fn interval(Interval { low, high }: Interval) -> String {
    format!("[{}, {}]", digits(low), digits(high))
}

/// The class of a difference: whether its whole interval is on the better or on the worse side.
#[must_use]
pub fn verdict(better: Better, Interval { low, high }: Interval) -> &'static str {
    match better {
        Better::More if low > 0.0 => "better",
        Better::More if high < 0.0 => "worse",
        Better::Less if high < 0.0 => "better",
        Better::Less if low > 0.0 => "worse",
        _ => "",
    }
}
