//! Serialises slates, lists of items and histories as JSON directly from the snapshot, without copying ids and names.
//!
//! [`shared::contract::api`] has the owned types of the same shape for clients; a test reads an answer with them.

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};
use shared::contract::id::{ItemId, UserId};
use shared::contract::source::SourceSet;
use shared::engine::recommend::{Pick, Placed};
use shared::engine::snapshot::Snapshot;
use shared::engine::state::{Interaction, LiveEvent};

/// [`shared::contract::api::Recommendations`], borrowed.
#[derive(Serialize)]
pub struct SlateBody<'a> {
    /// The user of the query.
    pub user_id: &'a UserId,
    /// Identifies the answer.
    pub recommendation_id: &'a str,
    /// The version of the artifact that answered.
    pub model_version: &'a str,
    /// Best first.
    pub items: Items<'a>,
    /// The history that was used, with `explain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<Used<'a>>,
}

/// [`shared::contract::api::ItemList`], borrowed.
#[derive(Serialize)]
pub struct ListBody<'a> {
    /// The version of the artifact that answered.
    pub model_version: &'a str,
    /// Best first.
    pub items: Items<'a>,
}

/// Picks with their names.
pub struct Items<'a> {
    /// The snapshot whose indices the picks have.
    pub snapshot: &'a Snapshot,
    /// Best first.
    pub picks: &'a [Pick],
    /// Items that the snapshot does not know; they come last, with a score of 0.
    pub unknown: &'a [ItemId],
}

#[derive(Serialize)]
struct ItemBody<'a> {
    item_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    score: f32,
    sources: Sources,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    propensity: Option<f32>,
}

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let items = self.snapshot.items();
        let known = self.picks.iter().map(|pick| ItemBody {
            item_id: items.id(pick.item),
            name: items.name(pick.item),
            score: pick.score,
            sources: Sources(pick.sources, pick.placed),
            because: pick.because.map(|item| items.id(item)),
            propensity: pick.propensity,
        });
        // No score is higher than the one before.
        let score = self.picks.last().map_or(0.0, |last| last.score.min(0.0));
        let unknown = self.unknown.iter().map(|item| ItemBody {
            item_id: item.as_str(),
            name: None,
            score,
            sources: Sources(SourceSet::default(), Placed::Ranked),
            because: None,
            propensity: None,
        });
        serializer.collect_seq(known.chain(unknown))
    }
}

/// Sources, and the rule that gave the item its place.
struct Sources(SourceSet, Placed);

impl Serialize for Sources {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sources = serializer.serialize_seq(None)?;
        for source in self.0.iter() {
            sources.serialize_element(source.as_str())?;
        }
        match self.1 {
            Placed::Ranked => {}
            Placed::Pinned => sources.serialize_element("pin")?,
            Placed::Explored => sources.serialize_element("explore")?,
        }
        sources.end()
    }
}

/// The history that was used, with external ids.
pub struct Used<'a> {
    /// The snapshot whose indices the events have.
    pub snapshot: &'a Snapshot,
    /// Oldest first.
    pub history: &'a [Interaction],
}

#[derive(Serialize)]
struct EventBody<'a> {
    item_id: &'a str,
    event: &'a str,
    timestamp: i64,
}

impl Serialize for Used<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (items, kinds) = (self.snapshot.items(), &self.snapshot.params().kinds);
        serializer.collect_seq(self.history.iter().map(|event| EventBody {
            item_id: items.id(event.item),
            event: kinds.get(event.kind).name.as_str(),
            timestamp: event.timestamp_ms,
        }))
    }
}

/// [`shared::contract::api::UserHistory`], borrowed.
#[derive(Serialize)]
pub struct HistoryBody<'a> {
    /// The user.
    pub user_id: &'a UserId,
    /// Oldest first.
    pub events: Live<'a>,
}

/// Events of a live history.
pub struct Live<'a>(pub &'a [&'a LiveEvent]);

impl Serialize for Live<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|event| EventBody {
            item_id: event.item.as_str(),
            event: event.kind.as_str(),
            timestamp: event.timestamp_ms,
        }))
    }
}
