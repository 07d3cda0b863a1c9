//! A slate as cards: what each item is, why it is there, what changed since the slate before, and what one can do with it.

use maud::{Markup, html};
use shared::contract::kind::Kinds;
use shared::contract::why::ItemWhy;
use shared::engine::recommend::{Pick, Placed};
use shared::engine::snapshot::Snapshot;

use super::item::Shown;
use super::why::why;
use super::words::{named, plain, several, source};
use crate::api::page::asked::Asked;

/// The buttons of an item: kind of event, and what the button says.
const BUTTONS: [(&str, &str); 4] =
    [("view", "View"), ("addtocart", "Cart"), ("transaction", "Buy"), ("dislike", "Dislike")];
/// What keeps an item from this person, whatever they did with it.
const HIDE: &str = "hide";
/// So many reasons are shown of an item.
const MOST_SOURCES: usize = 3;

/// What became of an item since the slate before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was not in it.
    New,
    /// It is so many places further up.
    Up(usize),
    /// It is so many places further down.
    Down(usize),
    /// It is where it was.
    Same,
}

impl Change {
    /// What became of the item at a place.
    #[must_use]
    pub fn of(id: &str, place: usize, before: &[String]) -> Self {
        match before.iter().position(|other| other == id) {
            None => Self::New,
            Some(was) if was > place => Self::Up(was - place),
            Some(was) if was < place => Self::Down(place - was),
            Some(_) => Self::Same,
        }
    }

    fn mark(self) -> Markup {
        html! {
            @match self {
                Self::New => p.mark.new { "New here" },
                Self::Up(places) => p.mark.up { "Up " (places) },
                Self::Down(places) => p.mark.down { "Down " (places) },
                Self::Same => {},
            }
        }
    }
}

/// The cards.
///
/// * `explained`: why one of the items is there, or why another is not.
#[must_use]
pub fn slate(snapshot: &Snapshot, picks: &[Pick], asked: &Asked, explained: Option<&ItemWhy>) -> Markup {
    let ids = picks.iter().map(|pick| snapshot.items().id(pick.item));
    let action = asked.event_url(ids);
    let is_there = |why: &&ItemWhy| picks.iter().any(|pick| snapshot.items().id(pick.item) == why.item_id);
    html! {
        @if let Some(absent) = explained.filter(|why| !is_there(why)) { (not_there(absent, asked)) }
        @if picks.is_empty() { p.hint { "No item is left by these controls. Take one of them back." } }
        ol.cards {
            @for (place, pick) in picks.iter().enumerate() {
                @let of_item = explained.filter(|why| why.item_id == snapshot.items().id(pick.item));
                (card(snapshot, pick, place, asked, &action, of_item))
            }
        }
    }
}

/// Why an item is not in the slate.
fn not_there(absent: &ItemWhy, asked: &Asked) -> Markup {
    html! {
        div.told #why tabindex="-1" {
            h3 { (named(absent.name.as_deref().unwrap_or(&absent.item_id))) }
            (why(absent))
            (close(asked))
        }
    }
}

/// Leads back to the slate without an explanation.
fn close(asked: &Asked) -> Markup {
    html! { p.how { a href=(asked.plain().url()) data-swap { "Close" } } }
}

fn card(
    snapshot: &Snapshot,
    pick: &Pick,
    place: usize,
    asked: &Asked,
    action: &str,
    explained: Option<&ItemWhy>,
) -> Markup {
    let item = Shown::of(snapshot, pick.item);
    let change = (!asked.before.is_empty()).then(|| Change::of(item.id, place, &asked.before));
    html! {
        li.card.open[explained.is_some()] id=[explained.map(|_| "why")] tabindex=[explained.map(|_| "-1")] {
            (item.picture())
            div.text {
                p.place aria-hidden="true" { (place + 1) }
                h3 { (item.link()) }
                (item.facts())
                (reason(snapshot, pick))
                @if let Some(change) = change { (change.mark()) }
                @match explained {
                    Some(explained) => {
                        (why(explained))
                        (never(&snapshot.params().kinds, &item, action))
                        (close(asked))
                    },
                    None => p.how {
                        a href=(asked.why_url(item.id)) data-swap {
                            "Why is it here?" span.unseen { " " (plain(item.name)) }
                        }
                    },
                }
            }
            (buttons(&snapshot.params().kinds, &item, action))
        }
    }
}

/// Why the item is there: the item of the history that says most for it, and what proposed it.
fn reason(snapshot: &Snapshot, pick: &Pick) -> Markup {
    let sources: Vec<&str> = pick.sources.iter().map(|source| source.as_str()).collect();
    let (first, rest) = sources.split_at(sources.len().min(MOST_SOURCES));
    html! {
        @match (pick.placed, pick.because) {
            (Placed::Pinned, _) => p.reason { "Pinned by a rule" },
            (Placed::Explored, _) => p.reason { "Tried out by a rule" },
            (Placed::Together, Some(item)) => p.reason { "Bought with " (Shown::of(snapshot, item).link()) },
            (_, Some(item)) if item == pick.item => p.reason { "Was in their history" },
            (_, Some(item)) => p.reason { "Because of " (Shown::of(snapshot, item).link()) },
            _ => {},
        }
        @if !first.is_empty() {
            ul.sources aria-label="Proposed by" {
                @for name in first { li title=(name) { (source(name)) } }
                @if !rest.is_empty() { li title=(rest.join(", ")) { "+" (rest.len()) } }
            }
        } @else if pick.placed == Placed::Ranked { p.reason { "Fills the slate" } }
    }
}

/// Keeps an item from this person.
fn never(kinds: &Kinds, item: &Shown<'_>, action: &str) -> Markup {
    html! {
        @if kinds.index(HIDE).is_some() {
            form.never method="post" action=(action) data-swap {
                input type="hidden" name="item" value=(item.id);
                button type="submit" name="event" value=(HIDE) { "Never show it to this person" }
            }
        }
    }
}

/// What one can do with an item: a form that works without a script.
fn buttons(kinds: &Kinds, item: &Shown<'_>, action: &str) -> Markup {
    html! {
        form.actions method="post" action=(action) data-swap {
            input type="hidden" name="item" value=(item.id);
            @for (kind, word) in BUTTONS.into_iter().filter(|(kind, _)| kinds.index(kind).is_some()) {
                button type="submit" name="event" value=(kind) aria-label={ (word) ": " (plain(item.name)) } { (word) }
            }
        }
    }
}

/// What an event did to the slate, in a line.
#[must_use]
pub fn told(snapshot: &Snapshot, picks: &[Pick], asked: &Asked) -> Markup {
    if asked.did.is_empty() || asked.before.is_empty() {
        return html! {};
    }
    let items = snapshot.items();
    let name = |id: &str| items.index(id).and_then(|item| items.name(item)).unwrap_or(id).to_owned();
    let ids: Vec<&str> = picks.iter().map(|pick| items.id(pick.item)).collect();
    let new = ids.iter().filter(|id| !asked.before.iter().any(|before| before == *id)).count();
    let gone: Vec<&String> = asked.before.iter().filter(|before| !ids.contains(&before.as_str())).collect();
    html! {
        div.told role="status" {
            p {
                (named(&name(&asked.with))) " was " strong { (super::words::did(&asked.did)) } ". "
                @match new {
                    0 if ids.iter().zip(&asked.before).all(|(id, before)| id == before) => "The slate is the same.",
                    0 => "The same items in another order.",
                    _ => { (several(new, "new item", "new items")) " of " (ids.len()) "." },
                }
            }
            @if !gone.is_empty() {
                p.hint {
                    "Gone: "
                    @for (at, id) in gone.iter().take(4).enumerate() { @if at > 0 { ", " } (named(&name(id))) }
                    @if gone.len() > 4 { " and " (gone.len() - 4) " more" } "."
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_by_places() {
        let before = ["a", "b", "c"].map(str::to_owned);
        let changes = ["c", "b", "d", "a"].iter().enumerate().map(|(place, id)| Change::of(id, place, &before));
        assert_eq!(changes.collect::<Vec<_>>(), [Change::Up(2), Change::Same, Change::New, Change::Down(3)]);
    }
}
