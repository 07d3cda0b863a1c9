//! The way of a slate: how many candidates went into each step and came out of it, and how long it took.

use maud::{Markup, html};
use shared::contract::why::Trail;

use super::plot::{Bar, bars};
use super::words::{count, duration, plain, several};

/// The picture: sources, then one step after the other.
#[must_use]
pub fn pipeline(trail: &Trail) -> Markup {
    let proposed: Vec<Bar> = trail
        .sources
        .iter()
        .filter(|source| source.items > 0)
        .map(|source| Bar { name: plain(&source.words), value: source.items as f64, told: count(source.items as u64) })
        .collect();
    html! {
        section.pipeline aria-labelledby="pipeline" {
            h2 #pipeline { "How this slate was made" }
            ol.steps-across {
                li {
                    strong { "Sources" }
                    span { (several(proposed.len(), "source", "sources")) }
                }
                @for step in &trail.steps {
                    li {
                        strong { (plain(&step.words)) }
                        span { (count(step.items_in as u64)) " → " (count(step.items_out as u64)) }
                        span.hint { (duration(step.micros / 1e6)) }
                    }
                }
            }
            div.split.even {
                div { h3 { "Candidates by source" } (bars(&proposed)) }
                @if !trail.refused.is_empty() {
                    div {
                        h3 { "Left out of the catalogue" }
                        table {
                            tbody {
                                @for refused in &trail.refused {
                                    tr { th scope="row" { (plain(&refused.words)) } td { (count(refused.items as u64)) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
