//! The card of the served version: its data, how much better each part is than without it, what it proposes from and what its
//! ranker looks at.

use maud::{Markup, html};
use serde_json::Value;
use shared::contract::source::Source;
use shared::engine::snapshot::Snapshot;

use crate::api::page::parts::plot::{Bar, bars};
use crate::api::page::parts::words::{count, named, plain, source, time};

/// So many features are shown.
const FEATURES: usize = 12;
/// What the batch compares when it fits, and what it asks by that.
const CONTESTS: [(&str, &str); 3] =
    [("blend", "Several sources beside one"), ("long_term", "Long-term taste"), ("ranker", "The ranker")];

/// The card.
pub fn card(snapshot: &Snapshot, now_ms: i64) -> Markup {
    let manifest = snapshot.manifest();
    let counted = |name: &str| manifest.counts.get(name).copied();
    html! {
        p.hint {
            "Version " strong { (named(&manifest.version)) } ", built " (time(manifest.built_ms, now_ms)) " of what happened from "
            (time(manifest.first_event_ms, now_ms)) " to " (time(manifest.last_event_ms, now_ms))
        }
        dl.tiles {
            @for (name, words) in [("events", "Events"), ("users", "People"), ("items", "Items"), ("sessions", "Sessions")] {
                @if let Some(number) = counted(name) { div { dt { (words) } dd { (count(number)) } } }
            }
        }
        (contests(&manifest.metrics["fit"]))
        div.split.even {
            section { h3 { "Where candidates come from" } p.hint { "The weight of each source in the blend." } (sources(snapshot)) }
            section { h3 { "What the ranker looks at" } (importance(&manifest.metrics["fit"]["importance"])) }
        }
    }
}

/// What the last part of the log said when the version was fitted: questions that nothing was learnt from.
fn contests(fit: &Value) -> Markup {
    let rows: Vec<(&str, &Value)> =
        CONTESTS.iter().map(|(key, words)| (*words, &fit[*key])).filter(|(_, row)| row.is_object()).collect();
    let number = |value: &Value| value.as_f64().map_or("–".to_owned(), |number| format!("{number:.3}"));
    let signed = |value: &Value| value.as_f64().map_or("–".to_owned(), |number| format!("{number:+.3}"));
    html! {
        @if !rows.is_empty() {
            h3 { "How good it is" }
            p.hint { "On questions of the end of the log that it was not fitted on; with the 95 % interval of the difference." }
            div.scroll tabindex="0" {
                table.figures {
                    thead { tr { th { "Part" } th { "Figure" } th { "Without" } th { "With" } th { "Difference" } th { "Questions" } } }
                    tbody {
                        @for (words, row) in rows {
                            tr {
                                th scope="row" { (words) }
                                td { (named(row["figure"].as_str().unwrap_or_default())) }
                                td { (number(&row["simpler_mean"])) }
                                td { (number(&row["richer_mean"])) }
                                td {
                                    (signed(&row["difference"]["mean"])) " (" (signed(&row["difference"]["interval"]["low"])) " to "
                                    (signed(&row["difference"]["interval"]["high"])) ")"
                                }
                                td { (count(row["questions"].as_u64().unwrap_or_default())) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn sources(snapshot: &Snapshot) -> Markup {
    let weights = &snapshot.params().weights;
    let mut all: Vec<(Source, f32)> = Source::ALL
        .into_iter()
        .map(|source| (source, weights.get(source)))
        .filter(|(_, weight)| *weight > 0.0)
        .collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    let bar = |(own, weight): &(Source, f32)| Bar {
        name: source(own.as_str()),
        value: f64::from(*weight),
        told: format!("{weight:.2}"),
    };
    bars(&all.iter().map(bar).collect::<Vec<_>>())
}

fn importance(features: &Value) -> Markup {
    let mut all: Vec<(&str, f64)> = features
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, share)| Some((name.as_str(), share.as_f64()?)))
        .collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    let bar = |(name, share): &(&str, f64)| Bar {
        name: plain(&name.replace('_', " ")),
        value: *share,
        told: format!("{:.0} %", 100.0 * share),
    };
    html! {
        @if all.is_empty() {
            p.hint { "It has no ranker: the blend was not worse." }
        } @else {
            p.hint { "The share of each in all gains of its trees." }
            (bars(&all.iter().take(FEATURES).map(bar).collect::<Vec<_>>()))
        }
    }
}
