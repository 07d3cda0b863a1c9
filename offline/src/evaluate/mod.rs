//! How good a version is on held-out events: every source alone, windowed popularity, and `tandem`, the blend as served.
//!
//! The questions go through the engine that the service runs, with the states that the service would have.

pub mod cases;
pub mod metrics;
pub mod report;

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use shared::api::Seen;
use shared::id::ItemIdx;
use shared::params::{Source, Weights};
use shared::recommend::{Query, Scratch, by_blend, candidates, recommend, recommend_with};
use shared::rerank;
use shared::retrieve::accumulator::Marks;
use shared::snapshot::Snapshot;

use crate::ingest::Log;
use crate::popularity;
use cases::{Case, HeldOut};
use metrics::{coverage, hit_rate_at, information, mrr_at, ndcg_at, novelty, precision_at, recall_at};

/// The first so many candidates are searched for the targets.
const CEILINGS: [usize; 3] = [100, 200, 500];
/// Users whose slates are held in memory at a time.
const USERS_AT_A_TIME: usize = 2048;

/// What is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// The next item of a session, for every prefix of it.
    NextItem,
    /// All items of the held-out period, once per user.
    TopK,
}

/// What to measure.
pub struct Setting<'a> {
    /// The task.
    pub task: Task,
    /// The cut-offs, ascending.
    pub ks: &'a [usize],
    /// The seen policy.
    pub seen: Seen,
    /// The pause that ends a session, milliseconds.
    pub gap_ms: i64,
    /// The time of the top-k question, milliseconds since the epoch.
    pub asked_ms: i64,
    /// Windows of the popularity baselines, days.
    pub windows_days: &'a [i64],
}

/// The figures of one model.
#[derive(Debug, Clone, Serialize)]
pub struct ModelResult {
    /// `tandem`, a source, or `popularity_<days>d`.
    pub model: String,
    /// How many questions were asked.
    pub cases: usize,
    /// By name, such as `hr@20`.
    #[serde(flatten)]
    pub figures: BTreeMap<String, f64>,
}

/// The figures of all models.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// The task.
    pub task: Task,
    /// Questions with a target that train never saw: always missed.
    pub unknown_targets: usize,
    /// The time of the top-k question, milliseconds since the epoch.
    pub asked_ms: i64,
    /// The mean share of the targets among the first 100, 200 and 500 candidates of the blend: the ranker's ceiling.
    pub ceilings: BTreeMap<String, f64>,
    /// One entry a model.
    pub results: Vec<ModelResult>,
}

/// A slate of the served blend, as it is written out for comparison with the service's.
#[derive(Debug, Serialize)]
pub struct ServedSlate {
    /// Who asked.
    pub user: String,
    /// The question's number, see [`Case::number`].
    pub case: usize,
    /// External ids, best first.
    pub items: Vec<String>,
}

enum Model {
    Served,
    Blend,
    Alone(Source),
    Windowed(i64, Vec<ItemIdx>),
}

/// The figures of one model so far.
struct Sums {
    cases: usize,
    by_k: Vec<[f64; 5]>,
    shown: Vec<HashSet<ItemIdx>>,
    information: Vec<f64>,
    shown_count: Vec<u64>,
}

struct Answer {
    targets: Vec<ItemIdx>,
    total: usize,
    slates: Vec<Vec<ItemIdx>>,
    served: Option<ServedSlate>,
    /// The share of the targets among the first candidates, by [`CEILINGS`].
    among: [f64; CEILINGS.len()],
}

/// Asks every question of `test` and measures the answers.
///
/// * `train`: the log that `snapshot` was fitted on.
/// * `each_slate`: called with every slate of the served blend, in order.
pub fn evaluate(
    snapshot: &Snapshot,
    train: &Log,
    test: &Log,
    setting: &Setting<'_>,
    each_slate: &mut dyn FnMut(&ServedSlate),
    progress: &dyn Fn(u64),
) -> Evaluation {
    let models = models(snapshot, train, setting);
    let event_counts = event_counts(train);
    let held_out = HeldOut::new(test);
    let mut sums: Vec<Sums> = models.iter().map(|_| Sums::new(setting.ks.len())).collect();
    let mut unknown_targets = 0;
    let mut among = [0.0; CEILINGS.len()];
    let rows: Vec<usize> = (0..held_out.users()).collect();
    for block in rows.chunks(USERS_AT_A_TIME) {
        let ask = |case: &Case<'_>, scratch: &mut Scratch| answer(snapshot, &models, setting, case, scratch);
        let answers = match setting.task {
            Task::NextItem => held_out.next_item(block, snapshot, setting.gap_ms, ask),
            Task::TopK => held_out.top_k(block, snapshot, setting.seen, setting.asked_ms, ask),
        };
        for answer in &answers {
            unknown_targets += usize::from(answer.total > answer.targets.len());
            for (sums, slate) in sums.iter_mut().zip(&answer.slates) {
                sums.add(setting.ks, slate, answer, &event_counts, train.events.len() as u64);
            }
            among.iter_mut().zip(answer.among).for_each(|(sum, share)| *sum += share);
            answer.served.iter().for_each(&mut *each_slate);
        }
        progress(block.last().map_or(0, |&last| last as u64 + 1));
    }
    let results =
        models.iter().zip(sums).map(|(model, sums)| sums.result(model.name(), setting.ks, snapshot.items().len()));
    let results: Vec<ModelResult> = results.collect();
    let cases = results.first().map_or(1, |result| result.cases.max(1)) as f64;
    let ceilings = CEILINGS.iter().zip(among).map(|(first, sum)| (first.to_string(), sum / cases)).collect();
    Evaluation { task: setting.task, unknown_targets, asked_ms: setting.asked_ms, ceilings, results }
}

fn models(snapshot: &Snapshot, train: &Log, setting: &Setting<'_>) -> Vec<Model> {
    let alone = Source::ALL.into_iter().map(Model::Alone);
    let windowed = setting.windows_days.iter().map(|&days| Model::Windowed(days, popularity::windowed(train, days)));
    let blend = snapshot.ranker().map(|_| Model::Blend);
    [Model::Served].into_iter().chain(blend).chain(alone).chain(windowed).collect()
}

fn event_counts(train: &Log) -> Vec<u64> {
    let mut counts = vec![0; train.items.len()];
    for event in &train.events {
        counts[event.item.at()] += 1;
    }
    counts
}

fn answer(
    snapshot: &Snapshot,
    models: &[Model],
    setting: &Setting<'_>,
    case: &Case<'_>,
    scratch: &mut Scratch,
) -> Answer {
    let k = setting.ks.last().copied().unwrap_or(1);
    let query = Query { k, context: None, category: None, exclude: Vec::new(), seen: setting.seen };
    let slates: Vec<Vec<ItemIdx>> = models
        .iter()
        .map(|model| match model {
            Model::Served => {
                let slate = recommend(snapshot, &case.state, &query, case.now_ms, scratch);
                slate.picks.iter().map(|pick| pick.item).collect()
            }
            Model::Blend => {
                let weights = &snapshot.params().weights;
                let slate = recommend_with(snapshot, weights, &case.state, &query, case.now_ms, scratch);
                slate.picks.iter().map(|pick| pick.item).collect()
            }
            Model::Alone(source) => {
                let weights = Weights::only(*source);
                let slate = recommend_with(snapshot, &weights, &case.state, &query, case.now_ms, scratch);
                // Without what only fills the slate.
                slate.picks.iter().filter(|pick| pick.sources.contains(*source)).map(|pick| pick.item).collect()
            }
            Model::Windowed(_, order) => {
                let mut blocked = Marks::default();
                rerank::block(snapshot, &case.state, &query, &mut blocked);
                order.iter().copied().filter(|&item| !blocked.contains(item)).take(k).collect()
            }
        })
        .collect();
    let id = |&item: &ItemIdx| snapshot.items().id(item).to_owned();
    let items = slates[0].iter().map(id).collect();
    let served = Some(ServedSlate { user: case.user.to_owned(), case: case.number, items });
    let among = among(snapshot, case, &query, scratch);
    Answer { targets: case.targets.clone(), total: case.total, slates, served, among }
}

/// The share of the targets among the first candidates.
fn among(snapshot: &Snapshot, case: &Case<'_>, query: &Query, scratch: &mut Scratch) -> [f64; CEILINGS.len()] {
    let weights = &snapshot.params().weights;
    let (found, _) = candidates(snapshot, weights, &case.state, query, case.now_ms, scratch);
    let ranked = by_blend(&found, weights, CEILINGS[CEILINGS.len() - 1]);
    CEILINGS.map(|first| {
        let hits =
            ranked.iter().take(first).filter(|ranked| case.targets.contains(&found.rows[ranked.row as usize].item));
        hits.count() as f64 / case.total as f64
    })
}

impl Model {
    fn name(&self) -> String {
        match self {
            Self::Served => "tandem".to_owned(),
            Self::Blend => "blend".to_owned(),
            Self::Alone(source) => source.as_str().to_owned(),
            Self::Windowed(days, _) => format!("popularity_{days}d"),
        }
    }
}

impl Sums {
    fn new(ks: usize) -> Self {
        Self {
            cases: 0,
            by_k: vec![[0.0; 5]; ks],
            shown: vec![HashSet::new(); ks],
            information: vec![0.0; ks],
            shown_count: vec![0; ks],
        }
    }

    fn add(&mut self, ks: &[usize], slate: &[ItemIdx], answer: &Answer, event_counts: &[u64], events: u64) {
        let (targets, total) = (&answer.targets, answer.total);
        self.cases += 1;
        for (at, &k) in ks.iter().enumerate() {
            let figures = [
                hit_rate_at(k, slate, targets),
                mrr_at(k, slate, targets),
                ndcg_at(k, slate, targets, total),
                recall_at(k, slate, targets, total),
                precision_at(k, slate, targets),
            ];
            for (sum, figure) in self.by_k[at].iter_mut().zip(figures) {
                *sum += figure;
            }
            for item in slate.iter().take(k) {
                self.shown[at].insert(*item);
                self.information[at] += information(event_counts[item.at()], events);
                self.shown_count[at] += 1;
            }
        }
    }

    fn result(self, model: String, ks: &[usize], catalogue: usize) -> ModelResult {
        let mut figures = BTreeMap::new();
        for (at, k) in ks.iter().enumerate() {
            for (name, sum) in ["hr", "mrr", "ndcg", "recall", "precision"].into_iter().zip(self.by_k[at]) {
                figures.insert(format!("{name}@{k}"), sum / self.cases.max(1) as f64);
            }
            figures.insert(format!("coverage@{k}"), coverage(&self.shown[at], catalogue));
            figures.insert(format!("novelty@{k}"), novelty(self.information[at], self.shown_count[at]));
        }
        ModelResult { model, cases: self.cases, figures }
    }
}
