//! A validation window at the end of the log: sources are fitted on the log before it, and answer questions about what
//! its users did in it.

use shared::contract::api::Seen;
use shared::contract::id::ItemIdx;
use shared::contract::params::{EngineParams, Weights};
use shared::contract::source::Source;
use shared::engine::recommend::{Query, Scratch, recommend};
use shared::engine::snapshot::Snapshot;
use shared::engine::state::UserState;

use super::scored::{CUT_OFF, ScoredCase};
use crate::config::Config;
use crate::fit::{fit_sources, refit};
use crate::log::cuts::Parts;
use crate::log::interactions::{Pasts, spread};
use crate::measure::evaluate::Task;
use crate::measure::evaluate::cases::{Case, HeldOut};
use crate::measure::metrics::ndcg_at;
use crate::progress::Progress;
use crate::sources::FitError;
use crate::user_tables;

/// A window, with the sources that were fitted before it.
pub struct Window<'a> {
    config: &'a Config,
    parts: Parts,
    sources: Snapshot,
}

impl<'a> Window<'a> {
    /// Fits the sources on everything before the window.
    pub fn fit(parts: Parts, config: &'a Config, progress: &mut Progress) -> Result<Self, FitError> {
        let sources = fit_sources(&parts.train, config, progress)?;
        Ok(Self { config, parts, sources })
    }

    /// The snapshot as the service would have it for the users of `rows`: with the record of each who has a past. Any
    /// other user is treated as new in this snapshot.
    ///
    /// * `long_term`: the blend that cached candidates come from.
    #[must_use]
    pub fn snapshot(&self, rows: &[usize], long_term: &Weights) -> Snapshot {
        let mut users: Vec<usize> = rows.iter().filter_map(|&row| self.past(row)).collect();
        users.sort_unstable();
        users.dedup();
        let train = &self.parts.train;
        let records = user_tables::build(train, &users, &self.sources, long_term, &self.config.users, &|_| ());
        self.sources.clone().with_users(records)
    }

    /// Keeps the records of the users of `rows`, for sources that are measured alone.
    pub fn keep_users(&mut self, rows: &[usize], long_term: &Weights) {
        self.sources = self.snapshot(rows, long_term);
    }

    /// The row of one of the window's users in the log before it; `None` for a new user.
    fn past(&self, row: usize) -> Option<usize> {
        self.parts.train.users.binary_search(&self.parts.held.users[row]).ok()
    }

    /// The users of the window with a past.
    fn known(&self) -> Vec<usize> {
        (0..self.parts.held.users.len()).filter(|&row| self.past(row).is_some()).collect()
    }

    /// The users whose questions the long-term weights are fitted on.
    pub fn long_term_rows(&self) -> Vec<usize> {
        thinned(&self.known(), self.config.blend.max_cases)
    }

    /// One question for each user about all of their items in the window, scored by `sources` with the user's whole
    /// past as history.
    pub fn long_term_cases(&self, rows: &[usize], snapshot: &Snapshot, sources: &Weights) -> Vec<ScoredCase> {
        let pasts = Pasts::of(&self.parts.train);
        let ask = |case: &Case<'_>, scratch: &mut Scratch| {
            let user = self.parts.train.users.binary_search_by(|id| (**id).cmp(case.user)).ok();
            let history = user.map(|user| pasts.of_user(&self.parts.train, user)).unwrap_or_default();
            let state = UserState { history, ..UserState::default() };
            ScoredCase::of(snapshot, sources, &state, Seen::ExcludeAll, case, scratch)
        };
        self.held_out().ask(Task::TopK, rows, snapshot, Seen::ExcludeAll, ask)
    }

    /// The questions of the configured objective, scored by `sources`.
    pub fn cases(&self, rows: &[usize], snapshot: &Snapshot, sources: &Weights) -> Vec<ScoredCase> {
        self.ask(rows, snapshot, |case, scratch| {
            ScoredCase::of(snapshot, sources, &case.state, self.config.blend.seen, case, scratch)
        })
    }

    /// NDCG@20, question by question, of a source alone that is fitted with other settings. User records stay those of
    /// [`Window::keep_users`].
    pub fn alone(&self, source: Source, config: &Config) -> Result<Vec<f64>, FitError> {
        let mut snapshot = refit(source, &self.sources, &self.parts.train, config)?;
        *snapshot.params_mut() = EngineParams { weights: Weights::only(source), ..config.engine_params() };
        let query = Query::of(CUT_OFF, self.config.blend.seen);
        Ok(self.ask(&self.rows(self.config.blend.max_cases), &snapshot, |case, scratch| {
            let slate = recommend(&snapshot, &case.state, &query, case.now_ms, scratch);
            let own = slate.picks.iter().filter(|pick| pick.sources.contains(source));
            let items: Vec<ItemIdx> = own.map(|pick| pick.item).collect();
            ndcg_at(CUT_OFF, &items, &case.targets, case.total())
        }))
    }

    /// Users, evenly spread, with about `max_cases` questions of the configured objective.
    pub fn rows(&self, max_cases: usize) -> Vec<usize> {
        match self.config.blend.objective {
            Task::TopK | Task::LastItem => thinned(&self.known(), max_cases),
            Task::NextItem | Task::Basket => enough_users(&self.held_out(), max_cases),
        }
    }

    /// Calls `ask` with the questions of some users.
    pub fn ask<T: Send>(
        &self,
        rows: &[usize],
        snapshot: &Snapshot,
        ask: impl Fn(&Case<'_>, &mut Scratch) -> T + Sync,
    ) -> Vec<T> {
        self.held_out().ask(self.config.blend.objective, rows, snapshot, self.config.blend.seen, ask)
    }

    fn held_out(&self) -> HeldOut<'_> {
        self.parts.held_out(self.config)
    }
}

/// At most `count` of the values, evenly spread.
fn thinned<T: Copy>(values: &[T], count: usize) -> Vec<T> {
    let step = (values.len() as f64 / count.max(1) as f64).max(1.0);
    spread(values.len(), step).map(|at| values[at]).collect()
}

/// Users, evenly spread, with about `max_cases` next-item questions.
fn enough_users(held_out: &HeldOut<'_>, max_cases: usize) -> Vec<usize> {
    let counts: Vec<usize> = (0..held_out.users()).map(|row| held_out.next_item_cases(row)).collect();
    let rows: Vec<usize> = (0..counts.len()).filter(|&row| counts[row] > 0).collect();
    let step = (counts.iter().sum::<usize>() as f64 / max_cases.max(1) as f64).max(1.0);
    spread(rows.len(), step).map(|at| rows[at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::cuts::validation_cuts;
    use crate::log::ingest::Log;

    const HOUR_MS: i64 = 3_600_000;

    /// Forty users with three views on one day and two on the next, when as many others come for the first time.
    fn returning() -> Log {
        let names: Vec<String> = (0..80).map(|user| format!("u{user:02}")).collect();
        let (mut past, mut window) = (Vec::new(), Vec::new());
        for (user, name) in (0..).zip(&names) {
            let known = user % 4 < 2;
            past.extend(
                (0..3).filter(|_| known).map(|place| (user * 1000 + place, &**name, ["a", "b", "c"][place as usize])),
            );
            window
                .extend((0..2).map(|place| (24 * HOUR_MS + user * 1000 + place, &**name, ["b", "a"][place as usize])));
        }
        Log::of_views(&[past, window].concat())
    }

    #[test]
    fn whoever_is_asked_is_asked_with_their_past_however_few_are_asked() {
        let mut config = Config::load(None, None).expect("defaults");
        (config.sources.als.factors, config.sources.embedding.factors) = (4, 4);
        (config.blend.validation_share, config.blend.min_cases) = (0.571, 1);
        (config.blend.max_cases, config.ranker.max_cases) = (15, 15);
        for objective in [Task::NextItem, Task::TopK] {
            config.blend.objective = objective;
            let cut = validation_cuts(&returning(), &config, 1).pop().expect("a window");
            let parts = Parts::of(&returning(), &cut);
            let window = Window::fit(parts, &config, &mut Progress::default()).expect("fits");
            let rows = window.rows(config.blend.max_cases);
            let snapshot = window.snapshot(&rows, &config.long_term_weights());
            let asked = window.ask(&rows, &snapshot, |case, _| (case.user.to_owned(), case.state.history.len()));
            let with_past = asked.iter().filter(|(user, _)| user[1..].parse::<u32>().expect("a number") % 4 < 2);
            // Of next-item questions the one event before the target is known as well.
            let live = usize::from(objective == Task::NextItem);
            let histories: Vec<usize> = with_past.map(|(_, history)| *history).collect();
            assert!(histories.len() > 4 && histories.iter().all(|&events| events == 3 + live), "{asked:?}");
        }
    }
}
