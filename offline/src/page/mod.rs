//! Pages of figures: one file of HTML that needs no script and nothing from elsewhere, light or dark as the reader has it, and
//! readable on a phone.
//!
//! In: sections, which the reports make. Out: the text of the page. `maud` escapes whatever is put into it, so that an id that
//! looks like markup is text.

pub mod number;
pub mod svg;

use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");
/// The most letters of a name.
const NAME_LETTERS: usize = 60;

/// A part of a page.
pub struct Section {
    /// What links lead to it by.
    pub id: &'static str,
    /// Its heading.
    pub name: &'static str,
    /// What is in it; a section without a body is left out.
    pub body: Markup,
}

/// The page.
///
/// * `head`: what stands above all sections.
/// * `notes`: what the reader must know first.
#[must_use]
pub fn document(title: &str, head: &Markup, notes: &[String], sections: &[Section]) -> String {
    let sections = || sections.iter().filter(|section| !section.body.0.is_empty());
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (head)
                    nav { @for section in sections() { a href={ "#" (section.id) } { (section.name) } } }
                    @for note in notes { div.note { (note) } }
                    @for section in sections() { section id=(section.id) { h2 { (section.name) } (section.body) } }
                }
            }
        }
    };
    page.into_string()
}

/// A plot with its heading and what is to be known of it.
#[must_use]
pub fn figure(title: &str, plot: &Markup, caption: &str) -> Markup {
    html! { figure { h3 { (title) } (plot) @if !caption.is_empty() { figcaption { (caption) } } } }
}

/// A name or id of the shop's, whatever it is: cut, without control characters, and apart from the direction of its letters.
#[must_use]
pub fn named(text: &str) -> Markup {
    let plain: String = text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect();
    html! { bdi { (number::cut(&plain, NAME_LETTERS)) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_into_a_page_is_text_and_sections_without_a_body_are_left_out() {
        let section = |id, name, body| Section { id, name, body };
        let body = html! { p { (named("<script>\u{0}\u{202e}a")) } };
        let sections = [section("a", "One", body), section("b", "Two", Markup::default())];
        let page = document("<i>", &Markup::default(), &["a & b".to_owned()], &sections);
        assert!(page.contains("<title>&lt;i&gt;</title>") && page.contains("a &amp; b"));
        assert!(page.contains("<bdi>&lt;script&gt;\u{fffd}\u{202e}a</bdi>"));
        assert!(page.contains("#a") && !page.contains("#b\""));
    }
}
