//! The JSON answer of `GET /recommendations/why`: why items are in a slate or not, and how the slate came about.

use serde::{Deserialize, Serialize};

use crate::contract::id::UserId;

/// The most items that one request may have explained.
pub const MAX_WHY: usize = 100;
/// The most items that an explanation lists of those that the user does not want.
pub const MAX_UNWANTED: usize = 100;

/// Why items are in a slate or not, and how the slate came about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Explanation {
    /// The user of the query.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub user_id: UserId,
    /// The version of the artifact that answered.
    pub model_version: String,
    /// The items that were asked for, in that order; those of the slate if none was named.
    pub items: Vec<ItemWhy>,
    /// The way of the slate.
    pub trail: Trail,
    /// What this person does not want to see, up to [`MAX_UNWANTED`] items.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unwanted: Vec<Unwanted>,
}

/// An item that an event of the user's keeps out of every slate of theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Unwanted {
    /// The item.
    pub item_id: String,
    /// Its name, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The kind of the event, such as `dislike`.
    pub event: String,
    /// The kind of event that takes it back, such as `like`, if the version has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_by: Option<String>,
}

/// Why an item is where it is. Places count from 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ItemWhy {
    /// The item.
    pub item_id: String,
    /// Its name, if the item table or the log has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The whole in words.
    pub sentence: String,
    /// Its place in the slate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<usize>,
    /// Why it is not in the slate, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent: Option<AbsentWhy>,
    /// What the sources say of it, what adds most to the blend first.
    pub sources: Vec<SourceWhy>,
    /// Its blended score: what the sources add.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blended: Option<f32>,
    /// Its place by the blend, before the ranker, among all candidates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place_by_blend: Option<usize>,
    /// What the ranker says of it, if it got there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranker: Option<RankerWhy>,
    /// Its place after the ranker; what the ranker did not get comes after what it ranked. This and the places that follow
    /// are told of the first 500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place_by_ranker: Option<usize>,
    /// Its place before the rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place_before_rules: Option<usize>,
    /// Its place after the rules, where nothing is explored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place_by_rules: Option<usize>,
    /// The item of the history or the basket that says most for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<Named>,
    /// What had a say in its place beside its score, in that order.
    pub rules: Vec<RuleWhy>,
}

/// An item with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Named {
    /// The item.
    pub item_id: String,
    /// Its name, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Why an item is not in a slate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AbsentWhy {
    /// `unknown`, `unavailable`, `blocked`, `seen`, `in_basket`, `on_page`, `excluded`, `filtered`, `other_category`,
    /// `not_proposed`, `below`, `held_back`, `buried` or `gave_way`.
    #[cfg_attr(feature = "openapi", schema(example = "seen"))]
    pub reason: String,
    /// The same with its particulars, in words.
    pub sentence: String,
}

/// What a source says of an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SourceWhy {
    /// The source.
    #[cfg_attr(feature = "openapi", schema(example = "item_knn_session"))]
    pub source: String,
    /// What it goes by, in words.
    pub words: String,
    /// Its own score.
    pub score: f32,
    /// Its weight in the blend.
    pub weight: f32,
    /// What it adds to the blended score: weight · score / its best score.
    pub adds: f32,
    /// That as a share of what all add, sizes counted: from -1 to 1.
    pub share: f32,
    /// Whether the item is among its best.
    pub proposed: bool,
}

/// What the ranker says of an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RankerWhy {
    /// Its score, as log-odds: the base and what the features add.
    pub score: f64,
    /// The score that the slate goes by: a probability, and no higher than that of the last item that all of the ranker
    /// scored.
    pub probability: f32,
    /// The mean score of the candidates that were ranked.
    pub base: f64,
    /// `all`: all of the ranker scored it; `first`: the first trees did, and left it behind.
    #[cfg_attr(feature = "openapi", schema(example = "all"))]
    pub trees: String,
    /// What the features add, the largest sizes first.
    pub contributions: Vec<FeatureWhy>,
}

/// What a feature adds to the score of the ranker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FeatureWhy {
    /// Its name.
    #[cfg_attr(feature = "openapi", schema(example = "price_of_last"))]
    pub feature: String,
    /// What it says, in words.
    pub words: String,
    /// Its value for the item, if that is not missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f32>,
    /// What it adds.
    pub log_odds: f64,
}

/// What a rule did to an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RuleWhy {
    /// `together`, `boost`, `decay`, `bury`, `max_per`, `pin` or `explore`.
    #[cfg_attr(feature = "openapi", schema(example = "boost"))]
    pub rule: String,
    /// What it did, in words.
    pub sentence: String,
}

/// The way of a slate: what goes into each part of the engine and what comes out, and how long it takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Trail {
    /// How many items of the catalogue may not be in the slate, by the reason; each is counted once.
    pub refused: Vec<RefusedItems>,
    /// What each source that has a weight proposed.
    pub sources: Vec<SourceStep>,
    /// The parts that the slate went through.
    pub steps: Vec<Step>,
    /// How many items the caps of the rules held back.
    pub held_back: usize,
}

/// How many items a reason refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RefusedItems {
    /// The reason, as in `absent`.
    pub reason: String,
    /// The same in words.
    pub words: String,
    /// How many items.
    pub items: usize,
}

/// What a source proposed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SourceStep {
    /// The source.
    pub source: String,
    /// What it goes by, in words.
    pub words: String,
    /// Its weight in the blend.
    pub weight: f32,
    /// How many candidates it proposed.
    pub items: usize,
    /// How long it took, in microseconds.
    pub micros: f64,
}

/// A part that a slate went through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Step {
    /// `filter`, `retrieve`, `blend`, `rank`, `order`, `together`, `extend` or `rules`.
    #[cfg_attr(feature = "openapi", schema(example = "rank"))]
    pub step: String,
    /// What it does, in words.
    pub words: String,
    /// How many items it got.
    pub items_in: usize,
    /// How many it left.
    pub items_out: usize,
    /// How long it took, in microseconds.
    pub micros: f64,
}
