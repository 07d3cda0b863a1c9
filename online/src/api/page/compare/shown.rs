//! Two slates side by side, with what only one has marked; and the figures of a sample.

use maud::{Markup, html};
use shared::engine::snapshot::Snapshot;

use crate::api::page::parts::item::Shown;
use crate::api::page::parts::words::{count, named, several};
use crate::compare::{Answer, Figures, OfSide};

/// So many items are shown that differ most.
const MOVERS: usize = 10;

/// The slates of one person.
pub fn person(answers: &[Answer; 2]) -> Markup {
    let ids = answers.each_ref().map(ids);
    html! {
        div.split.even {
            (slate("A", &answers[0], &ids[1]))
            (slate("B", &answers[1], &ids[0]))
        }
    }
}

fn ids(answer: &Answer) -> Vec<&str> {
    answer.slate.picks.iter().map(|pick| answer.snapshot.items().id(pick.item)).collect()
}

fn slate(title: &str, answer: &Answer, other: &[&str]) -> Markup {
    let own = ids(answer);
    let only = own.iter().filter(|id| !other.contains(id)).count();
    html! {
        section {
            h2 { "Side " (title) }
            p.hint { "Version " (named(&answer.snapshot.manifest().version)) ": " (several(own.len(), "item", "items")) ", " (only) " of them only here" }
            ol.rows {
                @for (place, pick) in answer.slate.picks.iter().enumerate() {
                    @let item = Shown::of(&answer.snapshot, pick.item);
                    li { (item.row(&mark(other.iter().position(|id| *id == item.id), place))) }
                }
            }
        }
    }
}

/// Where the other side has an item.
fn mark(there: Option<usize>, here: usize) -> Markup {
    html! {
        @match there {
            None => p.mark.new { "Only here" },
            Some(there) if there == here => {},
            Some(there) => p.hint { "at place " (there + 1) " there" },
        }
    }
}

/// The figures of a sample.
pub fn figures(figures: &Figures, snapshot: &Snapshot) -> Markup {
    let share = |share: f64| format!("{:.1} %", 100.0 * share);
    let row = |name: &str, of: &dyn Fn(&OfSide) -> String| {
        html! { tr { th scope="row" { (name) } @for side in &figures.sides { td { (of(side)) } } } }
    };
    html! {
        section aria-labelledby="sample" {
            h2 #sample { "Over " (several(figures.people, "person", "people")) }
            dl.tiles {
                div { dt { "Items that both have" } dd { (share(figures.overlap())) } }
                div { dt { "People with the same slate" } dd { (share(figures.same())) } }
            }
            table {
                thead { tr { th {} th { "Side A" } th { "Side B" } } }
                tbody {
                    (row("Items of a slate", &|side| format!("{:.1}", side.length(figures.people))))
                    (row("Different items in all", &|side| count(side.slates.len() as u64)))
                    (row("Coverage of the catalogue", &|side| share(side.coverage())))
                    (row("Novelty, bits", &|side| format!("{:.2}", side.novelty())))
                }
            }
            (movers(figures, snapshot))
        }
    }
}

fn movers(figures: &Figures, snapshot: &Snapshot) -> Markup {
    let movers = figures.movers(MOVERS);
    html! {
        @if !movers.is_empty() {
            h3 { "Items that differ most" }
            p.hint { "In how many slates of each side." }
            ul.rows.wide {
                @for (id, [a, b]) in movers {
                    li {
                        @match snapshot.items().index(id) {
                            Some(item) => (Shown::of(snapshot, item).row(&html! { p.hint { "A " (a) " · B " (b) } })),
                            None => div.text { h3 { (named(id)) } p.hint { "A " (a) " · B " (b) } },
                        }
                    }
                }
            }
        }
    }
}
