//! The candidate by itself, and beside the last item.

use super::{Columns, Question};
use crate::id::ItemIdx;
use crate::schema::Statistic;

pub fn fill(question: &Question<'_>, columns: &mut Columns<'_>) {
    let snapshot = question.snapshot;
    let (items, popularity) = (snapshot.items(), snapshot.popularity());
    let events = snapshot.statistics().column(Statistic::Events);
    let last = question.history.last().map(|event| event.item);
    match last {
        Some(last) => {
            let (score, count) = (popularity.score(last).max(1e-6), events[last.at()]);
            columns.push(|row| (popularity.score(question.item(row)).max(1e-6) / score).ln());
            columns.push(|row| events[question.item(row).at()] - count);
        }
        None => {
            columns.fill(f32::NAN);
            columns.fill(f32::NAN);
        }
    }
    if let Some(category) = last.and_then(|last| items.category_of(last)) {
        let recent = &question.candidates.recent;
        columns.push(|row| f32::from(u8::from(items.category_of(question.item(row)) == Some(category))));
        columns.push(|row| {
            let own = items.category_of(question.item(row));
            let same = recent.iter().filter(|recent| own.is_some() && items.category_of(recent.item) == own).count();
            same as f32 / recent.len() as f32
        });
    } else {
        columns.fill(f32::NAN);
        columns.fill(f32::NAN);
    }
    fill_prices(question, columns);
}

/// A difference of logarithms stands for a ratio; one more keeps free items finite.
fn fill_prices(question: &Question<'_>, columns: &mut Columns<'_>) {
    let ln_price = |item: ItemIdx| question.snapshot.items().price(item).ln_1p();
    columns.push(|row| ln_price(question.item(row)));
    let last = question.history.last().map_or(f32::NAN, |event| ln_price(event.item));
    columns.push(|row| ln_price(question.item(row)) - last);
    let recent = question.candidates.recent.iter().map(|recent| ln_price(recent.item));
    let (known, total) =
        (recent.filter(|price| !price.is_nan())).fold((0.0, 0.0), |(known, total), price| (known + 1.0, total + price));
    let mean: f32 = total / known;
    columns.push(|row| ln_price(question.item(row)) - mean);
}

pub fn fill_statistics(question: &Question<'_>, columns: &mut Columns<'_>) {
    for (statistic, _) in Statistic::ALL {
        let values = question.snapshot.statistics().column(statistic);
        columns.push(|row| values[question.item(row).at()]);
    }
}
