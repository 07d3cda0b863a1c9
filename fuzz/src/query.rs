//! Query strings and bodies of requests for recommendations and lists: the URL's up to the first line end, then the body.

use std::sync::Arc;

use online::api::query::{self, Clock, PopularQuery, SimilarQuery};
use online::api::recommendations::of_url_and_body;
use online::recommender::CheckedQuery;
use shared::contract::api::Seen;
use shared::engine::recommend::Query;
use shared::engine::seen::SeenRule;
use shared::engine::select::{check, select};
use shared::engine::state::UserState;

use super::shop::{SHOP, answer};
use super::texts;

pub fn run(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (url, body) = (&bytes[..end], bytes.get(end + 1..).unwrap_or_default());
    let Ok(url) = std::str::from_utf8(url) else { return };
    if let Ok(query) = query::read::<SimilarQuery>(Some(url)) {
        let _ = query::filter(query.filter);
    }
    if let Ok(query) = query::read::<PopularQuery>(Some(url)) {
        let _ = (query::filter(query.filter), query::category(query.category));
    }
    if let Ok(query) = of_url_and_body(Some(url), body).and_then(|query| query::check(query, Clock::Replay)) {
        ask(query);
    }
}

/// Asks the engine as the service does.
fn ask(query: CheckedQuery) {
    let items = SHOP.items();
    let category = query.category.as_deref().map(|name| items.category(name));
    let profile = query.profile.as_ref().map(|profile| SHOP.profiles().expect("profiles").read(&profile.0));
    let filter = query.filter.as_ref().map(|filter| check(filter, &SHOP).map(|()| Arc::new(select(filter, &SHOP))));
    let (Ok(only), Ok(profile)) = (filter.transpose(), profile.transpose()) else { return };
    if category == Some(None) {
        return;
    }
    let state = UserState::default().with_profile(profile.or_else(|| SHOP.profile_of(query.user_id.as_str())));
    let kinds = &SHOP.params().kinds;
    let asked = Query {
        context: query.item_ids.iter().chain(&query.item_id).filter_map(|item| items.index(item.as_str())).collect(),
        category: category.flatten(),
        exclude: query.exclude.iter().filter_map(|item| items.index(item.as_str())).collect(),
        seen: query.seen.as_ref().map_or(SeenRule::Word(Seen::Allow), |policy| SeenRule::of(policy, kinds)),
        only,
        ..Query::of(query.k, Seen::Allow)
    };
    answer(&SHOP, &state, &asked, query.now.unwrap_or(SHOP.manifest().last_event_ms));
}

pub fn seeds() -> Vec<Vec<u8>> {
    texts([
        "user_id=u%20%C3%A4&k=7&item_id=pen&category=paper&exclude=ink,,rope&seen=allow&explain=true&now=9",
        "user_id=u1&filter=price+%3C+50+and+brand+in+%28%22Acme%22%29&k=500&seen=exclude_all",
        "k=3&category=paper&filter=organic",
        "k=3\n{\"user_id\":7.0,\"exclude\":[\"pen\",8],\"profile\":{\"age\":33,\"segment\":\"a\"},\"now\":\"5\"}",
        "\n{\"user_id\":\"u\",\"item_id\":\"ink\",\"seen\":\"exclude_purchased\",\"k\":\"4\",\"profile\":{\"age\":null}}",
    ])
}
