//! The tiny shop that targets ask, and the questions.

use std::sync::{Arc, LazyLock};

use shared::contract::api::Seen;
use shared::contract::artifact::Manifest;
use shared::engine::packed::unpack_user;
use shared::engine::recommend::{Query, Scratch, popular, recommend, similar};
use shared::engine::snapshot::Snapshot;
use shared::engine::state::{LiveHistory, UserState};
use shared::tables::{Tables, Values};

use super::scratch::golden;

/// A version with profiles and properties.
pub static SHOP: LazyLock<Arc<Snapshot>> = LazyLock::new(|| {
    let folder = golden("format_2_profiles");
    let manifest = Manifest::read(&folder).expect("a manifest");
    let mut tables = Tables::open(&folder, &manifest).expect("tables");
    let items = tables.items.id.len();
    let brands: Vec<Vec<Box<str>>> = (0..items).map(|item| vec![["Acme", "Bo", "Cy"][item % 3].into()]).collect();
    tables.properties = [
        ("brand".into(), Values::of_texts(&brands)),
        ("organic".into(), Values::Flags((0..items).map(|item| f64::from(item as u32 % 2)).collect())),
        ("rating".into(), Values::Numbers((0..items).map(|item| item as f64 / 2.0).collect())),
    ]
    .into_iter()
    .collect();
    Arc::new(Snapshot::new(manifest, tables).expect("fits"))
});

/// Asks a version all that the service asks one.
pub fn ask(snapshot: &Snapshot) {
    let now_ms = snapshot.manifest().last_event_ms;
    for (user, record) in snapshot.users().iter().take(4) {
        // As the service has it: a record that does not fit is no record.
        let record = unpack_user(record).ok().filter(|record| shared::engine::record::fits(record, snapshot));
        let state = UserState::join(snapshot, record.unwrap_or_default(), &LiveHistory::default());
        answer(snapshot, &state.with_profile(snapshot.profile_of(user)), &Query::of(4, Seen::ExcludePurchased), now_ms);
    }
    answer(snapshot, &UserState::default(), &Query::of(3, Seen::Allow), now_ms);
    let (page, category) = (snapshot.items().index("pen"), snapshot.items().category("paper"));
    let query = Query { context: page.into_iter().collect(), category, ..Query::of(500, Seen::ExcludeAll) };
    answer(snapshot, &UserState::default(), &query, now_ms);
    if let Some(item) = page {
        let _ = similar(snapshot, item, None, 5, now_ms, &mut Scratch::default());
    }
    let _ = popular(snapshot, category, None, 5, now_ms);
}

/// Asks for a slate, which has no item twice, none beyond the catalogue, and no more than were asked for.
pub fn answer(snapshot: &Snapshot, state: &UserState, query: &Query, now_ms: i64) {
    let slate = recommend(snapshot, state, query, now_ms, &mut Scratch::default());
    assert!(slate.picks.len() <= query.k);
    let mut items: Vec<usize> = slate.picks.iter().map(|pick| pick.item.at()).collect();
    items.sort_unstable();
    assert!(items.windows(2).all(|pair| pair[0] < pair[1]), "an item stands twice in a slate");
    assert!(items.last().is_none_or(|last| *last < snapshot.items().len()));
    for pick in &slate.picks {
        let _ = (snapshot.items().id(pick.item), snapshot.items().name(pick.item), snapshot.items().price(pick.item));
        assert!(query.category.is_none_or(|category| snapshot.items().is_of(pick.item, category)));
        assert!(query.only.as_ref().is_none_or(|only| only.contains(pick.item)));
    }
}
