//! What has changed.

use maud::{Markup, html};
use serde_json::Value;

use super::text::{figure as digits, moment};
use crate::page::named;
use crate::page::number::{count, cut};
use crate::report::Report;
use crate::report::changes::beside::{Beside, Turnover};
use crate::report::changes::drift::{Moved, Since};
use crate::report::changes::{ChangesSince, ContestFigures, LOOK_PSI, Level, MOVED_PSI};
use crate::report::findings::share;

/// The most letters of a setting's value.
const LETTERS: usize = 60;

/// All of it.
pub fn section(changes: &ChangesSince, report: &Report) -> Markup {
    html! {
        p { "The population stability index compares how events spread before and since: from " (MOVED_PSI) " on something has moved, from " (LOOK_PSI)
            " on one should look at it." }
        div.plots { @for since in &changes.since { (drift(since, report)) } }
        @if let Some(beside) = &changes.beside { (versions(beside, report)) }
        @if let Some(contest) = &changes.contest { (verdict(contest)) }
    }
}

fn word(level: Level) -> Markup {
    let class = match level {
        Level::Steady => "steady",
        Level::Moved => "moved",
        Level::Look => "look",
    };
    html! { span.level.(class) { (level.as_str()) } }
}

fn drift(since: &Since, report: &Report) -> Markup {
    let [before, now] = since.events;
    html! {
        figure {
            h3 { "Since " (since.what) }
            p.faint { (moment(since.from_ms, &report.time_zone)) ": " (count(now as u64)) " events since, " (count(before as u64)) " in the four weeks before." }
            @match &since.moved {
                None => p { "There are too few events on one side: an index of fewer than 500 would be chance." }
                Some(moved) => div.scroll { table {
                    tr { th { "" } th.left { "" } th { "PSI" } th.left { "most" } th { "before" } th { "since" } }
                    @for own in moved { (row(own)) }
                } }
            }
        }
    }
}

fn row(own: &Moved) -> Markup {
    html! {
        tr {
            td.text { (own.what) } td.left { (word(own.level)) } td { (format!("{:.3}", own.psi)) }
            td.text { (named(&own.most.0)) } @for part in own.most.1 { td { (share(part)) } }
        }
    }
}

fn versions(beside: &Beside, report: &Report) -> Markup {
    html! {
        h3.of { "Beside " (beside.version) }
        p.faint { "Built " (moment(beside.built_ms, &report.time_zone)) "." }
        div.plots {
            (counts(beside))
            (settings(beside))
            @if !beside.figures.is_empty() { (figures(beside)) }
        }
    }
}

fn counts(beside: &Beside) -> Markup {
    let turnover = |name: &str, own: &Turnover| {
        html! {
            tr { td { (name) } td.left { (word(own.level)) } td { (count(own.kept as u64)) } td { "+" (count(own.gained as u64)) } td { "−" (count(own.lost as u64)) } }
        }
    };
    let examples = |what: &str, ids: &[String]| {
        html! { @if !ids.is_empty() { " " (what) ": " @for (at, id) in ids.iter().enumerate() { @if at > 0 { ", " } (named(id)) } "." } }
    };
    html! {
        figure {
            h3 { "Came and went" }
            div.scroll { table {
                tr { th {} th.left {} th { "both" } th { "came" } th { "went" } }
                (turnover("users", &beside.users))
                (turnover("items", &beside.items))
            } }
            figcaption { "From a hundredth of what there was that went, or a tenth that came, it has moved; from a tenth that went, or a half that came, look at it."
                (examples("Items that came", &beside.items.examples_gained)) (examples("Items that went", &beside.items.examples_lost)) }
            div.scroll { table {
                tr { th { "counts" } th { "before" } th { "now" } }
                @for (name, [old, new]) in &beside.counts { tr { td { (name) } td { (count(*old)) } td { (count(*new)) } } }
            } }
        }
    }
}

fn settings(beside: &Beside) -> Markup {
    let value = |value: &Value| cut(&value.to_string(), LETTERS);
    html! {
        figure {
            h3 { "Settings" }
            @if beside.settings.is_empty() { p { (word(Level::Steady)) " Both have the same." } } @else {
                div.scroll { table {
                    tr { th { "setting" } th.left { "before" } th.left { "now" } }
                    @for (key, [old, new]) in &beside.settings { tr { td.text { (key) } td.text { (value(old)) } td.text { (value(new)) } } }
                } }
            }
        }
    }
}

fn figures(beside: &Beside) -> Markup {
    html! {
        figure {
            h3 { "Figures of both fits" }
            div.scroll { table {
                tr { th {} th { "before" } th { "now" } }
                @for pair in &beside.figures {
                    tr { td { (pair.name) } @for value in pair.values { td { @match value { Some(value) => (digits(value)), None => small { "none" } } } } }
                }
            } }
            figcaption { "Each was measured at the end of its own log: what differs may be the questions." }
        }
    }
}

fn verdict(contest: &ContestFigures) -> Markup {
    let (level, said) = match &*contest.verdict {
        "challenger" => {
            (Level::Look, "The new configuration stayed a challenger: the champion's was trained on the whole log.")
        }
        _ => (Level::Moved, "The new configuration was promoted."),
    };
    let interval = contest.difference.interval;
    html! {
        h3.of { "The gate" }
        p { (word(level)) " " (said) " " (contest.metric) " " (digits(contest.new)) " against " (digits(contest.champion)) " of " (contest.against) "'s on "
            (count(contest.cases as u64)) " questions: " (format!("{:+.4}", contest.difference.mean)) " ["
            (format!("{:+.4}", interval.low)) ", " (format!("{:+.4}", interval.high)) "], where " (share(contest.tolerance)) " may be lost." }
    }
}
