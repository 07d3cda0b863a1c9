//! Why there is no slate or list, with the nearest of the names that there are.

use shared::contract::id::ItemId;
use shared::contract::kind::KindName;
use shared::contract::nearest::existing;
use shared::engine::profiles::RefusedValue;
use shared::engine::select::Unfit;

use crate::store::StoreError;

/// Why nothing can be recommended at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no recommender is published; `offline run` publishes one")]
pub struct NoRecommender;

/// Why there is no slate or list.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// See [`NoRecommender`].
    #[error(transparent)]
    NoRecommender(#[from] NoRecommender),
    /// See [`UnknownItem`].
    #[error(transparent)]
    UnknownItem(#[from] UnknownItem),
    /// See [`UnknownCategory`].
    #[error(transparent)]
    UnknownCategory(#[from] UnknownCategory),
    /// See [`UnknownScenario`].
    #[error(transparent)]
    UnknownScenario(#[from] UnknownScenario),
    /// See [`UnknownKind`].
    #[error(transparent)]
    UnknownKind(#[from] UnknownKind),
    /// See [`UnknownProperty`].
    #[error(transparent)]
    UnknownProperty(#[from] UnknownProperty),
    /// See [`UnknownCursor`].
    #[error(transparent)]
    UnknownCursor(#[from] UnknownCursor),
    /// See [`BadFilter`].
    #[error(transparent)]
    Filter(#[from] BadFilter),
    /// See [`BadProfile`].
    #[error(transparent)]
    Profile(#[from] BadProfile),
    /// The store does not answer, or the history can't be read and is being rebuilt.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The values of a profile that are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} values of the profile are refused", .0.len())]
pub struct BadProfile(pub Vec<RefusedValue>);

/// Why the served version can't be asked what a filter asks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{unfit}{}", match .nearest.is_empty() { true => String::new(), false => format!("; {}", existing(.nearest)) })]
pub struct BadFilter {
    /// What it asks.
    pub unfit: Unfit,
    /// Existing properties, the nearest names first, where one is unknown.
    pub nearest: Vec<String>,
}

/// Why a feed does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the slates of this feed are not remembered, or no longer: the user was served too many since, or too long ago, or \
     it is another user's; ask for the first page of a new one, cursor=start"
)]
pub struct UnknownCursor;

/// Why there is no list of similar items.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the served model does not know the item {:?}", .0.as_str())]
pub struct UnknownItem(pub ItemId);

/// Why there is no slate of a category.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the served model has no category {name:?}; {}", existing(.nearest))]
pub struct UnknownCategory {
    /// The requested name.
    pub name: String,
    /// Existing categories, the nearest names first.
    pub nearest: Vec<String>,
}

/// Why there are no rules for a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the service has no scenario {name:?}; {}", existing(.nearest))]
pub struct UnknownScenario {
    /// The requested name.
    pub name: String,
    /// Existing scenarios, the nearest names first.
    pub nearest: Vec<String>,
}

/// Why a query can't bound how many items have the same value of a property.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the served model has no property {name:?}; {}", existing(.nearest))]
pub struct UnknownProperty {
    /// The requested name.
    pub name: String,
    /// Existing properties, the nearest names first.
    pub nearest: Vec<String>,
}

/// Why a seen policy can't be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the served model has no kind of event `{name}`; {}", existing(.nearest))]
pub struct UnknownKind {
    /// The requested kind.
    pub name: KindName,
    /// Existing kinds, the nearest names first.
    pub nearest: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_category_comes_with_the_names_most_like_it() {
        let unknown = |nearest: &[&str]| {
            let nearest = nearest.iter().map(|name| (*name).to_owned()).collect();
            UnknownCategory { name: "x".to_owned(), nearest }.to_string()
        };
        assert_eq!(unknown(&["a", "b"]), r#"the served model has no category "x"; the nearest are "a", "b""#);
        assert_eq!(unknown(&[]), r#"the served model has no category "x"; it has none at all"#);
    }
}
