//! The query that all slates of a run answer, in the indices of one version.
//!
//! In: words, as the service's parameters of the same names have them. Out: the engine's query. What the version can't be
//! asked is an error, with the nearest names of what it has.

use std::sync::Arc;

use shared::contract::expression::Expression;
use shared::contract::id::ItemId;
use shared::contract::kind::KindName;
use shared::contract::nearest::{existing, nearest};
use shared::contract::seen::SeenPolicy;
use shared::engine::recommend::Query;
use shared::engine::seen::{SeenRule, unknown_kinds};
use shared::engine::select::{Unfit, check, names, select};
use shared::engine::snapshot::Snapshot;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The most items of a slate, 1 to 500.
    pub k: usize,
    /// Which items of a user's past may be recommended.
    pub seen: SeenPolicy,
    /// Only items that this holds for.
    pub filter: Option<Expression>,
    /// Only items of this category.
    pub category: Option<String>,
    /// Not these items; those that the version does not know need not be kept out.
    pub exclude: Vec<ItemId>,
}

/// Why a version can't be asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unasked {
    /// It can't evaluate the filter.
    #[error("--filter: {unfit}{}", match .nearest.is_empty() { true => String::new(), false => format!("; {}", existing(.nearest)) })]
    Filter {
        /// Why.
        unfit: Unfit,
        /// Properties with a similar name, where one is unknown.
        nearest: Vec<String>,
    },
    /// It has no such category.
    #[error("--category: the version has no category {name:?}; {}", existing(.nearest))]
    Category {
        /// The requested name.
        name: String,
        /// Categories with a similar name.
        nearest: Vec<String>,
    },
    /// It has no such kind of event.
    #[error("--seen: the version has no kind of event `{name}`; {}", existing(.nearest))]
    Kind {
        /// The requested kind.
        name: KindName,
        /// Kinds with a similar name.
        nearest: Vec<String>,
    },
}

/// The query in the indices of a version.
///
/// # Errors
/// [`Unasked`] where it names what the version does not have.
pub fn query(asked: &Asked, snapshot: &Snapshot) -> Result<Query, Unasked> {
    let (items, kinds) = (snapshot.items(), &snapshot.params().kinds);
    let category = asked.category.as_deref().map(|name| {
        let unknown = || Unasked::Category { name: name.to_owned(), nearest: nearest(name, items.categories()) };
        items.category(name).ok_or_else(unknown)
    });
    if let Some(name) = unknown_kinds(&asked.seen, kinds).next() {
        let all = kinds.iter().map(|(_, kind)| kind.name.as_str());
        return Err(Unasked::Kind { name: name.clone(), nearest: nearest(name.as_str(), all) });
    }
    let only = asked.filter.as_ref().map(|filter| {
        check(filter, snapshot).map_err(|unfit| {
            let nearest = match &unfit {
                Unfit::Unknown(name) => nearest(name, names(snapshot)),
                Unfit::Kind { .. } => Vec::new(),
            };
            Unasked::Filter { unfit, nearest }
        })?;
        Ok(Arc::new(select(filter, snapshot)))
    });
    Ok(Query {
        category: category.transpose()?,
        exclude: asked.exclude.iter().filter_map(|item| items.index(item.as_str())).collect(),
        seen: SeenRule::of(&asked.seen, kinds),
        only: only.transpose()?,
        ..Query::of(asked.k, shared::contract::seen::Seen::Allow)
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use shared::contract::seen::Seen;

    use super::*;

    fn asked() -> Asked {
        let seen = SeenPolicy::Word(Seen::ExcludePurchased);
        Asked { k: 3, seen, filter: None, category: None, exclude: Vec::new() }
    }

    fn snapshot() -> Snapshot {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/golden/format_2");
        Snapshot::load(&folder).expect("loads")
    }

    #[test]
    fn what_a_version_lacks_is_named_with_what_it_has() {
        let snapshot = snapshot();
        let said = |asked: Asked| query(&asked, &snapshot).expect_err("refused").to_string();
        let filter = Some(Expression::parse("prize < 3").expect("valid"));
        assert!(said(Asked { filter, ..asked() }).contains("no property `prize`; the nearest are \"price\""));
        let category = Some("nowhere".to_owned());
        assert!(
            said(Asked { category, ..asked() }).starts_with("--category: the version has no category \"nowhere\"; ")
        );
        let seen = "transactions:3".parse().expect("a policy");
        assert!(
            said(Asked { seen, ..asked() })
                .contains("no kind of event `transactions`; the nearest are \"transaction\"")
        );
    }

    #[test]
    fn unknown_items_need_not_be_excluded() {
        let snapshot = snapshot();
        let exclude = ["rope", "nowhere"].map(|id| ItemId::new(id).expect("valid")).to_vec();
        let made = query(&Asked { exclude, ..asked() }, &snapshot).expect("fits");
        assert_eq!(made.exclude, [snapshot.items().index("rope").expect("known")]);
        assert_eq!((made.k, made.seen), (3, SeenRule::Word(Seen::ExcludePurchased)));
    }
}
