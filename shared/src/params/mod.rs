//! What the engine follows: session rule, bounds, decays and blend weights.
//!
//! The batch chooses or fits them and writes them into the manifest; evaluation and service read them from there, so
//! that both follow the same rules.

mod relation;
mod source;

use serde::{Deserialize, Serialize};

pub use relation::Relation;
pub use source::Source;

/// One weight per source; 0 turns a source off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Weights {
    /// Weight of [`Source::Cached`].
    pub cached: f32,
    /// Weight of [`Source::ItemKnnSession`].
    pub item_knn_session: f32,
    /// Weight of [`Source::ItemKnnUser`].
    pub item_knn_user: f32,
    /// Weight of [`Source::ItemKnnWalk`].
    pub item_knn_walk: f32,
    /// Weight of [`Source::Embedding`].
    pub embedding: f32,
    /// Weight of [`Source::Slim`].
    pub slim: f32,
    /// Weight of [`Source::Content`].
    pub content: f32,
    /// Weight of [`Source::SessionKnn`].
    pub session_knn: f32,
    /// Weight of [`Source::Als`].
    pub als: f32,
    /// Weight of [`Source::Repeat`].
    pub repeat: f32,
    /// Weight of [`Source::CategoryPopularity`].
    pub category_popularity: f32,
    /// Weight of [`Source::Trending`].
    pub trending: f32,
    /// Weight of [`Source::Popularity`].
    pub popularity: f32,
}

impl Weights {
    /// No source at all.
    pub const NONE: Self = Self {
        cached: 0.0,
        item_knn_session: 0.0,
        item_knn_user: 0.0,
        item_knn_walk: 0.0,
        embedding: 0.0,
        slim: 0.0,
        content: 0.0,
        session_knn: 0.0,
        als: 0.0,
        repeat: 0.0,
        category_popularity: 0.0,
        trending: 0.0,
        popularity: 0.0,
    };

    /// One source alone.
    #[must_use]
    pub fn only(source: Source) -> Self {
        let mut weights = Self::NONE;
        *weights.get_mut(source) = 1.0;
        weights
    }

    /// The weight of a source.
    #[must_use]
    pub fn get(&self, source: Source) -> f32 {
        match source {
            Source::Cached => self.cached,
            Source::ItemKnnSession => self.item_knn_session,
            Source::ItemKnnUser => self.item_knn_user,
            Source::ItemKnnWalk => self.item_knn_walk,
            Source::Embedding => self.embedding,
            Source::Slim => self.slim,
            Source::Content => self.content,
            Source::SessionKnn => self.session_knn,
            Source::Als => self.als,
            Source::Repeat => self.repeat,
            Source::CategoryPopularity => self.category_popularity,
            Source::Trending => self.trending,
            Source::Popularity => self.popularity,
        }
    }

    /// The weight of a source, to be set.
    pub fn get_mut(&mut self, source: Source) -> &mut f32 {
        match source {
            Source::Cached => &mut self.cached,
            Source::ItemKnnSession => &mut self.item_knn_session,
            Source::ItemKnnUser => &mut self.item_knn_user,
            Source::ItemKnnWalk => &mut self.item_knn_walk,
            Source::Embedding => &mut self.embedding,
            Source::Slim => &mut self.slim,
            Source::Content => &mut self.content,
            Source::SessionKnn => &mut self.session_knn,
            Source::Als => &mut self.als,
            Source::Repeat => &mut self.repeat,
            Source::CategoryPopularity => &mut self.category_popularity,
            Source::Trending => &mut self.trending,
            Source::Popularity => &mut self.popularity,
        }
    }
}

impl Default for Weights {
    /// A blend that does well before anything is fitted.
    fn default() -> Self {
        Self {
            cached: 0.5,
            item_knn_session: 1.0,
            item_knn_user: 0.3,
            item_knn_walk: 0.5,
            embedding: 0.2,
            slim: 0.3,
            content: 0.1,
            session_knn: 1.0,
            als: 0.2,
            repeat: 0.3,
            category_popularity: 0.05,
            trending: 0.05,
            popularity: 0.05,
        }
    }
}

/// Where one session of a user ends and the next begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionRule {
    /// After a pause of this many milliseconds.
    Gap(i64),
    /// Never: all events of a user are one session.
    User,
}

/// How `session_knn` matches past sessions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionKnnParams {
    /// The last distinct items of the history that are matched.
    pub history: usize,
    /// Past sessions that propose candidates.
    pub neighbours: usize,
    /// An item with `p` later ones counts `exp(-p / position_decay)` in a match.
    pub position_decay: f32,
    /// A candidate `d` places from the latest shared item counts `exp(-d / distance_decay)`.
    pub distance_decay: f32,
    /// What a candidate before the shared item counts, of one after it.
    pub before_weight: f32,
    /// What the shared item itself counts as a candidate.
    pub own_weight: f32,
}

/// The loss that ALS factors and their fold-in minimise, see [`crate::factors::penalty`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlsParams {
    /// The weight of a pair that was not observed; what is observed weighs the sum of its events on top.
    pub unobserved_weight: f32,
    /// λ: the L2 penalty.
    pub regularization: f32,
    /// ν: how the penalty grows with what a row weighs, 0 not at all.
    pub regularization_power: f32,
}

/// What the ranker ranks, and by what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankerParams {
    /// The best of the blend that are ranked.
    pub candidates: usize,
    /// What its file holds.
    pub model: RankerModel,
    /// The names of the features, in the order of their columns.
    pub features: Vec<String>,
}

/// A kind of ranker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RankerModel {
    /// Boosted oblivious trees with so many questions each, see [`crate::trees`].
    Trees {
        /// Questions a tree.
        depth: usize,
    },
    /// A weighted sum of features, see [`crate::linear`].
    Linear,
}

/// How the engine answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineParams {
    /// Where sessions end.
    pub session: SessionRule,
    /// The history the engine sees: the user's last events, at most so many.
    pub max_history: usize,
    /// Candidates taken from each source.
    pub per_source: usize,
    /// A history item `p` places before the last one counts `exp(-p / position_decay)` in session windows.
    pub position_decay: f32,
    /// Items of earlier sessions count so much of what those of the current one do, 0 to 1.
    pub earlier_session_weight: f32,
    /// How past sessions are matched.
    pub session_knn: SessionKnnParams,
    /// Candidate weight of a view, an addtocart and a transaction in the fold-in.
    pub kind_weights: [f32; 3],
    /// The ALS fold-in.
    pub als: AlsParams,
    /// How wide the ANN index searches; at least the number of candidates taken.
    pub ann_ef_search: usize,
    /// The served blend.
    pub weights: Weights,
    /// How the best of the blend are ranked, where a ranker was fitted.
    pub ranker: Option<RankerParams>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_has_its_own_column_and_weight() {
        for (column, source) in Source::ALL.into_iter().enumerate() {
            assert_eq!(source.column(), column);
            let only = Weights::only(source);
            let total: f32 = Source::ALL.iter().map(|&other| only.get(other)).sum();
            assert!((only.get(source) - total).abs() < f32::EPSILON);
        }
    }
}
