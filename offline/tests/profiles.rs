//! User tables: what is learnt of the profiles of users, from when, and what is refused.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use crate::support::{
    self, CLOCK, DAY_MS, SMALL, assert_same, champion, command, evaluated, offline_fails, offline_with, text, versions,
    write_log,
};
use shared::contract::api::Seen;
use shared::contract::event_log;
use shared::contract::source::Source;
use shared::engine::packed::unpack_user;
use shared::engine::recommend::{Personal, Query, Scratch, Slate, recommend};
use shared::engine::snapshot::Snapshot;
use shared::engine::state::{LiveHistory, UserState};

/// Users whose taste their profile alone tells: all look at `n0` and `n1` first; then, from the third day on, those with
/// the colour red take `r0` to `r3`, and those with blue `b0` to `b3`.
const USERS: usize = 60;
const DAYS: i64 = 12;

struct Shop {
    folder: tempfile::TempDir,
}

fn colour(user: usize) -> &'static str {
    ["red", "blue"][user % 2]
}

fn events() -> Vec<(i64, String, &'static str, String)> {
    let mut rows = Vec::new();
    for day in 0..DAYS {
        for user in 0..USERS {
            // Each user comes on two days: on an early one, and on one of the later.
            let (early, late) = ((user % 2) as i64, 2 + (user % (DAYS as usize - 2)) as i64);
            let time = day * DAY_MS + user as i64 * 1000;
            let name = format!("u{user:02}");
            if day == early {
                rows.extend((0..2).map(|item| (time + item, name.clone(), "view", format!("n{item}"))));
            }
            if day == late {
                let of = &colour(user)[..1];
                rows.extend(
                    (0..2).map(|at| (time + at, name.clone(), "view", format!("{of}{}", (user / 2 + at as usize) % 4))),
                );
            }
        }
    }
    rows
}

/// The table of all users, and two who have no events.
fn users() -> String {
    let rows = (0..USERS).map(|user| format!("u{user:02},{},{},x\n", colour(user), 20 + user % 7));
    format!("user_id,colour,age,same\n{}new-red,red,,x\nnew-blue,blue,25,x\n", rows.collect::<String>())
}

impl Shop {
    fn new(users: &str) -> Self {
        let shop = Self { folder: tempfile::tempdir().expect("temporary folder") };
        let rows = events();
        let rows: Vec<(i64, &str, &str, &str)> = rows.iter().map(|row| (row.0, &*row.1, row.2, &*row.3)).collect();
        write_log(&shop.path("events.csv"), &rows);
        fs::write(shop.path("users.csv"), users).expect("writes");
        shop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `offline` on the shop's log, with more arguments and environment; returns what it said.
    fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> String {
        let events = self.path("events.csv");
        let arguments = [&["run", "--no-gate", "--events", text(&events)], arguments].concat();
        let output = offline_with(&arguments, environment);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    }

    /// The version that is learnt with the table of users.
    fn learn(&self, environment: &[(&str, &str)]) -> (Snapshot, String) {
        let (users, artifacts) = (self.path("users.csv"), self.path("artifacts"));
        let said = self.run(&["--users", text(&users), "--artifacts", text(&artifacts)], environment);
        (Snapshot::load(&champion(&artifacts)).expect("loads"), said)
    }
}

/// The slate of a user as the service would make it, under a profile.
fn slate(snapshot: &Snapshot, user: &str, profile: &str) -> Slate {
    let record = snapshot.users().record(user).map(|bytes| unpack_user(bytes).expect("a record")).unwrap_or_default();
    let state = UserState::join(snapshot, record, &LiveHistory::default()).with_profile(snapshot.profile_of(profile));
    recommend(snapshot, &state, &Query::of(4, Seen::ExcludeAll), DAYS * DAY_MS, &mut Scratch::default())
}

fn items(snapshot: &Snapshot, slate: &Slate) -> Vec<String> {
    slate.picks.iter().map(|pick| snapshot.items().id(pick.item).to_owned()).collect()
}

#[test]
fn a_user_without_events_gets_what_people_like_them_took() {
    let (snapshot, said) = Shop::new(&users()).learn(&SMALL);
    for (user, of) in [("new-red", "r"), ("new-blue", "b")] {
        let slate = slate(&snapshot, user, user);
        assert!(slate.picks.iter().all(|pick| pick.sources.contains(Source::Profile)), "{user}");
        // What all took comes first, then what those of the colour took.
        let items = items(&snapshot, &slate);
        let coloured: Vec<&String> = items.iter().filter(|item| !item.starts_with('n')).collect();
        assert!(coloured.len() >= 2 && coloured.iter().all(|item| item.starts_with(of)), "{user}: {items:?}");
        assert_eq!(slate.personal, Personal::Yes);
    }
    // Without a profile the slate is popularity.
    let nobody = slate(&snapshot, "nobody", "nobody");
    assert_eq!(nobody.personal, Personal::No);
    assert!(nobody.picks.iter().all(|pick| !pick.sources.contains(Source::Profile)));
    for line in [
        "62 rows of 62 users (column user_id); 2 of them without events",
        "  colour: a category of 2 levels (blue, red)",
        "  age: numbers from 20 to 26, 1 rows miss it",
        "  ignored same: every row has the same",
    ] {
        assert!(said.lines().any(|said| said == line), "{line}\n{said}");
    }
}

/// A line of the service's log that says something of a user.
fn told(user: &str, profile: &str, at_ms: i64) -> String {
    format!("{{\"profile\":{profile},\"visitorid\":\"{user}\",\"timestamp\":{at_ms},\"received\":{at_ms}}}\n")
}

#[test]
fn what_the_service_was_told_of_users_is_a_user_table_or_on_top_of_one() {
    let shop = Shop::new(&users());
    let event = |(at, (time, user, kind, item)): (usize, (i64, String, &str, String))| {
        format!(
            "{{\"timestamp\":{time},\"visitorid\":\"{user}\",\"event\":\"{kind}\",\"itemid\":\"{item}\",\"event_id\":\"e{at}\",\"received\":{time}}}\n"
        )
    };
    let mut log: String = events().into_iter().enumerate().map(event).collect();
    let end_ms = DAYS * DAY_MS;
    let colours =
        (0..USERS).map(|user| told(&format!("u{user:02}"), &format!("{{\"colour\":\"{}\"}}", colour(user)), 0));
    let own: String = colours.collect();
    let more = [
        told("new-red", "{\"colour\":\"blue\",\"age\":30}", 5),
        told("new-red", "{\"colour\":\"red\"}", end_ms),
        told("gone", "{\"colour\":\"red\"}", 7),
        "{\"erase\":\"gone\",\"received\":9}\n".to_owned(),
    ];
    log.extend([own].into_iter().chain(more));
    let file = event_log::path(&shop.path("log"), "0", 1);
    fs::create_dir(shop.path("log")).expect("a folder");
    fs::write(&file, &log).expect("writes");
    let learn = |name: &str, users: &[&str]| {
        let artifacts = shop.path(name);
        let arguments =
            [&["run", "--no-gate", "--events", text(&file), "--artifacts", text(&artifacts)], users].concat();
        let output = offline_with(&arguments, &SMALL);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        (Snapshot::load(&champion(&artifacts)).expect("loads"), said)
    };
    let coloured = |snapshot: &Snapshot, user: &str, of: &str| {
        let items = items(snapshot, &slate(snapshot, user, user));
        // What fills the slate behind them is of the other colour.
        let mut coloured = items.iter().filter(|item| !item.starts_with('n')).take(2);
        assert!(coloured.clone().count() == 2 && coloured.all(|item| item.starts_with(of)), "{user}: {items:?}");
    };
    let (snapshot, said) = learn("told", &[]);
    coloured(&snapshot, "new-red", "r");
    coloured(&snapshot, "u01", "b");
    assert!(snapshot.profile_of("gone").is_none() && snapshot.profile_of("new-blue").is_none());
    assert!(said.contains("what the service was told of users: 62 changes of 61 users"), "{said}");
    // On top of a table, whose rows hold at all times.
    fs::write(shop.path("users.csv"), users().replace("new-red,red", "new-red,blue")).expect("writes");
    let (snapshot, _) = learn("both", &["--users", text(&shop.path("users.csv"))]);
    coloured(&snapshot, "new-red", "r");
    coloured(&snapshot, "new-blue", "b");
}

#[test]
fn what_the_profile_tells_of_a_candidate_changes_the_order_of_the_ranker() {
    // Without the source itself, so that only the features know the profile.
    let off = [
        ("TANDEM_BLEND__OFF", r#"["profile"]"#),
        ("TANDEM_BLEND__OBJECTIVE", "top-k"),
        ("TANDEM_BLEND__SEEN", "exclude_all"),
        ("TANDEM_BLEND__VALIDATION_SHARE", "0.2"),
        ("TANDEM_BLEND__MIN_CASES", "1"),
        ("TANDEM_ALS__FACTORS", "4"),
        ("TANDEM_EMBEDDING__FACTORS", "4"),
        ("TANDEM_TREES__TREES", "30"),
        ("TANDEM_TREES__FEATURE_SHARE", "1.0"),
        ("TANDEM_TREES__ROW_SHARE", "1.0"),
        ("TANDEM_TREES__L2", "1.0"),
    ];
    let (snapshot, _) = Shop::new(&users()).learn(&off);
    let ranker = snapshot.params().ranker.as_ref().expect("a ranker that is ahead of the blend");
    for name in ["profile_sum", "profile_lift_colour", "profile_lift_age", "profile_bin_age"] {
        assert!(ranker.features.iter().any(|feature| feature == name), "{name}");
    }
    assert_eq!(snapshot.params().weights.get(Source::Profile), 0.0);
    // A user of the last day, whose own items are not known to the tables of that time.
    let first = |profile: &str| items(&snapshot, &slate(&snapshot, "u00", profile))[0].clone();
    assert!(first("new-red").starts_with('r') && first("new-blue").starts_with('b'));
}

/// A row a user and day: the colour is known from the second day on.
fn by_day(later: &str) -> String {
    let day = |day: usize| format!("1970-01-{day:02}");
    let rows = (0..USERS).flat_map(|user| {
        let row = move |at: usize, colour: &str| format!("u{user:02},{},{colour}\n", day(at));
        [row(1, ""), row(2, colour(user)), row(10, if later.is_empty() { colour(user) } else { later })]
    });
    format!("user_id,day,colour\n{}", rows.collect::<String>())
}

#[test]
fn rows_that_no_event_is_learnt_with_are_counted() {
    let times = [("TANDEM_INGEST__USERS__TIME", "day")];
    let environment = [&SMALL[..], &times].concat();
    // All come on the first or second day, and once more up to the twelfth.
    let (_, said) = Shop::new(&by_day("")).learn(&environment);
    let of_users_and_days = |days: std::ops::Range<usize>| {
        let row = |user: usize, day: usize| format!("u{user:02},1970-01-{day:02},{}\n", colour(user));
        let rows: String = days.flat_map(|day| (0..USERS).map(move |user| row(user, day))).collect();
        Shop::new(&format!("user_id,day,colour\n{rows}")).learn(&environment).1
    };
    let warning = "warning: no event is learnt with what is known of its user";
    assert!(!said.contains(warning) && !said.contains("after the log's end"), "{said}");
    // Of 31 rows those of the 13th and later are after the log's end, and few of the others are the last before an event.
    let daily = of_users_and_days(1..32);
    for line in [
        "  1140 rows are of after the log's end: no event is learnt with them, though the last one of a user is their profile",
        "  600 rows are followed by another one of their user before any event: no event is learnt with them",
    ] {
        assert!(daily.lines().any(|said| said == line), "{line}\n{daily}");
    }
    assert!(!daily.contains(warning), "{daily}");
    let late = of_users_and_days(20..21);
    assert!(late.contains(&format!("{warning}: all 240 are before the first row of theirs")), "{late}");
    assert!(late.contains("  60 rows are of after the log's end"), "{late}");
    let some = of_users_and_days(2..3);
    let line = "  60 of 240 events of these users are before their first row: learnt without a profile";
    assert!(some.lines().any(|said| said == line), "{some}");
}

#[test]
fn nothing_from_after_the_split_is_seen() {
    let times = [("TANDEM_INGEST__USERS__TIME", "day")];
    let environment = [&SMALL[..], &times].concat();
    let [one, other] = ["", "mauve"].map(|later| {
        let shop = Shop::new(&by_day(later));
        let (users, artifacts) = (shop.path("users.csv"), shop.path("artifacts"));
        let until = (8 * DAY_MS).to_string();
        shop.run(&["--users", text(&users), "--artifacts", text(&artifacts), "--until", &until], &environment);
        shop
    });
    assert_same(&champion(&one.path("artifacts")), &champion(&other.path("artifacts")));
    // The whole log knows the later colour.
    let [(one, _), (other, _)] = [&one, &other].map(|shop| shop.learn(&environment));
    assert_ne!(one.manifest().data_fingerprint, other.manifest().data_fingerprint);
    assert_eq!(other.profiles().expect("profiles").fields()[0].name, "colour");
    assert_ne!(one.profile_of("u01"), other.profile_of("u01"));
}

#[test]
fn an_evaluation_asks_with_what_was_known_at_the_split() {
    let [one, other] = ["", "mauve"].map(|later| {
        let shop = Shop::new(&by_day(later));
        let [events, users, artifacts] = ["events.csv", "users.csv", "artifacts"].map(|name| shop.path(name));
        let split = (8 * DAY_MS).to_string();
        let arguments = ["evaluate", "--task", "top-k", "--events", text(&events), "--users", text(&users)];
        let arguments = [&arguments[..], &["--split", &split, "--artifacts", text(&artifacts)]].concat();
        let environment = [&SMALL[..], &CLOCK, &[("TANDEM_INGEST__USERS__TIME", "day")]].concat();
        let output = command().args(&arguments).envs(environment).output().expect("the binary runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (shop, String::from_utf8(output.stdout).expect("UTF-8"))
    });
    assert_eq!(one.1, other.1);
    assert_same(&evaluated(&one.0.path("artifacts")), &evaluated(&other.0.path("artifacts")));
}

#[test]
fn a_version_without_users_says_nothing_of_profiles() {
    let shop = Shop::new("");
    let artifacts = shop.path("artifacts");
    shop.run(&["--artifacts", text(&artifacts)], &SMALL[2..]);
    let version = champion(&artifacts);
    assert!(!version.join("profiles.safetensors").exists());
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(version.join("manifest.json")).expect("reads")).expect("JSON");
    assert!(!manifest["engine"].to_string().contains("profile"), "{}", manifest["engine"]);
    assert!(!manifest["counts"].to_string().contains("profile"));
}

#[test]
fn profiles_change_nothing_else_in_a_version() {
    let shop = Shop::new(&users());
    let [with, without] = ["with", "without"].map(|name| shop.path(name));
    let users = shop.path("users.csv");
    shop.run(&["--users", text(&users), "--artifacts", text(&with)], &SMALL);
    shop.run(&["--artifacts", text(&without)], &SMALL);
    let [mut with, without] = [&with, &without].map(|artifacts| support::contents(&champion(artifacts)));
    assert!(with.remove("profiles.safetensors").is_some());
    let differing: HashMap<_, _> = without.iter().filter(|(name, bytes)| with.get(*name) != Some(bytes)).collect();
    assert_eq!(differing.into_keys().collect::<Vec<_>>(), ["manifest.json"]);
}

#[test]
fn a_table_that_can_t_be_used_is_refused_with_what_to_do() {
    let shop = Shop::new("");
    let (events, artifacts, users) = (shop.path("events.csv"), shop.path("artifacts"), shop.path("users.csv"));
    let refused = |table: &str, setting: &[(&str, &str)]| {
        fs::write(&users, table).expect("writes");
        let arguments = ["run", "--events", text(&events), "--artifacts", text(&artifacts), "--users", text(&users)];
        if setting.is_empty() {
            return offline_fails(&arguments);
        }
        let output = offline_with(&arguments, setting);
        assert!(!output.status.success(), "{table}");
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    let told = |table: &str, setting: &[(&str, &str)], words: &[&str]| {
        let said = refused(table, setting);
        assert!(words.iter().all(|words| said.contains(words)), "{words:?} in {said}");
        assert!(versions(&artifacts).is_empty());
    };
    told("colour,age\nred,1\n", &[], &["no column tells the user", "ingest.users.user = "]);
    told("user_id,age\nu1,1\nu2,2\nu1,3\n", &[], &["user `u1` has several rows", "ingest.users.time = "]);
    told("", &[], &["the user table has no rows"]);
    told("user_id,age\n", &[], &["the user table has no rows"]);
    told("user_id\nu1\n", &[], &["no column beside `user_id`"]);
    told(
        "user_id,age\nu1,5\nu2,5\n",
        &[],
        &["no column of the user table tells users apart", "every row has the same"],
    );
    let ignored = [("TANDEM_INGEST__USERS__IGNORED", r#"["colour"]"#)];
    told("user_id,age\nu1,1\nu2,2\n", &ignored, &["no column `colour`", "there are: user_id, age", "[ingest.users]"]);
    let time = [("TANDEM_INGEST__USERS__TIME", "day")];
    told("user_id,day,age\nu1,2020-01-01,1\nu1,2020-01-01,2\n", &time, &["several rows of one time"]);
    told("user_id,day,age\nu1,soon,1\nu2,2020-01-01,2\n", &time, &["1 of 2 rows", "no time: 1", "max_reject_share"]);
    told(",age\n,1\n", &[], &["no column tells the user"]);
    let absent = shop.path("absent.csv");
    let arguments = ["run", "--events", text(&events), "--artifacts", text(&artifacts), "--users", text(&absent)];
    assert!(offline_fails(&arguments).contains("no such file or folder"));
}
