//! Labelled rows: the blend's best candidates of each question, as the engine describes them when it serves.
//!
//! All of the best stay, whatever their rank: leaving out the easy negatives would teach the trees another question than
//! the one they answer. Questions whose target is not among them teach nothing and are left out.

use rayon::prelude::*;
use shared::features;
use shared::matrix::Matrix;
use shared::recommend::{Query, Question, Scratch, by_blend, candidates, describe};
use shared::snapshot::Snapshot;

use super::Asked;
use crate::evaluate::cases::Case;
use crate::trees::Rows;

/// Users whose rows are made at a time, before they are appended to the columns.
const BLOCK: usize = 2048;

/// The rows of one question.
struct SlateRows {
    now_ms: i64,
    matrix: Matrix,
    labels: Vec<f32>,
}

/// Asks the questions and describes what the blend ranks first: the rows of the earlier questions, and those of the
/// last share of them (of questions of one time every n-th).
pub fn collect(asked: &Asked<'_>, snapshot: &Snapshot) -> (Rows, Rows) {
    let ranker = &asked.config.ranker;
    let users = asked.rows(ranker.max_cases);
    let mut times = asked.ask(&users, snapshot, |case, _| case.now_ms);
    times.sort_unstable();
    let late_from = times.get((times.len() as f64 * (1.0 - ranker.stopping_share)) as usize).copied();
    let one_time = times.first() == times.last();
    let every = (1.0 / ranker.stopping_share).round() as usize;
    let (mut early, mut late) = (empty(), empty());
    let mut questions = 0;
    for block in users.chunks(BLOCK) {
        let slates = asked.ask(block, snapshot, |case, scratch| described(asked, snapshot, case, scratch));
        let (mut of_early, mut of_late) = (Vec::new(), Vec::new());
        for slate in slates.into_iter().flatten() {
            let is_late = if one_time { questions % every == 0 } else { Some(slate.now_ms) >= late_from };
            if is_late { &mut of_late } else { &mut of_early }.push(slate);
            questions += 1;
        }
        append(&mut early, &of_early);
        append(&mut late, &of_late);
    }
    (early, late)
}

fn described(asked: &Asked<'_>, snapshot: &Snapshot, case: &Case<'_>, scratch: &mut Scratch) -> Option<SlateRows> {
    let (config, weights) = (asked.config, &snapshot.params().weights);
    let by_kind = config.interactions.by_kind();
    let query = Query { k: 1, context: None, category: None, exclude: Vec::new(), seen: config.blend.seen };
    let (found, history) = candidates(snapshot, weights, &case.state, &query, case.now_ms, scratch);
    let ranked = by_blend(&found, weights, config.ranker.candidates);
    let label = |item| {
        let target = case.targets.iter().position(|&target| target == item);
        target.map_or(0.0, |target| by_kind[case.kinds[target] as usize])
    };
    let labels: Vec<f32> = ranked.iter().map(|ranked| label(found.rows[ranked.row as usize].item)).collect();
    let question = Question { snapshot, candidates: &found, ranked: &ranked, history: &history, now_ms: case.now_ms };
    labels.iter().any(|&label| label > 0.0).then(|| SlateRows {
        now_ms: case.now_ms,
        matrix: describe(&question, scratch).clone(),
        labels,
    })
}

/// Scores that leave every group in the order in which the blend gave it.
pub fn in_order(rows: &Rows) -> Vec<f32> {
    rows.groups.windows(2).flat_map(|bounds| (0..bounds[1] - bounds[0]).map(|place| -(place as f32))).collect()
}

fn empty() -> Rows {
    Rows { columns: vec![Vec::new(); features::COUNT], labels: Vec::new(), groups: vec![0] }
}

fn append(rows: &mut Rows, slates: &[SlateRows]) {
    rows.columns.par_iter_mut().enumerate().for_each(|(column, values)| {
        for slate in slates {
            values.extend_from_slice(slate.matrix.column(column));
        }
    });
    for slate in slates {
        rows.labels.extend_from_slice(&slate.labels);
        rows.groups.push(rows.labels.len());
    }
}
