//! What proposes candidates.

use serde::{Deserialize, Serialize};

/// A source of candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The user's list from the batch: the long-term model's answer.
    Cached,
    /// Neighbours of the history in session windows, mostly by what came next.
    ItemKnnSession,
    /// Neighbours of the history in user windows, whatever the order.
    ItemKnnUser,
    /// Neighbours of the history's neighbours in session windows.
    ItemKnnWalk,
    /// Items that the same items stand beside as beside the history's.
    Embedding,
    /// Items that the history's items, together, predict.
    Slim,
    /// Items alike in category, properties and name, where one of the two is too new for the others.
    Content,
    /// Past sessions like the current one.
    SessionKnn,
    /// Implicit ALS with the user folded in from the history.
    Als,
    /// The user's own recent items.
    Repeat,
    /// Popular items of the history's categories.
    CategoryPopularity,
    /// What has become popular lately.
    Trending,
    /// Time-decayed popularity.
    Popularity,
}

impl Source {
    /// How many sources there are.
    pub const COUNT: usize = 13;
    /// All of them, in the order of their columns.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Cached,
        Self::ItemKnnSession,
        Self::ItemKnnUser,
        Self::ItemKnnWalk,
        Self::Embedding,
        Self::Slim,
        Self::Content,
        Self::SessionKnn,
        Self::Als,
        Self::Repeat,
        Self::CategoryPopularity,
        Self::Trending,
        Self::Popularity,
    ];

    /// Those whose scores are sums over history items.
    pub const SUMMED: [Self; 7] = [
        Self::ItemKnnSession,
        Self::ItemKnnUser,
        Self::ItemKnnWalk,
        Self::Embedding,
        Self::Slim,
        Self::Content,
        Self::SessionKnn,
    ];

    /// The name in answers, metrics and configs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::ItemKnnSession => "item_knn_session",
            Self::ItemKnnUser => "item_knn_user",
            Self::ItemKnnWalk => "item_knn_walk",
            Self::Embedding => "embedding",
            Self::Slim => "slim",
            Self::Content => "content",
            Self::SessionKnn => "session_knn",
            Self::Als => "als",
            Self::Repeat => "repeat",
            Self::CategoryPopularity => "category_popularity",
            Self::Trending => "trending",
            Self::Popularity => "popularity",
        }
    }

    /// The source's column in a row of scores.
    #[must_use]
    pub fn column(self) -> usize {
        self as usize
    }
}
