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
            let events = shortlist.question.snapshot.statistics().of_all(Habit::Events);
            let (Some(last), Some(events)) = (shortlist.last(), events) else { return };
            fill_each(column, |row| events[shortlist.item(row).at()] - events[last.at()]);
        }),
        column("category_of_last", |shortlist, column| {
            let items = shortlist.question.snapshot.items();
            let Some(category) = shortlist.last().and_then(|last| items.category_of(last)) else { return };
            fill_each(column, |row| f32::from(u8::from(items.category_of(shortlist.item(row)) == Some(category))));
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

/// The share of the history's items that are of the candidate's category; missing if the last item has no category.
fn category_share(shortlist: &Shortlist<'_>, column: &mut [f32]) {
    let (items, recent) = (shortlist.question.snapshot.items(), &shortlist.question.recent);
    if shortlist.last().and_then(|last| items.category_of(last)).is_none() {
        return;
    }
    fill_each(column, |row| {
        let own = items.category_of(shortlist.item(row));
        let same = recent.iter().filter(|recent| own.is_some() && items.category_of(recent.item) == own).count();
        same as f32 / recent.len() as f32
    });
}

/// ln(1 + price): finite for free items too.
fn ln_price(shortlist: &Shortlist<'_>, item: ItemIdx) -> f32 {
    shortlist.question.snapshot.items().price(item).ln_1p()
}
