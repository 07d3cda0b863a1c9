//! Features of a candidate itself (its price), and of a candidate compared with the history and its last item:
//! popularity, category, price.

use super::{Group, Shortlist, column, each, fill_each};
use crate::contract::id::ItemIdx;
use crate::tables::Habit;

pub fn features() -> Vec<Group> {
    vec![
        // The logarithm of the ratio, which is symmetric.
        column("popularity_of_last", |shortlist, column| {
            let Some(last) = shortlist.last() else { return };
            let popularity = shortlist.question.snapshot.popularity();
            let score = popularity.score(last).max(1e-6);
            fill_each(column, |row| (popularity.score(shortlist.item(row)).max(1e-6) / score).ln());
        }),
        column("events_of_last", |shortlist, column| {
            let statistics = shortlist.question.snapshot.statistics();
            let Some(last) = shortlist.last().map(|last| statistics.habit(Habit::Events, last)) else { return };
            fill_each(column, |row| statistics.habit(Habit::Events, shortlist.item(row)) - last);
        }),
        column("category_of_last", |shortlist, column| {
            let items = shortlist.question.snapshot.items();
            let Some(last) = shortlist.last().filter(|last| !items.categories_of(*last).is_empty()) else { return };
            fill_each(column, |row| items.kinship(shortlist.item(row), last));
        }),
        column("category_share", category_share),
        each("price", |shortlist, row| ln_price(shortlist, shortlist.item(row))),
        column("price_of_last", |shortlist, column| {
            let last = shortlist.last().map_or(f32::NAN, |last| ln_price(shortlist, last));
            fill_each(column, |row| ln_price(shortlist, shortlist.item(row)) - last);
        }),
        column("price_of_history", |shortlist, column| {
            let prices = shortlist.question.recent.iter().map(|recent| ln_price(shortlist, recent.item));
            let known = prices.filter(|price| !price.is_nan());
            let (count, total) = known.fold((0.0, 0.0), |(count, total), price| (count + 1.0, total + price));
            let mean: f32 = total / count;
            fill_each(column, |row| ln_price(shortlist, shortlist.item(row)) - mean);
        }),
    ]
}

/// How alike the candidate's categories are to those of the history's items, on average: of items with one category each,
/// the share of those that are of the candidate's. Missing if the last item has no category.
fn category_share(shortlist: &Shortlist<'_>, column: &mut [f32]) {
    let (items, recent) = (shortlist.question.snapshot.items(), &shortlist.question.recent);
    if shortlist.last().is_none_or(|last| items.categories_of(last).is_empty()) {
        return;
    }
    fill_each(column, |row| {
        let own = shortlist.item(row);
        let alike: f32 = recent.iter().map(|recent| items.kinship(own, recent.item)).sum();
        alike / recent.len() as f32
    });
}

/// ln(1 + price): finite for free items too.
fn ln_price(shortlist: &Shortlist<'_>, item: ItemIdx) -> f32 {
    shortlist.question.snapshot.items().price(item).ln_1p()
}
