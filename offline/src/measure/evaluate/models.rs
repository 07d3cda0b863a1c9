//! The models that an evaluation compares: the served one, the blend without the ranker, every source alone, and the
//! items with the most events of the last days.

use shared::contract::id::ItemIdx;
use shared::contract::params::Weights;
use shared::contract::source::Source;
use shared::engine::filter::Filter;
use shared::engine::recommend::{Placed, Query, Scratch, recommend, recommend_with};
use shared::engine::snapshot::Snapshot;

use super::cases::Case;
use super::{Setting, Task, Which};
use crate::log::ingest::Log;
use crate::sources::popularity;

/// The sources that are measured beside baskets: what is popular, and what knows pairs of items.
const BESIDE_BASKETS: [Source; 6] = [
    Source::Popularity,
    Source::ItemKnnSession,
    Source::ItemKnnUser,
    Source::ItemKnnWalk,
    Source::SessionKnn,
    Source::Slim,
];

/// The query of a case, with its basket as such.
fn with_basket(case: &Case<'_>, query: &Query) -> Query {
    Query { context: Vec::new(), basket: case.basket.clone(), ..query.clone() }
}

/// A model that answers a question with a slate.
pub enum Model {
    /// The served model.
    Served,
    /// The blend without the ranker, if there is a ranker.
    Blend,
    /// The served model where the basket is a page of several items, for what the table of what is bought together adds.
    Context,
    /// What is bought together alone.
    Together,
    /// One source.
    Alone(Source),
    /// The items with the most events of this many last days.
    Windowed(f64, Vec<ItemIdx>),
}

/// The models of a setting; the first is the served one.
pub fn models(snapshot: &Snapshot, train: &Log, setting: &Setting<'_>) -> Vec<Model> {
    if setting.which == Which::Served {
        return vec![Model::Served];
    }
    if setting.task == Task::Basket {
        return [Model::Served, Model::Context, Model::Together]
            .into_iter()
            .chain(BESIDE_BASKETS.map(Model::Alone))
            .collect();
    }
    let has_table = |source: &Source| !source.is_profile() || snapshot.profiles().is_some();
    let alone = Source::ALL.into_iter().filter(has_table).map(Model::Alone);
    let windowed = setting.windows_days.iter().map(|&days| Model::Windowed(days, popularity::windowed(train, days)));
    let blend = snapshot.ranker().map(|_| Model::Blend);
    [Model::Served].into_iter().chain(blend).chain(alone).chain(windowed).collect()
}

impl Model {
    /// The name in figures.
    pub fn name(&self) -> String {
        match self {
            Self::Served => "tandem".to_owned(),
            Self::Blend => "blend".to_owned(),
            Self::Context => "tandem_context".to_owned(),
            Self::Together => "together".to_owned(),
            Self::Alone(source) => source.as_str().to_owned(),
            Self::Windowed(days, _) if *days < 1.0 => format!("popularity_{}h", days * 24.0),
            Self::Windowed(days, _) => format!("popularity_{days}d"),
        }
    }

    /// The model's slate.
    pub fn slate(&self, snapshot: &Snapshot, case: &Case<'_>, query: &Query, scratch: &mut Scratch) -> Vec<ItemIdx> {
        let (state, now_ms) = (&case.state, case.now_ms);
        match self {
            Self::Served => {
                let slate = recommend(snapshot, state, &with_basket(case, query), now_ms, scratch);
                slate.picks.iter().map(|pick| pick.item).collect()
            }
            Self::Context => {
                let slate = recommend(snapshot, state, query, now_ms, scratch);
                slate.picks.iter().map(|pick| pick.item).collect()
            }
            Self::Together => {
                let slate = recommend(snapshot, state, &with_basket(case, query), now_ms, scratch);
                let together = slate.picks.iter().filter(|pick| pick.placed == Placed::Together);
                together.map(|pick| pick.item).collect()
            }
            Self::Blend => {
                let slate = recommend_with(snapshot, &snapshot.params().weights, state, query, now_ms, scratch);
                slate.picks.iter().map(|pick| pick.item).collect()
            }
            Self::Alone(source) => {
                let slate = recommend_with(snapshot, &Weights::only(*source), state, query, now_ms, scratch);
                // Without the popular items that only fill the slate.
                slate.picks.iter().filter(|pick| pick.sources.contains(*source)).map(|pick| pick.item).collect()
            }
            Self::Windowed(_, order) => {
                let mut filter = Filter::default();
                filter.set(snapshot, state, query, now_ms);
                order.iter().copied().filter(|&item| filter.admits(snapshot, item)).take(query.k).collect()
            }
        }
    }
}
