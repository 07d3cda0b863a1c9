//! What the version looks at: importance, three rows, drift.

use maud::{Markup, html};

use super::text::digits;
use crate::page::number::{cut, percent};
use crate::page::svg::signed::{Signed, signed};
use crate::score::report::Report;
use crate::score::report::importance::{Explained, Share};

/// How many fields are drawn.
const SHOWN: usize = 20;
/// How many contributions of a row are drawn.
const OF_ROW: usize = 10;

/// Importance by permutation and by contribution.
pub fn importance(report: &Report) -> Markup {
    let (permuted, mean) = (&report.permutation, &report.contributions);
    let without: Vec<Signed> = permuted
        .fields
        .iter()
        .take(SHOWN)
        .map(|own| Signed { name: own.field.clone(), value: own.log_loss, reach: own.deviation })
        .collect();
    html! {
        div.plots {
            figure {
                h3 { "Without a field" }
                (signed("Importance by permutation", &without))
                figcaption { "How much the log-loss rises when the field is shuffled over " (permuted.rows) " of the measured rows, with the "
                    "standard deviation of three shuffles. " (rest(permuted.fields.len())) }
            }
            figure {
                h3 { "What fields add" }
                (signed("Mean contribution", &bars(&mean.fields, SHOWN)))
                figcaption { "The mean absolute contribution to the log-odds (Shapley values) over " (mean.rows) " of the measured rows. "
                    (rest(mean.fields.len())) }
            }
        }
    }
}

fn rest(all: usize) -> String {
    if all > SHOWN { format!("The first {SHOWN} of {all}.") } else { String::new() }
}

fn bars(shares: &[Share], most: usize) -> Vec<Signed> {
    let bar = |own: &Share| Signed { name: own.field.clone(), value: own.log_odds, reach: 0.0 };
    shares.iter().take(most).map(bar).collect()
}

/// What the fields of three rows add.
pub fn rows(report: &Report) -> Markup {
    html! {
        p { "What each field, or two together, adds to the log-odds of the most probable of the measured rows, of the one in the middle, and of "
            "the least probable one: exact Shapley values of the trees." }
        div.plots { @for own in &report.explained { (row(own)) } }
    }
}

fn row(own: &Explained) -> Markup {
    let rest: f64 = own.fields.iter().skip(OF_ROW).map(|share| share.log_odds).sum();
    let mut drawn = bars(&own.fields, OF_ROW);
    let names = |name: &str| {
        let value = own.values.iter().find(|(field, _)| field == name);
        value.map(|(_, value)| format!("{name} = {}", cut(value.as_deref().unwrap_or("missing"), 12)))
    };
    drawn.iter_mut().for_each(|bar| bar.name = names(&bar.name).unwrap_or_else(|| bar.name.clone()));
    if own.fields.len() > OF_ROW {
        drawn.push(Signed { name: format!("{} others", own.fields.len() - OF_ROW), value: rest, reach: 0.0 });
    }
    let label = if own.label > 0.0 { "positive" } else { "negative" };
    html! {
        figure {
            h3 { "The " (own.place) " row: " (digits(own.probability)) }
            (signed("Contributions of a row", &drawn))
            figcaption { "Row " (own.row) ", a " (label) ". The base " (digits(own.base)) " and all contributions are the log-odds "
                (digits(own.log_odds)) ", before calibration." }
            details { summary { "All values" } div.scroll { table {
                @for (field, value) in &own.values { tr { td.text { (field) } td.text { @match value { Some(value) => (value), None => small { "missing" } } } } }
            } } }
        }
    }
}

/// How far the measured rows are from the training rows.
pub fn drift(report: &Report) -> Markup {
    let Some(moved) = &report.drift else {
        return html! { p { "The version keeps no counts of its training rows, as those of earlier releases." } };
    };
    if moved.is_empty() {
        return html! { p { "There are fewer than 500 measured rows: an index of so few would be chance." } };
    }
    let shown = moved.iter().take(2 * SHOWN);
    html! {
        p { "The population stability index of each field, the rows that the version was trained on against the measured ones: above 0.1 something "
            "has moved, above 0.25 much has." @if moved.len() > 2 * SHOWN { " The " (2 * SHOWN) " largest of " (moved.len()) "." } }
        div.scroll { table {
            tr { th { "field" } th { "PSI" } th.left { "moved most" } th { "trained on" } th { "measured" } }
            @for own in shown {
                tr {
                    td.text { (own.field) }
                    td { span.worse[own.psi > 0.1] { (digits(own.psi)) } }
                    td.text { (own.most.0) }
                    @for share in own.most.1 { td { (percent((share * 1e3).round() / 1e3)) } }
                }
            }
        } }
    }
}
