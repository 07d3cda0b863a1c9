//! How good the version is on events that it has not seen.

use maud::{Markup, html};

use super::interval;
use super::text::figure as digits;
use crate::page::figure;
use crate::page::number::count;
use crate::page::svg::line::{Line, Point, lines};
use crate::page::svg::rows::{Row, rows};
use crate::page::svg::series::series;
use crate::page::svg::{Axis, Unit};
use crate::report::findings::share;
use crate::report::model::calibration::{Calibration, Tenth};
use crate::report::model::evaluation::{Comparison, Evaluation, ModelFigures, Segment};
use crate::report::model::measured::Measured;

/// All of it.
pub fn section(measured: &Measured) -> Markup {
    let evaluation = &measured.evaluation;
    html! {
        div.plots {
            (alone(evaluation))
            (left_out(evaluation))
            @if let Some(calibration) = &measured.calibration { (tenths(calibration)) (places(calibration)) }
        }
        (table(evaluation))
        (segments(evaluation))
    }
}

/// All models by NDCG, with intervals.
fn alone(evaluation: &Evaluation) -> Markup {
    let name = format!("ndcg@{}", evaluation.cut_off());
    let mut order: Vec<&ModelFigures> = evaluation.results.iter().collect();
    order.sort_by(|a, b| b.figure(&name).unwrap_or(0.0).total_cmp(&a.figure(&name).unwrap_or(0.0)));
    let row = |own: &&ModelFigures| {
        let value = own.figure(&name).unwrap_or(0.0);
        let class = match &*own.model {
            "tandem" => "served",
            popular if popular.starts_with("popularity") => "popular",
            _ => "",
        };
        Row { reach: own.interval(&name), class, ..Row::of(called(&own.model), value, digits(value)) }
    };
    let drawn: Vec<Row> = order.iter().map(row).collect();
    let title = format!("NDCG@{}", evaluation.cut_off());
    let caption = "What is served, the blend without the ranker, each source alone, and what was popular lately, with 95% intervals (a bootstrap over users).";
    figure(&title, &rows(&title, &drawn), caption)
}

/// What a model is called.
fn called(model: &str) -> &str {
    if model == "tandem" { "served" } else { model }
}

/// What is lost without each source.
fn left_out(evaluation: &Evaluation) -> Markup {
    if evaluation.comparisons.is_empty() {
        return Markup::default();
    }
    let k = evaluation.cut_off();
    let shown = [format!("ndcg@{k}"), format!("hr@{k}")];
    let cell = |comparison: &Comparison, name: &str| {
        let Some(difference) = comparison.differences.get(name) else { return html! { td {} } };
        let class = match difference.interval {
            interval if interval.low > 0.0 => "better",
            interval if interval.high < 0.0 => "worse",
            _ => "",
        };
        html! {
            td { span class=(class) { (format!("{:+.4}", difference.mean)) } br;
                small { "[" (format!("{:+.4}", difference.interval.low)) ", " (format!("{:+.4}", difference.interval.high)) "]" } }
        }
    };
    html! {
        figure {
            h3 { "Each left out" }
            div.scroll { table {
                tr { th {} @for name in &shown { th { (name) } } }
                @for comparison in &evaluation.comparisons {
                    tr { td { (comparison.name) } @for name in &shown { (cell(comparison, name)) } }
                }
            } }
            figcaption { "How much higher the figures are when the version is trained again without a source; red is worse with the whole interval." }
        }
    }
}

/// The hit rate by tenths of the score.
fn tenths(calibration: &Calibration) -> Markup {
    if calibration.tenths.is_empty() {
        return Markup::default();
    }
    let rate = calibration.tenths.iter().map(|tenth| tenth.rate).fold(0.0, f64::max);
    let score = calibration.tenths.iter().map(|tenth| tenth.score).fold(0.0, f64::max);
    let (x, y) = (Axis::up_to(score, Unit::Number, "mean score"), Axis::up_to(rate, Unit::Share, "hit rate"));
    let point = |tenth: &Tenth| Point {
        class: "version",
        at: [tenth.score, tenth.rate],
        reach: None,
        said: format!(
            "{} items with a score of {:.3}: {} were asked for",
            count(tenth.shown as u64),
            tenth.score,
            share(tenth.rate)
        ),
    };
    let points: Vec<Point> = calibration.tenths.iter().map(point).collect();
    let line = Line { class: "version", points: points.iter().map(|point| point.at).collect() };
    let caption = "Tenths of all items that were shown, by score. Scores order items: they are no probabilities of a hit, and should rise with the rate.";
    figure("Score and hit rate", &lines("Score and hit rate", x, y, &[line], &points), caption)
}

/// The hit rate by place.
fn places(calibration: &Calibration) -> Markup {
    let names: Vec<String> = (1..=calibration.places.len()).map(|place| place.to_string()).collect();
    let plot = series("Hits by place", &names, &calibration.places, &[], Unit::Share);
    figure("Hits by place", &plot, "The share of the slates of which the item at this place was asked for.")
}

/// The figures of all models.
fn table(evaluation: &Evaluation) -> Markup {
    const FIGURES: [&str; 7] = ["hr", "ndcg", "mrr", "recall", "coverage", "novelty", "diversity"];
    let k = evaluation.cut_off();
    html! {
        details {
            summary { "All figures" }
            div.scroll { table {
                tr { th {} @for name in FIGURES { th { (name) "@" (k) } } }
                @for own in &evaluation.results {
                    tr {
                        td { (called(&own.model)) }
                        @for name in FIGURES.map(|name| format!("{name}@{k}")) {
                            td { @if let Some(value) = own.figure(&name) { (digits(value)) br; small { (interval(own, &name)) } } }
                        }
                    }
                }
            } }
            p.faint { "Coverage is the share of the catalogue that slates held, novelty the mean information of their items in bits, diversity the mean "
                "distance of the items of a slate." }
        }
    }
}

/// The served model by segments.
fn segments(evaluation: &Evaluation) -> Markup {
    if evaluation.segments.is_empty() {
        return Markup::default();
    }
    let k = evaluation.cut_off();
    let names = [format!("hr@{k}"), format!("ndcg@{k}")];
    let mut order: Vec<&Segment> = evaluation.segments.iter().collect();
    // Lengths of histories by number, the others by name.
    let length = |own: &Segment| own.segment.split(['-', '+']).next().and_then(|first| first.parse::<usize>().ok());
    order.sort_by_key(|own| (own.by.clone(), length(own), own.segment.clone()));
    html! {
        h3.of { "For whom, and of what" }
        div.scroll { table {
            tr { th { "" } th { "" } th { "questions" } @for name in &names { th { (name) } th { "popularity" } } }
            @for (at, own) in order.iter().enumerate() {
                @let first = at == 0 || order[at - 1].by != own.by;
                tr.first[first] {
                    td { @if first { (own.by) } } td.left { (own.segment) } td { (count(own.cases as u64)) }
                    @for name in &names {
                        td { (digits(own.of(name))) }
                        td { @if let Some(Some(popular)) = own.figures.get(&format!("popularity_{name}")) { small { (digits(*popular)) } } }
                    }
                }
            }
        } }
    }
}
