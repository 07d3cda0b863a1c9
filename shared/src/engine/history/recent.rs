//! The distinct items of a history, newest first, with their weights.

use crate::contract::id::ItemIdx;
use crate::contract::params::{EngineParams, SessionRule};
use crate::engine::dense::Marks;
use crate::engine::state::Interaction;

/// An item of the history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recent {
    /// The item.
    pub item: ItemIdx,
    /// How many distinct items came after it.
    pub place: u32,
    /// 1 in the current session, less in earlier ones.
    pub factor: f32,
    /// Its weight in session windows: 1 for the last item, less for those before it and for earlier sessions.
    pub session_weight: f32,
}

impl Recent {
    /// Its weight under another decay: `factor · exp(-place / decay)`.
    #[must_use]
    pub fn weight(&self, decay: f32) -> f32 {
        ((-(self.place as f32) / decay).exp() * self.factor).max(1e-6)
    }
}

/// The last events of a history that belong to the current session.
pub fn current_session(history: &[Interaction], rule: SessionRule, now_ms: i64) -> &[Interaction] {
    let SessionRule::Gap(gap_ms) = rule else { return history };
    let mut first = history.len();
    let mut later_ms = now_ms;
    while let Some(event) = first.checked_sub(1).map(|before| history[before]) {
        if later_ms.saturating_sub(event.timestamp_ms) > gap_ms {
            break;
        }
        (first, later_ms) = (first - 1, event.timestamp_ms);
    }
    &history[first..]
}

/// Lists the distinct items of `history` (oldest first), newest first. `listed` must be empty; it holds the items
/// afterwards.
#[must_use]
pub fn recent(history: &[Interaction], params: &EngineParams, now_ms: i64, listed: &mut Marks) -> Vec<Recent> {
    let mut recent: Vec<Recent> = Vec::with_capacity(history.len());
    let earlier = history.len() - current_session(history, params.session, now_ms).len();
    for (at, event) in history.iter().enumerate().rev() {
        if !listed.contains(event.item) {
            listed.insert(event.item, recent.len());
            let place = recent.len() as u32;
            let factor = if at < earlier { params.earlier_session_weight } else { 1.0 };
            let mut own = Recent { item: event.item, place, factor, session_weight: 0.0 };
            own.session_weight = own.weight(params.position_decay);
            recent.push(own);
        }
    }
    recent
}
