//! Tests of a whole generated log, as a reader of the files sees it.

use std::collections::{HashMap, HashSet};

use super::*;

const CONFIG: GenerateConfig = GenerateConfig { events: 20_000, users: 1_000, items: 300, seed: 42 };

struct Line {
    time_ms: i64,
    user: String,
    kind: String,
    item: String,
    order: String,
}

fn written(config: &GenerateConfig) -> (String, String, GenerateSummary) {
    let (mut events, mut items) = (Vec::new(), Vec::new());
    let summary = generate(config, &mut events, &mut items, &|_| ()).expect("writes to memory");
    (String::from_utf8(events).expect("text"), String::from_utf8(items).expect("text"), summary)
}

fn lines(events: &str) -> Vec<Line> {
    let fields = events.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    fields
        .map(|fields| {
            let [time, user, kind, item, order] = <[String; 5]>::try_from(fields).expect("five columns");
            Line { time_ms: time.parse().expect("milliseconds"), user, kind, item, order }
        })
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let first = written(&CONFIG);
    assert!(first == written(&CONFIG));
    let other = written(&GenerateConfig { seed: 43, ..CONFIG });
    assert!(other.0 != first.0 && other.1 != first.1);
}

#[test]
fn the_sample_is_what_the_generator_makes() {
    let (events, items, _) = written(&CONFIG);
    let advice = "make it again: offline generate --events 20000 --users 1000 --items 300 --seed 42 --out data/sample";
    assert!(events == include_str!("../../../../data/sample/events.csv"), "events.csv differs; {advice}");
    assert!(items == include_str!("../../../../data/sample/items.csv"), "items.csv differs; {advice}");
}

#[test]
fn the_log_has_the_native_header_and_exactly_the_events_and_items_asked_for() {
    for (events, users, items) in [(20_000, 1_000, 300), (1, 1, 1), (777, 1, 5), (5_000, 1, 40), (999, 3, 1)] {
        let (log, table, summary) = written(&GenerateConfig { events, users, items, seed: 7 });
        assert_eq!(log.lines().next(), Some("timestamp,visitorid,event,itemid,transactionid"));
        assert_eq!(table.lines().next(), Some("itemid,name,category,price"));
        assert_eq!((log.lines().count() as u64, table.lines().count() as u64), (events + 1, u64::from(items) + 1));
        assert_eq!((summary.events, summary.items), (events, items));
        assert_eq!(summary.views + summary.carts + summary.transactions, events);
        assert!(lines(&log).is_sorted_by_key(|line| line.time_ms));
    }
}

#[test]
fn events_lie_within_the_time_line_and_name_items_of_the_table() {
    let (events, items, summary) = written(&CONFIG);
    let ids: HashSet<&str> = items.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    let lines = lines(&events);
    for line in &lines {
        assert!((calendar::START_MS..calendar::END_MS).contains(&line.time_ms));
        assert!(ids.contains(line.item.as_str()), "{}", line.item);
    }
    let seen: HashSet<&str> = lines.iter().map(|line| line.item.as_str()).collect();
    let users: HashSet<&str> = lines.iter().map(|line| line.user.as_str()).collect();
    assert_eq!((seen.len() as u32, users.len() as u32), (summary.items_seen, summary.users));
}

#[test]
fn the_last_day_has_events_and_so_has_the_first() {
    let times: Vec<i64> = lines(&written(&CONFIG).0).iter().map(|line| line.time_ms).collect();
    assert_eq!(calendar::day_of(times[0]), 0);
    assert_eq!(calendar::day_of(times[times.len() - 1]), calendar::DAYS - 1);
}

#[test]
fn an_order_is_one_users_and_follows_the_cart_within_the_session() {
    let mut users_of_orders: HashMap<String, String> = HashMap::new();
    let mut carted: HashMap<(String, String), i64> = HashMap::new();
    for line in lines(&written(&CONFIG).0) {
        assert_eq!(line.kind == "transaction", !line.order.is_empty());
        let pair = (line.user.clone(), line.item.clone());
        match line.kind.as_str() {
            "addtocart" => {
                carted.insert(pair, line.time_ms);
            }
            "transaction" => {
                let since_ms = line.time_ms - carted.remove(&pair).expect("put into the cart before, and bought once");
                assert!(since_ms < 12 * 3_600_000, "{since_ms}");
                let buyer = users_of_orders.entry(line.order).or_insert(line.user.clone());
                assert_eq!(*buyer, line.user);
            }
            kind => assert_eq!(kind, "view"),
        }
    }
    assert!(users_of_orders.len() > 500);
}

#[test]
fn the_rates_of_the_funnel_are_a_shops() {
    let (_, _, summary) = written(&CONFIG);
    let share = |count: u64| count as f64 / summary.events as f64;
    assert!((0.82..0.88).contains(&share(summary.views)), "{summary:?}");
    assert!((0.08..0.12).contains(&share(summary.carts)), "{summary:?}");
    assert!((0.04..0.06).contains(&share(summary.transactions)), "{summary:?}");
    let length = summary.events as f64 / summary.sessions as f64;
    assert!((4.5..5.5).contains(&length), "{length}");
}

#[test]
fn sessions_told_apart_by_half_an_hour_are_the_visits_that_were_made() {
    let (events, _, summary) = written(&CONFIG);
    let mut last: HashMap<String, i64> = HashMap::new();
    let mut sessions = 0;
    for line in lines(&events) {
        let before = last.insert(line.user, line.time_ms);
        sessions += u64::from(before.is_none_or(|before| line.time_ms - before > 30 * 60 * 1000));
    }
    assert_eq!(sessions, summary.sessions);
}

#[test]
fn nobody_sees_an_item_before_its_launch() {
    let mut rng = ChaCha8Rng::seed_from_u64(CONFIG.seed);
    let catalogue = Catalogue::draw(CONFIG.items as usize, &mut rng);
    let launch_days: HashMap<&str, u16> =
        catalogue.items.iter().map(|item| (item.id.as_str(), item.launch_day)).collect();
    let mut late = HashSet::new();
    let lines = lines(&written(&CONFIG).0);
    for line in &lines {
        let launch_day = launch_days[line.item.as_str()];
        assert!(launch_day <= calendar::day_of(line.time_ms), "{} on its way", line.item);
        if launch_day > 0 {
            late.insert(line.item.as_str());
        }
    }
    assert!(late.len() > 25, "{} of 30 new items were seen", late.len());
}

#[test]
fn visits_of_different_users_overlap() {
    let (events, _, summary) = written(&GenerateConfig { events: 100_000, users: 10_000, ..CONFIG });
    let lines = lines(&events);
    let changes = lines.windows(2).filter(|pair| pair[0].user != pair[1].user).count() as u64;
    assert!(changes > 5 * summary.sessions / 4, "{changes} changes of user in {} sessions", summary.sessions);
}

#[test]
fn everybody_comes_at_least_once_when_there_are_visits_for_them() {
    let (_, _, summary) = written(&CONFIG);
    assert!(summary.users > 990, "{}", summary.users);
}

#[test]
fn progress_ends_with_all_events() {
    let last = std::cell::Cell::new(0);
    generate(&CONFIG, &mut io::sink(), &mut io::sink(), &|written| last.set(written)).expect("writes to nowhere");
    assert_eq!(last.get(), CONFIG.events);
}

#[test]
fn impossible_shops_are_refused_with_what_to_ask_for() {
    let refusal = |config| {
        let (mut events, mut items) = (Vec::new(), Vec::new());
        let error = generate(&config, &mut events, &mut items, &|_| ()).expect_err("refused");
        assert!(events.is_empty() && items.is_empty());
        error.to_string()
    };
    assert!(refusal(GenerateConfig { events: 0, ..CONFIG }).contains("--events"));
    assert!(refusal(GenerateConfig { users: 0, ..CONFIG }).contains("--users"));
    assert!(refusal(GenerateConfig { items: 0, ..CONFIG }).contains("--items"));
    assert!(refusal(GenerateConfig { events: 5_001, users: 1, ..CONFIG }).contains("--users 2"));
}

#[test]
fn an_output_that_fails_is_named() {
    let error = generate(&CONFIG, &mut [0; 100].as_mut_slice(), &mut io::sink(), &|_| ()).expect_err("too small");
    assert!(error.to_string().contains("event log"), "{error}");
    let error = generate(&CONFIG, &mut io::sink(), &mut [0; 100].as_mut_slice(), &|_| ()).expect_err("too small");
    assert!(error.to_string().contains("item table"), "{error}");
}
