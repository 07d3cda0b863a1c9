//! An item as pages show it: picture, name, price, category.

use maud::{Markup, html};
use shared::contract::id::ItemIdx;
use shared::engine::snapshot::Snapshot;

use super::picture::{address, picture};
use super::words::{named, price};
use crate::api::page::asked::encoded;

/// What pages show of an item.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its name; the id, if it has none.
    pub name: &'a str,
    /// Price and first category.
    facts: Vec<String>,
    picture: Option<String>,
}

impl<'a> Shown<'a> {
    /// Reads it off a snapshot.
    #[must_use]
    pub fn of(snapshot: &'a Snapshot, item: ItemIdx) -> Self {
        let items = snapshot.items();
        let id = items.id(item);
        let own = Some(items.price(item)).filter(|price| !price.is_nan()).map(price);
        let category = items.first_category(item).map(|row| items.category_name(row).to_owned());
        Self {
            id,
            name: items.name(item).filter(|name| !name.is_empty()).unwrap_or(id),
            facts: own.into_iter().chain(category).collect(),
            picture: address(snapshot, item),
        }
    }

    /// Its picture, or what stands for it.
    #[must_use]
    pub fn picture(&self) -> Markup {
        picture(self.picture.as_deref(), self.name, self.id)
    }

    /// Price and category.
    #[must_use]
    pub fn facts(&self) -> Markup {
        html! {
            @if !self.facts.is_empty() {
                p.facts { @for fact in &self.facts { span { (named(fact)) } } }
            }
        }
    }

    /// Its name, which leads to its own page.
    #[must_use]
    pub fn link(&self) -> Markup {
        html! { a href=(url(self.id)) { (named(self.name)) } }
    }

    /// A line of a list: all of it, and something more.
    #[must_use]
    pub fn row(&self, more: &Markup) -> Markup {
        html! { (self.picture()) div.text { h3 { (self.link()) } (self.facts()) (more) } }
    }
}

/// The page of an item.
#[must_use]
pub fn url(id: &str) -> String {
    format!("/ui/item?{}", encoded([("item_id", id)]))
}
