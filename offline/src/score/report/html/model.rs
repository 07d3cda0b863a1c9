//! How good the version is on the measured rows.

use maud::{Markup, html};

use super::text::{called, class, digits, figure, shown, verdict};
use crate::page::number::percent;
use crate::page::svg::line::{Line, Point, lines};
use crate::page::svg::{Axis, Unit};
use crate::score::report::Report;
use crate::score::report::beside::Beside;
use crate::score::report::curves::{Confusion, Tenth, Threshold};

/// Metrics and curves, beside the baseline and the champion.
pub fn quality(report: &Report) -> Markup {
    let Some(version) = report.models.first() else { return Markup::default() };
    let [rows, _] = report.measured;
    html! {
        p { "On " (rows) " rows, with 95% intervals: a bootstrap over the rows, differences in pairs. Green and red differences are "
            "better and worse with their whole interval." }
        p { @for model in &report.models { span.key.(class(model.who)) { (called(model.who)) } } }
        (table(report))
        div.plots {
            (roc(report)) (precision_recall(report)) (calibration(report)) (thresholds(version)) (costs(version)) (confusion(version))
        }
    }
}

fn table(report: &Report) -> Markup {
    let Some((version, others)) = report.models.split_first() else { return Markup::default() };
    html! {
        div.scroll { table {
            tr { th {} th { (called(version.who)) }
                @for other in others { th { (called(other.who)) } th { "difference" } } }
            @for (name, text, better) in shown(|name| version.metrics.contains_key(name)) {
                tr {
                    td { (text) }
                    td { @if let Some(own) = version.metrics.get(name) { (figure(own)) } }
                    @for other in others {
                        td { @if let Some(own) = other.metrics.get(name) { (figure(own)) } }
                        td { @if let Some(less) = other.version_minus_this.get(name) {
                            span class=(verdict(better, less.interval)) { (difference(less.mean, name)) }
                            " " small { "[" (difference(less.interval.low, name)) ", " (difference(less.interval.high, name)) "]" }
                        } }
                    }
                }
            }
            tr { td { "threshold" } td { (digits(version.threshold)) }
                @for other in others { td { (digits(other.threshold)) } td {} } }
            tr { td { "calibration error" } td { (digits(version.curves.calibration_error)) }
                @for other in others { td { (digits(other.curves.calibration_error)) } td {} } }
        } }
        @for other in others { p.faint { (called(other.who)) ": " (other.name) } }
    }
}

/// A difference with its sign; costs have no digits behind the point.
fn difference(value: f64, metric: &str) -> String {
    if metric == "total_cost" { format!("{value:+.0}") } else { format!("{value:+.4}") }
}

fn plot(title: &str, body: Markup, caption: &str) -> Markup {
    html! { figure { h3 { (title) } (body) figcaption { (caption) } } }
}

/// A curve of each model, the version on top.
fn curves(report: &Report, of: impl Fn(&Beside) -> &Vec<[f64; 2]>) -> Vec<Line> {
    report.models.iter().rev().map(|model| Line { class: class(model.who), points: of(model).clone() }).collect()
}

fn roc(report: &Report) -> Markup {
    let mut all = vec![Line { class: "guide", points: vec![[0.0, 0.0], [1.0, 1.0]] }];
    all.extend(curves(report, |model| &model.curves.roc));
    if all.iter().all(|line| line.class == "guide" || line.points.is_empty()) {
        return Markup::default();
    }
    let (x, y) = (Axis::shares("negatives at or above"), Axis::shares("positives at or above"));
    plot(
        "ROC curve",
        lines("ROC curve", x, y, &all, &[]),
        "Shares of both classes at or above each probability. Dotted: by chance.",
    )
}

fn precision_recall(report: &Report) -> Markup {
    let [rows, positives] = report.measured;
    let rate = positives as f64 / rows.max(1) as f64;
    let mut all = vec![Line { class: "guide", points: vec![[0.0, rate], [1.0, rate]] }];
    all.extend(curves(report, |model| &model.curves.precision_recall));
    if positives == 0 {
        return Markup::default();
    }
    let (x, y) = (Axis::shares("recall"), Axis::shares("precision"));
    plot(
        "Precision and recall",
        lines("Precision and recall", x, y, &all, &[]),
        "Dotted: by chance, the share of positives.",
    )
}

fn calibration(report: &Report) -> Markup {
    let ends = |tenth: &Tenth| tenth.probability.max(tenth.interval.high);
    let tenths = || report.models.iter().flat_map(|model| &model.curves.calibration);
    let highest = tenths().map(ends).fold(0.0, f64::max);
    let (x, y) =
        (Axis::up_to(highest, Unit::Share, "mean probability"), Axis::up_to(highest, Unit::Share, "label rate"));
    let mut all = vec![Line { class: "guide", points: vec![[0.0, 0.0], [x.high, x.high]] }];
    all.extend(report.models.iter().rev().map(|model| Line {
        class: class(model.who),
        points: model.curves.calibration.iter().map(|tenth| [tenth.probability, tenth.rate]).collect(),
    }));
    let point = |tenth: &Tenth| Point {
        class: "version",
        at: [tenth.probability, tenth.rate],
        reach: Some([tenth.interval.low, tenth.interval.high]),
        said: format!(
            "{} rows: probability {}, label rate {}",
            tenth.rows,
            percent(tenth.probability),
            percent(tenth.rate)
        ),
    };
    let points: Vec<Point> =
        report.models.iter().take(1).flat_map(|model| model.curves.calibration.iter().map(point)).collect();
    let caption =
        "Tenths of the rows by probability, with 95% intervals of this version. Dotted: what is said is what happens.";
    plot("Calibration", lines("Calibration", x, y, &all, &points), caption)
}

fn thresholds(version: &Beside) -> Markup {
    let all = &version.curves.thresholds;
    let highest = all.last().map_or(1.0, |last| last.threshold);
    let x = Axis { low: 0.0, high: highest, unit: Unit::Share, name: "threshold" };
    let line = |class, of: &dyn Fn(&Threshold) -> Option<f64>| Line {
        class,
        points: all.iter().filter_map(|own| Some([own.threshold, of(own)?])).collect(),
    };
    let own = Line { class: "guide", points: vec![[version.threshold, 0.0], [version.threshold, 1.0]] };
    let drawn = [
        own,
        line("baseline", &|own| own.precision),
        line("champion", &|own| Some(own.recall)),
        line("version", &|own| Some(own.f1)),
    ];
    html! {
        figure {
            h3 { "Thresholds" }
            (lines("Thresholds", x, Axis::shares(""), &drawn, &[]))
            figcaption {
                span.key.version { "F1" } span.key.baseline { "precision" } span.key.champion { "recall" }
                " Dotted: the threshold that was chosen, " (digits(version.threshold)) "."
            }
        }
    }
}

fn costs(version: &Beside) -> Markup {
    let points: Vec<[f64; 2]> =
        version.curves.thresholds.iter().filter_map(|own| Some([own.threshold, own.cost?])).collect();
    let Some(last) = points.last() else { return Markup::default() };
    let x = Axis { low: 0.0, high: last[0], unit: Unit::Share, name: "threshold" };
    let y = Axis::up_to(points.iter().map(|point| point[1]).fold(0.0, f64::max), Unit::Number, "cost");
    let chosen = Line { class: "guide", points: vec![[version.threshold, 0.0], [version.threshold, y.high]] };
    let all = [chosen, Line { class: "version", points: points.clone() }];
    plot(
        "Costs",
        lines("Costs", x, y, &all, &[]),
        "By the costs of the config, all measured rows together. Dotted: the threshold that was chosen.",
    )
}

fn confusion(version: &Beside) -> Markup {
    let Confusion { true_positives, false_positives, false_negatives, true_negatives } = version.curves.confusion;
    let all = (true_positives + false_positives + false_negatives + true_negatives).max(1) as f64;
    let cell =
        |rows: u64| html! { td { b { (rows) } br; small { (percent((rows as f64 / all * 1e3).round() / 1e3)) } } };
    html! {
        figure {
            h3 { "At the threshold " (digits(version.threshold)) }
            div.scroll { table.confusion {
                tr { th {} th { "said positive" } th { "said negative" } }
                tr { th { "positive" } (cell(true_positives)) (cell(false_negatives)) }
                tr { th { "negative" } (cell(false_positives)) (cell(true_negatives)) }
            } }
            figcaption { "Rows by label and by what the version says of them." }
        }
    }
}

/// The metrics of several labels, together and each by itself.
pub fn labels(report: &Report) -> Markup {
    if report.labels.is_empty() {
        return Markup::default();
    }
    html! {
        p { "All labels together, and each by itself. The curves are of " b { (report.label) } "; " code { "--label" } " takes another." }
        div.scroll { table {
            @for (name, text, _) in shown(|name| report.joint.contains_key(name)) {
                @if let Some(own) = report.joint.get(name) { tr { td { (text) } td { (figure(own)) } } }
            }
        } }
        div.scroll { table {
            tr { th { "label" } th { "positives" } th { "ROC AUC" } th { "average precision" } th { "log-loss" } th { "F1" } th { "threshold" } }
            @for own in &report.labels {
                tr {
                    td.text { (own.label) } td { (own.positives) }
                    @for name in ["roc_auc", "average_precision", "log_loss", "f1"] {
                        td { @match own.metrics.get(name) { Some(own) => (figure(own)), None => "one class" } }
                    }
                    td { (digits(own.threshold)) }
                }
            }
        } }
    }
}

/// How good it is on parts of the rows.
pub fn slices(report: &Report) -> Markup {
    if report.slices.is_empty() {
        return Markup::default();
    }
    html! {
        p { "Levels of small categories and quarters of the most important numbers. A mean probability outside of the interval of the "
            "label rate is marked." }
        div.scroll { table {
            tr { th { "field" } th.left { "values" } th { "rows" } th { "label rate" } th { "mean probability" } th { "ROC AUC" } th { "log-loss" } }
            @for (at, own) in report.slices.iter().enumerate() {
                @let first = at == 0 || report.slices[at - 1].field != own.field;
                @let off = own.probability < own.rate.interval.low || own.probability > own.rate.interval.high;
                tr.first[first] {
                    td.text { @if first { (own.field) } }
                    td.text { (own.values) } td { (own.rows) }
                    td { (figure(&own.rate)) }
                    td { span.worse[off] { (digits(own.probability)) } }
                    td { @match &own.roc_auc { Some(own) => (figure(own)), None => "one class" } }
                    td { (figure(&own.log_loss)) }
                }
            }
        } }
    }
}
