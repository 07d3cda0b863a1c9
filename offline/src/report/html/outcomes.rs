//! What came of the slates that were served.

use maud::{Markup, html};

use crate::outcomes::text::{notes, over_time, window};
use crate::outcomes::{Group, Outcomes, Rate};
use crate::page::number::{count, percent};
use crate::page::svg::rows::{Row, rows};
use crate::page::{figure, named};

/// The most bars of a plot.
const BARS: usize = 20;

/// All of it.
pub fn section(outcomes: &Outcomes) -> Markup {
    let parts = [
        ("position", &outcomes.by_position),
        ("source", &outcomes.by_source),
        ("version", &outcomes.by_version),
        ("scenario", &outcomes.by_scenario),
    ];
    html! {
        p { (over_time(outcomes)) ". An event is due to the last slate that showed the item to its user in the "
            (window(outcomes.window_ms)) " before, or to the one that it names." }
        @for note in notes(outcomes) { p.faint { (note) "." } }
        div.plots {
            @for (by, groups) in parts.iter().filter(|(_, groups)| groups.len() > 1) { (clicks(by, groups)) }
        }
        div.scroll { table {
            tr { th {} th { "shown" } th { "clicked" } th { "put into carts" } th { "bought" } }
            tr.first { td { "all" } td { (count(outcomes.all.shown)) } (cells(&[outcomes.all.clicks, outcomes.all.carts, outcomes.all.purchases])) }
            @for (by, groups) in parts {
                @for (at, group) in groups.iter().take(BARS).enumerate() {
                    tr.first[at == 0] {
                        td { (by) " " (name(group)) }
                        td { (count(group.rates.shown)) }
                        (cells(&[group.rates.clicks, group.rates.carts, group.rates.purchases]))
                    }
                }
            }
        } }
        p.faint { "Rates are shares of the items that were shown, with 95% intervals (Wilson). An item counts for each source that proposed it." }
    }
}

/// The click rates of groups.
fn clicks(by: &str, groups: &[Group]) -> Markup {
    let row = |group: &Group| {
        let Rate { rate, interval, .. } = group.rates.clicks;
        let called = group.name.clone().unwrap_or_else(|| "(none)".to_owned());
        Row { reach: Some(interval), ..Row::of(called, rate, percent(rate)) }
    };
    let drawn: Vec<Row> = groups.iter().take(BARS).map(row).collect();
    let title = format!("Clicks by {by}");
    figure(&title, &rows(&title, &drawn), "")
}

fn name(group: &Group) -> Markup {
    group.name.as_deref().map_or_else(|| html! { "(none)" }, named)
}

fn cells(rates: &[Rate]) -> Markup {
    html! {
        @for rate in rates {
            td { (percent(rate.rate)) br; small { "[" (percent(rate.interval[0])) ", " (percent(rate.interval[1])) "]" } }
        }
    }
}
