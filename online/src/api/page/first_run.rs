//! What is shown before there is anything to recommend: what to do next.

use maud::{Markup, html};

/// The steps from nothing to a slate.
///
/// * `artifacts`: the folder that the service watches.
pub fn first_run(artifacts: &str) -> Markup {
    html! {
        section.narrow {
            h1 { "Nothing to recommend yet" }
            p.lead { "The service runs, and no version is published. Three steps lead to the first slate." }
            ol.steps {
                li {
                    h2 { "Bring an event log" }
                    p {
                        "A CSV or Parquet file with a line for each thing that somebody did: who, what, which item, when. "
                        "An item table with names, categories and prices is optional."
                    }
                }
                li {
                    h2 { "Learn from it" }
                    pre { code { "offline run --events events.csv --items items.csv --artifacts " (artifacts) } }
                    p { "For a first look, take " code { "data/sample/events.csv" } " and " code { "data/sample/items.csv" } "." }
                }
                li {
                    h2 { "Load this page again" }
                    p { "The service finds the new version within a second." }
                }
            }
        }
    }
}
