//! A report as one page of HTML.

mod changes;
mod data;
mod examples;
mod items;
mod model;
mod outcomes;
mod quality;
mod runs;
mod text;
mod users;

use maud::{Markup, html};

use super::changes::Level;
use super::model::evaluation::{Evaluation, ModelFigures};
use super::{Report, SECTIONS, Version};
use crate::page::number::thousands;
use crate::page::{Section, document};
use text::{day, figure, moment};

/// The page of a report.
#[must_use]
pub fn page(report: &Report) -> String {
    let title = match &report.version {
        Some(version) => format!("Report on {}", version.name),
        None => "Report on a log".to_owned(),
    };
    let bodies = [
        summary(report),
        data::section(report),
        report.model.as_ref().map(model::section).unwrap_or_default(),
        report.outcomes.as_ref().map(outcomes::section).unwrap_or_default(),
        report.changes.as_ref().map(|changes| changes::section(changes, report)).unwrap_or_default(),
        report.run.as_ref().map(|run| runs::section(run, report)).unwrap_or_default(),
    ];
    let sections: Vec<Section> =
        SECTIONS.into_iter().zip(bodies).map(|((id, name), body)| Section { id, name, body }).collect();
    document(&title, &head(report), &report.notes, &sections)
}

/// What the page is about.
fn head(report: &Report) -> Markup {
    let counts = &report.data.counts;
    let [first, last] = report.data.between_ms.map(|at| day(at, &report.time_zone));
    html! {
        @match &report.version {
            Some(version) => {
                h1 { (version.name) }
                p.faint { "Built " (moment(version.built_ms, &report.time_zone)) ", " (place(version)) "." (learnt(version, report)) }
            }
            None => h1 { "Events from " (first) " to " (last) }
        }
        p.faint {
            (thousands(counts.events as f64)) " events of " (thousands(counts.users as f64)) " users on " (thousands(counts.items as f64))
            " items in " (thousands(counts.sessions as f64)) " sessions"
            @if report.data.times.is_some() { ", " (first) " to " (last) ". Times are of " (report.time_zone) }
            "."
        }
    }
}

fn place(version: &Version) -> &'static str {
    if version.champion { "the champion" } else { "not the champion" }
}

/// What it was learnt from, unless that is the log as it is.
fn learnt(version: &Version, report: &Report) -> String {
    if version.counts.get("events") == Some(&(report.data.counts.events as u64))
        && version.between_ms == report.data.between_ms
    {
        return " Learnt from:".to_owned();
    }
    let count = |name: &str| thousands(version.counts.get(name).copied().unwrap_or(0) as f64);
    let [first, last] = version.between_ms.map(|at| day(at, &report.time_zone));
    format!(
        " Learnt from {} events of {} users on {} items, {first} to {last}. The log of this report:",
        count("events"),
        count("users"),
        count("items")
    )
}

/// The figures that matter, and what stands out.
fn summary(report: &Report) -> Markup {
    let measured = report.model.as_ref().and_then(|model| model.measured.as_ref());
    html! {
        @if let Some(measured) = measured { (cards(&measured.evaluation)) }
        @for (id, name) in SECTIONS {
            @let own = || report.findings.iter().filter(|finding| finding.section == id);
            @if own().next().is_some() {
                h3.of { a href={ "#" (id) } { (name) } }
                ul.findings { @for finding in own() { li { (level(finding.level)) " " (with_code(&finding.text)) } } }
            }
        }
    }
}

/// Three figures of the served model beside popularity.
fn cards(evaluation: &Evaluation) -> Markup {
    let k = evaluation.cut_off();
    let Some(served) = evaluation.results.first() else { return Markup::default() };
    let shown =
        [("hr", "hit rate"), ("ndcg", "NDCG"), ("mrr", "MRR")].map(|(name, called)| (format!("{name}@{k}"), called));
    html! {
        div.cards {
            @for (name, called) in &shown {
                @if let Some(own) = served.figure(name) {
                    div.card {
                        b { (figure(own)) }
                        span.faint {
                            (called) "@" (k) br; (interval(served, name))
                            @if let Some(popular) = evaluation.best_popularity(name) {
                                br; (popular.model) ": " (figure(popular.figure(name).unwrap_or(0.0)))
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The interval of a figure.
fn interval(of: &ModelFigures, name: &str) -> String {
    of.interval(name).map_or_else(String::new, |[low, high]| format!("[{}, {}]", figure(low), figure(high)))
}

/// A sentence, with what stands between backticks as code.
fn with_code(sentence: &str) -> Markup {
    html! { @for (at, part) in sentence.split('`').enumerate() { @if at % 2 == 1 { code { (part) } } @else { (part) } } }
}

/// What a change asks for, as a word on its colour; nothing of what is steady.
fn level(level: Level) -> Markup {
    let class = match level {
        Level::Steady => return Markup::default(),
        Level::Moved => "moved",
        Level::Look => "look",
    };
    html! { span.level.(class) { (level.as_str()) } }
}
