//! Made-up slates, and what users did with them at rates that are known: with the logs that a service would have written.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use shared::contract::event::Event;
use shared::contract::event_log::packed::pack;
use shared::contract::event_log::{Log, LogFile};
use shared::contract::id::{ItemId, UserId};
use shared::contract::impression::Impression;
use shared::contract::kind::KindName;
use shared::contract::slate_log::{LoggedItem, LoggedSlate, Role};

/// 2026-03-01.
pub const BEGIN_MS: i64 = 1_772_323_200_000;
/// Items of a slate.
pub const POSITIONS: usize = 8;
/// How many of the first items of a slate are reported as seen.
pub const SEEN: usize = 3;
const USERS: usize = 300;
const ITEMS: usize = 120;
const DAYS: i64 = 6;
/// Slates of a user a day.
const SLATES: i64 = 12;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;
/// How often what was clicked is put into the cart, and what was put there is bought.
const CART: f64 = 0.3;
const PURCHASE: f64 = 0.5;

/// What is known of a part of what was shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Truth {
    /// How many items were shown.
    pub shown: u64,
    /// How many of them were clicked, put into carts and bought.
    pub counts: [u64; 3],
    /// How many of them were to be expected, by the rates that they were drawn with.
    pub expected: [f64; 3],
}

/// Truths by what they are of: `all`, `source als`, `position 1`, `version v1`, `scenario home`.
pub type Truths = BTreeMap<String, Truth>;

/// The probability of a click.
fn click(position: usize, source: &str, version: &str) -> f64 {
    let by_source = if source == "als" { 1.5 } else { 1.0 };
    let by_version = if version == "v2" { 1.25 } else { 1.0 };
    0.2 * by_source * by_version / (1.0 + position as f64)
}

/// The lines of the logs of two replicas.
#[derive(Default)]
struct Lines {
    slates: [Vec<(i64, Vec<u8>)>; 2],
    events: [Vec<(i64, String)>; 2],
}

impl Lines {
    fn event(&mut self, rng: &mut impl Rng, event: &Event) {
        let line = serde_json::to_string(event).expect("serialises");
        self.events[rng.random_range(0..2_usize)].push((event.received_ms, line));
    }
}

/// Writes the logs of made-up traffic below a folder, in `slates` and `events`; returns what is true of it.
///
/// Each slate has two of three items that other slates of its user have as well, half of the clicks name their slate, some are
/// sent twice, and there are events that no slate led to. The older files are packed.
pub fn write_traffic(folder: &Path) -> Truths {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let (mut lines, mut truths) = (Lines::default(), Truths::new());
    for user in 0..USERS {
        for slate in 0..DAYS * SLATES {
            // Two hours apart, but for some minutes.
            let at_ms = BEGIN_MS + slate * DAY_MS / SLATES + rng.random_range(0..30 * MINUTE_MS);
            one(&mut rng, user, slate, at_ms, &mut lines, &mut truths);
        }
    }
    write(folder, lines);
    truths
}

fn one(rng: &mut ChaCha8Rng, user: usize, number: i64, at_ms: i64, lines: &mut Lines, truths: &mut Truths) {
    let id = format!("{user}-{number}");
    let of = UserId::new(format!("u{user}")).expect("an id");
    let version = if at_ms < BEGIN_MS + DAYS * DAY_MS / 2 { "v1" } else { "v2" };
    let scenario = (number % 3 == 0).then_some("home");
    let first = rng.random_range(0..ITEMS);
    let placed: Vec<(ItemId, &'static str)> = (0..POSITIONS)
        .map(|position| {
            let item = ItemId::new(format!("i{}", (first + 7 * position) % ITEMS)).expect("an id");
            (item, if rng.random_bool(0.4) { "als" } else { "slim" })
        })
        .collect();
    let slate = LoggedSlate {
        role: Role::Served,
        recommendation_id: id.as_str().into(),
        timestamp_ms: at_ms,
        user: of.clone(),
        version: version.into(),
        scenario: scenario.map(Into::into),
        page: (number % 4 == 0).then(|| placed[0].0.clone()),
        category: (number % 6 == 0).then(|| "shoes".into()),
        fallback: number % 12 == 0,
        items: (placed.iter().zip(0u8..))
            .map(|((item, source), position)| LoggedItem {
                item: item.clone(),
                score: 1.0 - f32::from(position) / 10.0,
                sources: vec![(*source).into()],
                propensity: (position == 0).then_some(0.25),
            })
            .collect(),
    };
    let mut line = Vec::new();
    slate.write(&mut line);
    lines.slates[user % 2].push((at_ms, line));
    let seen = placed.iter().take(SEEN).map(|(item, _)| item.clone()).collect();
    let seen_ms = at_ms + 500;
    let impression = Impression {
        items: seen,
        user: of.clone(),
        recommendation_id: id.clone(),
        timestamp_ms: seen_ms,
        received_ms: seen_ms,
    };
    lines.events[user % 2].push((seen_ms, serde_json::to_string(&impression).expect("serialises")));
    for (position, (item, source)) in placed.iter().enumerate() {
        let probability = click(position, source, version);
        let names = [
            "all".to_owned(),
            format!("source {source}"),
            format!("position {}", position + 1),
            format!("version {version}"),
            format!("scenario {}", scenario.unwrap_or("(none)")),
        ];
        let mut happened = [false; 3];
        happened[0] = rng.random_bool(probability);
        happened[1] = happened[0] && rng.random_bool(CART);
        happened[2] = happened[1] && rng.random_bool(PURCHASE);
        for name in names {
            let truth = truths.entry(name).or_default();
            truth.shown += 1;
            for (at, of_outcome) in [probability, probability * CART, probability * CART * PURCHASE].iter().enumerate()
            {
                truth.counts[at] += u64::from(happened[at]);
                truth.expected[at] += of_outcome;
            }
        }
        // All of it before the next slate of the user.
        let clicked_ms = at_ms + rng.random_range(1000..10 * MINUTE_MS);
        let is_named = rng.random_bool(0.5);
        for (at, kind) in [KindName::VIEW, KindName::ADD_TO_CART, KindName::TRANSACTION].into_iter().enumerate() {
            if !happened[at] {
                continue;
            }
            let timestamp_ms = clicked_ms + at as i64 * MINUTE_MS;
            let event = Event {
                timestamp_ms,
                user: of.clone(),
                kind,
                item: item.clone(),
                transaction_id: None,
                event_id: format!("{id}-{position}-{at}"),
                received_ms: timestamp_ms + 200,
                recommendation_id: is_named.then(|| id.clone()),
            };
            lines.event(rng, &event);
            if rng.random_bool(0.05) {
                // Sent again much later, with the time of its arrival, when another slate may have the item.
                let again_ms = timestamp_ms + 5 * 60 * MINUTE_MS;
                lines.event(rng, &Event { timestamp_ms: again_ms, received_ms: again_ms, ..event });
            }
        }
    }
    if number % 4 == 0 {
        let event = Event {
            timestamp_ms: at_ms + MINUTE_MS,
            user: of,
            kind: KindName::VIEW,
            item: ItemId::new("unseen").expect("an id"),
            transaction_id: None,
            event_id: format!("{id}-other"),
            received_ms: at_ms + MINUTE_MS,
            recommendation_id: None,
        };
        lines.event(rng, &event);
    }
}

/// Writes the lines of each replica in the order of time, in files of which all but the last are packed.
fn write(folder: &Path, lines: Lines) {
    const FILES: usize = 3;
    let write = |log: Log, name: &str, replica: &str, mut lines: Vec<(i64, Vec<u8>)>| {
        let folder = folder.join(name);
        fs::create_dir_all(&folder).expect("makes");
        lines.sort_by_key(|(at_ms, _)| *at_ms);
        for (number, part) in (1..).zip(lines.chunks(lines.len().div_ceil(FILES))) {
            let path = log.path(&folder, replica, number);
            fs::write(&path, part.iter().flat_map(|(_, line)| line.clone()).collect::<Vec<u8>>()).expect("writes");
            let file: LogFile = log.file_at(&path).expect("a log file");
            if number < FILES as u64 {
                pack(&file).expect("packs");
            }
        }
    };
    let Lines { slates, events } = lines;
    for (replica, (slates, events)) in ["a", "b"].into_iter().zip(slates.into_iter().zip(events)) {
        write(Log::Slates, "slates", replica, slates);
        let events = events.into_iter().map(|(at_ms, line)| (at_ms, (line + "\n").into_bytes())).collect();
        write(Log::Events, "events", replica, events);
    }
}
