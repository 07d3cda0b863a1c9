//! What is shown before there is anything to recommend: what to do next. A log can be dropped on the page where the batch's
//! program is known (`page.batch`); else the command is given.

use maud::{Markup, html};

use super::models::told;
use super::upload::{ITEMS, LOG, uploaded};
use crate::api::App;
use crate::api::page::parts::words::named;
use crate::batch::{Batch, Order};

/// The steps from nothing to a slate.
pub fn first_run(app: &App) -> Markup {
    let artifacts = app.settings.artifacts.display().to_string();
    html! {
        section.narrow data-live[app.settings.batch.as_ref().is_none_or(Batch::is_lively)] {
            h1 { "Nothing to recommend yet" }
            p.lead { "The service runs, and no version is published. Three steps lead to the first slate." }
            ol.steps {
                li {
                    h2 { "Bring an event log" }
                    p {
                        "A CSV, JSON or Parquet file with a line for each thing that somebody did: who, what, which item, when. "
                        "An item table with names, categories and prices is optional."
                    }
                    @if app.settings.batch.is_some() {
                        div.fields {
                            (drop("log", "Event log", LOG, app))
                            (drop("items", "Item table, if you have one", ITEMS, app))
                        }
                    }
                }
                li {
                    h2 { "Learn from it" }
                    @match &app.settings.batch {
                        Some(batch) => (learn(app, batch)),
                        None => {
                            pre { code { "offline run --events events.csv --items items.csv --artifacts " (artifacts) } }
                            p { "For a first look, take " code { "data/sample/events.csv" } " and " code { "data/sample/items.csv" } "." }
                            p.hint { "With " code { "page.batch = \"offline\"" } " in the config this page takes files and learns from them itself." }
                        },
                    }
                }
                li {
                    h2 { "See the first slate" }
                    p { "The service finds the new version within a second, and this page shows it." }
                }
            }
        }
    }
}

/// Where a file is dropped, and which is there.
fn drop(id: &str, label: &str, kind: &str, app: &App) -> Markup {
    let there = uploaded(app, kind);
    html! {
        div.field {
            label for=(id) { (label) }
            input id=(id) type="file" data-upload=(kind) data-part=(app.settings.max_body_bytes) accept=".csv,.tsv,.json,.jsonl,.parquet,.gz,.txt";
            p.hint role="status" {
                @match &there {
                    Some(path) => { "Here: " (named(&path.file_name().unwrap_or_default().to_string_lossy())) },
                    None => { "None yet." },
                }
            }
        }
    }
}

/// The orders, and what became of the last one.
fn learn(app: &App, batch: &Batch) -> Markup {
    let (log, busy) = (uploaded(app, LOG), batch.job().is_some_and(|job| job.ended.is_none()));
    let was_read =
        batch.job().is_some_and(|job| matches!(job.order, Order::Explain { .. }) && matches!(job.ended, Some(Ok(_))));
    html! {
        (told(batch))
        @if log.is_none() {
            p.hint { "The buttons are here when a log is." }
        } @else if !busy {
            div.actions-row {
                form method="post" action="/ui/order" { button type="submit" name="do" value="explain" { "Show how it is read" } }
                form method="post" action="/ui/order" {
                    button.primary[was_read] type="submit" name="do" value="learn" { "Learn and publish" }
                }
            }
        }
    }
}
