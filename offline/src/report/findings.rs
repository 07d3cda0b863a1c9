//! What stands out: sentences that figures make, with what they ask for.

use serde::Serialize;

use super::Report;
use super::changes::{ChangesSince, Level};
use super::data::Data;
use super::data::calendar::Unit;
use super::data::missing::Table;
use super::data::times::{Steps, Times};
use super::model::Model;
use super::model::evaluation::Evaluation;
use crate::outcomes::{Outcomes, Rates};
use crate::page::number::{percent, rounded, thousands};

/// The weekdays, from Monday.
pub const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// The shares of missing values, or of events without a row, from which they are worth a word, and a look.
const MISSING: [f64; 2] = [0.05, 0.3];
/// The change of a week beside the four before it that is worth a word, and a look.
const WEEK: [f64; 2] = [0.15, 0.4];

/// Something that stands out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The section that has the figures.
    pub section: &'static str,
    /// What it asks for.
    pub level: Level,
    /// What it is.
    pub text: String,
}

/// What stands out of a report, section by section, what asks for most first.
#[must_use]
pub fn findings(report: &Report) -> Vec<Finding> {
    let mut found = of_data(&report.data);
    found.extend(report.model.iter().flat_map(of_model));
    found.extend(report.outcomes.iter().filter_map(of_outcomes));
    found.extend(report.changes.iter().flat_map(of_changes));
    found.extend(report.run.iter().filter_map(|run| {
        let longest = run.stages.iter().max_by(|a, b| a.seconds.total_cmp(&b.seconds))?;
        let all: f64 = run.stages.iter().map(|stage| stage.seconds).sum();
        let (name, seconds, share) = (&longest.name, rounded(longest.seconds), share(longest.seconds / all.max(1e-9)));
        let text = format!("The run took {} seconds; `{name}` took {seconds} of them ({share}).", rounded(all));
        Some(Finding { section: "runs", level: Level::Steady, text })
    }));
    let place = |finding: &Finding| super::SECTIONS.iter().position(|(id, _)| *id == finding.section);
    found.sort_by_key(|finding| (place(finding), std::cmp::Reverse(finding.level)));
    found
}

/// A share in percent, with two digits that count.
#[must_use]
pub fn share(share: f64) -> String {
    let digits = if share.abs() >= 0.1 { 1e2 } else { 1e3 };
    let rounded = (share * digits).round() / digits;
    if share > 0.0 && rounded == 0.0 { "less than 0.1%".to_owned() } else { percent(rounded) }
}

/// How much came of what was served.
fn of_outcomes(outcomes: &Outcomes) -> Option<Finding> {
    let Rates { shown, clicks, carts, purchases } = outcomes.all;
    let text = format!(
        "Of {} items that were shown {} were clicked ({}), {} put into carts and {} bought.",
        thousands(shown as f64),
        share(clicks.rate),
        thousands(clicks.count as f64),
        share(carts.rate),
        share(purchases.rate)
    );
    (shown > 0).then_some(Finding { section: "outcomes", level: Level::Steady, text })
}

fn of_data(data: &Data) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |level, text| found.push(Finding { section: "data", level, text });
    if let Some(times) = &data.times {
        let most = |counts: &[Steps]| (0..counts.len()).rev().max_by_key(|at| counts[*at].all()).unwrap_or(0);
        let (hour, weekday) = (most(&times.hours), most(&times.weekdays));
        let of_day = times.hours[hour].all() as f64 / data.counts.events.max(1) as f64;
        say(
            Level::Steady,
            format!("Most events come at {hour}:00 ({} of all), and on {}s.", share(of_day), WEEKDAYS[weekday]),
        );
        trend(times, &mut say);
        empty_days(times, &mut say);
    }
    let rates = &data.funnel.events;
    match (rates.view_to_cart, rates.cart_to_purchase) {
        (Some(cart), Some(bought)) => say(
            Level::Steady,
            format!(
                "Of 100 views {} become add-to-carts; 100 add-to-carts go with {} purchases.",
                hundred(cart),
                hundred(bought)
            ),
        ),
        (Some(cart), None) => say(Level::Steady, format!("Of 100 views {} become add-to-carts.", hundred(cart))),
        _ => {}
    }
    if let Some(tail) = &data.tail {
        let text = format!(
            "The most popular tenth of the items has {} of the events (Gini {:.2}).",
            share(tail.top[1].events),
            tail.gini
        );
        say(Level::Steady, text);
    }
    for (spread, of) in [(&data.users.carts, "add-to-carts"), (&data.users.events, "events")] {
        if let Some(spread) = spread.as_ref().filter(|spread| spread.outliers.count > 0) {
            let part = spread.outliers;
            let text = format!(
                "{} users ({}) with more than {} {of} have {} of all {of}.",
                thousands(part.count as f64),
                share(part.count as f64 / spread.count as f64),
                spread.fence,
                share(part.share)
            );
            say(Level::of(part.share, [0.25, 0.5]), text);
            break;
        }
    }
    if let Some(suspects) = data.users.suspects.as_ref().filter(|suspects| suspects.users > 0) {
        let part = share(suspects.events as f64 / data.counts.events.max(1) as f64);
        let who = if suspects.users == 1 { "user looks like a program" } else { "users look like programs" };
        let text = format!(
            "{} {who}: {} events or more, and nothing put into a cart or bought ({part} of all events).",
            suspects.users, suspects.from
        );
        say(Level::Look, text);
    }
    for (table, name, what) in [(&data.item_table, "item", "items"), (&data.user_table, "user", "users")] {
        table.iter().for_each(|table| lacks(table, name, what, data.counts.events, &mut say));
    }
    if let Some(week) = data.news.iter().find(|news| news.days == 7) {
        let part = |seen: super::data::news::Seen| share(seen.new as f64 / seen.all.max(1) as f64);
        say(
            Level::Steady,
            format!("Of the last week's users {} are new, of its items {}.", part(week.users), part(week.items)),
        );
    }
    found
}

/// How many of a hundred, with two digits that count.
fn hundred(rate: f64) -> String {
    rounded(rate * 100.0)
}

/// The last seven days that are over beside the four weeks before them.
fn trend(times: &Times, say: &mut impl FnMut(Level, String)) {
    let averages: Vec<f64> = times.periods.iter().filter_map(|day| day.average).collect();
    let Some(last) = averages.last().filter(|_| averages.len() > 28) else { return };
    let before = [7, 14, 21, 28].map(|days| averages[averages.len() - 1 - days]).iter().sum::<f64>() / 4.0;
    if before > 0.0 {
        let change = last / before - 1.0;
        let way = if change < 0.0 { "fewer" } else { "more" };
        let text = format!(
            "The last seven whole days have {} {way} events than the four weeks before them.",
            share(change.abs())
        );
        say(Level::of(change.abs(), WEEK), text);
    }
}

/// Days without events between others.
fn empty_days(times: &Times, say: &mut impl FnMut(Level, String)) {
    let empty: Vec<&str> = times.periods.iter().filter(|day| day.events.all() == 0).map(|day| &*day.begin).collect();
    if let (Unit::Day, Some(first)) = (times.by, empty.first()) {
        let days = if empty.len() == 1 { "day has" } else { "days have" };
        say(Level::Look, format!("{} {days} no event, the first of them {first}.", empty.len()));
    }
}

/// What a table lacks.
fn lacks(table: &Table, name: &str, what: &str, events: usize, say: &mut impl FnMut(Level, String)) {
    let part = table.without_row.events as f64 / events.max(1) as f64;
    if part > 0.0 {
        let text = format!("{} of the events are of {what} that the {name} table lacks.", share(part));
        say(Level::of(part, MISSING), text);
    }
    let most = table.columns.iter().max_by(|a, b| a.missing.cmp(&b.missing).then_with(|| b.name.cmp(&a.name)));
    if let Some(most) = most.filter(|most| most.missing > 0) {
        let part = most.missing as f64 / table.rows.max(1) as f64;
        let text = format!("`{}` is missing in {} of the {name} table's rows.", most.name, share(part));
        say(Level::of(part, MISSING), text);
    }
}

fn of_model(model: &Model) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |level, text| found.push(Finding { section: "model", level, text });
    if let Some(measured) = &model.measured {
        of_evaluation(&measured.evaluation, &mut say);
    }
    for test in [&model.fit.blend, &model.fit.ranker].into_iter().flatten().filter(|test| test.stepped_back) {
        say(Level::Look, format!("The {} did not pay and stepped back to {}.", test.richer, test.simpler));
    }
    if let Some(first) = model.ranker.as_ref().and_then(|ranker| ranker.features.first()) {
        say(Level::Steady, format!("The ranker looks most at `{}` ({}).", first.name, share(first.share)));
    }
    found
}

fn of_evaluation(evaluation: &Evaluation, say: &mut impl FnMut(Level, String)) {
    let k = evaluation.cut_off();
    let (hits, figure) = (format!("hr@{k}"), format!("ndcg@{k}"));
    let Some(served) = evaluation.results.first() else { return };
    let (Some(own), popular) = (served.figure(&hits), evaluation.best_popularity(&hits)) else { return };
    if let Some((popular, other)) = popular.and_then(|popular| Some((popular, popular.figure(&hits)?))) {
        let level = if own > other { Level::Steady } else { Level::Look };
        let text = format!(
            "In {} of the questions what was asked for is among the first {k}; {} finds it in {}.",
            share(own),
            popular.model,
            share(other)
        );
        say(level, text);
    }
    let alone = evaluation.results.iter().skip(1).filter(|other| other.model != "blend");
    let best = alone.max_by(|a, b| a.figure(&figure).unwrap_or(0.0).total_cmp(&b.figure(&figure).unwrap_or(0.0)));
    if let (Some(best), Some(own)) = (best, served.figure(&figure))
        && let Some(other) = best.figure(&figure)
    {
        let level = if own >= other { Level::Steady } else { Level::Look };
        say(
            level,
            format!("The best single source is `{}`: NDCG@{k} {other:.3} beside {own:.3} of all together.", best.model),
        );
    }
    // What was never seen is not found by anybody.
    let is_known = |by: &str, name: &str| by != "item" || !name.starts_with("new");
    let enough = evaluation.segments.iter().filter(|own| own.cases >= 50 && is_known(&own.by, &own.segment));
    let weakest = enough.min_by(|a, b| a.of(&figure).total_cmp(&b.of(&figure)));
    if let Some(weakest) = weakest {
        let text = format!("It is weakest where {}: NDCG@{k} {:.3}.", weakest.called(), weakest.of(&figure));
        say(Level::Steady, text);
    }
    if let Some(coverage) = served.figure(&format!("coverage@{k}")) {
        say(Level::Steady, format!("Its slates of {k} hold {} of the catalogue.", share(coverage)));
    }
}

fn of_changes(changes: &ChangesSince) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |level, text| found.push(Finding { section: "changes", level, text });
    for since in &changes.since {
        let Some(moved) = &since.moved else { continue };
        let not_steady: Vec<_> = moved.iter().filter(|moved| moved.level > Level::Steady).collect();
        match not_steady.first() {
            Some(first) => {
                let names: Vec<&str> = not_steady.iter().map(|moved| moved.what).collect();
                say(first.level, format!("Since {}: {} moved.", since.what, names.join(", ")));
            }
            None => say(Level::Steady, format!("Since {} nothing has moved.", since.what)),
        }
    }
    if let Some(beside) = &changes.beside {
        for (turnover, what) in [(&beside.users, "users"), (&beside.items, "items")] {
            let (gained, lost) = (turnover.gained, turnover.lost);
            say(turnover.level, format!("Beside {}: {gained} {what} came, {lost} went.", beside.version));
        }
        let settings = beside.settings.len();
        if settings > 0 {
            say(Level::Moved, format!("{settings} settings differ from those of {}.", beside.version));
        }
    }
    if let Some(contest) = &changes.contest {
        let (level, verdict) = match &*contest.verdict {
            "challenger" => (Level::Look, "stayed a challenger"),
            _ => (Level::Moved, "was promoted"),
        };
        let text = format!(
            "The new configuration {verdict}: {} {:.4} against {:.4} of {}'s.",
            contest.metric, contest.new, contest.champion, contest.against
        );
        say(level, text);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::ingest::{DAY_MS, Log};
    use crate::report::data::data;

    #[test]
    fn shares_have_two_digits_that_count() {
        assert_eq!([0.0, 0.00002, 0.012_34, 0.4567].map(share), ["0%", "less than 0.1%", "1.2%", "46%"]);
    }

    #[test]
    fn a_day_without_events_and_a_week_with_half_of_them_are_worth_a_look() {
        let events = |day: i64| {
            if day == 20 {
                0
            } else if day < 43 {
                4
            } else if day < 50 {
                2
            } else {
                // It has only begun.
                1
            }
        };
        let rows: Vec<_> =
            (0..51).flat_map(|day| (0..events(day)).map(move |at| (day * DAY_MS + at, "u", "view", "a"))).collect();
        let log = Log::of_rows(&rows);
        let found = of_data(&data(&log, 1000, &jiff::tz::TimeZone::UTC));
        let looked: Vec<&str> =
            found.iter().filter(|finding| finding.level == Level::Look).map(|finding| &*finding.text).collect();
        let fewer = "The last seven whole days have 48% fewer events than the four weeks before them.";
        assert_eq!(looked, [fewer, "1 day has no event, the first of them 1970-01-21."]);
    }
}
