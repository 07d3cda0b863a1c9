//! Measures a version on held-out events: the served model (`tandem`), the blend without the ranker, every source
//! alone, and popularity over the last days.
//!
//! In: a version, the log that it was trained on, and the held-out events. Out: figures with intervals, overall and by
//! segments of cases. Every question goes through the engine that the service runs, with the user state that the
//! service would have at that time. Cost: each question once per model.

pub mod bootstrap;
pub mod cases;
mod models;
pub mod questions;
pub mod report;
mod segments;
mod sums;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shared::contract::api::Seen;
use shared::contract::artifact::manifest::hex;
use shared::contract::id::ItemIdx;
use shared::contract::source::Source;
use shared::engine::recommend::{Query, Scratch, by_blend, candidates};
use shared::engine::snapshot::Snapshot;

use crate::log::ingest::Log;
use bootstrap::Difference;
use cases::{Asked, Case, HeldOut};
use models::{Model, models};
pub use segments::Segment;
use segments::{Segments, Traits, parts};
pub use sums::ModelResult;
use sums::{EventCounts, FIGURES, Sums};

/// The numbers of first candidates that are searched for the targets.
const CEILINGS: [usize; 3] = [100, 200, 500];
/// The number of users whose slates are in memory at a time.
const USERS_AT_A_TIME: usize = 2048;

/// The task of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// The next item of a session, for every prefix of it.
    NextItem,
    /// All items of the held-out period, once per user.
    TopK,
    /// The last item of each user's past.
    #[value(skip)]
    LastItem,
    /// An item of a basket, by the others in it. Nothing is fitted for it.
    #[serde(skip_deserializing)]
    Basket,
}

/// Which models are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The served model only.
    Served,
    /// The served model, the blend, every source alone, and windowed popularity.
    All,
}

/// The setting of an evaluation.
pub struct Setting<'a> {
    /// The task.
    pub task: Task,
    /// The models.
    pub which: Which,
    /// The cut-offs, ascending.
    pub ks: &'a [usize],
    /// The seen policy.
    pub seen: Seen,
    /// The pause that ends a session, milliseconds.
    pub gap_ms: i64,
    /// The time of the questions.
    pub asked: Asked,
    /// Windows of the popularity baselines, days.
    pub windows_days: &'a [f64],
}

/// The figures of all models.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// The task.
    pub task: Task,
    /// SHA-256 over the questions and the items that are asked for, in hexadecimal: evaluations with the same one asked the
    /// same.
    pub questions: String,
    /// The number of questions with a target that has no event in the training log: such a target is always missed.
    pub unknown_targets: usize,
    /// The time of all top-k questions, milliseconds since the epoch; none if each user's question follows their own
    /// past.
    pub asked_ms: Option<i64>,
    /// The mean share of the targets among the first 100, 200 and 500 candidates of the blend: the ranker's ceiling.
    pub ceilings: BTreeMap<String, f64>,
    /// One entry per model; the first is the served one.
    pub results: Vec<ModelResult>,
    /// The figures of the served model by segments of cases.
    pub segments: Vec<Segment>,
}

/// A slate of the served model, as it is written out for comparison with the service's.
#[derive(Debug, Serialize)]
pub struct ServedSlate {
    /// The user.
    pub user: String,
    /// The number of the question, see [`Case::number`].
    pub case: usize,
    /// External ids, best first.
    pub items: Vec<String>,
}

/// The slates of all models for one question.
pub struct Answer {
    user: String,
    number: usize,
    targets: Vec<ItemIdx>,
    total: usize,
    traits: Traits,
    /// By model.
    slates: Vec<Vec<ItemIdx>>,
    /// The share of the targets among the first candidates, by [`CEILINGS`].
    among: [f64; CEILINGS.len()],
}

/// Answers every question of `test` with every model, and measures the slates.
///
/// * `train`: the log that `snapshot` was fitted on.
/// * `each_slate`: called with every served slate, in order.
pub fn evaluate(
    snapshot: &Snapshot,
    train: &Log,
    test: &Log,
    setting: &Setting<'_>,
    each_slate: &mut dyn FnMut(&ServedSlate),
    progress: &dyn Fn(u64),
) -> Evaluation {
    let models = models(snapshot, train, setting);
    let event_counts = event_counts(snapshot, train);
    let parts = parts(&event_counts);
    let last_k = setting.ks.last().copied().unwrap_or(1);
    let popularity = models.iter().position(|model| matches!(model, Model::Alone(Source::Popularity)));
    let held_out = HeldOut::new(test, setting.asked, setting.gap_ms);
    let mut sums: Vec<Sums> = models.iter().map(|_| Sums::new(setting.ks.len())).collect();
    let (mut segments, mut unknown_targets, mut cases) = (Segments::new(last_k, popularity, test.kinds.clone()), 0, 0);
    let (mut among, mut digest) = ([0.0; CEILINGS.len()], digest_of(setting));
    let rows: Vec<usize> = (0..held_out.users()).collect();
    for block in rows.chunks(USERS_AT_A_TIME) {
        let ask = |case: &Case<'_>, scratch: &mut Scratch| answer(snapshot, &models, setting, case, scratch);
        let answers = held_out.ask(setting.task, block, snapshot, setting.seen, ask);
        for of_user in answers.chunk_by(|a, b| a.user == b.user) {
            for answer in of_user {
                let unseen = |target: &ItemIdx| event_counts.of_item[target.at()] == 0;
                unknown_targets +=
                    usize::from(answer.total > answer.targets.len() || answer.targets.iter().any(unseen));
                cases += 1;
                answer.question(snapshot, &mut digest);
                for (sums, slate) in sums.iter_mut().zip(&answer.slates) {
                    sums.add(setting.ks, slate, answer, &event_counts, snapshot);
                }
                segments.add(answer, &parts);
                among.iter_mut().zip(answer.among).for_each(|(sum, share)| *sum += share);
                let items = answer.slates[0].iter().map(|&item| snapshot.items().id(item).to_owned()).collect();
                each_slate(&ServedSlate { user: answer.user.clone(), case: answer.number, items });
            }
            let counts = bootstrap::counts(&of_user[0].user);
            sums.iter_mut().for_each(|sums| sums.end_user(&counts));
        }
        progress(block.last().map_or(0, |&last| last as u64 + 1));
    }
    let results =
        models.iter().zip(sums).map(|(model, sums)| sums.result(model.name(), setting.ks, snapshot.items().len()));
    let share = |sum: f64| sum / f64::from(cases.max(1));
    Evaluation {
        task: setting.task,
        questions: hex(&digest.finalize()),
        unknown_targets,
        asked_ms: match setting.asked {
            Asked::At(asked_ms) => Some(asked_ms),
            Asked::AfterPast => None,
        },
        ceilings: CEILINGS.iter().zip(among).map(|(first, sum)| (first.to_string(), share(sum))).collect(),
        results: results.collect(),
        segments: segments.results(),
    }
}

/// The digest of no questions yet: what decides their answers beside the model.
fn digest_of(setting: &Setting<'_>) -> Sha256 {
    Sha256::new_with_prefix(format!("{:?} {:?} {:?} {}", setting.task, setting.seen, setting.asked, setting.gap_ms))
}

impl Answer {
    /// Adds the question to a digest: who is asked, and for what.
    fn question(&self, snapshot: &Snapshot, digest: &mut Sha256) {
        let mut add = |text: &str| {
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text);
        };
        add(&self.user);
        self.targets.iter().for_each(|target| add(snapshot.items().id(*target)));
        digest.update((self.number as u64).to_le_bytes());
        digest.update((self.total as u64).to_le_bytes());
    }
}

impl Evaluation {
    /// The figures of the served model on each replicate of the questions, by name.
    #[must_use]
    pub fn replicates(&self, ks: &[usize]) -> BTreeMap<String, Vec<f64>> {
        let names = ks.iter().flat_map(|k| FIGURES.map(|name| format!("{name}@{k}")));
        names.enumerate().map(|(at, name)| (name, self.results[0].replicates.means(at).collect())).collect()
    }

    /// How much higher the figures of `other`'s served model are on the same cases.
    #[must_use]
    pub fn difference(&self, other: &Self, ks: &[usize]) -> BTreeMap<String, Difference> {
        let (first, second) = (&self.results[0], &other.results[0]);
        let names = ks.iter().flat_map(|k| FIGURES.map(|name| format!("{name}@{k}")));
        let of = |(figure, name): (usize, String)| {
            let means = [first.figures[&name], second.figures[&name]];
            (name, first.replicates.difference(&second.replicates, figure, means))
        };
        names.enumerate().map(of).collect()
    }
}

fn event_counts(snapshot: &Snapshot, train: &Log) -> EventCounts {
    let mut of_item = vec![0; snapshot.items().len()];
    for event in &train.events {
        // A version may be older than `train` and lack some of its items.
        if let Some(item) = snapshot.items().index(&train.items.ids[event.item.at()]) {
            of_item[item.at()] += 1;
        }
    }
    EventCounts { of_item, all: train.events.len() as u64 }
}

fn answer(
    snapshot: &Snapshot,
    models: &[Model],
    setting: &Setting<'_>,
    case: &Case<'_>,
    scratch: &mut Scratch,
) -> Answer {
    let k = setting.ks.last().copied().unwrap_or(1);
    // What knows no baskets sees views of what is in it.
    let query = Query { context: case.basket.clone(), ..Query::of(k, setting.seen) };
    Answer {
        user: case.user.to_owned(),
        number: case.number,
        targets: case.targets.clone(),
        total: case.total(),
        traits: Traits::of(case, snapshot.users().record(case.user).is_some()),
        slates: models.iter().map(|model| model.slate(snapshot, case, &query, scratch)).collect(),
        among: among(snapshot, case, &query, scratch),
    }
}

/// The share of the targets among the first candidates.
fn among(snapshot: &Snapshot, case: &Case<'_>, query: &Query, scratch: &mut Scratch) -> [f64; CEILINGS.len()] {
    let weights = &snapshot.params().weights;
    let (_, found) = candidates(snapshot, weights, &case.state, query, case.now_ms, scratch);
    let ranked = by_blend(&found, weights, CEILINGS[CEILINGS.len() - 1]);
    CEILINGS.map(|first| {
        let hits = ranked.iter().take(first).filter(|ranked| case.targets.contains(&ranked.item));
        hits.count() as f64 / case.total() as f64
    })
}
