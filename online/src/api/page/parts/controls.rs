//! What the slate depends on, to be changed: a form whose fields are the parameters of `/recommendations`.

use maud::{Markup, html};

use super::words::plain;
use crate::api::page::asked::Asked;

/// What there is to choose from.
pub struct Choices<'a> {
    /// The scenarios of the config.
    pub scenarios: Vec<&'a str>,
    /// The categories of the version.
    pub categories: Vec<&'a str>,
}

/// The most categories that a browser is told of.
const MOST_CATEGORIES: usize = 300;
/// How many items can be chosen.
const COUNTS: [&str; 4] = ["6", "12", "24", "48"];
/// The seen policies that have a word, and what they mean.
pub const SEEN: [(&str, &str); 4] = [
    ("", "as configured"),
    ("exclude_purchased", "not if they bought it"),
    ("exclude_all", "not at all"),
    ("allow", "may come again"),
];

/// The form.
#[must_use]
pub fn controls(asked: &Asked, choices: &Choices<'_>) -> Markup {
    let more = [&asked.filter, &asked.category, &asked.item_id, &asked.max_per, &asked.scenario];
    let k = if asked.k.is_empty() { Asked::K } else { &asked.k };
    let scenarios = choices.scenarios.iter().map(|name| (*name, *name));
    let scenarios: Vec<(&str, &str)> = std::iter::once(("", "none")).chain(scenarios).collect();
    let is_open = more.iter().any(|value| !value.is_empty());
    html! {
        form.controls method="get" action="/" aria-label="What the slate depends on" data-swap {
            div.fields {
                (text("user_id", "Person", &asked.user_id, "any id, known or not"))
                (select("k", "Items", k, &COUNTS.map(|count| (count, count))))
                (select("seen", "What they know", &asked.seen, &SEEN))
                button.primary type="submit" { "Show" }
            }
            details open[is_open] {
                summary { "More controls" }
                div.fields {
                    div.field {
                        label for="category" { "Category" }
                        input #category name="category" value=(asked.category) list="categories" placeholder="any";
                        datalist #categories {
                            @for name in choices.categories.iter().take(MOST_CATEGORIES) { option value=(name) {} }
                        }
                    }
                    (text("filter", "Filter", &asked.filter, "price < 50"))
                    (text("item_id", "On the page of item", &asked.item_id, "its id"))
                    (text("max_per", "At most so many alike", &asked.max_per, "category:2"))
                    @if !choices.scenarios.is_empty() {
                        (select("scenario", "Scenario", &asked.scenario, &scenarios))
                    }
                }
            }
        }
    }
}

/// A field of a form.
pub fn text(name: &str, label: &str, value: &str, placeholder: &str) -> Markup {
    html! {
        div.field {
            label for=(name) { (label) }
            input id=(name) name=(name) value=(value) placeholder=(placeholder) autocomplete="off" spellcheck="false";
        }
    }
}

/// A choice. A value that is none of them stays chosen: it came with the URL.
pub fn select(name: &str, label: &str, value: &str, options: &[(&str, &str)]) -> Markup {
    let is_other = options.iter().all(|(option, _)| *option != value);
    html! {
        div.field {
            label for=(name) { (label) }
            select id=(name) name=(name) {
                @if is_other { option value=(value) selected { (plain(value)) } }
                @for (option, words) in options { option value=(option) selected[*option == value] { (plain(words)) } }
            }
        }
    }
}
