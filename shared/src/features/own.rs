//! The candidate in the user's own history: how often, how long ago, what was done with it.
//!
//! Missing for candidates that are not in it.

use super::{Columns, Question};
use crate::retrieve::accumulator::Marks;

/// A candidate of the history, with its slot among the candidates.
#[derive(Debug, Clone, Copy)]
pub struct OwnItem {
    slot: usize,
    values: [f32; 10],
}

pub fn fill(question: &Question<'_>, slots: &Marks, own: &mut Vec<OwnItem>, columns: &mut Columns<'_>) {
    let history = question.history;
    let session_starts = history.len() - question.session().len();
    let newest = history.last().map(|event| event.item);
    own.clear();
    for (distinct, recent) in question.candidates.recent.iter().enumerate() {
        let Some(slot) = slots.position(recent.item) else { continue };
        let (mut count, mut in_session, mut first, mut last, mut kind, mut last_kind) = (0, 0, 0, 0, 0, 0);
        let (mut after_last, mut gap) = (0, f32::NAN);
        for (at, event) in history.iter().enumerate().filter(|(_, event)| event.item == recent.item) {
            let place = history.len() - at;
            gap = if count == 0 { gap } else { (last - place) as f32 };
            first = if count == 0 { place } else { first };
            (count, last, last_kind) = (count + 1, place, event.kind as u8);
            in_session += usize::from(at >= session_starts);
            kind = kind.max(last_kind);
            after_last += u32::from(at > 0 && Some(history[at - 1].item) == newest);
        }
        let share = count as f32 / history.len() as f32;
        let [last, first, count, in_session] = [last, first, count, in_session].map(|value| value as f32);
        let kinds = [f32::from(kind), f32::from(last_kind)];
        let after_last = after_last as f32;
        let values = [last, first, count, share, in_session, distinct as f32, kinds[0], kinds[1], after_last, gap];
        own.push(OwnItem { slot, values });
    }
    let reserved = columns.reserve(10);
    for OwnItem { slot, values } in own {
        for (column, value) in reserved.clone().zip(values) {
            columns.matrix.column_mut(column)[*slot] = *value;
        }
    }
}
