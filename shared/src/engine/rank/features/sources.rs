//! Features from the candidate sources and their blend: a candidate's scores, ranks and strongest contributions.

use super::{Group, column, each, fill_each};
use crate::contract::source::{Kind, Source};

pub fn features() -> Vec<Group> {
    // What `profile` says is told with the rest of the profile, so that versions without have no column for it.
    let of_source = Source::ALL.into_iter().filter(|source| !source.is_profile()).flat_map(of_source);
    let strongest = Source::SUMMED.iter().enumerate().map(|(at, &source)| strongest(at, source));
    let support = Source::SUMMED.iter().enumerate().map(|(at, source)| {
        each(format!("support_{}", source.as_str()), move |shortlist, row| shortlist.candidate(row).support[at] as f32)
    });
    of_source.chain(strongest).chain(support).chain(nearest()).chain(blend()).collect()
}

/// The score divided by the source's best, the rank in the source, and the logarithm of the score.
fn of_source(source: Source) -> [Group; 3] {
    let (name, of) = (source.as_str(), source.column());
    [
        column(format!("{name}_share"), move |shortlist, column| {
            let best = shortlist.candidates.best[of].max(f32::MIN_POSITIVE);
            fill_each(column, |row| shortlist.candidate(row).scores[of] / best);
        }),
        each(format!("{name}_rank"), move |shortlist, row| match shortlist.candidate(row).ranks[of] {
            0 => f32::NAN,
            rank => f32::from(rank),
        }),
        each(format!("{name}_ln_score"), move |shortlist, row| shortlist.candidate(row).scores[of].max(1e-20).ln()),
    ]
}

/// The largest contribution of one item of the history, divided by the source's best score.
fn strongest(at: usize, source: Source) -> Group {
    column(format!("strongest_{}", source.as_str()), move |shortlist, column| {
        let best = shortlist.candidates.best[source.column()].max(f32::MIN_POSITIVE);
        fill_each(column, |row| shortlist.candidate(row).strongest[at] / best);
    })
}

/// The score of `session_knn`, divided by the total weight of the nearest past sessions.
fn nearest() -> Vec<Group> {
    let sessions = Source::ALL.into_iter().filter(|source| source.kind() == Kind::Sessions);
    let share = |source: Source| {
        each("nearest_share", move |shortlist, row| {
            shortlist.candidate(row).scores[source.column()] / shortlist.candidates.nearest
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
        each("proposed_by", |shortlist, row| shortlist.candidate(row).sources.iter().count() as f32),
    ]
}
