//! How an item was ranked: what proposed it, what the ranker made of it, what rules did, and where it was after each.

use maud::{Markup, html};
use shared::contract::why::{FeatureWhy, ItemWhy, RankerWhy, SourceWhy};

use super::plot::{Bar, bars};
use super::words::{number, whole};

/// So many contributions are shown, the largest; the rest is one more.
const MOST_CONTRIBUTIONS: usize = 8;

/// The explanation of an item.
#[must_use]
pub fn why(why: &ItemWhy) -> Markup {
    html! {
        div.why {
            p { strong { (whole(&why.sentence)) } }
            (places(why))
            @if !why.sources.is_empty() {
                h4 { "What proposed it, and how strongly" }
                (bars(&why.sources.iter().map(source).collect::<Vec<_>>()))
            }
            @if let Some(ranker) = &why.ranker { (contributions(ranker)) }
            @if !why.rules.is_empty() {
                h4 { "What rules did" }
                ul.plain { @for rule in &why.rules { li { (whole(&rule.sentence)) } } }
            }
        }
    }
}

/// Where it was after each step.
fn places(why: &ItemWhy) -> Markup {
    let places = [
        ("By the blend", why.place_by_blend),
        ("By the ranker", why.place_by_ranker),
        ("By the rules", why.place_by_rules),
        ("In the slate", why.place),
    ];
    html! {
        ol.places {
            @for (step, place) in places.into_iter().filter_map(|(step, place)| Some((step, place?))) {
                li { span { (step) } strong { (place) "." } }
            }
        }
    }
}

/// What a source adds: its score by its own measure, and its weight, are the answer's of `/recommendations/why`.
fn source(source: &SourceWhy) -> Bar {
    Bar { name: whole(&source.words), value: f64::from(source.adds), told: number(source.adds) }
}

/// What the features of the item add to its score, from what is usual for this question.
fn contributions(ranker: &RankerWhy) -> Markup {
    let (first, rest) = ranker.contributions.split_at(ranker.contributions.len().min(MOST_CONTRIBUTIONS));
    let mut all: Vec<Bar> = first.iter().map(feature).collect();
    if !rest.is_empty() {
        let sum: f64 = rest.iter().map(|one| one.log_odds).sum();
        all.push(Bar { name: format!("{} more", rest.len()), value: sum, told: signed(sum) });
    }
    html! {
        h4 { "What the ranker makes of it" }
        p.hint {
            "The chance that it is taken next: " (format!("{:.1} %", ranker.probability * 100.0)) ". In log-odds "
            (number(ranker.base as f32)) " for any candidate of this slate, and for this one besides:"
        }
        (bars(&all))
    }
}

fn feature(feature: &FeatureWhy) -> Bar {
    let value = feature.value.map_or(String::new(), |value| format!(" ({})", number(value)));
    Bar { name: format!("{}{value}", whole(&feature.words)), value: feature.log_odds, told: signed(feature.log_odds) }
}

fn signed(number: f64) -> String {
    format!("{number:+.2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_to_show_is_summed_up_so_that_nothing_is_missing() {
        let one = |at: u32| FeatureWhy {
            feature: format!("f{at}"),
            words: format!("feature {at}"),
            value: None,
            log_odds: -f64::from(at),
        };
        let ranker = RankerWhy {
            score: -55.0,
            probability: 0.0,
            base: 0.0,
            trees: "all".to_owned(),
            contributions: (1..=10).rev().map(one).collect(),
        };
        let html = contributions(&ranker).into_string();
        assert!(html.contains("feature 10") && html.contains("2 more") && html.contains("-3.00"), "{html}");
        assert!(!html.contains("feature 2<"), "{html}");
    }
}
