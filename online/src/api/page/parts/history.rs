//! What somebody did: the history that the slate was made with, the latest first, and what they do not want to see.

use maud::{Markup, html};
use shared::contract::why::Unwanted;
use shared::engine::snapshot::Snapshot;
use shared::engine::state::Interaction;

use super::item::{Shown, url};
use super::words::{did, named, plain, several, time};
use crate::api::page::asked::Asked;

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

/// What this person does not want, and how to take that back.
#[must_use]
pub fn unwanted(items: &[Unwanted], asked: &Asked) -> Markup {
    let action = asked.event_url(std::iter::empty());
    html! {
        @if !items.is_empty() {
            h3 { "Not shown to this person" }
            p.hint { "What they did with these does not count." }
            ul.rows {
                @for item in items {
                    @let name = item.name.as_deref().unwrap_or(&item.item_id);
                    li {
                        div.text { p { a href=(url(&item.item_id)) { (named(name)) } } p.facts { (did(&item.event)) } }
                        @if let Some(undo) = &item.undone_by {
                            form method="post" action=(action) data-swap {
                                input type="hidden" name="item" value=(item.item_id);
                                button.small type="submit" name="event" value=(undo) aria-label={ "Show again: " (plain(name)) } { "Show again" }
                            }
                        }
                    }
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
