//! The search for people and items, and what it found.

use maud::{Markup, html};

use super::item::Shown;
use super::words::named;
use crate::api::page::asked::Asked;

/// What was found.
pub struct Found<'a> {
    /// People, by their ids.
    pub people: &'a [String],
    /// Items.
    pub items: &'a [Shown<'a>],
}

/// The field that is searched with; it leads back to the page as it is.
#[must_use]
pub fn search(asked: &Asked) -> Markup {
    html! {
        form.search role="search" method="get" action="/" data-swap {
            @for (name, value) in [("user_id", &asked.user_id), ("k", &asked.k), ("seen", &asked.seen), ("scenario", &asked.scenario)] {
                @if !value.is_empty() { input type="hidden" name=(name) value=(value); }
            }
            label.unseen for="q" { "Search people and items" }
            input #q type="search" name="q" value=(asked.q) placeholder="A person's id, an item's name or id"
                autocomplete="off" spellcheck="false";
            button type="submit" { "Search" }
        }
    }
}

/// Leads to why an item is in the slate, or not.
fn why_not(asked: &Asked, item: &Shown<'_>) -> Markup {
    html! { @if !asked.user_id.is_empty() { p.hint { a.clear href=(asked.why_url(item.id)) { "Why is it shown, or not?" } } } }
}

/// What was found: people lead to their slate, items to what the page would be on theirs.
#[must_use]
pub fn found(asked: &Asked, found: &Found<'_>) -> Markup {
    let of_person = |id: &String| Asked { user_id: id.clone(), item_id: String::new(), ..asked.plain() }.url();
    html! {
        section.found aria-label="Search results" {
            @if found.people.is_empty() && found.items.is_empty() {
                p {
                    "Nobody and nothing is called " strong { (named(&asked.q)) }
                    ". Ids are searched from their beginning, names by the beginnings of their words."
                }
            }
            @if !found.people.is_empty() {
                h2 { "People" }
                ul.chips { @for id in found.people { li { a href=(of_person(id)) { (named(id)) } } } }
            }
            @if !found.items.is_empty() {
                h2 { "Items" }
                ul.rows.wide { @for item in found.items { li { (item.row(&why_not(asked, item))) } } }
            }
        }
    }
}
