//! What a model says of a row: the probability, what each field adds to it, and what it would be if one were otherwise.

use maud::{Markup, html};
use shared::engine::tabular::manifest::ModelManifest;
use shared::engine::tabular::model::Scored;

use super::fields::{Row, same};
use crate::api::page::parts::plot::{Bar, bars};
use crate::api::page::parts::words::{named, plain};
use crate::models::{Answer, Explained, rows};

/// So many fields are shown before the others.
const MOST_FIELDS: usize = 10;

/// What the page says of a row.
///
/// * `varied`: the field that is varied, its values, and what the model says of each.
pub fn result(
    manifest: &ModelManifest,
    row: &Row,
    answer: &Answer,
    varied: Option<(usize, Vec<(String, Answer)>)>,
) -> Markup {
    // Of several outputs the one that is explained: the most probable one.
    let told = answer.explained.first().map_or(0, |explained| explained.output);
    html! {
        (scores(manifest, answer))
        @for &field in &answer.unseen {
            p.hint { "No training row had the " (named(&manifest.schema[field].name)) " " (named(row.text(field))) "." }
        }
        @if let Some(explained) = answer.explained.first() { (contributions(manifest, row, explained)) }
        @if let Some((field, answers)) = varied {
            (what_if(&manifest.schema[field].name, row.text(field), &answers, told))
        }
    }
}

/// What is wrong with a row.
pub fn refused(refused: &[rows::Refused]) -> Markup {
    html! {
        div.alert role="alert" {
            ul { @for own in refused { li { strong { (named(&own.field)) } ": " (own.detail) } } }
        }
    }
}

fn scores(manifest: &ModelManifest, answer: &Answer) -> Markup {
    html! {
        @if let ([output], [scored]) = (&manifest.outputs[..], &answer.scored[..]) {
            dl.tiles {
                div { dt { "Probability of " (named(&output.label)) } dd { (percent(scored.probability)) } }
                div { dt { "Counts as a positive" } dd { (verdict(scored)) } }
                div { dt { "From a probability of" } dd { (percent(output.threshold)) } }
            }
        } @else {
            (bars(&manifest.outputs.iter().zip(&answer.scored).map(|(output, scored)| Bar {
                name: plain(&output.label),
                value: scored.probability,
                told: percent(scored.probability),
            }).collect::<Vec<_>>()))
        }
    }
}

fn verdict(scored: &Scored) -> &'static str {
    if scored.positive { "yes" } else { "no" }
}

fn contributions(manifest: &ModelManifest, row: &Row, explained: &Explained) -> Markup {
    let value = |name: &str| {
        let place = manifest.schema.iter().position(|field| field.name == name);
        place.map_or(String::new(), |at| {
            format!(" = {}", if row.text(at).is_empty() { "missing" } else { row.text(at) })
        })
    };
    let bar = |(field, log_odds): &(String, f64)| Bar {
        name: plain(&format!("{field}{}", value(field))),
        value: *log_odds,
        told: format!("{log_odds:+.2}"),
    };
    let all: Vec<Bar> = explained.fields.iter().map(bar).collect();
    let (first, rest) = all.split_at(all.len().min(MOST_FIELDS));
    html! {
        h3 { "Why" }
        p.hint {
            "What each field adds to the log-odds of " (named(&manifest.outputs[explained.output].label)) ", beginning at "
            (format!("{:+.2}", explained.base)) ", the mean of the training rows."
        }
        (bars(first))
        @if !rest.is_empty() {
            details { summary { (rest.len()) " more" } (bars(rest)) }
        }
    }
}

fn what_if(field: &str, own: &str, answers: &[(String, Answer)], output: usize) -> Markup {
    let bar = |(value, answer): &(String, Answer)| {
        let probability = answer.scored[output].probability;
        let now = if same(value, own) { " (now)" } else { "" };
        Bar {
            name: format!("{}{now}", plain(if value.is_empty() { "missing" } else { value })),
            value: probability,
            told: percent(probability),
        }
    };
    html! {
        h3 { "What if " (named(field)) " were" }
        (bars(&answers.iter().map(bar).collect::<Vec<_>>()))
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}
