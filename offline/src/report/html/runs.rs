//! How long the batch took.

use maud::{Markup, html};

use super::text::{moment, seconds};
use crate::page::figure;
use crate::page::number::{count, rounded};
use crate::page::svg::rows::{Row, rows};
use crate::progress::Stage;
use crate::report::Report;
use crate::runs::Run;

/// How many stages are drawn.
const DRAWN: usize = 20;

/// All of it.
pub fn section(run: &Run, report: &Report) -> Markup {
    let row = |stage: &&Stage| Row::of(&stage.name, stage.seconds, seconds(stage.seconds));
    let memory = |stage: &&Stage| Row::of(&stage.name, stage.peak_mib as f64, format!("{} MiB", count(stage.peak_mib)));
    let by = |of: fn(&Stage) -> f64| {
        let mut stages: Vec<&Stage> = run.stages.iter().collect();
        stages.sort_by(|a, b| of(b).total_cmp(&of(a)));
        stages.truncate(DRAWN);
        stages
    };
    let longest: Vec<Row> = by(|stage| stage.seconds).iter().map(row).collect();
    let largest: Vec<Row> = by(|stage| stage.peak_mib as f64).iter().map(memory).collect();
    html! {
        p {
            code { "offline " (run.command) } ", begun " (moment(run.started_ms, &report.time_zone))
            @if let Some(ended_ms) = run.ended_ms { ", took " (seconds(run.seconds(ended_ms))) }
            span.faint { " (" (run.id) ")" }
            "."
        }
        div.plots {
            (figure("The longest stages", &rows("Seconds", &longest), ""))
            (figure("The largest stages", &rows("Memory", &largest), "Peak memory of the process while each ran."))
        }
        details { summary { "All stages in their order" } div.scroll { table {
            tr { th { "stage" } th { "seconds" } th { "peak MiB" } }
            @for stage in &run.stages { tr { td.text { (stage.name) } td { (rounded(stage.seconds)) } td { (count(stage.peak_mib)) } } }
        } } }
    }
}
