//! Features of a candidate paired with each of the history's last two distinct items: its score and rank in their
//! neighbour lists, and the cosine of ALS factors. A source without a weight leaves its features missing.

use super::{Columns, Group, Shortlist, column, fill_each, group};
use crate::contract::id::ItemIdx;
use crate::contract::source::{Kind, Source};
use crate::engine::ann::codes::QueryCodes;

/// The history's last distinct items, each of which is paired with every candidate.
const PLACES: [&str; 2] = ["last", "second"];

pub fn features() -> Vec<Group> {
    let neighbours = PLACES.into_iter().enumerate().flat_map(|(place, name)| {
        Source::NEIGHBOURS.iter().filter_map(move |&source| Some((place, name, source, source.relation()?)))
    });
    let of_pair = neighbours.map(|(place, name, source, relation)| {
        group(["score", "rank"].map(|of| format!("{name}_{relation}_{of}")), move |shortlist, columns| {
            neighbourhood(shortlist, place, source, columns);
        })
    });
    let cosines = PLACES.into_iter().enumerate().map(|(place, name)| cosine(place, name));
    of_pair.chain(cosines).chain([norm()]).collect()
}

/// A candidate's score in the neighbour list of a history item, 0 if it is not in the list, and its rank there.
fn neighbourhood(shortlist: &Shortlist<'_>, place: usize, source: Source, columns: &mut Columns<'_>) {
    let snapshot = shortlist.question.snapshot;
    let own = shortlist.question.recent.get(place).filter(|_| snapshot.params().weights.get(source) > 0.0);
    let (Some(own), Some(neighbours)) = (own, snapshot.neighbours(source)) else { return };
    columns.column(0).fill(0.0);
    for (at, (item, value)) in (1u16..).zip(neighbours.of(own.item)) {
        if let Some(place) = columns.places.position(item) {
            columns.column(0)[place] = value;
            columns.column(1)[place] = f32::from(at);
        }
    }
}

/// Whether a source with item factors has a weight.
fn asks_factors(shortlist: &Shortlist<'_>) -> bool {
    let weights = &shortlist.question.snapshot.params().weights;
    Source::ALL.into_iter().any(|source| source.kind() == Kind::Factors && weights.get(source) > 0.0)
}

/// The cosine of the factors of a candidate and of an item of the history.
fn cosine(place: usize, name: &str) -> Group {
    column(format!("{name}_cosine"), move |shortlist, column| {
        let own = shortlist.question.recent.get(place).filter(|_| asks_factors(shortlist)).map(|own| own.item);
        let (als, Some(own)) = (shortlist.question.snapshot.als(), own) else { return };
        let items: Vec<ItemIdx> = shortlist.ranked.iter().map(|ranked| ranked.item).collect();
        let (mut query, mut products) = (QueryCodes::default(), Vec::new());
        als.codes.query(als.item(own), &mut query);
        als.codes.scores(&query, &items, &mut products);
        fill_each(column, |row| products[row] / (als.norm(items[row]) * als.norm(own)));
    })
}

/// The norm of a candidate's factors.
fn norm() -> Group {
    column("norm", |shortlist, column| {
        if asks_factors(shortlist) {
            fill_each(column, |row| shortlist.question.snapshot.als().norm(shortlist.item(row)));
        }
    })
}
