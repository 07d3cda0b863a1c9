//! What somebody did: the history that the slate was made with, the latest first.

use maud::{Markup, html};
use shared::engine::snapshot::Snapshot;
use shared::engine::state::Interaction;

use super::item::Shown;
use super::words::{did, several, time};

/// So many events are shown at once, the rest on demand.
const SHOWN: usize = 8;

/// The list.
///
/// * `events`: oldest first.
#[must_use]
pub fn history(snapshot: &Snapshot, events: &[Interaction], now_ms: i64) -> Markup {
    let latest: Vec<&Interaction> = events.iter().rev().collect();
    let (first, rest) = latest.split_at(latest.len().min(SHOWN));
    html! {
        @if latest.is_empty() {
            p.hint { "Nothing yet. View something in the slate: the next one knows." }
        } @else {
            (list(snapshot, first, now_ms))
            @if !rest.is_empty() {
                details {
                    summary { (several(rest.len(), "earlier event", "earlier events")) }
                    (list(snapshot, rest, now_ms))
                }
            }
        }
    }
}

fn list(snapshot: &Snapshot, events: &[&Interaction], now_ms: i64) -> Markup {
    let kinds = &snapshot.params().kinds;
    html! {
        ol.rows {
            @for event in events {
                @let item = Shown::of(snapshot, event.item);
                li {
                    (item.picture())
                    div.text {
                        p { (item.link()) }
                        p.facts { span { (did(kinds.get(event.kind).name.as_str())) } span { (time(event.timestamp_ms, now_ms)) } }
                    }
                }
            }
        }
    }
}
