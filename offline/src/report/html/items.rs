//! Which items the events are of, and what the tables lack.

use maud::{Markup, html};

use crate::page::number::{count, thousands};
use crate::page::svg::Axis;
use crate::page::svg::line::{Line, lines};
use crate::page::svg::rows::{Row, rows};
use crate::page::{figure, named};
use crate::report::data::Data;
use crate::report::data::missing::Table;
use crate::report::data::ranks::RankedItem;
use crate::report::data::tail::Tail;
use crate::report::findings::share;

/// How many columns of a table are drawn.
const COLUMNS: usize = 24;

/// All of it.
pub fn section(data: &Data) -> Markup {
    let ranks = &data.ranks;
    let tables = [("item", "items", &data.item_table), ("user", "users", &data.user_table)];
    html! {
        h3.of { "Items" }
        div.plots {
            (first("Most viewed", &ranks.viewed, 0, data))
            (first("Most put into a cart", &ranks.carted, 1, data))
            (first("Most bought", &ranks.bought, 2, data))
            @if let Some(tail) = &data.tail { (long_tail(tail)) }
            @for (name, what, table) in tables { @if let Some(table) = table { (missing(name, what, table, data)) } }
        }
    }
}

/// The first items by a step, with their places by the others.
fn first(title: &str, items: &[RankedItem], by: usize, data: &Data) -> Markup {
    if items.is_empty() {
        return Markup::default();
    }
    let all = data.funnel.events.counted.by_stage();
    let others: Vec<(usize, &str)> = [(0, "by views"), (1, "by carts"), (2, "by purchases")]
        .into_iter()
        .filter(|(step, _)| *step != by && all[*step] > 0)
        .collect();
    html! {
        figure {
            h3 { (title) }
            div.scroll { table.ranks {
                tr { th { "" } th.left { "item" } th { "events" } @for (_, called) in &others { th { (called) } } }
                @for (place, item) in items.iter().enumerate() {
                    tr {
                        td { (place + 1) }
                        td.text { (named(item.called())) }
                        td { (thousands(item.events.by_stage()[by] as f64)) }
                        @for (step, _) in &others { td { (rank(item.ranks[*step], place + 1)) } }
                    }
                }
            } }
            @if !others.is_empty() { figcaption { "The last columns are the item's places in the other orders." } }
        }
    }
}

/// A place, and which way it lies.
fn rank(rank: Option<usize>, own: usize) -> Markup {
    match rank {
        None => html! { small { "none" } },
        Some(rank) if rank < own => html! { (rank) " " span.better { "▲" } },
        Some(rank) if rank > own => html! { (count(rank as u64)) " " span.worse { "▼" } },
        Some(rank) => html! { (rank) " " small { "=" } },
    }
}

fn long_tail(tail: &Tail) -> Markup {
    let (x, y) = (Axis::shares("of the items, the most popular first"), Axis::shares("of the events"));
    let equal = Line { class: "guide", points: vec![[0.0, 0.0], [1.0, 1.0]] };
    let own = Line { class: "version", points: tail.curve.clone() };
    let plot = lines("The long tail", x, y, &[equal, own], &[]);
    let [percent, tenth, half] = tail.top.map(|top| share(top.events));
    let without = match tail.without_events {
        0 => String::new(),
        some => format!(" {} items of the item table have none.", count(some as u64)),
    };
    let caption = format!(
        "The first 1% of {} items have {percent} of the events, 10% have {tenth}, and half have {half}; Gini {:.2}. {} have a \
         single event.{without}",
        count(tail.items as u64),
        tail.gini,
        share(tail.single as f64 / tail.items.max(1) as f64)
    );
    figure("The long tail", &plot, &caption)
}

fn missing(name: &str, what: &str, table: &Table, data: &Data) -> Markup {
    let row = |column: &crate::report::data::missing::Column| {
        let part = column.missing as f64 / table.rows.max(1) as f64;
        Row { class: "missing", ..Row::of(&column.name, part, share(part)) }
    };
    let mut drawn: Vec<Row> = table.columns.iter().map(row).collect();
    drawn.sort_by(|a, b| b.value.total_cmp(&a.value).then_with(|| a.name.cmp(&b.name)));
    let more = drawn.len().saturating_sub(COLUMNS);
    drawn.truncate(COLUMNS);
    let lacks = &table.without_row;
    let title = format!("What the {name} table lacks");
    html! {
        figure {
            h3 { (title) }
            (rows(&title, &drawn))
            figcaption {
                "Shares of its " (count(table.rows as u64)) " rows that miss a value. "
                @if more > 0 { (more) " more columns miss less. " }
                @if lacks.count > 0 {
                    "It lacks " (count(lacks.count as u64)) " of the log's " (count(lacks.of as u64)) " " (what) ", which have "
                    (share(lacks.events as f64 / data.counts.events.max(1) as f64)) " of the events"
                    @if !lacks.examples.is_empty() { ", such as " @for (at, id) in lacks.examples.iter().enumerate() { @if at > 0 { ", " } (named(id)) } }
                    "."
                } @else { "It has all " (what) " of the log." }
            }
        }
    }
}
