//! A report as one page of HTML.

mod bins;
mod data;
mod fields;
mod model;
mod text;

use jiff::Timestamp;
use maud::{Markup, html};

use super::Report;
use crate::page::number::{count, percent};
use crate::page::{Section, document};
use text::{digits, interval};

/// The page of a report.
#[must_use]
pub fn page(report: &Report) -> String {
    let section = |id, name, body| Section { id, name, body };
    let sections = [
        section("quality", "How good it is", model::quality(report)),
        section("labels", "Labels", model::labels(report)),
        section("slices", "Parts of the rows", model::slices(report)),
        section("importance", "What it looks at", fields::importance(report)),
        section("rows", "Three rows", fields::rows(report)),
        section("drift", "Training against test", fields::drift(report)),
        section("columns", "The columns", data::columns(report)),
        section("time", "Over time", data::time(report)),
        section("correlation", "Correlations", data::correlations(report)),
        section("settings", "Settings", settings(report)),
    ];
    document(&format!("{} {}", report.model, report.version), &head(report), &report.notes, &sections)
}

/// The name of the version, and the first figures.
fn head(report: &Report) -> Markup {
    let built = Timestamp::from_millisecond(report.built_ms).unwrap_or_default().strftime("%F %H:%M UTC").to_string();
    let place = match &report.champion {
        Some(champion) if *champion == report.version => "the champion".to_owned(),
        Some(champion) => format!("not the champion, which is {champion}"),
        None => "there is no champion".to_owned(),
    };
    let [rows, positives] = report.measured;
    let share = |part: u64, all: u64| percent(((part as f64 / all.max(1) as f64) * 1e4).round() / 1e4);
    let first = report.models.first();
    let shown = |name: &str| first.and_then(|model| model.metrics.get(name));
    html! {
        h1 { (report.model) }
        p.faint { (report.version) ", built " (built) ", " (place) ". Label: " b { (report.label) } }
        div.cards {
            div.card { b { (count(report.data.rows as u64)) } span.faint { "rows, " (report.data.columns.len()) " columns" } }
            div.card { b { (share(report.data.positives as u64, report.data.rows as u64)) } span.faint { "of them are positives" } }
            div.card { b { (count(rows as u64)) } span.faint { "rows measured, " (share(positives as u64, rows as u64)) " positives" } }
            @for (name, called, _) in text::shown(|name| matches!(name, "roc_auc" | "log_loss" | "f1")) {
                @if let Some(figure) = shown(name) {
                    div.card { b { (digits(figure.value)) } span.faint { (called) " " (interval(figure.interval)) } }
                }
            }
        }
    }
}

fn settings(report: &Report) -> Markup {
    html! {
        p { "The version was trained by these settings; " code { "offline score defaults" } " explains each." }
        details { summary { "All settings" } pre { (format!("{:#}", report.config)) } }
    }
}
