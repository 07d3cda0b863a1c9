//! Formats an evaluation as text tables: one line per model, one line per segment of cases, and the differences of a
//! comparison.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::bootstrap::Difference;
use super::sums::FIGURES as INTERVALS;
use super::{Evaluation, Task};

/// The table with one line per model; the figures of every cut-off in the order of the JSON's names.
#[must_use]
pub fn table(evaluation: &Evaluation, ks: &[usize]) -> String {
    const FIGURES: [&str; 8] = ["hr", "mrr", "ndcg", "recall", "precision", "coverage", "novelty", "diversity"];
    let cases = evaluation.results.first().map_or(0, |result| result.cases);
    let task = match evaluation.task {
        Task::NextItem => "next-item",
        Task::TopK => "top-k",
        Task::LastItem => "last item of each user",
        Task::Basket => "basket",
    };
    let mut text =
        format!("{task}: {cases} cases, {} with a target that train never saw\n", evaluation.unknown_targets);
    // Writing to a string can't fail.
    let _ = match evaluation.asked_ms {
        None => writeln!(text, "each user asked after their own past"),
        Some(asked_ms) if evaluation.task == Task::TopK => writeln!(text, "asked at {asked_ms} (ms since the epoch)"),
        Some(_) => Ok(()),
    };
    let ceilings: Vec<String> =
        evaluation.ceilings.iter().map(|(first, share)| format!("{share:.4} in the first {first}")).collect();
    let _ = writeln!(text, "targets among the candidates: {}", ceilings.join(", "));
    for k in ks {
        let _ = write!(text, "\n{:20}", format!("@{k}"));
        for name in FIGURES {
            let _ = write!(text, " {name:>9}");
        }
        text.push('\n');
        for result in &evaluation.results {
            let _ = write!(text, "{:20}", result.model);
            for name in FIGURES {
                let figure = result.figures.get(&format!("{name}@{k}")).copied().unwrap_or(f64::NAN);
                let _ = write!(text, " {figure:9.4}");
            }
            text.push('\n');
        }
        if let Some(served) = evaluation.results.first() {
            let _ = write!(text, "{:20}", "95% of tandem");
            for name in INTERVALS {
                let name = format!("{name}@{k}");
                let half =
                    served.intervals.get(&name).map_or(f64::NAN, |interval| (interval.high - interval.low) / 2.0);
                let _ = write!(text, " {:>9}", format!("±{half:.4}"));
            }
            text.push('\n');
        }
    }
    segments(evaluation, &mut text);
    text
}

/// The table of the served model by segments of cases, with the hit rate and NDCG of popularity for comparison.
fn segments(evaluation: &Evaluation, text: &mut String) {
    let shown = |name: &&String| {
        !name.starts_with("popularity_") || name.starts_with("popularity_hr") || name.starts_with("popularity_ndcg")
    };
    let first = evaluation.segments.first().into_iter();
    let names: Vec<&String> = first.flat_map(|first| first.figures.keys().filter(shown)).collect();
    let _ = write!(text, "\n{:20} {:>9}", "tandem by", "cases");
    for name in &names {
        let _ = write!(text, " {name:>12}");
    }
    text.push('\n');
    for segment in &evaluation.segments {
        let _ = write!(text, "{:20} {:>9}", format!("{} {}", segment.by, segment.segment), segment.cases);
        for name in &names {
            let _ = write!(text, " {:width$.4}", segment.figures[*name], width = name.len().max(12));
        }
        text.push('\n');
    }
}

/// The table of differences, with one line per figure.
#[must_use]
pub fn differences(name: &str, differences: &BTreeMap<String, Difference>) -> String {
    let mut text = format!("\n{name}\n");
    for (figure, Difference { mean, interval, p }) in differences {
        let _ = writeln!(text, "{figure:20} {mean:+9.4}  95% {:+.4} to {:+.4}  p {p:.3}", interval.low, interval.high);
    }
    text
}
