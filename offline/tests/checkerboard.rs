//! Every source alone on a checkerboard: users and items of two colours, and only what is of one's own colour is right.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use shared::contract::source::Source;

use crate::support::{offline_with, text};

const COLOURS: [&str; 2] = ["black", "white"];
/// Items of a colour that were in the log, and those that are new.
const KNOWN: usize = 12;
const NEW: usize = 6;
const USERS: usize = 200;
/// Items of each user's past, and of what is held out.
const PAST: usize = 6;

/// What users do after their past.
#[derive(Clone, Copy, PartialEq)]
enum Held {
    /// The items of their colour that they have not had.
    Others,
    /// Items of their colour that nobody has had.
    New,
    /// Their own items again.
    Own,
}

/// The items of a user's past: every user's is another, so that all items of a colour meet.
fn past(user: usize) -> Vec<usize> {
    let (step, first) = ([1, 5, 7, 11][user / 2 % 4], user / 8);
    (0..PAST).map(|place| (first + step * place) % KNOWN).collect()
}

fn held(user: usize, held: Held) -> Vec<usize> {
    match held {
        Held::Others => (0..KNOWN).filter(|item| !past(user).contains(item)).collect(),
        Held::New => (KNOWN..KNOWN + NEW).collect(),
        Held::Own => past(user),
    }
}

fn write_events(path: &Path, days: std::ops::Range<usize>, items: impl Fn(usize) -> Vec<usize>) {
    let mut csv = "timestamp,visitorid,event,itemid\n".to_owned();
    for user in 0..USERS {
        let day = days.start + user % days.len();
        for (minute, item) in items(user).into_iter().enumerate() {
            let time = ((day * 24 * 60 + minute) * 60_000).to_string();
            csv.push_str(&format!("{time},u{user},view,{}{item}\n", COLOURS[user % 2]));
        }
    }
    fs::write(path, csv).expect("writes");
}

/// Recall@6 of every source alone.
fn recall(which: Held) -> BTreeMap<String, f64> {
    let folder = tempfile::tempdir().expect("temporary folder");
    let [train, test, items, users] =
        ["train.csv", "test.csv", "items.csv", "users.csv"].map(|name| folder.path().join(name));
    write_events(&train, 20_000..20_030, past);
    write_events(&test, 20_031..20_032, |user| held(user, which));
    let mut csv = "itemid,name,category,picture\n".to_owned();
    for (colour, picture) in COLOURS.into_iter().zip(["0.5 0", "0 0.5"]) {
        let row = |item| format!("{colour}{item},a {colour} thing,{colour},{picture}\n");
        (0..KNOWN + NEW).for_each(|item| csv.push_str(&row(item)));
    }
    fs::write(&items, csv).expect("writes");
    let rows = (0..USERS).map(|user| format!("u{user},{}\n", COLOURS[user % 2]));
    fs::write(&users, format!("user_id,colour\n{}", rows.collect::<String>())).expect("writes");
    let seen = if which == Held::Own { "allow" } else { "exclude_all" };
    let environment = [
        ("TANDEM_BLEND__FIT", "false"),
        ("TANDEM_RANKER__KIND", "none"),
        ("TANDEM_ALS__FACTORS", "2"),
        ("TANDEM_EMBEDDING__FACTORS", "4"),
        ("TANDEM_ITEMS__EMBEDDING", "picture"),
    ];
    let files = ["--train", text(&train), "--test", text(&test), "--items", text(&items), "--users", text(&users)];
    let arguments = ["evaluate", "--task", "top-k", "--k", "6", "--seen", seen, "--format", "json"];
    let output = offline_with(&[&arguments[..], &files].concat(), &environment);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let figures: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let results = figures["results"].as_array().expect("results").iter();
    let figure = |result: &Value| {
        assert_eq!(result["cases"], USERS);
        (result["model"].as_str().expect("a name").to_owned(), result["recall@6"].as_f64().expect("a figure"))
    };
    results.map(figure).collect()
}

#[test]
fn every_source_alone_keeps_to_the_colour_it_is_asked_in() {
    let (others, new, own) = (recall(Held::Others), recall(Held::New), recall(Held::Own));
    for source in Source::ALL {
        let [others, new, own] = [&others, &new, &own].map(|recall| recall[source.as_str()]);
        let told = format!("{source:?}: others {others}, new {new}, own {own}");
        match source {
            Source::Cached
            | Source::ItemKnnSession
            | Source::ItemKnnUser
            | Source::ItemKnnWalk
            | Source::Embedding
            | Source::Slim
            | Source::SessionKnn
            | Source::Als
            | Source::Profile => assert!(others > 0.999 && new < 0.001, "{told}"),
            Source::CategoryPopularity => assert!(others > 0.999, "{told}"),
            Source::Content | Source::LooksLike => assert!(others < 0.001 && new > 0.999, "{told}"),
            Source::Repeat => assert!(others < 0.001 && new < 0.001 && own > 0.999, "{told}"),
            // Blind to colours: they are right by half.
            Source::Trending | Source::Popularity => assert!((0.3..0.7).contains(&others) && new < 0.001, "{told}"),
        }
    }
}
