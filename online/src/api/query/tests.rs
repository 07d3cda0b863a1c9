use shared::contract::api::{Seen, SeenPolicy};
use shared::contract::id::{ItemId, UserId};

use super::*;

fn asked(text: &str) -> Result<CheckedQuery, ApiError> {
    recommendations(Some(text)).and_then(|query| check(query, Clock::Service))
}

fn wrong(error: ApiError) -> (String, String) {
    match error {
        ApiError::Invalid { field, detail } => (field.expect("a field"), detail),
        other => panic!("{other:?}"),
    }
}

fn excluded(text: &str) -> Vec<String> {
    let query = asked(&format!("user_id=u&{text}")).expect("valid");
    query.exclude.iter().map(|item| item.as_str().to_owned()).collect()
}

#[test]
fn every_parameter_is_read() {
    let text = "user_id=u%20%C3%A4&k=7&item_id=i&category=a+b&exclude=x,,y&seen=allow&explain=true&now=9";
    let query = recommendations(Some(text)).and_then(|query| check(query, Clock::Replay)).expect("valid");
    assert_eq!((query.user_id.as_str(), query.k, query.now), ("u ä", 7, Some(9)));
    assert_eq!(query.category.as_deref(), Some("a b"));
    assert_eq!(query.item_id.as_ref().map(ItemId::as_str), Some("i"));
    assert!(query.explain && query.seen == Some(SeenPolicy::Word(Seen::Allow)));
}

#[test]
fn a_session_is_a_user_of_its_own() {
    let query = asked("session_id=52.0").expect("valid");
    assert_eq!(query.user_id.as_str(), "session:52");
    assert_eq!(asked("user_id=session:52").expect("valid").user_id, query.user_id);
}

#[test]
fn excluded_items_are_separated_by_commas_or_repeated() {
    for text in ["exclude=x,y", "exclude=x%2Cy", "exclude=x%2cy", "exclude=x&exclude=y", "exclude=,x,&k=3&exclude=y"] {
        assert_eq!(excluded(text), ["x", "y"], "{text}");
    }
    assert!(excluded("exclude=").is_empty());
    assert_eq!(excluded(&format!("exclude={}", "x,".repeat(500))).len(), 500);
}

#[test]
fn further_items_of_the_page_are_separated_by_commas_or_repeated() {
    for text in ["item_ids=x,y&item_id=z", "item_id=z&item_ids=x%2Cy", "item_ids=x&item_id=z&item_ids=y,"] {
        let query = asked(&format!("user_id=u&{text}")).expect("valid");
        let ids: Vec<&str> = query.item_ids.iter().chain(&query.item_id).map(ItemId::as_str).collect();
        assert_eq!(ids, ["x", "y", "z"], "{text}");
    }
}

#[test]
fn a_list_to_rank_has_a_user_and_up_to_a_thousand_items() {
    let list = |items: usize| RankQuery {
        user_id: UserId::new("u").ok(),
        items: (0..items).map(|item| ItemId::new(format!("i{item}")).expect("an id")).collect(),
        ..RankQuery::default()
    };
    for items in [0, 1001] {
        assert_eq!(wrong(check_rank(list(items), Clock::Service).expect_err("a wrong length")).0, "items");
    }
    let checked = check_rank(list(1000), Clock::Service).expect("valid");
    assert_eq!((checked.k, checked.list.map(|list| list.len())), (1000, Some(1000)));
    let field = |query| wrong(check_rank(query, Clock::Service).expect_err("refused")).0;
    assert_eq!(field(RankQuery { user_id: None, ..list(1) }), "user_id");
    assert_eq!(field(RankQuery { now: Some(1), ..list(1) }), "now");
}

#[test]
fn a_wrong_parameter_is_named() {
    let field = |text: &str| wrong(asked(text).expect_err(text)).0;
    for k in ["0", "501", "abc", "-1", "", "1.5", "99999999999999999999"] {
        assert_eq!(field(&format!("user_id=u&k={k}")), "k");
    }
    assert_eq!(field(""), "user_id");
    assert_eq!(field("user_id="), "user_id");
    assert_eq!(field("session_id="), "session_id");
    assert_eq!(field("session_id=S&user_id=u"), "session_id");
    assert_eq!(field("user_id=%ff"), "user_id");
    assert_eq!(field("user_id=%f"), "user_id");
    assert_eq!(field("user_id=%f%20"), "user_id");
    assert_eq!(field("user_id=u&user_id=v"), "user_id");
    assert_eq!(field("user_id=u&colour=red"), "colour");
    assert_eq!(field("user_id=u&seen=some"), "seen");
    assert_eq!(field("user_id=u&seen=transaction:x"), "seen");
    assert_eq!(field("user_id=u&seen=allow&seen=allow"), "seen");
    assert_eq!(field("user_id=u&served=never"), "served");
    assert_eq!(field("user_id=u&served="), "served");
    assert_eq!(field("user_id=u&cursor="), "cursor");
    assert_eq!(field("user_id=u&cursor=2"), "cursor");
    assert_eq!(field("user_id=u&explain=yes"), "explain");
    assert_eq!(field("user_id=u&explain="), "explain");
    assert_eq!(field("user_id=u&now=1"), "now");
    assert_eq!(field("user_id=u&now="), "now");
    assert_eq!(field("user_id=u&item_id="), "item_id");
    assert_eq!(field("user_id=u&category="), "category");
    assert_eq!(field("user_id=u&filter="), "filter");
    assert_eq!(field("user_id=u&filter=price+%3C"), "filter");
    assert_eq!(field("user_id=u&exclude=a,%00"), "exclude");
    assert_eq!(field("user_id=u&item_ids=a,%00"), "item_ids");
    assert_eq!(field("%ff=1&user_id=u"), "query");
}

#[test]
fn a_refusal_says_what_would_be_right() {
    let detail = |text: &str| wrong(asked(text).expect_err(text)).1;
    assert_eq!(detail("user_id=u&k=0"), "invalid value: integer `0`, expected an integer from 1 to 500");
    assert_eq!(detail("user_id=u&k=x"), "invalid value: string \"x\", expected an integer from 1 to 500");
    assert!(detail("user_id=u&colour=red").contains("expected one of `user_id`, `session_id`, `k`"));
    assert!(detail("user_id=u&seen=some").contains("`exclude_purchased`"));
    assert_eq!(detail("k=3&user_id=u&k=4"), "the parameter is given more than once");
    assert!(detail(&format!("user_id=u&exclude=a,{}", "x".repeat(300))).contains("255 bytes"));
}

#[test]
fn url_and_body_add_up_and_must_not_differ() {
    let url = |text: &str| recommendations(Some(text)).expect("valid");
    let both = merge(url("user_id=u&k=5"), url("k=5&seen=allow")).expect("they agree");
    assert_eq!(both, url("user_id=u&k=5&seen=allow"));
    for pair in [
        ["user_id=u", "user_id=v"],
        ["session_id=u", "session_id=v"],
        ["k=5", "k=10"],
        ["item_id=a", "item_id=b"],
        ["item_ids=a,b", "item_ids=b,a"],
        ["basket=a", "basket=a,b"],
        ["category=a", "category=b"],
        ["filter=price", "filter=brand"],
        ["scenario=a", "scenario=b"],
        ["exclude=a", "exclude=a,b"],
        ["seen=allow", "seen=exclude_all"],
        ["seen=transaction:30", "seen=transaction:3"],
        ["served=skip", "served=decay"],
        ["cursor=start", "cursor=a"],
        ["explain=true", "explain=false"],
        ["now=1", "now=2"],
    ] {
        let [one, other] = pair.map(url);
        let field = pair[0].split('=').next();
        assert_eq!(Some(wrong(merge(one, other).expect_err("they differ")).0.as_str()), field);
    }
}
