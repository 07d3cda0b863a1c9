//! Outcomes as people read them: a table of rates with their intervals.

use std::fmt::Write;

use jiff::Timestamp;
use shared::engine::attribution::{Outcome, Shown};

use super::{Beside, Found, Group, Outcomes, Rates};
use crate::page::number::{count, percent};

/// The most rows of a table.
const ROWS: usize = 20;

/// The outcomes on a screen.
#[must_use]
pub fn text(outcomes: &Outcomes) -> String {
    let mut text = format!("{}\n", over_time(outcomes));
    // Writing to a string can't fail.
    let _ = writeln!(
        text,
        "{} of {} views, add-to-carts and purchases are due to a slate within {}",
        count(outcomes.attributed),
        count(outcomes.events),
        window(outcomes.window_ms)
    );
    if outcomes.repeated > 0 {
        let repeated = count(outcomes.repeated);
        let _ = writeln!(text, "{repeated} more came again for the same item of a slate, and do not count once more");
    }
    for note in notes(outcomes) {
        let _ = writeln!(text, "note: {note}");
    }
    let names = [
        ("source", &outcomes.by_source),
        ("position", &outcomes.by_position),
        ("version", &outcomes.by_version),
        ("scenario", &outcomes.by_scenario),
    ];
    let _ = writeln!(text, "\n{}", row("", "shown", &Outcome::ALL.map(heading)));
    let _ = writeln!(text, "{}", of("all", &outcomes.all));
    for (by, groups) in names {
        let _ = writeln!(text, "by {by}");
        for Group { name, rates } in groups.iter().take(ROWS) {
            let _ = writeln!(text, "{}", of(&format!("  {}", name.as_deref().unwrap_or("(none)")), rates));
        }
        if groups.len() > ROWS {
            let _ = writeln!(text, "  and {} more, which --json has", groups.len() - ROWS);
        }
    }
    outcomes.shadows.iter().for_each(|beside| text.push_str(&shadow(beside)));
    text
}

/// What a version would have shown that answered unseen.
fn shadow(beside: &Beside) -> String {
    let Beside { served, shadow, slates, items, shared_items, clicks, carts, purchases } = beside;
    let shared = percent(*shared_items as f64 / (*items).max(1) as f64);
    let mut text = format!(
        "\n{shadow} answered unseen beside {served}: {} slates, which have {shared} of the items that were served\n{:28}{:>12}\
         {:>14}{:>14}{:>12}\n",
        count(*slates),
        "  of what users did",
        "in both",
        "served alone",
        "unseen alone",
        "in neither"
    );
    for (outcome, found) in Outcome::ALL.into_iter().zip([clicks, carts, purchases]) {
        let Found { both, served_alone, shadow_alone, neither } = found;
        let [both, served_alone, shadow_alone, neither] =
            [both, served_alone, shadow_alone, neither].map(|n| count(*n));
        // Writing to a string can't fail.
        let _ = writeln!(text, "  {:26}{both:>12}{served_alone:>14}{shadow_alone:>14}{neither:>12}", heading(outcome));
    }
    text + "  Users saw what was served: what is in the unseen slate alone they found by themselves.\n"
}

/// How many slates there are, and of when.
#[must_use]
pub fn over_time(outcomes: &Outcomes) -> String {
    let day = |ms: i64| Timestamp::from_millisecond(ms).unwrap_or_default().strftime("%Y-%m-%d %H:%M").to_string();
    let what = match outcomes.shown {
        Shown::Served => "items that were served",
        Shown::Reported => "items that were reported as seen",
    };
    let between =
        outcomes.between_ms.map_or_else(String::new, |[first, last]| format!(", {} to {} UTC", day(first), day(last)));
    format!("{} slates{between}, {} {what}", count(outcomes.slates), count(outcomes.all.shown))
}

/// What the reader must know of the rates.
#[must_use]
pub fn notes(outcomes: &Outcomes) -> Vec<String> {
    let mut notes = Vec::new();
    let window = window(outcomes.window_ms);
    if outcomes.open_slates > 0 {
        let open = count(outcomes.open_slates);
        notes.push(format!("{open} slates are from the last {window} of the logs: more may come of them"));
    }
    if outcomes.early_slates > 0 {
        let early = count(outcomes.early_slates);
        notes.push(format!(
            "{early} slates left before {window} were over, for there were too many items: rates are too low; --max-items \
             takes more, and a shorter --window needs fewer"
        ));
    }
    if outcomes.unknown_slates > 0 {
        let unknown = count(outcomes.unknown_slates);
        notes.push(format!("{unknown} events name a slate that is not in the log, or has left its window"));
    }
    if outcomes.unreadable_lines > 0 {
        notes.push(format!("{} lines of the logs can't be read, and do not count", count(outcomes.unreadable_lines)));
    }
    if outcomes.shown == Shown::Reported && outcomes.slates > 0 && outcomes.all.shown == 0 {
        notes.push("no impression was reported; --shown served counts every item that was served".to_owned());
    }
    notes
}

/// A window in the largest unit that it is a whole number of.
#[must_use]
pub fn window(ms: i64) -> String {
    let units = [(3_600_000, "h"), (60_000, "min"), (1000, "s")];
    let whole = units.iter().find(|(unit, _)| ms % unit == 0);
    whole.map_or_else(|| format!("{ms} ms"), |(unit, name)| format!("{} {name}", ms / unit))
}

fn heading(outcome: Outcome) -> String {
    match outcome {
        Outcome::Click => "clicked",
        Outcome::Cart => "put into carts",
        Outcome::Purchase => "bought",
    }
    .to_owned()
}

fn of(name: &str, rates: &Rates) -> String {
    let rate = |outcome| {
        let rate = rates.of(outcome);
        format!("{} [{}, {}]", percent(rate.rate), percent(rate.interval[0]), percent(rate.interval[1]))
    };
    row(name, &count(rates.shown), &Outcome::ALL.map(rate))
}

fn row(name: &str, shown: &str, rates: &[String]) -> String {
    let rates: String = rates.iter().map(|rate| format!("  {rate:26}")).collect();
    format!("{name:28}{shown:>10}{rates}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_told_in_its_largest_whole_unit() {
        assert_eq!([86_400_000, 5_400_000, 90_000, 1500].map(window), ["24 h", "90 min", "90 s", "1500 ms"]);
    }
}
