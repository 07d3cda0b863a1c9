//! Formats the outcome of the gate as text.

use std::fmt::{self, Display, Formatter};

use super::CUT_OFF;
use super::verdict::{Contest, Outcome, Uncontested, Verdict};
use crate::config::changes::Changes;
use crate::measure::evaluate::bootstrap::Difference;

/// The maximum number of settings that the summary names.
const MOST_SETTINGS: usize = 3;

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uncontested(why) => write!(f, "gate: no contest: {why}"),
            Self::Contested { contest, .. } => contest.fmt(f),
        }
    }
}

impl Display for Uncontested {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoChampion => write!(f, "there is no champion yet"),
            Self::Unreadable { against, reason } => {
                write!(
                    f,
                    "the champion {against} can't be learnt anew, the new configuration takes its place: {reason}"
                )
            }
            Self::Same { against, reading } => {
                write!(f, "the configuration is that of the champion {against}")?;
                not_contested(f, reading)
            }
            Self::NoWindow { against } => {
                write!(
                    f,
                    "no window can be held out: the log has too few events, or all of one time; the new configuration \
                     takes the place of {against}'s"
                )
            }
            Self::TooFewCases { against, cases, needed } => write!(
                f,
                "{cases} questions at the end of the log, gate.min_cases = {needed}; the new configuration takes the \
                 place of {against}'s"
            ),
        }
    }
}

impl Display for Contest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { against, new, champion, cases, tolerance, .. } = self;
        let Difference { mean, interval, .. } = self.difference;
        let (becomes, so) = match self.verdict {
            Verdict::Promoted => ("is promoted", "not certainly worse beyond"),
            Verdict::Challenger => ("stays a challenger", "certainly worse beyond"),
        };
        writeln!(
            f,
            "gate: the new configuration {becomes}: NDCG@{CUT_OFF} {new:.4} against {champion:.4} of the champion \
             {against}'s"
        )?;
        writeln!(
            f,
            "gate: {mean:+.4}, 95% {:+.4} to {:+.4}, on {cases} cases: {so} the tolerance of {:.4} ({}%)",
            interval.low,
            interval.high,
            tolerance * champion,
            percent(*tolerance),
        )?;
        let named = self.settings.iter().take(MOST_SETTINGS).map(|(key, [old, new])| format!("{key} {old} → {new}"));
        write!(f, "gate: settings: {}", named.collect::<Vec<_>>().join(", "))?;
        if self.settings.len() > MOST_SETTINGS {
            write!(f, " and {} more, all in the manifest", self.settings.len() - MOST_SETTINGS)?;
        }
        not_contested(f, &self.reading)?;
        if self.verdict == Verdict::Challenger {
            write!(
                f,
                "\ngate: the champion's configuration was trained on the whole log; `--no-gate` promotes the new one"
            )?;
        }
        Ok(())
    }
}

/// Names the settings of reading that differ from the champion's: both sides used the new ones.
fn not_contested(f: &mut Formatter<'_>, reading: &Changes) -> fmt::Result {
    if reading.is_empty() {
        return Ok(());
    }
    let keys: Vec<&str> = reading.keys().map(String::as_str).collect();
    write!(f, "; how the log is read is not contested: {} changed", keys.join(", "))
}

/// A share in percent, rounded to four decimals.
fn percent(share: f64) -> f64 {
    (share * 1e6).round() / 1e4
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shared::contract::api::Seen;

    use super::*;
    use crate::measure::evaluate::Task;
    use crate::measure::evaluate::bootstrap::Interval;

    #[test]
    fn a_challenger_reads_its_figures_its_settings_and_the_way_out() {
        let contest = Contest {
            verdict: Verdict::Challenger,
            against: "v000002-ab".to_owned(),
            task: Task::NextItem,
            seen: Seen::Allow,
            metric: "ndcg@20",
            cases: 4000,
            held_out_from_ms: 0,
            champion: 0.4,
            new: 0.35,
            difference: Difference { mean: -0.05, interval: Interval { low: -0.06, high: -0.04 }, p: 0.0 },
            tolerance: 0.01,
            settings: [("als.factors".to_owned(), [json!(64), json!(2)])].into(),
            reading: Changes::new(),
        };
        let lines = [
            "gate: the new configuration stays a challenger: NDCG@20 0.3500 against 0.4000 of the champion v000002-ab's",
            "gate: -0.0500, 95% -0.0600 to -0.0400, on 4000 cases: certainly worse beyond the tolerance of 0.0040 (1%)",
            "gate: settings: als.factors 64 → 2",
            "gate: the champion's configuration was trained on the whole log; `--no-gate` promotes the new one",
        ];
        assert_eq!(contest.to_string().lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn without_a_contest_the_reason_is_said() {
        let reading: Changes = [("ingest.skip".to_owned(), [json!([]), json!(["x"])])].into();
        let same = Outcome::Uncontested(Uncontested::Same { against: "v1".to_owned(), reading });
        let expected = "gate: no contest: the configuration is that of the champion v1; how the log is read is not \
                        contested: ingest.skip changed";
        assert_eq!(same.to_string(), expected);
    }
}
