//! What the log is like: when events happen, and how far they go.

use maud::{Markup, html};

use super::text::begin;
use super::{items, users};
use crate::page::figure;
use crate::page::number::{rounded, thousands};
use crate::page::svg::Unit;
use crate::page::svg::rows::{Row, rows};
use crate::page::svg::series::{Series, series};
use crate::report::Report;
use crate::report::data::Data;
use crate::report::data::funnel::{Funnel, Rates};
use crate::report::data::times::{Steps, Times};
use crate::report::findings::{WEEKDAYS, share};

/// The steps: the class that gives each its colour, and what it is called.
const STEPS: [(&str, &str); 3] = [("view", "views"), ("cart", "add-to-carts"), ("purchase", "purchases")];

/// All of it.
pub fn section(report: &Report) -> Markup {
    let data = &report.data;
    html! {
        div.plots {
            @if let Some(times) = &data.times { (over_time(times)) (hours(times, data)) (weekdays(times, data)) }
            (kinds(data))
        }
        (funnel(&data.funnel))
        (items::section(data))
        (users::section(data))
    }
}

fn over_time(times: &Times) -> Markup {
    let names: Vec<String> = times.periods.iter().map(|period| begin(&period.begin, times.by)).collect();
    let bars: Vec<f64> = times.periods.iter().map(|period| period.events.all() as f64).collect();
    let average = Series { class: "rate", values: times.periods.iter().map(|period| period.average).collect() };
    let title = format!("Events by {}", times.by.as_str());
    let lines = if average.values.iter().any(Option::is_some) { vec![average] } else { Vec::new() };
    let caption = if lines.is_empty() { "" } else { "The line is the mean of seven days." };
    figure(&title, &series(&title, &names, &bars, &lines, Unit::Number), caption)
}

/// The steps that a log has.
fn there(data: &Data) -> impl Iterator<Item = (usize, &'static str, &'static str)> {
    let all = data.funnel.events.counted.by_stage();
    STEPS.into_iter().enumerate().filter(move |(at, _)| all[*at] > 0).map(|(at, (class, called))| (at, class, called))
}

/// A line for each step: the share of its events at each place.
fn shares(title: &str, names: &[String], counts: &[Steps], data: &Data) -> Markup {
    let line = |(at, class, _): (usize, &'static str, &str)| {
        let all = counts.iter().map(|steps| steps.by_stage()[at]).sum::<u64>().max(1) as f64;
        Series { class, values: counts.iter().map(|steps| Some(steps.by_stage()[at] as f64 / all)).collect() }
    };
    let lines: Vec<Series> = there(data).map(line).collect();
    html! {
        figure {
            h3 { (title) }
            (series(title, names, &[], &lines, Unit::Share))
            figcaption { @for (_, class, called) in there(data) { span.key.(class) { (called) } } br; "Shares of the events of each." }
        }
    }
}

fn hours(times: &Times, data: &Data) -> Markup {
    let names: Vec<String> = (0..24).map(|hour| hour.to_string()).collect();
    shares("By hour of the day", &names, &times.hours, data)
}

fn weekdays(times: &Times, data: &Data) -> Markup {
    let names = WEEKDAYS.map(|day| day[..3].to_owned());
    shares("By weekday", &names, &times.weekdays, data)
}

fn kinds(data: &Data) -> Markup {
    let all = data.counts.events.max(1) as f64;
    let mut kinds: Vec<_> = data.kinds.iter().collect();
    kinds.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.name.cmp(&b.name)));
    let row = |kind: &&crate::report::data::KindCount| {
        let said = format!("{} ({})", thousands(kind.events as f64), share(kind.events as f64 / all));
        let class = STEPS.iter().zip(["view", "addtocart", "transaction"]).find(|(_, step)| *step == kind.step);
        Row { class: class.map_or("", |((class, _), _)| class), ..Row::of(&kind.name, kind.events as f64, said) }
    };
    let drawn: Vec<Row> = kinds.iter().map(row).collect();
    figure("Kinds of events", &rows("Kinds of events", &drawn), "")
}

fn funnel(funnel: &Funnel) -> Markup {
    if funnel.events.view_to_cart.is_none() && funnel.events.view_to_purchase.is_none() {
        return Markup::default();
    }
    let over = |title: &str, class, of: fn(&Rates) -> Option<f64>| {
        let Some(unit) = funnel.by.filter(|_| of(&funnel.events).is_some() && funnel.periods.len() > 1) else {
            return Markup::default();
        };
        let names: Vec<String> = funnel.periods.iter().map(|period| begin(&period.begin, unit)).collect();
        let line = Series { class, values: funnel.periods.iter().map(|period| of(&period.rates)).collect() };
        let caption = format!("By {}.", unit.as_str());
        figure(title, &series(title, &names, &[], &[line], Unit::Share), &caption)
    };
    html! {
        h3.of { "From view to purchase" }
        div.plots {
            figure {
                h3 { "The funnel" }
                (steps(funnel))
                figcaption { "Of all events, and of sessions: those with such an event. Rates are of the step before." }
            }
            (over("Add-to-carts for each view", "cart", |rates| rates.view_to_cart))
            (over("Purchases for each add-to-cart", "purchase", |rates| rates.cart_to_purchase))
            @if funnel.events.view_to_cart.is_none() { (over("Purchases for each view", "purchase", |rates| rates.view_to_purchase)) }
        }
    }
}

fn steps(funnel: &Funnel) -> Markup {
    let of = |rates: &Rates| -> Vec<(u64, Option<f64>)> {
        let last = rates.cart_to_purchase.or(rates.view_to_purchase);
        rates.counted.by_stage().into_iter().zip([None, rates.view_to_cart, last]).collect()
    };
    let (events, sessions) = (of(&funnel.events), of(&funnel.sessions));
    html! {
        div.scroll { table {
            tr { th {} th { "events" } th { "rate" } th { "sessions" } th { "rate" } }
            @for (at, (class, called)) in STEPS.into_iter().enumerate() {
                @if events[at].0 > 0 {
                    tr {
                        td { span.key.(class) { (called) } }
                        @for (count, rate) in [events[at], sessions[at]] {
                            td { (thousands(count as f64)) }
                            td { @if let Some(rate) = rate { (rounded(rate * 100.0)) "%" } }
                        }
                    }
                }
            }
        } }
    }
}
