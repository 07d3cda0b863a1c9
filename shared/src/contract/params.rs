//! The parameters of the engine: session rule, bounds, decays and blend weights.
//!
//! The batch chooses or fits them and writes them into the manifest; evaluation and service read them from there, so
//! that both follow the same rules.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use crate::contract::kind::Kinds;
use crate::contract::source::Source;

/// One weight per source; 0 turns a source off.
///
/// In files this is a map from names to weights. A source that a file does not name has weight 0, so that a file
/// written before the source existed keeps its meaning.
#[derive(Clone, Copy, PartialEq)]
pub struct Weights([f32; Source::COUNT]);

impl fmt::Debug for Weights {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(Source::ALL.map(|source| (source.as_str(), self.get(source)))).finish()
    }
}

impl Weights {
    /// All weights 0.
    pub const NONE: Self = Self([0.0; Source::COUNT]);

    /// Weight 1 for one source, 0 for the others.
    #[must_use]
    pub fn only(source: Source) -> Self {
        Self::NONE.with(source, 1.0)
    }

    /// The same weights but for that of one source.
    #[must_use]
    pub fn with(mut self, source: Source, weight: f32) -> Self {
        self.0[source.column()] = weight;
        self
    }

    /// The weight of a source.
    #[must_use]
    pub fn get(&self, source: Source) -> f32 {
        self.0[source.column()]
    }

    /// Mutable access to the weight of a source.
    pub fn get_mut(&mut self, source: Source) -> &mut f32 {
        &mut self.0[source.column()]
    }
}

impl Default for Weights {
    /// The blend to use before any weights are fitted.
    fn default() -> Self {
        Self(Source::ALL.map(Source::default_weight))
    }
}

impl Serialize for Weights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Older releases can read a version without profiles: it does not name the source.
        let named = |source: &Source| !source.is_profile() || self.get(*source) != 0.0;
        serializer.collect_map(Source::ALL.into_iter().filter(named).map(|source| (source, self.get(source))))
    }
}

impl<'de> Deserialize<'de> for Weights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByName;

        impl<'de> Visitor<'de> for ByName {
            type Value = Weights;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("weights by the names of sources")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Weights, A::Error> {
                let mut weights = Weights::NONE;
                while let Some((source, weight)) = map.next_entry::<Source, f32>()? {
                    *weights.get_mut(source) = weight;
                }
                Ok(weights)
            }
        }

        deserializer.deserialize_map(ByName)
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
    /// How many of the history's last distinct items are matched.
    pub history: usize,
    /// How many of the nearest past sessions propose candidates.
    pub neighbours: usize,
    /// A history item with `p` later distinct items has weight `exp(-p / position_decay)` in a match.
    pub position_decay: f32,
    /// A candidate `d` positions from the latest shared item has weight `exp(-d / distance_decay)`.
    pub distance_decay: f32,
    /// The weight of a candidate before the shared item, relative to one after it.
    pub before_weight: f32,
    /// The weight of the shared item itself as a candidate.
    pub own_weight: f32,
}

/// The loss that ALS factors and their fold-in minimise, see [`crate::engine::factors::penalty`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlsParams {
    /// w₀: the weight of every user-item pair; an observed pair adds the summed weights of its events.
    pub unobserved_weight: f32,
    /// λ: the L2 penalty.
    pub regularization: f32,
    /// ν: the exponent by which the penalty grows with the total weight of a row; 0: not at all.
    pub regularization_power: f32,
}

/// The parameters of the ranker: how many candidates it ranks, its model and its features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankerParams {
    /// How many of the blend's best candidates are ranked.
    pub candidates: usize,
    /// Whether the first trees choose what the others rank; absent where all trees rank all candidates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cascade: Option<Cascade>,
    /// The kind of model in its file.
    pub model: RankerModel,
    /// The names of the features, in the order in which its file numbers them.
    pub features: Vec<String>,
}

/// Two steps of ranking, see [`crate::engine::rank::cascade`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cascade {
    /// How many trees score all candidates.
    pub trees: usize,
    /// How many of them the other trees score too, at least 1.
    pub kept: usize,
}

/// A kind of ranker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RankerModel {
    /// Boosted oblivious trees of one depth, see [`crate::engine::rank::trees`].
    Trees {
        /// The number of splits of each tree.
        depth: usize,
    },
    /// A weighted sum of features, see [`crate::engine::rank::linear`].
    Linear,
}

/// All parameters of the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineParams {
    /// Where sessions end.
    pub session: SessionRule,
    /// The maximum length of the history: the engine sees only the user's last events.
    pub max_history: usize,
    /// The maximum number of candidates taken from each source.
    pub per_source: usize,
    /// A history item with `p` later distinct items has weight `exp(-p / position_decay)` in session windows.
    pub position_decay: f32,
    /// The weight of items of earlier sessions relative to those of the current one, 0 to 1.
    pub earlier_session_weight: f32,
    /// How past sessions are matched.
    pub session_knn: SessionKnnParams,
    /// The kinds of events, with their weights in the fold-in; releases that had three kinds wrote their weights alone.
    #[serde(alias = "kind_weights")]
    pub kinds: Kinds,
    /// The ALS fold-in.
    pub als: AlsParams,
    /// How wide the ANN index searches; at least the number of candidates taken.
    pub ann_ef_search: usize,
    /// The served blend.
    pub weights: Weights,
    /// The parameters of the ranker, if one was fitted.
    pub ranker: Option<RankerParams>,
}

/// The most of anything that parameters count: a request has to have room for it.
const MOST: usize = 1_000_000;
/// The largest decay: what lies six decays away is looked at.
const LARGEST_DECAY: f32 = 10_000.0;

impl EngineParams {
    /// Checks that the engine can work with them, whoever wrote them.
    ///
    /// # Errors
    /// The first parameter that is out of its range, and the range.
    pub fn check(&self) -> Result<(), String> {
        let Self { session_knn: sessions, als, .. } = self;
        let counts = [
            ("max_history", self.max_history),
            ("per_source", self.per_source),
            ("session_knn.history", sessions.history),
            ("session_knn.neighbours", sessions.neighbours),
            ("ann_ef_search", self.ann_ef_search),
            ("ranker.candidates", self.ranker.as_ref().map_or(0, |ranker| ranker.candidates)),
        ];
        let decays = [
            ("position_decay", self.position_decay),
            ("session_knn.position_decay", sessions.position_decay),
            ("session_knn.distance_decay", sessions.distance_decay),
        ];
        let numbers = [
            ("earlier_session_weight", self.earlier_session_weight),
            ("session_knn.before_weight", sessions.before_weight),
            ("session_knn.own_weight", sessions.own_weight),
            ("als.unobserved_weight", als.unobserved_weight),
            ("als.regularization", als.regularization),
            ("als.regularization_power", als.regularization_power),
        ];
        let weights = Source::ALL.map(|source| (source.as_str(), self.weights.get(source)));
        if let Some((name, count)) = counts.iter().find(|(_, count)| *count > MOST) {
            return Err(format!("`{name}` is {count}, and at most {MOST}"));
        }
        if let Some((name, decay)) = decays.iter().find(|(_, decay)| !(*decay > 0.0 && *decay <= LARGEST_DECAY)) {
            return Err(format!("`{name}` is {decay}, and must be above 0 and at most {LARGEST_DECAY}"));
        }
        match numbers.iter().chain(&weights).find(|(_, number)| !number.is_finite()) {
            Some((name, number)) => Err(format!("`{name}` is {number}, and must be a number")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Parameters of which only the session rule, a pause of 100 ms, matters.
    pub(crate) fn params() -> EngineParams {
        EngineParams {
            session: SessionRule::Gap(100),
            max_history: 100,
            per_source: 100,
            position_decay: 2.0,
            earlier_session_weight: 0.3,
            session_knn: SessionKnnParams {
                history: 20,
                neighbours: 500,
                position_decay: 2.6,
                distance_decay: 5.5,
                before_weight: 0.9,
                own_weight: 1.25,
            },
            kinds: Kinds::default(),
            als: AlsParams { unobserved_weight: 0.5, regularization: 1.5, regularization_power: 0.0 },
            ann_ef_search: 300,
            weights: Weights::NONE,
            ranker: None,
        }
    }

    #[test]
    fn parameters_with_the_weights_of_three_kinds_are_read_as_a_table_of_kinds() {
        let mut written = serde_json::to_value(params()).expect("writes");
        let fields = written.as_object_mut().expect("an object");
        assert!(fields.remove("kinds").is_some_and(|kinds| kinds.is_array()));
        fields.insert("kind_weights".to_owned(), serde_json::json!([1.0, 3.0, 5.0]));
        assert_eq!(serde_json::from_value::<EngineParams>(written).expect("reads"), params());
    }

    #[test]
    fn parameters_that_would_take_all_memory_are_refused_by_their_names() {
        assert_eq!(params().check(), Ok(()));
        let check = |change: fn(&mut EngineParams)| {
            let mut changed = params();
            change(&mut changed);
            changed.check().expect_err("out of range")
        };
        assert!(check(|params| params.per_source = usize::MAX).starts_with("`per_source` is 18446744073709551615"));
        // Six decays are looked at: 10^30 of them would be a list without an end.
        assert!(check(|params| params.session_knn.distance_decay = 1e30).starts_with("`session_knn.distance_decay`"));
        assert!(check(|params| params.position_decay = 0.0).starts_with("`position_decay` is 0"));
        assert!(check(|params| params.als.regularization = f32::INFINITY).contains("must be a number"));
    }

    #[test]
    fn weights_are_a_map_in_which_a_source_that_is_not_named_is_off() {
        let read: Weights = serde_json::from_str(r#"{"als": 0.5, "repeat": 0.25}"#).expect("reads");
        assert_eq!(read, Weights::NONE.with(Source::Als, 0.5).with(Source::Repeat, 0.25));
        let again: Weights = serde_json::from_value(serde_json::to_value(read).expect("writes")).expect("reads");
        assert_eq!(again, read);
        assert!(serde_json::from_str::<Weights>(r#"{"alz": 0.5}"#).is_err());
    }
}
