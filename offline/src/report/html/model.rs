//! What the version is: blend, ranker, and what it shows.

use maud::{Markup, html};

use super::text::figure as digits;
use super::{examples, quality};
use crate::page::figure;
use crate::page::svg::rows::{Row, rows};
use crate::rank::PairedTest;
use crate::report::findings::share;
use crate::report::model::measured::{Measured, On};
use crate::report::model::ranker::{By, Feature, Ranker};
use crate::report::model::{Fit, Model};

/// How many features are drawn.
const FEATURES: usize = 20;

/// All of it.
pub fn section(model: &Model) -> Markup {
    html! {
        @match &model.measured {
            Some(measured) => { p { (on(measured)) } (quality::section(measured)) }
            None => p.faint { "No figures on unseen events were asked for." }
        }
        h3.of { "How it ranks" }
        div.plots { (blend(model)) @if let Some(ranker) = &model.ranker { (importance(ranker)) } (fit(&model.fit)) }
        (examples::section(&model.examples))
    }
}

/// What was measured.
fn on(measured: &Measured) -> String {
    let cases = measured.evaluation.results.first().map_or(0, |served| served.cases);
    let (task, unknown) = (&measured.evaluation.task, measured.evaluation.unknown_targets);
    let of = match measured.on {
        On::LaterEvents => "The version itself, on events after its own",
        On::TrainedAnew => {
            "The version has seen the whole log: these are figures of one that was trained with its settings on all but the last tenth"
        }
        On::File => "Figures of the evaluation that was given",
    };
    format!("{of}. Asked were {cases} questions ({task}), {unknown} of them for an item that was never seen before.")
}

fn blend(model: &Model) -> Markup {
    let row = |own: &crate::report::model::Weight| {
        Row::of(own.source, f64::from(own.weight.max(0.0)), format!("{:.3}", own.weight))
    };
    let drawn: Vec<Row> = model.weights.iter().map(row).collect();
    let caption =
        "A candidate's blended score is the sum of these weights, each times its share of the source's best score.";
    figure("Weights of the sources", &rows("Weights of the sources", &drawn), caption)
}

fn importance(ranker: &Ranker) -> Markup {
    let row = |own: &Feature| Row::of(&own.name, own.share, share(own.share));
    let drawn: Vec<Row> = ranker.features.iter().take(FEATURES).map(row).collect();
    let what = match (ranker.kind, ranker.by) {
        ("linear", By::Gain) => "The size of each feature's weight",
        (_, By::Gain) => "The share of the gain that each feature's splits had when they were learnt",
        (_, By::Splits) => "The share of the splits that each feature has (this version does not keep the gain)",
    };
    let caption = format!(
        "{what}: the first {} of {} features. {} {} rank the best {} candidates.",
        drawn.len(),
        ranker.features.len(),
        ranker.size,
        if ranker.kind == "trees" { "trees" } else { "weights" },
        ranker.candidates
    );
    figure("What the ranker looks at", &rows("Importance", &drawn), &caption)
}

/// What the fit said of blend and ranker.
fn fit(fit: &Fit) -> Markup {
    let tests: Vec<&PairedTest> = [&fit.blend, &fit.ranker].into_iter().flatten().collect();
    if tests.is_empty() {
        return Markup::default();
    }
    html! {
        figure {
            h3 { "What each step gains" }
            div.scroll { table {
                tr { th { "" } th { "before" } th { "after" } th { "difference" } }
                @for test in tests {
                    tr {
                        td.text { (test.simpler) " → " (test.richer) br; small { (test.figure) } }
                        td { (digits(test.simpler_mean)) } td { (digits(test.richer_mean)) }
                        td { span class=(better(test)) { (format!("{:+.4}", test.difference.mean)) }
                            br; small { "[" (format!("{:+.4}", test.difference.interval.low)) ", " (format!("{:+.4}", test.difference.interval.high)) "]" } }
                    }
                    @if test.stepped_back { tr { td colspan="4" { span.level.look { "stepped back" } " " (test.simpler) " is served instead." } } }
                }
            } }
            figcaption { "As the version's fit measured it, on the window at the end of its log." }
        }
    }
}

fn better(test: &PairedTest) -> &'static str {
    match test.difference.interval {
        interval if interval.low > 0.0 => "better",
        interval if interval.high < 0.0 => "worse",
        _ => "",
    }
}
