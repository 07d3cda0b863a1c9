//! What users do: their events, sessions, and who is new.

use maud::{Markup, html};

use super::text::seconds;
use crate::page::figure;
use crate::page::number::{count, thousands};
use crate::page::svg::rows::{Row, rows};
use crate::report::data::Data;
use crate::report::data::news::{News, Seen};
use crate::report::data::spread::{Bin, Spread};
use crate::report::findings::share;

/// All of it.
pub fn section(data: &Data) -> Markup {
    let (users, sessions) = (&data.users, &data.sessions);
    let plain = |bin: &Bin| range(bin, &|number| number.to_string());
    let timed = |bin: &Bin| range_of_seconds(bin);
    html! {
        h3.of { "Users and sessions" }
        div.plots {
            @if let Some(spread) = &users.carts { (counts("Add-to-carts of a user", spread, "users", "add-to-carts")) }
            @if let Some(spread) = &users.events { (counts("Events of a user", spread, "users", "events")) }
            @if let Some(suspects) = &users.suspects {
                figure {
                    h3 { "Suspected programs" }
                    p {
                        @if suspects.users == 0 { "Nobody has " (suspects.from) " events or more without putting anything into a cart or buying it." }
                        @else {
                            b { (count(suspects.users as u64)) } " users have " (suspects.from) " events or more, put nothing into a cart and "
                            "bought nothing: " (thousands(suspects.events as f64)) " events, " (share(suspects.events as f64 / data.counts.events.max(1) as f64))
                            " of all. The busiest has " (suspects.most.first().map_or(0, |most| most.events)) "."
                        }
                    }
                    figcaption { "Counted are users with ten times as many events as 99 of 100 have, at least 100. " code { "--json" }
                        " names the busiest; " code { "ingest.bots" } " leaves such users out." }
                }
            }
            @if let Some(spread) = &sessions.events { (drawn("Events of a session", spread, "sessions", &plain, &format!("Half of the sessions have {} or fewer, nine of ten {} or fewer.", spread.median, spread.p90))) }
            @if let Some(spread) = &sessions.seconds { (drawn("How long sessions last", spread, "sessions of two events or more", &timed, &lasting("sessions", spread))) }
            @if let Some(spread) = &sessions.pauses { (drawn("Pauses within sessions", spread, "pauses", &timed, &lasting("pauses", spread))) }
            (news(&data.news))
        }
    }
}

/// What is told of lengths.
fn lasting(what: &str, spread: &Spread) -> String {
    let [median, most] = [spread.median, spread.p90].map(|length| seconds(length as f64));
    format!("Half of the {what} last {median} or less, nine of ten {most} or less.")
}

/// How many users have how many of something.
fn counts(title: &str, spread: &Spread, who: &str, what: &str) -> Markup {
    let Spread { count: all, median, p90, p99, largest, fence, outliers, .. } = spread;
    let far = match outliers.count {
        0 => String::new(),
        some => format!(
            " {} {who} have more than {fence}, far above the others, and {} of all {what}.",
            count(some as u64),
            share(outliers.share)
        ),
    };
    let caption = format!(
        "{} {who} have any: half of them {median} or fewer, 90% {p90} or fewer, 99% {p99} or fewer, and one has {largest}.{far}",
        count(*all as u64)
    );
    drawn(title, spread, who, &|bin| range(bin, &|number| number.to_string()), &caption)
}

/// Bins, one below the other, with their shares.
fn drawn(title: &str, spread: &Spread, who: &str, name: &dyn Fn(&Bin) -> String, caption: &str) -> Markup {
    let row = |bin: &Bin| {
        let part = bin.count as f64 / spread.count.max(1) as f64;
        Row::of(name(bin), part, format!("{} ({})", thousands(bin.count as f64), share(part)))
    };
    let bins: Vec<Row> = spread.bins.iter().map(row).collect();
    let caption = format!("Shares of the {who}. {caption}");
    figure(title, &rows(title, &bins), &caption)
}

/// The numbers of a bin.
fn range(bin: &Bin, written: &dyn Fn(u64) -> String) -> String {
    match bin.to {
        Some(to) if to == bin.from => written(to),
        Some(to) => format!("{} to {}", written(bin.from), written(to)),
        None => format!("{} and more", written(bin.from)),
    }
}

/// The seconds of a bin.
fn range_of_seconds(bin: &Bin) -> String {
    let written = |number: u64| seconds(number as f64);
    match bin.to {
        Some(to) if bin.from == 0 => format!("below {}", written(to + 1)),
        Some(to) => format!("{} to {}", written(bin.from), written(to + 1)),
        None => format!("{} and more", written(bin.from)),
    }
}

fn news(news: &[News]) -> Markup {
    if news.is_empty() {
        return Markup::default();
    }
    let cell = |Seen { new, all }: Seen| {
        html! { td { (count(new as u64)) } td { (count(all as u64)) } td { (share(new as f64 / all.max(1) as f64)) } }
    };
    html! {
        figure {
            h3 { "What is new" }
            div.scroll { table {
                tr { th { "last" } th { "users" } th { "of" } th {} th { "items" } th { "of" } th {} }
                @for part in news {
                    tr { td { @match part.days { 1 => "day", days => { (days) " days" } } } (cell(part.users)) (cell(part.items)) }
                }
            } }
            figcaption { "First seen then, of all that were seen then." }
        }
    }
}
