//! What the rows are like.

use maud::{Markup, html};

use super::bins::{Size, histogram, levels};
use crate::page::number::{count, percent};
use crate::page::svg::heat::matrix;
use crate::score::report::Report;
use crate::score::report::data::ColumnFigures;

/// How many columns are drawn.
const DRAWN: usize = 60;

/// All columns, and those that are not looked at.
pub fn columns(report: &Report) -> Markup {
    let data = &report.data;
    // Those that matter most first; derived columns behind them.
    let place = |own: &ColumnFigures| {
        let fields = &report.permutation.fields;
        fields.iter().position(|field| field.field == own.name).unwrap_or(fields.len())
    };
    let mut order: Vec<&ColumnFigures> = data.columns.iter().collect();
    order.sort_by_key(|own| place(own));
    let drawn: Vec<&ColumnFigures> = order.iter().copied().filter(|own| !own.bins.is_empty()).collect();
    let parts = ["train", "valid", "test"].map(|part| (part, report.rows.parts.get(part).copied().unwrap_or(0)));
    html! {
        p { (data.rows) " rows: " (parts.map(|(part, rows)| format!("{rows} {part}")).join(", ")) ". "
            "Bars are rows, " span.key.rate { "label rate" } " over them. The columns that the version depends on most stand first." }
        div.plots { @for own in drawn.iter().take(DRAWN) { (column(own, data.rows)) } }
        @if drawn.len() > DRAWN { p.faint { "The first " (DRAWN) " of " (drawn.len()) " columns are drawn; all are in the table." } }
        details open[drawn.len() <= DRAWN && data.columns.len() <= 30] {
            summary { "All columns" }
            div.scroll { table {
                tr { th { "column" } th.left { "role" } th { "missing" } th { "levels" } }
                @for own in &data.columns {
                    tr { td.text { (own.name) } td.left { (own.role) } td { (share(own.missing, data.rows)) }
                        td { @if let Some(levels) = own.levels { (count(levels as u64)) } } }
                }
                @for id in &data.ids { tr { td.text { (id) } td.left { "id" } td {} td {} } }
                @for own in &data.ignored { tr { td.text { (own.column) } td.text { "ignored: " (own.reason) } td {} td {} } }
            } }
        }
    }
}

fn column(own: &ColumnFigures, rows: usize) -> Markup {
    html! {
        figure {
            h3 { (own.name) " " span.faint { (own.role) } }
            @if own.levels.is_some() || own.role == "ordinal" {
                (levels(&own.name, &own.bins))
            } @else {
                (histogram(&own.name, &own.bins, Size { width: 330.0, height: 150.0 }))
            }
            figcaption {
                @if own.missing > 0 { (share(own.missing, rows)) " missing. " }
                @if let Some(levels) = own.levels { (count(levels as u64)) " levels." }
            }
        }
    }
}

/// A share in percent of one digit.
fn share(part: u64, all: usize) -> String {
    if part == 0 { "0%".to_owned() } else { percent((part as f64 / all.max(1) as f64 * 1e3).round().max(1.0) / 1e3) }
}

/// Rows and label rate over time.
pub fn time(report: &Report) -> Markup {
    let Some(over) = &report.data.over_time else { return Markup::default() };
    html! {
        p { "Rows and " span.key.rate { "label rate" } " by " (over.by) " of " code { (over.column) } "." }
        div.plots.wide { figure { (histogram("Over time", &over.periods, Size { width: 760.0, height: 220.0 })) } }
    }
}

/// How numeric columns go together.
pub fn correlations(report: &Report) -> Markup {
    let Some(found) = &report.data.correlations else { return Markup::default() };
    html! {
        p { "Spearman's rank correlation, in percent, over " (found.rows) " rows: those that have both values."
            @if found.left_out > 0 { " " (found.left_out) " columns that go less with the label are not shown." } }
        div.plots.wide { figure { div.scroll { (matrix("Correlations", &found.names, &found.values)) } } }
    }
}
