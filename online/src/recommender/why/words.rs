//! The words of reasons and of the parts of the engine.

use shared::contract::id::ItemId;
use shared::contract::why::{AbsentWhy, ItemWhy};
use shared::engine::why::{Part, Refused};

/// A reason, by its name in answers and in words.
pub fn of_refused(reason: Refused) -> (&'static str, &'static str) {
    match reason {
        Refused::Unavailable => ("unavailable", "not to be had now"),
        Refused::Blocked => ("blocked", "hidden by this person"),
        Refused::Seen => ("seen", "kept out by what this person did with it"),
        Refused::InBasket => ("in_basket", "in the basket"),
        Refused::OnPage => ("on_page", "on the page"),
        Refused::Excluded => ("excluded", "excluded, or served lately"),
        Refused::Filtered => ("filtered", "left out by the filter"),
        Refused::OtherCategory => ("other_category", "of another category"),
    }
}

/// What a part of the engine does.
pub fn of_part(part: Part) -> &'static str {
    match part {
        Part::Filter => "what may be shown",
        Part::Retrieve => "what the sources propose",
        Part::Blend => "the best by all sources together",
        Part::Rank => "the best by the ranker's first trees",
        Part::Order => "in the order of the whole ranker",
        Part::Together => "what is bought with the basket first",
        Part::Extend => "more of the sources, since the slate is short",
        Part::Rules => "the slate, after the rules",
    }
}

/// What is said of an item that the version does not know.
pub fn unknown(item: &ItemId) -> ItemWhy {
    let sentence = "the served model does not know it".to_owned();
    ItemWhy {
        item_id: item.as_str().to_owned(),
        name: None,
        sentence: format!("Not in the slate: {sentence}."),
        place: None,
        absent: Some(AbsentWhy { reason: "unknown".to_owned(), sentence }),
        sources: Vec::new(),
        blended: None,
        place_by_blend: None,
        ranker: None,
        place_by_ranker: None,
        place_before_rules: None,
        place_by_rules: None,
        because: None,
        rules: Vec::new(),
    }
}
