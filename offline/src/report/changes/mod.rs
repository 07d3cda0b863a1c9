//! What has changed: the events since the champion before and in the last week, and the version beside that champion.

pub mod beside;
pub mod drift;

use serde::{Deserialize, Serialize};
use shared::contract::artifact::Manifest;

use crate::measure::evaluate::bootstrap::Difference;
use beside::Beside;
use drift::Since;

/// From which population stability index on something has moved.
pub const MOVED_PSI: f64 = 0.1;
/// From which index on one should look at it.
pub const LOOK_PSI: f64 = 0.25;

/// What a change asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing.
    Steady,
    /// To know of it.
    Moved,
    /// To look at it.
    Look,
}

impl Level {
    /// What a population stability index asks for.
    #[must_use]
    pub fn of_psi(psi: f64) -> Self {
        Self::of(psi, [MOVED_PSI, LOOK_PSI])
    }

    /// What the loss of a share asks for: from a hundredth on it has moved, from a tenth on one should look.
    #[must_use]
    pub fn of_lost(share: f64) -> Self {
        Self::of(share, [0.01, 0.1])
    }

    /// What a gain of a share asks for: from a tenth on it has moved, from a half on one should look.
    #[must_use]
    pub fn of_gained(share: f64) -> Self {
        Self::of(share, [0.1, 0.5])
    }

    /// What a figure asks for by two limits.
    #[must_use]
    pub fn of(figure: f64, [moved, look]: [f64; 2]) -> Self {
        match figure {
            figure if figure >= look => Self::Look,
            figure if figure >= moved => Self::Moved,
            _ => Self::Steady,
        }
    }

    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Moved => "moved",
            Self::Look => "look at this",
        }
    }
}

/// What has changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChangesSince {
    /// How far events have moved.
    pub since: Vec<Since>,
    /// The version beside an earlier one; none where there is none.
    pub beside: Option<Beside>,
    /// The contest that the version's settings were in; none where there was none.
    pub contest: Option<ContestFigures>,
}

/// A contest of the gate, as a manifest keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContestFigures {
    /// `promoted` or `challenger`.
    pub verdict: String,
    /// The champion then.
    pub against: String,
    /// The figure that was compared.
    pub metric: String,
    /// How many questions there were.
    pub cases: usize,
    /// The figure of the champion's settings.
    pub champion: f64,
    /// The figure of the new ones.
    pub new: f64,
    /// How much higher the new one's is.
    pub difference: Difference,
    /// The share of the champion's figure that may be lost.
    pub tolerance: f64,
}

impl ContestFigures {
    /// The contest that a manifest keeps.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Option<Self> {
        manifest.metrics.get("contest").and_then(|contest| Self::deserialize(contest).ok())
    }
}
