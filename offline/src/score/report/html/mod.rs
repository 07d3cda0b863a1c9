//! A report as one page of HTML: no scripts, no fonts and nothing else from elsewhere; light or dark as the reader has it.

mod data;
mod fields;
mod model;
mod text;

use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Report;
use super::svg::{bars::count, percent};
use text::{digits, interval};

const STYLE: &str = include_str!("style.css");

/// The page of a report.
#[must_use]
pub fn page(report: &Report) -> String {
    let title = format!("{} {}", report.model, report.version);
    let sections = [
        ("quality", "How good it is"),
        ("labels", "Labels"),
        ("slices", "Parts of the rows"),
        ("importance", "What it looks at"),
        ("rows", "Three rows"),
        ("drift", "Training against test"),
        ("columns", "The columns"),
        ("time", "Over time"),
        ("correlation", "Correlations"),
        ("settings", "Settings"),
    ];
    let bodies = [
        model::quality(report),
        model::labels(report),
        model::slices(report),
        fields::importance(report),
        fields::rows(report),
        fields::drift(report),
        data::columns(report),
        data::time(report),
        data::correlations(report),
        settings(report),
    ];
    // A section without a body has nothing to say of this report.
    let sections = || sections.iter().zip(&bodies).filter(|(_, body)| !body.0.is_empty());
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
                    (head(report))
                    nav { @for ((id, name), _) in sections() { a href={ "#" (id) } { (name) } } }
                    @for note in &report.notes { div.note { (note) } }
                    @for ((id, name), body) in sections() { section id=(id) { h2 { (name) } (body) } }
                }
            }
        }
    };
    page.into_string()
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
