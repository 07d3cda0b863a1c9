//! The candidate in the user's own history: how often, how long ago, what was done with it.
//!
//! Missing for candidates that are not in it. The values come with the history, see [`crate::history::past`].

use super::{Group, group};
use crate::history::past::OWN;

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
