//! `offline runs compare`: two runs side by side.

use std::path::Path;

use clap::Args;

use super::figure;
use crate::measure::evaluate::bootstrap::Difference;
use crate::runs::compare::{Comparison, compare as compare_runs};
use crate::runs::record::Figure;
use crate::runs::store;

/// Compares two runs: the settings in which they differ, and their figures.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// The first: its id or a beginning of it, `last`, or `last-1` for the one before.
    first: String,
    /// The second.
    second: String,
}

/// Compares.
pub fn compare(args: &CompareArgs, folder: &Path, json: bool) -> anyhow::Result<()> {
    let (first, second) = (store::find(folder, &args.first)?, store::find(folder, &args.second)?);
    let comparison = compare_runs(folder, &first, &second)?;
    if json {
        println!("{}", serde_json::to_string_pretty(&comparison)?);
    } else {
        print!("{}", text(&comparison));
    }
    Ok(())
}

/// A comparison for people.
fn text(comparison: &Comparison) -> String {
    let Comparison { runs: [first, second], same, same_data, settings, metrics, differences, unpaired } = comparison;
    let mut lines = vec![format!("{first} and {second}")];
    match same_data {
        _ if *same => lines.push("the same data, settings and seeds".to_owned()),
        Some(true) => lines.push("the same data".to_owned()),
        Some(false) => lines.push("different data".to_owned()),
        None => {}
    }
    lines.extend(settings.iter().map(|(key, [a, b])| format!("  {key}  {a} → {b}")));
    let width = metrics.keys().map(String::len).max().unwrap_or(0).max("figure".len());
    lines.push(format!("{:width$}  {:>16}  {:>16}  second − first, 95%", "figure", "first", "second"));
    // What is served comes first, and then what it is made of.
    let (served, parts): (Vec<_>, Vec<_>) = metrics.iter().partition(|(name, _)| name.starts_with("tandem "));
    let (equal, differ): (Vec<_>, Vec<_>) = served.into_iter().chain(parts).partition(|(_, [a, b])| a == b);
    for (name, figures) in differ {
        let cells = figures.each_ref().map(|own| own.as_ref().map_or_else(|| "-".to_owned(), figure));
        let difference = differences.get(name).map_or_else(|| plain(figures), paired);
        lines.push(format!("{name:width$}  {:>16}  {:>16}  {difference}", cells[0], cells[1]).trim_end().to_owned());
    }
    if !equal.is_empty() {
        lines.push(format!("{} figures are equal, which --json has", equal.len()));
    }
    match unpaired {
        None => lines.push("intervals and p by the bootstrap over the same questions, in pairs".to_owned()),
        Some(why) => lines.push(format!("not compared in pairs: {why}")),
    }
    lines.push(String::new());
    lines.join("\n")
}

/// A difference of pairs.
fn paired(Difference { mean, interval, p }: &Difference) -> String {
    format!("{mean:+.4} [{:+.4}, {:+.4}] p {p:.3}", interval.low, interval.high)
}

/// A difference of which nothing more is known.
fn plain(figures: &[Option<Figure>; 2]) -> String {
    match figures {
        [Some(a), Some(b)] => format!("{:+.4}", b.value - a.value),
        _ => String::new(),
    }
}
