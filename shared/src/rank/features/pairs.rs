//! How the last distinct items of the history relate to a candidate, under the sources that have a weight.

use super::{Columns, Group, Shortlist, column, fill_each, group};
use crate::factors::dot;
use crate::source::{Kind, Source};

/// The last items of the history that are related to the candidates one by one.
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

/// The score of a candidate among the neighbours of an item of the history, 0 for no neighbour, and its rank among them.
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

/// Whether item factors have a say.
fn asks_factors(shortlist: &Shortlist<'_>) -> bool {
    let weights = &shortlist.question.snapshot.params().weights;
    Source::ALL.into_iter().any(|source| source.kind() == Kind::Factors && weights.get(source) > 0.0)
}

/// The cosine of the factors of a candidate and of an item of the history.
fn cosine(place: usize, name: &str) -> Group {
    column(format!("{name}_cosine"), move |shortlist, column| {
        let own = shortlist.question.recent.get(place).filter(|_| asks_factors(shortlist)).map(|own| own.item);
        let (als, Some(own)) = (shortlist.question.snapshot.als(), own) else { return };
        fill_each(column, |row| {
            let item = shortlist.item(row);
            dot(als.item(item), als.item(own)) / (als.norm(item) * als.norm(own))
        });
    })
}

/// How long the factors of a candidate are.
fn norm() -> Group {
    column("norm", |shortlist, column| {
        if asks_factors(shortlist) {
            fill_each(column, |row| shortlist.question.snapshot.als().norm(shortlist.item(row)));
        }
    })
}
