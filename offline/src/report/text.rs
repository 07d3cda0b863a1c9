//! A report on a screen: what stands out, the events by day as a line of blocks, and the funnel.

use std::fmt::Write;

use super::Report;
use super::changes::Level;
use super::data::funnel::Rates;
use super::data::times::Times;
use crate::outcomes::{self, Outcomes};
use crate::page::number::{percent, rounded, thousands};

/// The most blocks of a line.
const BLOCKS: usize = 60;

/// Numbers as a line of blocks, each of which is the mean of as many numbers as make the line no longer than a screen.
#[must_use]
pub fn sparkline(numbers: &[f64]) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let each = numbers.len().div_ceil(BLOCKS).max(1);
    let means: Vec<f64> = numbers.chunks(each).map(|part| part.iter().sum::<f64>() / part.len() as f64).collect();
    let highest = means.iter().copied().fold(0.0, f64::max);
    let block = |mean: &f64| match *mean {
        0.0 => ' ',
        mean => LEVELS[((mean / highest * LEVELS.len() as f64).ceil() as usize).clamp(1, LEVELS.len()) - 1],
    };
    means.iter().map(block).collect()
}

/// The report on one screen.
#[must_use]
pub fn text(report: &Report) -> String {
    let data = &report.data;
    let mut text = data.times.as_ref().map(over_time).unwrap_or_default();
    // Writing to a string can't fail.
    if let Some(times) = &data.times {
        let hours: Vec<f64> = times.hours.iter().map(|steps| steps.all() as f64).collect();
        let _ = writeln!(text, "by hour         {}  0 to 23, {}", sparkline(&hours), report.time_zone);
    }
    let _ = writeln!(text, "{:16}{}", "funnel", funnel(&data.funnel.events));
    let rates: Vec<f64> = data.funnel.periods.iter().filter_map(|period| period.rates.view_to_cart).collect();
    if let Some(by) = data.funnel.by.filter(|_| rates.len() > 1) {
        let highest = rates.iter().copied().fold(0.0, f64::max);
        let _ = writeln!(
            text,
            "carts by {:7}{}  up to {}% of views",
            by.as_str(),
            sparkline(&rates),
            rounded(highest * 100.0)
        );
    }
    if let Some(outcomes) = &report.outcomes {
        let _ = writeln!(text, "{:16}{}", "slates", outcomes_line(outcomes));
    }
    for finding in report.findings.iter().filter(|finding| finding.level != Level::Steady) {
        let _ = writeln!(text, "{}: {}", finding.level.as_str(), finding.text);
    }
    text
}

/// What came of slates in a line.
fn outcomes_line(outcomes: &Outcomes) -> String {
    let outcomes::Rates { shown, clicks, carts, purchases } = outcomes.all;
    let [clicks, carts, purchases] = [clicks, carts, purchases].map(|rate| percent(rate.rate));
    let shown = thousands(shown as f64);
    format!("{shown} items shown, {clicks} clicked, {carts} put into carts, {purchases} bought")
}

/// The events over time in a line.
#[must_use]
pub fn over_time(times: &Times) -> String {
    let bars: Vec<f64> = times.periods.iter().map(|period| period.events.all() as f64).collect();
    let ends = times.periods.first().zip(times.periods.last());
    let ends = ends.map_or_else(String::new, |(first, last)| format!("{} to {}", first.begin, last.begin));
    format!("events by {:5} {}  {ends}\n", times.by.as_str(), sparkline(&bars))
}

/// The funnel in a line.
fn funnel(rates: &Rates) -> String {
    let [views, carts, purchases] = rates.counted.by_stage().map(|count| thousands(count as f64));
    let rate = |rate: Option<f64>| rate.map_or_else(String::new, |rate| format!(" ({}%)", rounded(rate * 100.0)));
    let mut line = format!("{views} views");
    if rates.counted.carts > 0 {
        let _ = write!(line, " → {carts} add-to-carts{}", rate(rates.view_to_cart));
    }
    if rates.counted.purchases > 0 {
        let _ = write!(line, " → {purchases} purchases{}", rate(rates.cart_to_purchase.or(rates.view_to_purchase)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::data::times::Steps;

    #[test]
    fn a_line_of_blocks_is_as_high_as_its_numbers_and_no_longer_than_a_screen() {
        assert_eq!(sparkline(&[0.0, 1.0, 4.0, 8.0]), " ▁▄█");
        assert_eq!(sparkline(&[1.0; 150]).chars().count(), 50);
        assert_eq!(sparkline(&[]), "");
    }

    #[test]
    fn the_funnel_leaves_out_what_the_log_lacks() {
        let of = |carts, purchases| {
            let counted = Steps { views: 200, carts, purchases };
            funnel(&Rates::of(counted, counted))
        };
        assert_eq!(of(20, 5), "200 views → 20 add-to-carts (10%) → 5 purchases (25%)");
        assert_eq!((of(0, 5), of(0, 0)), ("200 views → 5 purchases (2.5%)".to_owned(), "200 views".to_owned()));
    }
}
