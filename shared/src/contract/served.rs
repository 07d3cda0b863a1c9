//! What of the slates that a user was served lately comes again, and where a feed goes on.

use serde::{Deserialize, Serialize};

/// What becomes of items that the user was served lately.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ServedPolicy {
    /// They come as if they had not been served; the slate is not remembered.
    #[default]
    Allow,
    /// They don't come again until `served.hours` have passed.
    Skip,
    /// They come later: their scores begin at 0 and are their own again after `served.hours`.
    Decay,
}

/// The word of a query that begins a feed.
pub const START: &str = "start";
