//! A slate on its way to the log: what the request has of it, and the line that it becomes.

use std::borrow::Cow;
use std::sync::Arc;

use shared::contract::id::{ItemId, UserId};
use shared::contract::slate_log::{LoggedItem, LoggedSlate, Role};
use shared::engine::slate::{Pick, Placed};
use shared::engine::snapshot::Snapshot;
use uuid::Uuid;

/// A slate that was served, or that would have been.
pub struct Served {
    /// Identifies the answer.
    pub id: Uuid,
    /// What it was for.
    pub role: Role,
    /// The user of the query.
    pub user: UserId,
    /// The scenario of the query, if it named one.
    pub scenario: Option<String>,
    /// The item whose page the user is on, if the query named one.
    pub page: Option<ItemId>,
    /// The category of the query, if it named one.
    pub category: Option<String>,
    /// Whether it was made without the user's state, or without the engine's time.
    pub fallback: bool,
    /// When it was answered, milliseconds since the epoch.
    pub at_ms: i64,
    /// The snapshot whose indices the picks have.
    pub snapshot: Arc<Snapshot>,
    /// Best first.
    pub picks: Vec<Pick>,
}

impl Served {
    /// The slate with the names of what it has.
    #[must_use]
    pub fn named(self) -> LoggedSlate {
        let Self { id, role, user, scenario, page, category, fallback, at_ms, snapshot, picks } = self;
        let items = snapshot.items();
        let named = |pick: &Pick| {
            // A version has no other ids.
            let item = ItemId::new(items.id(pick.item)).ok()?;
            Some(LoggedItem { item, score: pick.score, sources: sources(pick), propensity: pick.propensity })
        };
        LoggedSlate {
            recommendation_id: id.hyphenated().to_string().into(),
            role,
            timestamp_ms: at_ms,
            user,
            version: snapshot.manifest().version.as_str().into(),
            scenario: scenario.map(Into::into),
            page,
            category: category.map(Into::into),
            fallback,
            items: picks.iter().filter_map(named).collect(),
        }
    }
}

/// The sources that proposed an item, and the rule that gave it its place, as answers have them.
fn sources(pick: &Pick) -> Vec<Cow<'static, str>> {
    let rule = match pick.placed {
        Placed::Ranked => None,
        Placed::Pinned => Some("pin"),
        Placed::Explored => Some("explore"),
        Placed::Together => Some("together"),
    };
    pick.sources.iter().map(|source| source.as_str()).chain(rule).map(Cow::Borrowed).collect()
}
