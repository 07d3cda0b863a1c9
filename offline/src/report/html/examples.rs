//! Slates of some users beside their histories.

use maud::{Markup, html};

use super::text::seconds;
use crate::page::named;
use crate::page::number::{count, short};
use crate::report::model::examples::{Example, Item, Offer, Past};

/// How many sources of an item are named.
const SOURCES: usize = 4;

/// All of them.
pub fn section(examples: &[Example]) -> Markup {
    html! {
        h3.of { "What it shows" }
        p { "Users of the log at its end, told of by what they did, and what the service would show them." }
        div.plots { @for example in examples { (one(example)) } }
    }
}

fn one(example: &Example) -> Markup {
    html! {
        figure.example {
            h3 { (example.who) @if example.events > 0 { " " span.faint { (count(example.events as u64)) @if example.events == 1 { " event" } @else { " events" } } } }
            @if !example.history.is_empty() {
                p.head { "Last events" }
                ol.history { @for past in &example.history { (event(past)) } }
            }
            p.head { "Slate" @if !example.personal { span.faint { " what anybody would get" } } }
            ol.slate { @for offer in &example.slate { (item(offer)) } }
        }
    }
}

fn event(past: &Past) -> Markup {
    html! { li { (named(past.item.called())) " " small { (past.kind) ", " (seconds(past.ago_ms as f64 / 1000.0)) " ago" (facts(&past.item)) } } }
}

fn item(offer: &Offer) -> Markup {
    html! {
        li {
            (named(offer.item.called()))
            " " small {
                (short(f64::from(offer.score))) (facts(&offer.item)) @if offer.again { ", had before" } br;
                @if let Some(from) = &offer.because { "because of " (named(from.called())) "; " }
                (first(&offer.sources))
            }
        }
    }
}

/// The first sources, and how many more there are.
fn first(sources: &[&str]) -> String {
    let shown = sources.iter().take(SOURCES).copied().collect::<Vec<_>>().join(", ");
    let more = sources.len().saturating_sub(SOURCES);
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// What is known of an item.
fn facts(item: &Item) -> Markup {
    html! {
        @if let Some(category) = &item.category { ", " (named(category)) }
        @if let Some(price) = item.price { ", " (short(f64::from(price))) }
    }
}
