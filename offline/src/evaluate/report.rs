//! An evaluation as a table for people.

use std::fmt::Write;

use super::{Evaluation, Task};

/// One line a model; the figures of every cut-off in the order of the JSON's names.
#[must_use]
pub fn table(evaluation: &Evaluation, ks: &[usize]) -> String {
    const FIGURES: [&str; 7] = ["hr", "mrr", "ndcg", "recall", "precision", "coverage", "novelty"];
    let cases = evaluation.results.first().map_or(0, |result| result.cases);
    let task = match evaluation.task {
        Task::NextItem => "next-item",
        Task::TopK => "top-k",
    };
    let mut text =
        format!("{task}: {cases} cases, {} with a target that train never saw\n", evaluation.unknown_targets);
    if evaluation.task == Task::TopK {
        // Writing to a string can't fail.
        let _ = writeln!(text, "asked at {} (ms since the epoch)", evaluation.asked_ms);
    }
    let ceilings: Vec<String> =
        evaluation.ceilings.iter().map(|(first, share)| format!("{share:.4} in the first {first}")).collect();
    let _ = writeln!(text, "targets among the candidates: {}", ceilings.join(", "));
    for k in ks {
        let _ = write!(text, "\n{:18}", format!("@{k}"));
        for name in FIGURES {
            let _ = write!(text, " {name:>9}");
        }
        text.push('\n');
        for result in &evaluation.results {
            let _ = write!(text, "{:18}", result.model);
            for name in FIGURES {
                let figure = result.figures.get(&format!("{name}@{k}")).copied().unwrap_or(f64::NAN);
                let _ = write!(text, " {figure:9.4}");
            }
            text.push('\n');
        }
    }
    text
}
