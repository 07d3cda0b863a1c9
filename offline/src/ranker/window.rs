//! A window of the log: its questions, asked of sources that were fitted on what came before.

use shared::api::Seen;
use shared::id::ItemIdx;
use shared::params::{EngineParams, Weights};
use shared::recommend::{Query, Scratch, recommend};
use shared::snapshot::Snapshot;
use shared::source::Source;
use shared::state::UserState;

use super::blend::{self, CUT_OFF, ScoredCase};
use crate::config::{Config, WindowsOf};
use crate::evaluate::Task;
use crate::evaluate::cases::{Asked, Case, HeldOut};
use crate::evaluate::metrics::ndcg_at;
use crate::fit::{fit_sources, refit};
use crate::ingest::Log;
use crate::interactions::{Pasts, spread};
use crate::progress::Progress;
use crate::sources::FitError;
use crate::user_tables;

/// The questions of some users of a window.
pub struct Window<'a> {
    config: &'a Config,
    train: Log,
    held: Log,
    sources: Snapshot,
}

impl<'a> Window<'a> {
    /// Fits the sources on everything before the window.
    pub fn fit(train: Log, held: Log, config: &'a Config, progress: &mut Progress) -> Result<Self, FitError> {
        let sources = fit_sources(&train, config, progress)?;
        Ok(Self { config, train, held, sources })
    }

    /// The tables, with records of the users who are asked for; their cached candidates come from a blend.
    #[must_use]
    pub fn snapshot(&self, long_term: &Weights) -> Snapshot {
        let users: Vec<usize> = self.known().into_iter().map(|(_, user)| user).collect();
        let records = user_tables::build(&self.train, &users, &self.sources, long_term, &self.config.users, &|_| ());
        self.sources.clone().with_users(records)
    }

    /// Keeps the records of the users who are asked for, for sources that are measured alone.
    pub fn keep_users(&mut self, long_term: &Weights) {
        self.sources = self.snapshot(long_term);
    }

    /// The users of the window with a past, thinned to the most that are asked: rows in window and past.
    fn known(&self) -> Vec<(usize, usize)> {
        let past = |id: &str| self.train.users.binary_search_by(|other| (**other).cmp(id)).ok();
        let known: Vec<(usize, usize)> =
            self.held.users.iter().enumerate().filter_map(|(row, id)| Some((row, past(id)?))).collect();
        thinned(&known, self.config.blend.max_cases.max(self.config.ranker.max_cases))
    }

    /// Questions for all of a user's window, scored with their whole past as history.
    pub fn long_term_cases(&self, snapshot: &Snapshot) -> Vec<ScoredCase> {
        let pasts = Pasts::of(&self.train);
        let sources = self.config.without_off(blend::long_term_sources());
        let rows: Vec<usize> = self.known().into_iter().map(|(row, _)| row).collect();
        let ask = |case: &Case<'_>, scratch: &mut Scratch| {
            let user = self.train.users.binary_search_by(|id| (**id).cmp(case.user)).ok();
            let history = user.map(|user| pasts.of_user(&self.train, user)).unwrap_or_default();
            let state = UserState { history, ..UserState::default() };
            blend::scored(snapshot, &sources, &state, Seen::ExcludeAll, case, scratch)
        };
        let rows = thinned(&rows, self.config.blend.max_cases);
        HeldOut::new(&self.held).top_k(&rows, snapshot, Seen::ExcludeAll, self.asked(), ask)
    }

    /// The questions of the configured objective, scored with all sources.
    pub fn cases(&self, snapshot: &Snapshot) -> Vec<ScoredCase> {
        let sources = self.config.without_off(blend::all_sources());
        self.ask(&self.rows(self.config.blend.max_cases), snapshot, |case, scratch| {
            blend::scored(snapshot, &sources, &case.state, self.config.blend.seen, case, scratch)
        })
    }

    /// NDCG@20 of a source alone that is fitted with other settings, question by question.
    pub fn alone(&self, source: Source, config: &Config) -> Result<Vec<f64>, FitError> {
        let mut snapshot = refit(source, &self.sources, &self.train, config)?;
        *snapshot.params_mut() = EngineParams { weights: Weights::only(source), ..config.engine_params() };
        let query = Query::of(CUT_OFF, self.config.blend.seen);
        Ok(self.ask(&self.rows(self.config.blend.max_cases), &snapshot, |case, scratch| {
            let slate = recommend(&snapshot, &case.state, &query, case.now_ms, scratch);
            let own = slate.picks.iter().filter(|pick| pick.sources.contains(source));
            let items: Vec<ItemIdx> = own.map(|pick| pick.item).collect();
            ndcg_at(CUT_OFF, &items, &case.targets, case.total())
        }))
    }

    /// The users whose questions of the configured objective are about `max_cases`.
    pub fn rows(&self, max_cases: usize) -> Vec<usize> {
        match self.config.blend.objective {
            Task::TopK | Task::LastItem => {
                let rows: Vec<usize> = self.known().into_iter().map(|(row, _)| row).collect();
                thinned(&rows, max_cases)
            }
            Task::NextItem => enough_users(&HeldOut::new(&self.held), self.gap_ms(), max_cases),
        }
    }

    /// Asks the questions of some users.
    pub fn ask<T: Send>(
        &self,
        rows: &[usize],
        snapshot: &Snapshot,
        ask: impl Fn(&Case<'_>, &mut Scratch) -> T + Sync,
    ) -> Vec<T> {
        let held_out = HeldOut::new(&self.held);
        match self.config.blend.objective {
            Task::NextItem => held_out.next_item(rows, snapshot, self.gap_ms(), ask),
            Task::TopK | Task::LastItem => held_out.top_k(rows, snapshot, self.config.blend.seen, self.asked(), ask),
        }
    }

    /// When users are asked for all of their window.
    fn asked(&self) -> Asked {
        match (self.config.blend.objective, self.config.blend.windows) {
            (Task::LastItem, _) | (_, WindowsOf::Users) => Asked::OnArrival,
            (_, WindowsOf::Time) => Asked::At(self.held.first_ms()),
        }
    }

    fn gap_ms(&self) -> i64 {
        self.config.gap_ms()
    }
}

/// At most `count` of the values, evenly spread.
fn thinned<T: Copy>(values: &[T], count: usize) -> Vec<T> {
    let step = (values.len() as f64 / count.max(1) as f64).max(1.0);
    spread(values.len(), step).map(|at| values[at]).collect()
}

/// Users, evenly spread, whose next-item questions are about `max_cases`.
fn enough_users(held_out: &HeldOut<'_>, gap_ms: i64, max_cases: usize) -> Vec<usize> {
    let counts: Vec<usize> = (0..held_out.users()).map(|row| held_out.next_item_cases(row, gap_ms)).collect();
    let rows: Vec<usize> = (0..counts.len()).filter(|&row| counts[row] > 0).collect();
    let step = (counts.iter().sum::<usize>() as f64 / max_cases.max(1) as f64).max(1.0);
    spread(rows.len(), step).map(|at| rows[at]).collect()
}
