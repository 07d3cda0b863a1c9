//! Features of a candidate under the user's profile: its lift by each column, their sum, what the source `profile` says;
//! and the bins of the profile's numbers, which all candidates share.
//!
//! A version without profiles has none of them. Missing for a user without a profile.

use super::sources::ranks;
use super::{Shortlist, fill_each};
use crate::contract::source::Source;
use crate::engine::profiles::Profiles;
use crate::engine::rank::matrix::Matrix;
use crate::engine::tabular::schema::{Field, FieldKind};

/// The features that do not belong to one column.
const OF_ALL: [&str; 4] = ["profile_sum", "profile_share", "profile_rank", "profile_ln_score"];

/// The names of the features of a version whose profiles have these columns, in the order of theirs.
#[must_use]
pub fn names(fields: &[Field]) -> Vec<String> {
    let lifts = fields.iter().map(|field| format!("profile_lift_{}", field.name));
    let numbers = fields.iter().filter(|field| matches!(field.kind, FieldKind::Number { .. }));
    let bins = numbers.map(|field| format!("profile_bin_{}", field.name));
    OF_ALL.into_iter().map(str::to_owned).chain(lifts).chain(bins).collect()
}

/// How many there are.
pub(super) fn count(profiles: &Profiles) -> usize {
    let columns = profiles.fields().len();
    OF_ALL.len() + columns + (0..columns).filter(|&at| profiles.is_number(at)).count()
}

/// Fills the wanted columns.
///
/// * `first`: the place of the first of them in the matrix.
pub(super) fn fill(shortlist: &Shortlist<'_>, profiles: &Profiles, wanted: &[bool], first: usize, matrix: &mut Matrix) {
    let Some(profile) = shortlist.question.profile else { return };
    let (table, columns) = (profiles.table(), profiles.fields().len());
    let source = Source::Profile.column();
    let mut column = |at: usize, value: &dyn Fn(usize) -> f32| {
        if wanted[at] {
            fill_each(matrix.column_mut(first + at), value);
        }
    };
    column(0, &|row| table.total(profile, shortlist.item(row)));
    let best = shortlist.candidates.best[source].max(f32::MIN_POSITIVE);
    let scores = shortlist.candidates.scores(Source::Profile);
    let score = |row: usize| scores.get(shortlist.row(row)).copied().unwrap_or(0.0);
    column(1, &|row| score(row) / best);
    let ranks = if wanted[2] { ranks(&(0..shortlist.ranked.len()).map(score).collect::<Vec<_>>()) } else { Vec::new() };
    column(2, &|row| ranks[row]);
    column(3, &|row| score(row).max(1e-20).ln());
    for at in 0..columns {
        column(OF_ALL.len() + at, &|row| table.lift(profile, at, shortlist.item(row)));
    }
    for (place, at) in (0..columns).filter(|&at| profiles.is_number(at)).enumerate() {
        let bin = table.bin(profile, at);
        column(OF_ALL.len() + columns + place, &|_| bin);
    }
}
