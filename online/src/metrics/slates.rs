//! The metrics of what becomes of slates. Every label has few values: sources, places, scenarios of the config, and two
//! versions.

use std::collections::HashMap;

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use shared::contract::source::Source;
use shared::engine::attribution::Outcome;

use super::register;

/// What is counted of an item of a slate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// It was shown.
    Shown,
    /// Its page was looked at.
    Click,
    /// It was put into the cart.
    Cart,
    /// It was bought.
    Purchase,
}

impl Counted {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Shown, "shown"), (Self::Click, "click"), (Self::Cart, "cart"), (Self::Purchase, "purchase")];

    fn label(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

impl From<Outcome> for Counted {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Click => Self::Click,
            Outcome::Cart => Self::Cart,
            Outcome::Purchase => Self::Purchase,
        }
    }
}

/// Why an outcome is due to no slate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unattributed {
    /// No slate that is remembered had the item for the user.
    NoSlate,
    /// It names a slate that is not remembered here.
    UnknownSlate,
}

impl Unattributed {
    const ALL: [&'static str; 2] = ["no_slate", "unknown_slate"];

    fn label(self) -> &'static str {
        Self::ALL[self as usize]
    }
}

/// The places of a slate: the label, and the last position from 0.
const PLACES: [(&str, usize); 7] =
    [("1", 0), ("2", 1), ("3", 2), ("4-5", 4), ("6-10", 9), ("11-20", 19), ("21+", usize::MAX)];
/// What gives an item its place beside sources.
const RULES: [&str; 3] = ["pin", "explore", "together"];
/// The label of items that no source proposed, and of slates without a scenario; no scenario has such a name.
const NONE: &str = "(none)";

type Counters = [IntCounter; Counted::ALL.len()];

/// The metrics of what becomes of slates.
pub struct SlateMetrics {
    by_source: HashMap<&'static str, Counters>,
    by_place: [Counters; PLACES.len()],
    by_version: IntCounterVec,
    by_scenario: IntCounterVec,
    unattributed: IntCounterVec,
    dropped: IntCounterVec,
    /// Slates that are in the log, on disk.
    pub slates_logged: IntCounter,
    /// Files that were removed at the bound of the log.
    pub slate_files_removed: IntCounter,
    /// Slates that had to be forgotten before their window was over.
    pub slates_forgotten: IntCounter,
    /// Events and impressions that were counted nowhere, since the queue was full.
    pub reports_dropped: IntCounter,
    /// Items of slates that are remembered.
    pub remembered: IntGauge,
}

impl SlateMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let r = registry;
        let counter = |name, help| register(r, IntCounter::new(name, help));
        let counters = |name, help, labels: &[&str]| register(r, IntCounterVec::new(Opts::new(name, help), labels));
        let by_source = counters(
            "tandem_outcomes_by_source_total",
            "Items of slates that were shown, clicked, put into the cart or bought, by each of their sources",
            &["source", "outcome"],
        );
        let by_place = counters(
            "tandem_outcomes_by_position_total",
            "Items of slates that were shown, clicked, put into the cart or bought, by their place",
            &["position", "outcome"],
        );
        let by_version = counters(
            "tandem_outcomes_by_version_total",
            "Items of slates that were shown, clicked, put into the cart or bought, by the version that answered",
            &["version", "outcome"],
        );
        let by_scenario = counters(
            "tandem_outcomes_by_scenario_total",
            "Items of slates that were shown, clicked, put into the cart or bought, by scenario",
            &["scenario", "outcome"],
        );
        let unattributed = counters(
            "tandem_outcomes_unattributed_total",
            "Impressions, clicks, carts and purchases that are due to no slate, by reason",
            &["outcome", "reason"],
        );
        let dropped = counters(
            "tandem_slates_dropped_total",
            "Slates that are not in the log: too many waited (queue), or they can't be written (disk)",
            &["reason"],
        );
        // From the start, so that the first of each is an increase.
        for reason in Unattributed::ALL {
            Counted::ALL.iter().for_each(|(_, what)| drop(unattributed.with_label_values(&[*what, reason])));
        }
        ["queue", "disk"].iter().for_each(|reason| drop(dropped.with_label_values(&[*reason])));
        let all = |of: &IntCounterVec, label: &str| Counted::ALL.map(|(_, what)| of.with_label_values(&[label, what]));
        let sources = Source::ALL.iter().map(|source| source.as_str()).chain(RULES).chain([NONE]);
        Self {
            by_source: sources.map(|source| (source, all(&by_source, source))).collect(),
            by_place: PLACES.map(|(place, _)| all(&by_place, place)),
            by_version,
            by_scenario,
            unattributed,
            dropped,
            slates_logged: counter("tandem_slates_logged_total", "Slates that are in the slate log, on disk"),
            slate_files_removed: counter(
                "tandem_slate_log_files_removed_total",
                "Files of the slate log that were removed at slates.max_disk_bytes",
            ),
            slates_forgotten: counter(
                "tandem_slates_forgotten_total",
                "Slates that were forgotten before their window was over: slates.max_remembered_items was reached",
            ),
            reports_dropped: counter(
                "tandem_outcome_reports_dropped_total",
                "Events and impressions that are on disk and not in the counters of outcomes: too many waited",
            ),
            remembered: register(
                r,
                IntGauge::new("tandem_slate_items_remembered", "Items of slates that events may be due to"),
            ),
        }
    }

    /// Counts an item of a slate.
    ///
    /// * `position`: from 0.
    pub fn count_item<'a>(&self, what: Counted, position: usize, sources: impl Iterator<Item = &'a str>) {
        let place = PLACES.iter().position(|(_, last)| position <= *last).unwrap_or(PLACES.len() - 1);
        self.by_place[place][what as usize].inc();
        let mut proposed = false;
        for counters in sources.filter_map(|source| self.by_source.get(source)) {
            counters[what as usize].inc();
            proposed = true;
        }
        if !proposed {
            self.by_source[NONE][what as usize].inc();
        }
    }

    /// Counts items of slates of a version.
    pub fn count_version(&self, what: Counted, version: &str, items: usize) {
        self.by_version.with_label_values(&[version, what.label()]).inc_by(items as u64);
    }

    /// Begins the series of a version, so that the first of each is an increase.
    pub fn begin_version(&self, version: &str) {
        Counted::ALL.iter().for_each(|(_, what)| drop(self.by_version.with_label_values(&[version, *what])));
    }

    /// Ends the series of a version.
    pub fn end_version(&self, version: &str) {
        for (_, what) in Counted::ALL {
            // It is there if it was counted.
            let _ = self.by_version.remove_label_values(&[version, what]);
        }
    }

    /// Makes the series of scenarios.
    pub fn begin_scenarios(&self, names: &[String]) {
        for name in names.iter().map(String::as_str).chain([NONE]) {
            Counted::ALL.iter().for_each(|(_, what)| drop(self.by_scenario.with_label_values(&[name, *what])));
        }
    }

    /// Counts items of slates of a scenario.
    pub fn count_scenario(&self, what: Counted, scenario: Option<&str>, items: usize) {
        self.by_scenario.with_label_values(&[scenario.unwrap_or(NONE), what.label()]).inc_by(items as u64);
    }

    /// Counts what is due to no slate.
    pub fn count_unattributed(&self, what: Counted, reason: Unattributed) {
        self.unattributed.with_label_values(&[what.label(), reason.label()]).inc();
    }

    /// Counts slates that are not logged.
    ///
    /// * `reason`: `queue` or `disk`.
    pub fn slates_dropped(&self, reason: &str, slates: u64) {
        self.dropped.with_label_values(&[reason]).inc_by(slates);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_counted_with_its_neighbours_and_an_item_for_each_of_its_sources() {
        let metrics = SlateMetrics::new(&Registry::new());
        for position in 0..30 {
            metrics.count_item(Counted::Shown, position, ["als", "explore"].into_iter());
        }
        metrics.count_item(Counted::Click, 4, [].into_iter());
        let shown = |at: usize| metrics.by_place[at][Counted::Shown as usize].get();
        assert_eq!((0..PLACES.len()).map(shown).collect::<Vec<_>>(), [1, 1, 1, 2, 5, 10, 10]);
        let by_source = |source: &str, what: Counted| metrics.by_source[source][what as usize].get();
        assert_eq!((by_source("als", Counted::Shown), by_source("explore", Counted::Shown)), (30, 30));
        assert_eq!((by_source(NONE, Counted::Click), by_source("als", Counted::Click)), (1, 0));
        assert_eq!(metrics.by_place[3][Counted::Click as usize].get(), 1);
    }

    #[test]
    fn what_is_counted_is_in_the_order_of_its_labels() {
        for (at, (what, _)) in Counted::ALL.into_iter().enumerate() {
            assert_eq!(what as usize, at);
        }
        assert_eq!(Unattributed::UnknownSlate.label(), "unknown_slate");
    }
}
