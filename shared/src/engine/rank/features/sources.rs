//! Features from the candidate sources and their blend: a candidate's scores, ranks and strongest contributions.

use multiversion::multiversion;

use super::{Group, Shortlist, column, each, fill_each};
use crate::contract::source::{Kind, Source};

pub fn features() -> Vec<Group> {
    // What `profile` says is told with the rest of the profile, so that versions without have no column for it.
    let of_source = Source::ALL.into_iter().filter(|source| !source.is_profile()).flat_map(of_source);
    let strongest = Source::SUMMED.iter().enumerate().map(|(at, &source)| strongest(at, source));
    let support = Source::SUMMED.iter().enumerate().map(|(at, source)| {
        column(format!("support_{}", source.as_str()), move |shortlist, column| {
            let contributions = shortlist.candidates.contributions(at);
            if !contributions.is_empty() {
                fill_each(column, |row| contributions[shortlist.row(row)].count as f32);
            }
        })
    });
    of_source.chain(strongest).chain(support).chain(nearest()).chain(blend()).collect()
}

/// The score divided by the source's best, the rank among the ranked candidates, and the logarithm of the score. Missing
/// for a source without a weight.
fn of_source(source: Source) -> [Group; 3] {
    let name = source.as_str();
    [
        scored(format!("{name}_share"), source, move |shortlist, column| {
            let best = shortlist.candidates.best[source.column()].max(f32::MIN_POSITIVE);
            column.iter_mut().for_each(|score| *score /= best);
        }),
        scored(format!("{name}_rank"), source, |_, column| column.copy_from_slice(&ranks(column))),
        scored(format!("{name}_ln_score"), source, |_, column| {
            column.iter_mut().for_each(|score| *score = score.max(1e-20).ln());
        }),
    ]
}

/// One feature that is made of a source's scores, which are in the column when `of` is called.
fn scored(
    name: impl Into<String>,
    source: Source,
    of: impl Fn(&Shortlist<'_>, &mut [f32]) + Send + Sync + 'static,
) -> Group {
    column(name, move |shortlist, column| {
        let scores = shortlist.candidates.scores(source);
        if !scores.is_empty() {
            fill_each(column, |row| scores[shortlist.row(row)]);
            of(shortlist, column);
        }
    })
}

/// How many scores are above one: compared with all, since a hundred are compared sooner than sorted.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn above(scores: &[f32], own: f32) -> u32 {
    scores.iter().map(|&other| u32::from(other > own)).sum()
}

/// The rank of each score, from 1; missing for a score that is not above 0. Equal scores share theirs.
pub(super) fn ranks(scores: &[f32]) -> Vec<f32> {
    scores.iter().map(|&own| if own > 0.0 { 1.0 + above(scores, own) as f32 } else { f32::NAN }).collect()
}

/// The largest contribution of one item of the history, divided by the source's best score.
fn strongest(at: usize, source: Source) -> Group {
    column(format!("strongest_{}", source.as_str()), move |shortlist, column| {
        let best = shortlist.candidates.best[source.column()].max(f32::MIN_POSITIVE);
        let contributions = shortlist.candidates.contributions(at);
        if !contributions.is_empty() {
            fill_each(column, |row| contributions[shortlist.row(row)].strongest / best);
        }
    })
}

/// The score of `session_knn`, divided by the total weight of the nearest past sessions.
fn nearest() -> Vec<Group> {
    let sessions = Source::ALL.into_iter().filter(|source| source.kind() == Kind::Sessions);
    let share = |source: Source| {
        scored("nearest_share", source, |shortlist, column| {
            column.iter_mut().for_each(|score| *score /= shortlist.candidates.nearest);
        })
    };
    sessions.map(share).collect()
}

fn blend() -> [Group; 5] {
    [
        each("blend", |shortlist, row| shortlist.ranked[row].blended),
        each("blend_rank", |_, row| row as f32),
        column("blend_of_best", |shortlist, column| {
            let best = shortlist.ranked.first().map_or(1.0, |first| first.blended).max(f32::MIN_POSITIVE);
            fill_each(column, |row| shortlist.ranked[row].blended / best);
        }),
        column("blend_of_best_new", |shortlist, column| {
            let best_new = shortlist.best_new();
            fill_each(column, |row| shortlist.ranked[row].blended / best_new);
        }),
        each("proposed_by", |shortlist, row| shortlist.candidates.proposed_by()[shortlist.row(row)].len() as f32),
    ]
}
