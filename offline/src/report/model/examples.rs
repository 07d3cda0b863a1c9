//! Slates of some users of different kinds, beside their histories: what the version would show them now, and why.
//!
//! Users are told of by what they did alone: a page is passed on, and outlives the erasure of a user.

use serde::Serialize;
use shared::contract::api::Seen;
use shared::contract::id::ItemIdx;
use shared::contract::source::Source;
use shared::engine::packed::unpack_user;
use shared::engine::recommend::{Personal, Pick, Query, Scratch, recommend};
use shared::engine::snapshot::Snapshot;
use shared::engine::state::{Interaction, LiveHistory, UserState};

use crate::log::ingest::Log;

/// How many events of a history and items of a slate are shown.
const SHOWN: usize = 8;
/// Users with fewer events have no habits yet.
const SOME: usize = 5;

/// A user's history and slate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Example {
    /// What kind of user it is.
    pub who: &'static str,
    /// How many events they have.
    pub events: usize,
    /// Their last events, the last first.
    pub history: Vec<Past>,
    /// What they would be shown, best first.
    pub slate: Vec<Offer>,
    /// Whether their past shaped it.
    pub personal: bool,
}

/// An event of a history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Past {
    /// The item.
    pub item: Item,
    /// What the user did.
    pub kind: String,
    /// How long ago that was, in milliseconds.
    pub ago_ms: i64,
}

/// An item of a slate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Offer {
    /// The item.
    pub item: Item,
    /// Its score.
    pub score: f32,
    /// The sources that proposed it, those with the largest weight first.
    pub sources: Vec<&'static str>,
    /// The item of the history that speaks for it most.
    pub because: Option<Item>,
    /// Whether the user had it before.
    pub again: bool,
}

/// An item as it is told of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item {
    /// Its id.
    pub id: String,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its first category, if it has one.
    pub category: Option<String>,
    /// Its price, if it has one.
    pub price: Option<f32>,
}

impl Item {
    /// What it is called.
    #[must_use]
    pub fn called(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }

    fn of(version: &Snapshot, item: ItemIdx) -> Self {
        let (items, price) = (version.items(), version.items().price(item));
        let category = items.first_category(item);
        Self {
            id: items.id(item).to_owned(),
            name: items.name(item).map(str::to_owned),
            category: category.map(|row| items.table().category_name.get(row.0 as usize).to_owned()),
            price: (!price.is_nan()).then_some(price),
        }
    }
}

/// The examples of a version: users of the log of whom it has a record, and somebody of whom nothing is known.
#[must_use]
pub fn examples(log: &Log, version: &Snapshot) -> Vec<Example> {
    let (now_ms, mut scratch) = (log.now_ms(), Scratch::default());
    let mut examples: Vec<Example> = Vec::new();
    for (who, user) in chosen(log, version) {
        let Some(record) = version.users().record(&log.users[user.row]).and_then(|bytes| unpack_user(bytes).ok())
        else {
            continue;
        };
        let profile = version.profile_of(&log.users[user.row]);
        let state = UserState::join(version, record, &LiveHistory::default()).with_profile(profile);
        examples.push(example(version, who, user.events, &state, now_ms, &mut scratch));
    }
    let nobody = "somebody of whom nothing is known";
    examples.push(example(version, nobody, 0, &UserState::default(), now_ms, &mut scratch));
    examples
}

fn example(
    version: &Snapshot,
    who: &'static str,
    events: usize,
    state: &UserState,
    now_ms: i64,
    scratch: &mut Scratch,
) -> Example {
    let slate = recommend(version, state, &Query::of(SHOWN, Seen::ExcludePurchased), now_ms, scratch);
    let past = |event: &Interaction| Past {
        item: Item::of(version, event.item),
        kind: version.params().kinds.get(event.kind).name.as_str().to_owned(),
        ago_ms: now_ms.saturating_sub(event.timestamp_ms).max(0),
    };
    let offer = |pick: &Pick| Offer {
        item: Item::of(version, pick.item),
        score: pick.score,
        sources: by_weight(version, pick),
        because: pick.because.filter(|from| *from != pick.item).map(|from| Item::of(version, from)),
        again: state.history.iter().any(|event| event.item == pick.item),
    };
    Example {
        who,
        events,
        history: state.history.iter().rev().take(SHOWN).map(past).collect(),
        slate: slate.picks.iter().map(offer).collect(),
        personal: slate.personal == Personal::Yes,
    }
}

/// The sources that proposed an item, those with the largest weight in the blend first.
fn by_weight(version: &Snapshot, pick: &Pick) -> Vec<&'static str> {
    let weights = &version.params().weights;
    let mut sources: Vec<Source> = pick.sources.iter().collect();
    sources.sort_by(|a, b| weights.get(*b).total_cmp(&weights.get(*a)));
    sources.into_iter().map(Source::as_str).collect()
}

/// A user of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Chosen {
    row: usize,
    events: usize,
}

/// Users of different kinds, of whom the version has a record, each once.
fn chosen(log: &Log, version: &Snapshot) -> Vec<(&'static str, Chosen)> {
    let (mut counts, mut last, mut buyer) = (vec![0; log.users.len()], vec![0; log.users.len()], None);
    let is_known = |row: usize| version.users().record(&log.users[row]).is_some();
    for (at, event) in log.events.iter().enumerate() {
        counts[event.user.at()] += 1;
        last[event.user.at()] = at;
    }
    for event in log.events.iter().rev().filter(|event| log.kinds.buys(event.kind)) {
        if buyer.is_none() && counts[event.user.at()] >= SOME && is_known(event.user.at()) {
            buyer = Some(event.user.at());
        }
    }
    let mut order: Vec<usize> = (0..log.users.len()).filter(|&row| counts[row] > 0 && is_known(row)).collect();
    order.sort_by_key(|&row| (counts[row], row));
    let with_habits = &order[order.partition_point(|&row| counts[row] < SOME)..];
    let at = |part: &[usize], share: f64| part.get((part.len() as f64 * share) as usize).copied();
    let light = order.iter().copied().filter(|&row| counts[row] == 1).max_by_key(|&row| last[row]);
    let wanted = [
        ("one of the busiest users", at(&order, 0.995)),
        ("somebody in the middle of those with five events or more", at(with_habits, 0.5)),
        ("the last one who bought something", buyer),
        ("the last one with a single event", light),
    ];
    let mut found: Vec<(&'static str, Chosen)> = Vec::new();
    for (who, row) in wanted {
        if let Some(row) = row.filter(|row| found.iter().all(|(_, other)| other.row != *row)) {
            found.push((who, Chosen { row, events: counts[row] }));
        }
    }
    found
}
