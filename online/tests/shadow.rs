//! A version that answers beside the served one: what it would have answered is logged and compared, and nobody sees it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use online::config::Config;
use serde_json::json;
use shared::contract::artifact::Manifest;
use shared::contract::artifact::alias::Alias;
use shared::contract::event_log::Log;
use shared::contract::id::UserId;
use shared::contract::slate_log::{LoggedSlate, Role, is_in_share};

use crate::common::http::Client;
use crate::common::{Running, config, event, eventually, folder, shop};

/// A config with a shadow for every user.
fn shadowed(folder: &Path) -> Config {
    let mut config = config(folder);
    (config.shadow.alias, config.shadow.share) = ("challenger".to_owned(), 1.0);
    config
}

/// Lets the shadow's alias name a version.
fn challenge(folder: &Path, version: &str) {
    let alias: Alias = "challenger".parse().expect("an alias");
    alias.write(&folder.join("artifacts"), version).expect("writes");
}

fn answers(client: &Client, version: &str) {
    let info = format!("tandem_shadow_info{{version=\"{version}\"}}");
    eventually("it answers", || (client.metric(&info) == 1.0).then_some(()));
}

fn slates(client: &Client, outcome: &str) -> f64 {
    client.metric(&format!("tandem_shadow_slates_total{{outcome=\"{outcome}\"}}"))
}

/// How many slates were compared with those of a version, and the sum of the shares that they have in common.
fn overlap(client: &Client, version: &str) -> (f64, f64) {
    let of = |what: &str| client.metric(&format!("tandem_shadow_overlap_{what}{{version=\"{version}\"}}"));
    (of("count"), of("sum"))
}

/// The pairs of slates in the log: what was served, and what would have been.
fn pairs(folder: &Path) -> Vec<(LoggedSlate, LoggedSlate)> {
    let mut slates = Vec::new();
    for file in Log::Slates.list(&folder.join("slates")).expect("lists") {
        let text = fs::read(&file.path).expect("reads");
        slates.extend(text.split_inclusive(|&byte| byte == b'\n').filter_map(LoggedSlate::read));
    }
    let (served, shadows): (Vec<_>, Vec<_>) = slates.into_iter().partition(|slate| slate.role.is_served());
    let of =
        |slate: &LoggedSlate| shadows.iter().find(|other| other.recommendation_id == slate.recommendation_id).cloned();
    served.into_iter().filter_map(|slate| Some((slate.clone(), of(&slate)?))).collect()
}

/// A copy of the golden version, which has other items and no category `even`; returns its name.
fn write_other(folder: &Path) -> String {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/golden/format_2");
    let version = Manifest::read(&golden).expect("the golden manifest").version;
    let other: PathBuf = folder.join("artifacts").join(&version);
    fs::create_dir_all(&other).expect("a folder");
    for file in fs::read_dir(golden).expect("the golden version") {
        let file = file.expect("an entry");
        fs::copy(file.path(), other.join(file.file_name())).expect("copies");
    }
    version
}

#[test]
fn an_equal_version_answers_what_was_served_whatever_was_said_of_users_and_items_since() {
    let folder = folder();
    shop::write(&folder.path().join("artifacts"), "v2");
    challenge(folder.path(), "v2");
    let mut config = shadowed(folder.path());
    config.scenarios = toml::from_str("[home]\nexplore = 0.5\nexplore_below_events = 1").expect("scenarios");
    let service = Running::start(&config);
    let client = &service.client;
    answers(client, "v2");
    let gone = json!({"available": false}).to_string();
    let answer = client.send("PUT", "/items/i00", "content-type: application/json\r\n", gone.as_bytes());
    assert_eq!(answer.expect("an answer").status, 200);
    // The item is gone there as well, once the thread has looked.
    eventually("the change is taken up", || {
        client.get("/recommendations?user_id=nobody&k=1&seen=allow");
        let (count, sum) = overlap(client, "v2");
        let before = slates(client, "answered");
        client.get("/recommendations?user_id=nobody&k=1&seen=allow");
        eventually("answered", || (slates(client, "answered") > before).then_some(()));
        let (after, more) = overlap(client, "v2");
        ((more - sum - (after - count)).abs() < 1e-9).then_some(())
    });
    assert_eq!(client.post("/events", &event("u", "i07", "e1")).status, 200);
    for query in
        ["user_id=u&k=5", "user_id=known&k=3&item_id=i05", "user_id=u&k=4&scenario=home", "user_id=u&category=odd"]
    {
        let before = slates(client, "answered");
        let answer = client.get(&format!("/recommendations?{query}")).json();
        assert_eq!(answer["model_version"], "v1");
        eventually("answered", || (slates(client, "answered") > before).then_some(()));
        let id = answer["recommendation_id"].as_str().expect("an id").to_owned();
        let find = || pairs(folder.path()).into_iter().find(|(served, _)| *served.recommendation_id == *id);
        let (served, shadow) = eventually("both are logged", find);
        assert_eq!((served.role, &*served.version), (Role::Served, "v1"));
        assert_eq!(shadow, LoggedSlate { role: Role::Shadow, version: "v2".into(), ..served });
    }
    // Nothing of it counts as shown.
    let shown = client.metric("tandem_outcomes_by_version_total{outcome=\"shown\",version=\"v2\"}");
    assert_eq!((shown, client.metric("tandem_shadow_duration_seconds_count")), (0.0, slates(client, "answered")));
    service.stop();
}

#[test]
fn the_version_comes_changes_and_goes_with_its_alias() {
    let folder = folder();
    let service = Running::start(&shadowed(folder.path()));
    let client = &service.client;
    let ask = |query: &str| assert_eq!(client.get(&format!("/recommendations?user_id=u&{query}")).status, 200);
    ask("k=5");
    eventually("there is none", || (slates(client, "no_version") == 1.0).then_some(()));
    let other = write_other(folder.path());
    challenge(folder.path(), &other);
    answers(client, &other);
    ask("category=even");
    eventually("it knows no such category", || (slates(client, "refused") == 1.0).then_some(()));
    ask("k=5");
    eventually("it has none of the items", || (overlap(client, &other) == (1.0, 0.0)).then_some(()));
    shop::write(&folder.path().join("artifacts"), "v2");
    challenge(folder.path(), "v2");
    answers(client, "v2");
    assert_eq!(client.metric(&format!("tandem_shadow_info{{version=\"{other}\"}}")), 0.0);
    // One that is torn leaves the one before, and nobody who is served sees any of it.
    let torn = folder.path().join("artifacts/v3");
    shop::write(&folder.path().join("artifacts"), "v3");
    let mut files = fs::read_dir(&torn).expect("lists").map(|file| file.expect("an entry").path());
    let is_table = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "safetensors");
    let table = files.find(is_table).expect("a table");
    File::options().write(true).open(table).and_then(|file| file.set_len(1)).expect("cuts");
    challenge(folder.path(), "v3");
    eventually("it is tried", || (client.metric("tandem_shadow_failures_total") >= 1.0).then_some(()));
    ask("k=5");
    eventually("the one before answers", || (overlap(client, "v2") == (1.0, 1.0)).then_some(()));
    // One that is served is not asked again, and one that was kept to be measured is not asked.
    challenge(folder.path(), "v1");
    eventually("it is the one that is served", || {
        ask("k=5");
        (slates(client, "same_version") >= 1.0).then_some(())
    });
    let failed = client.metric("tandem_shadow_failures_total");
    shop::write(&folder.path().join("artifacts"), "evaluated-000001-aa");
    challenge(folder.path(), "evaluated-000001-aa");
    eventually("it is refused", || (client.metric("tandem_shadow_failures_total") > failed).then_some(()));
    answers(client, "v1");
    let alias: Alias = "challenger".parse().expect("an alias");
    alias.remove(&folder.path().join("artifacts")).expect("removes");
    eventually("it goes", || {
        ask("k=5");
        (slates(client, "no_version") >= 2.0).then_some(())
    });
    service.stop();
}

#[test]
fn nobody_outside_the_share_is_asked_for() {
    let folder = folder();
    shop::write(&folder.path().join("artifacts"), "v2");
    challenge(folder.path(), "v2");
    let mut config = shadowed(folder.path());
    config.shadow.share = 0.3;
    let service = Running::start(&config);
    answers(&service.client, "v2");
    let is_followed = |user: &u32| is_in_share(&UserId::new(format!("u{user}")).expect("an id"), 0.3);
    let followed = (0..200).filter(is_followed).count();
    assert!((30..90).contains(&followed), "{followed}");
    // They are answered in their order, so that nobody is to come when the last has come.
    let last = (0..200).rfind(is_followed).expect("a user");
    for user in (0..200).filter(|user| *user != last).chain([last]) {
        service.client.get(&format!("/recommendations?user_id=u{user}&k=3"));
    }
    eventually("a share of them", || (slates(&service.client, "answered") >= followed as f64).then_some(()));
    assert_eq!(slates(&service.client, "answered"), followed as f64);
    service.stop();
}
