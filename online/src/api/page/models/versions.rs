//! What the batch lists: versions with their names, and runs.

use maud::{Markup, html};
use serde_json::Value;

use crate::api::page::asked::encoded;
use crate::api::page::parts::words::{named, span, time};
use crate::batch::{BatchError, Name};
use crate::events::now_ms;

/// So many versions are shown, the latest first.
const SHOWN: usize = 12;

/// The versions, and a way to publish each that is not the champion.
///
/// * `model`: the model of rows whose they are; none: the recommender's.
pub fn versions(listed: Result<Value, BatchError>, model: Option<&Name>) -> Markup {
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) => return html! { p.alert role="alert" { (error.to_string()) } },
    };
    let all: Vec<&Value> = listed.as_array().into_iter().flatten().rev().collect();
    let of_model = model.map(|model| ("model", model.as_str()));
    let publish = |version: &str| {
        format!("/ui/order?{}", encoded([("do", "publish"), ("version", version)].into_iter().chain(of_model)))
    };
    let roll_back = format!("/ui/order?{}", encoded([("do", "rollback")].into_iter().chain(of_model)));
    html! {
        div.scroll tabindex="0" {
            table.figures {
                thead { tr { th { "Version" } th { "Built" } th { "Names" } th {} } }
                tbody {
                    @for version in all.iter().take(SHOWN) {
                        @let name = version["version"].as_str().unwrap_or_default();
                        @let aliases: Vec<&str> = version["aliases"].as_object().into_iter().flatten().map(|(alias, _)| alias.as_str()).collect();
                        tr {
                            th scope="row" { (named(name)) }
                            td { (time(version["built_ms"].as_i64().unwrap_or_default(), now_ms())) }
                            td { (named(&aliases.join(", "))) }
                            td {
                                @if aliases.contains(&"champion") {
                                    // There is none before the only one.
                                    @if all.len() > 1 { a href=(roll_back) { "Roll back" } }
                                } @else { a href=(publish(name)) { "Publish" } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The runs, the latest first.
pub fn runs(listed: Result<Value, BatchError>) -> Markup {
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) => return html! { p.alert role="alert" { (error.to_string()) } },
    };
    let all: Vec<&Value> = listed.as_array().into_iter().flatten().rev().collect();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    html! {
        @if all.is_empty() { p.hint { "None." } } @else {
            div.scroll tabindex="0" {
                table.figures {
                    thead { tr { th { "Run" } th { "What" } th { "Began" } th { "Took" } th { "Ended" } } }
                    tbody {
                        @for run in all {
                            @let (began, ended) = (run["started_ms"].as_i64().unwrap_or_default(), run["ended_ms"].as_i64());
                            tr {
                                th scope="row" { (named(&text(&run["id"]))) }
                                td { (named(&text(&run["command"]))) }
                                td { (time(began, now_ms())) }
                                td { @match ended { Some(ended) => (span((ended - began) as f64 / 1000.0)), None => "–" } }
                                td class=[(run["status"] == "failed").then_some("bad")] { (named(&text(&run["status"]))) }
                            }
                        }
                    }
                }
            }
        }
    }
}
