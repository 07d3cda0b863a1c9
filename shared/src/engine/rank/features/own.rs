//! Features of a candidate's own events in the user's history: how many, how long ago, of which kinds.
//!
//! Missing for candidates that are not in the history. The values come from [`crate::engine::history::past`].

use super::{Group, group};
use crate::engine::history::past::OWN;

pub fn features() -> Vec<Group> {
    vec![group(OWN, |shortlist, columns| {
        let question = shortlist.question;
        for (recent, own) in question.recent.iter().zip(&question.past.own) {
            let Some(place) = columns.places.position(recent.item) else { continue };
            for (at, value) in own.iter().enumerate() {
                columns.column(at)[place] = *value;
            }
        }
    })]
}
