//! Sources and features in words that a shop keeper understands: the one table of them. A test finds what it lacks.

use crate::contract::source::Source;

/// What a source goes by.
#[must_use]
pub fn of_source(source: Source) -> &'static str {
    match source {
        Source::Cached => "what the last batch chose for this person",
        Source::ItemKnnSession => "what others looked at next",
        Source::ItemKnnUser => "what the same people take",
        Source::ItemKnnWalk => "what is one or two steps away in the visits of others",
        Source::Embedding => "what turns up beside the same things",
        Source::Slim => "what goes with all that was looked at together",
        Source::Content => "likeness of category, properties and name",
        Source::LooksLike => "likeness of look or text",
        Source::SessionKnn => "visits of others that are like this one",
        Source::Als => "this person's taste, by all that they did",
        Source::Repeat => "coming back to it",
        Source::CategoryPopularity => "popularity in the categories that were looked at",
        Source::Trending => "having become popular lately",
        Source::Popularity => "popularity with all",
        Source::Profile => "what people with a like profile take",
    }
}

/// The same in as few words as go beside an item.
#[must_use]
pub fn of_source_in_short(source: Source) -> &'static str {
    match source {
        Source::Cached => "chosen by the batch",
        Source::ItemKnnSession => "viewed next by others",
        Source::ItemKnnUser => "same customers",
        Source::ItemKnnWalk => "linked through sessions",
        Source::Embedding => "turns up beside",
        Source::Slim => "goes with the history",
        Source::Content => "similar item",
        Source::LooksLike => "looks similar",
        Source::SessionKnn => "similar sessions",
        Source::Als => "their taste",
        Source::Repeat => "seen before",
        Source::CategoryPopularity => "popular in the category",
        Source::Trending => "popular lately",
        Source::Popularity => "popular",
        Source::Profile => "similar people",
    }
}

/// What a feature of the ranker says; of one that is not in the table its name.
#[must_use]
pub fn of_feature(name: &str) -> String {
    known(name).unwrap_or_else(|| name.replace('_', " "))
}

fn known(name: &str) -> Option<String> {
    if let Some((_, words)) = FEATURES.iter().find(|(feature, _)| *feature == name) {
        return Some((*words).to_owned());
    }
    let of = |name: &str| Source::ALL.into_iter().find(|source| source.as_str() == name).map(of_source);
    let near = |relation: &str| Source::ALL.into_iter().find(|own| own.relation() == Some(relation)).map(of_source);
    for (prefix, words) in BEFORE_SOURCE {
        if let Some(source) = name.strip_prefix(prefix).and_then(of) {
            return Some(words.replace("{}", source));
        }
    }
    for (suffix, words) in AFTER_SOURCE {
        if let Some(source) = name.strip_suffix(suffix).and_then(of) {
            return Some(words.replace("{}", source));
        }
    }
    for (prefix, whose) in [("last_", "the item looked at last"), ("second_", "the item looked at before the last")] {
        for (suffix, words) in [
            ("_score", "how strongly it is proposed by {}, after"),
            ("_rank", "how many items are before it in {}, after"),
        ] {
            if let Some(source) = name.strip_prefix(prefix).and_then(|name| name.strip_suffix(suffix)).and_then(near) {
                return Some(format!("{} {whose}", words.replace("{}", source)));
            }
        }
    }
    let lift = name.strip_prefix("profile_lift_").map(|field| format!("how gladly people with this {field} take it"));
    lift.or_else(|| name.strip_prefix("profile_bin_").map(|field| format!("this person's {field}")))
}

const BEFORE_SOURCE: [(&str, &str); 3] = [
    ("strongest_", "how much the one item says for it that says most, by {}"),
    ("support_", "how many items speak for it, by {}"),
    ("ln_best_", "how strongly the best candidate is proposed by {}"),
];

const AFTER_SOURCE: [(&str, &str); 3] = [
    ("_share", "how strongly it is proposed by {}, beside the best candidate"),
    ("_rank", "how many candidates are before it by {}"),
    ("_ln_score", "how strongly it is proposed by {}"),
];

/// Features that have their own words.
const FEATURES: &[(&str, &str)] = &[
    ("nearest_share", "in how many of the visits like this one it was"),
    ("blend", "how strongly it is proposed by all sources together"),
    ("blend_rank", "how many candidates are before it by all sources together"),
    ("blend_of_best", "how strongly it is proposed by all sources together, beside the best candidate"),
    (
        "blend_of_best_new",
        "how strongly it is proposed by all sources together, beside the best that this person does not know",
    ),
    ("proposed_by", "how many sources propose it"),
    ("last_cosine", "it is to the same taste as the item looked at last"),
    ("second_cosine", "it is to the same taste as the item looked at before the last"),
    ("norm", "how marked the taste is that it is to"),
    ("own_last_place", "how lately this person came to it"),
    ("own_first_place", "since when this person knows it"),
    ("own_count", "how often this person came to it"),
    ("own_share", "how much of what this person did was with it"),
    ("own_session_count", "how often this person came to it on this visit"),
    ("own_distinct_place", "how many other items this person came to since"),
    ("own_kind", "how far this person went with it: looked, put into the cart, bought"),
    ("own_last_kind", "what this person did with it last"),
    ("own_after_last", "how often this person came to it from the item looked at last"),
    ("own_gap", "how much this person did between two times with it"),
    ("session_events", "how much this person did on this visit"),
    ("session_items", "how many items this person looked at on this visit"),
    ("session_repeats", "how much of this visit is coming back to things"),
    ("session_stays", "how much of this visit is staying with one item"),
    ("last_run", "for how long this person has stayed with the last item"),
    ("history_events", "how much is known of this person"),
    ("last_is_repeat", "this person came back to the last item"),
    ("user_cart_share", "how much of what this person does is putting into the cart"),
    ("user_purchase_share", "how much of what this person does is buying"),
    ("user_sessions", "how many visits of this person are known"),
    ("user_days", "since when this person is known"),
    ("user_days_since_last_session", "how long ago this person's last visit was"),
    ("repeat_chance", "how likely this person is to come back to something"),
    ("last_kind", "what this person did last: looked, put into the cart, bought"),
    ("last_events", "how popular the item looked at last is"),
    ("last_repeat_share", "how often people come back to the item looked at last"),
    ("last_stay_share", "how often people stay with the item looked at last"),
    ("last_exit_share", "how often a visit ends with the item looked at last"),
    ("candidates", "how many candidates there are"),
    ("best_new", "how strong the best candidate is that this person does not know"),
    ("hour", "the hour of the day"),
    ("weekday", "the day of the week"),
    ("popularity_of_last", "its popularity, beside the item looked at last"),
    ("events_of_last", "how much is done with it, beside the item looked at last"),
    ("category_of_last", "it is of the category of the item looked at last"),
    ("category_share", "how much of what this person looked at is of its category"),
    ("price", "its price"),
    ("price_of_last", "its price, beside the item looked at last"),
    ("price_of_history", "its price, beside what this person looked at"),
    ("profile_sum", "how strongly it is proposed by what people with a like profile take, by all that is known"),
    ("profile_share", "how strongly it is proposed by what people with a like profile take, beside the best candidate"),
    ("profile_rank", "how many candidates are before it by what people with a like profile take"),
    ("profile_ln_score", "how strongly it is proposed by what people with a like profile take"),
    ("item_events", "how much is done with it"),
    ("item_events_6h", "how much is done with it, in the last 6 hours"),
    ("item_events_1d", "how much is done with it, in the last day"),
    ("item_events_7d", "how much is done with it, in the last 7 days"),
    ("item_events_30d", "how much is done with it, in the last 30 days"),
    ("item_trend", "whether more is done with it than before"),
    ("item_carts", "how often it is put into the cart"),
    ("item_carts_7d", "how often it is put into the cart, in the last 7 days"),
    ("item_carts_30d", "how often it is put into the cart, in the last 30 days"),
    ("item_purchases", "how often it is bought"),
    ("item_purchases_7d", "how often it is bought, in the last 7 days"),
    ("item_purchases_30d", "how often it is bought, in the last 30 days"),
    ("item_cart_rate", "how many of those who look at it put it into the cart"),
    ("item_cart_rate_7d", "how many of those who look at it put it into the cart, in the last 7 days"),
    ("item_cart_rate_30d", "how many of those who look at it put it into the cart, in the last 30 days"),
    ("item_purchase_rate", "how many of those who look at it buy it"),
    ("item_purchase_rate_7d", "how many of those who look at it buy it, in the last 7 days"),
    ("item_purchase_rate_30d", "how many of those who look at it buy it, in the last 30 days"),
    ("item_age_days", "for how long it has been there"),
    ("item_idle_days", "how long ago somebody last came to it"),
    ("item_repeat_share", "how often people come back to it"),
    ("item_stay_share", "how often people stay with it"),
    ("item_exit_share", "how often a visit ends with it"),
    ("item_entry_share", "how often a visit begins with it"),
    ("item_category_events", "how much is done in its category"),
    ("item_category_cart_rate", "how much of what is looked at in its category is put into the cart"),
    ("item_category_purchase_rate", "how much of what is looked at in its category is bought"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::engine::rank::features::{self, profile};
    use crate::engine::tabular::schema::Field;
    use crate::tables::Statistics;

    #[test]
    fn every_feature_has_words_of_its_own() {
        let columns = FEATURES.iter().filter_map(|(name, _)| name.strip_prefix("item_"));
        let statistics: Statistics = columns.map(|name| (name.to_owned(), Vec::new().into())).collect();
        let age = r#"{"name":"age","type":"number","min":0,"max":99,"nullable":true,"nulls":0,"example":40}"#;
        let age: Field = serde_json::from_str(age).expect("a field");
        let mut names = features::names(&statistics, None);
        names.extend(profile::names(&[age]));
        let missing: Vec<&String> = names.iter().filter(|name| known(name).is_none()).collect();
        assert!(missing.is_empty(), "give them words in FEATURES: {missing:?}");
        let words: HashSet<String> = names.iter().filter_map(|name| known(name)).collect();
        assert_eq!(words.len(), names.len(), "two features have the same words");
        let gone: Vec<_> = FEATURES.iter().filter(|(name, _)| !names.iter().any(|known| known == name)).collect();
        assert!(gone.is_empty(), "no features: {gone:?}");
        assert_eq!(of_feature("item_returned_rate"), "item returned rate");
    }
}
