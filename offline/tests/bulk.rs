//! Slates by the batch: the same as the service's, whatever the number of threads, and however often the run is killed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use offline::log::parquet::Parquet;
use polars_arrow::array::{BinaryViewArray, PrimitiveArray};
use serde_json::{Value, json};

use crate::support::service::Running;
use crate::support::{
    QUICK, champion, command, offline, offline_fails, offline_small, sample, succeeds, text, within, write_shop,
};

/// The folder of a shop with an artifact, built once for all tests here.
static SHOP: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bulk");
    let _ = fs::remove_dir_all(&folder);
    let (events, items) = sample();
    let artifacts = folder.join("artifacts");
    let run = ["run", "--events", text(&events), "--items", text(&items), "--artifacts", text(&artifacts)];
    succeeds(&run, &QUICK);
    folder
});

fn artifacts() -> String {
    text(&SHOP.join("artifacts")).to_owned()
}

fn recommend(more: &[&str]) -> String {
    offline(&[&["recommend", "--artifacts", &artifacts()], more].concat())
}

fn refused(more: &[&str]) -> String {
    offline_fails(&[&["recommend", "--artifacts", &artifacts()], more].concat())
}

fn lines(path: &Path) -> Vec<Value> {
    let read = fs::read_to_string(path).expect("reads");
    read.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis() as i64
}

/// Compares the lines of a file with what a service answers to the same users, with the same parameters.
fn assert_served(service: &Running, path: &Path, parameters: &str) -> usize {
    let lines = lines(path);
    for line in &lines {
        let user = line["user_id"].as_str().expect("an id");
        let answer = service.client.get(&format!("/recommendations?user_id={user}&{parameters}"));
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        let answer = answer.json();
        assert_eq!(line["items"], answer["items"], "{user}");
        assert_eq!(line["model_version"], answer["model_version"]);
    }
    lines.len()
}

#[test]
fn slates_are_those_of_the_service_before_and_after_what_users_did_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Running::start_with(folder.path(), |config| {
        config.artifacts.path = SHOP.join("artifacts");
        config.server.replay = true;
    });
    let users: Vec<String> = (0..60).map(|user| format!("u{user:06}")).chain(["new".into(), "nobody".into()]).collect();
    let (list, out) = (folder.path().join("users.txt"), folder.path().join("out.jsonl"));
    fs::write(&list, users.join("\n")).expect("writes");
    let base = ["--users", text(&list), "--out", text(&out)];

    let now = now_ms().to_string();
    let said = recommend(&[&base[..], &["--k", "10", "--now", &now]].concat());
    assert!(said.contains("62 slates of ") && said.contains("2 of users of whom nothing is known"), "{said}");
    assert_eq!(assert_served(&service, &out, &format!("k=10&now={now}")), 62);

    let event = |user: &str, item: &str, kind: &str| json!({"visitorid": user, "itemid": item, "event": kind});
    let mut events = vec![event("new", "basket-0001", "view"), event("new", "basket-0002", "addtocart")];
    for (at, user) in users[..30].iter().enumerate() {
        events.push(event(user, &format!("basket-{:04}", 1 + at % 9), ["view", "transaction", "hide"][at % 3]));
    }
    assert_eq!(service.client.post("/events", &json!(events).to_string()).status, 200);
    let erased = service.client.send("DELETE", "/users/u000003", "", b"").expect("an answer");
    assert_eq!(erased.status, 200);
    let top = service.client.get("/popular?k=1").items().remove(0);
    let changed = service.client.send(
        "PUT",
        &format!("/items/{top}"),
        "content-type: application/json\r\n",
        b"{\"available\": false}",
    );
    assert_eq!(changed.expect("an answer").status, 200);
    within(std::time::Duration::from_secs(20), "the item is gone", || {
        service.client.get("/popular?k=1").items()[0] != top
    });

    let (now, log) = (now_ms().to_string(), folder.path().join("log"));
    let since = ["--now", &now, "--log", text(&log)];
    recommend(&[&base[..], &since].concat());
    assert_eq!(assert_served(&service, &out, &format!("k=20&now={now}")), 62);
    assert!(!fs::read_to_string(&out).expect("reads").contains(&format!("\"item_id\":\"{top}\"")));
    let asked = ["--filter", "price < 40", "--seen", "transaction:3,view:2", "--exclude", "basket-0002,nowhere"];
    recommend(&[&base[..], &since, &asked].concat());
    let asked = "k=20&filter=price+%3C+40&seen=transaction:3,view:2&exclude=basket-0002,nowhere";
    assert_eq!(assert_served(&service, &out, &format!("{asked}&now={now}")), 62);
    recommend(&[&base[..], &since, &["--category", "Storage", "--seen", "exclude_all"]].concat());
    assert_served(&service, &out, &format!("k=20&category=Storage&seen=exclude_all&now={now}"));

    // Of all users those who were erased are left out, and somebody new is none of the version's.
    let said = recommend(&[&["--out", text(&out), "--k", "3"], &since[..]].concat());
    assert!(said.contains("1 left out, of erased users"), "{said}");
    let all: Vec<Value> = lines(&out).iter().map(|line| line["user_id"].clone()).collect();
    assert!(!all.contains(&json!("u000003")) && !all.contains(&json!("new")) && all.contains(&json!("u000004")));
}

#[test]
fn a_run_that_is_killed_goes_on_and_one_thread_writes_what_two_do() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["out.jsonl", "out.parquet"] {
        let [whole, killed] = ["whole", "killed"].map(|place| {
            let place = folder.path().join(format!("{place}-{name}"));
            fs::create_dir(&place).expect("makes");
            place.join(name)
        });
        let (whole, killed) = (text(&whole), text(&killed));
        let of = |out| ["recommend", "--artifacts", &*artifacts(), "--k", "200", "--out", out].map(str::to_owned);
        let one_thread =
            command().args(of(whole)).args(["--now", "1772900000000"]).env("RAYON_NUM_THREADS", "1").output();
        assert!(one_thread.expect("runs").status.success());

        let begin = || {
            let mut command = command();
            command.args(of(killed)).env("RAYON_NUM_THREADS", "2").stderr(Stdio::null()).stdout(Stdio::null());
            command
        };
        let mut child = begin().args(["--now", "1772900000000"]).spawn().expect("runs");
        let done = Path::new(killed).with_file_name(format!(".{name}.unfinished")).join("done.json");
        within(std::time::Duration::from_secs(60), "a part is whole", || done.is_file());
        child.kill().expect("kills");
        child.wait().expect("ends");
        assert!(!Path::new(killed).exists(), "it was killed before its end");
        let said = refused(&["--k", "201", "--out", killed]);
        assert!(said.contains("--k was 200, and is 201"), "{said}");
        // The time is that of the first call, whatever the clock is now.
        assert!(begin().status().expect("runs").success());
        assert!(fs::read(killed).expect("reads") == fs::read(whole).expect("reads"), "{name}");
        assert!(!done.exists());
    }
}

#[test]
fn parquet_has_a_row_an_item_and_standard_output_the_lines_of_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let [table, by_line, list] = ["out.parquet", "out.jsonl", "users.csv"].map(|name| folder.path().join(name));
    fs::write(&list, "name,customer_id\nBo,u000007\nAl,u000002\n,\nCy,nobody\n").expect("writes");
    let base = ["--users", text(&list), "--now", "2026-03-08", "--k", "5", "--out"];
    recommend(&[&base[..], &[text(&table)]].concat());
    recommend(&[&base[..], &[text(&by_line)]].concat());
    assert_eq!(recommend(&[&base[..], &["-"]].concat()), fs::read_to_string(&by_line).expect("reads"));

    let mut parquet = Parquet::open(&table).expect("opens");
    let names: Vec<String> = parquet.columns().map(str::to_owned).collect();
    assert_eq!(names, ["user_id", "position", "item_id", "score", "sources", "because", "name"]);
    let columns: BTreeMap<&str, _> =
        names.iter().enumerate().map(|(at, name)| (name.as_str(), parquet.column(at).expect("reads"))).collect();
    let told = |name: &str, row: usize| {
        let texts = columns[name].as_any().downcast_ref::<BinaryViewArray>().expect("texts");
        texts.get(row).map(|text| String::from_utf8(text.to_vec()).expect("UTF-8"))
    };
    let scores = columns["score"].as_any().downcast_ref::<PrimitiveArray<f32>>().expect("numbers");
    let positions = columns["position"].as_any().downcast_ref::<PrimitiveArray<u32>>().expect("numbers");
    let mut row = 0;
    for line in lines(&by_line) {
        for (at, item) in line["items"].as_array().expect("a list").iter().enumerate() {
            let of = |name: &str| item[name].as_str().map(str::to_owned);
            assert_eq!(told("user_id", row).as_deref(), line["user_id"].as_str());
            assert_eq!(
                ["item_id", "because", "name"].map(|name| told(name, row)),
                ["item_id", "because", "name"].map(of)
            );
            let sources: Vec<&str> =
                item["sources"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
            assert_eq!(told("sources", row), Some(sources.join(",")));
            assert_eq!(
                (positions.value(row), scores.value(row)),
                (at as u32 + 1, item["score"].as_f64().expect("a number") as f32)
            );
            row += 1;
        }
    }
    assert_eq!((row, lines(&by_line).len()), (columns["score"].len(), 3));
}

#[test]
fn what_can_not_be_done_is_said_before_anything_is_begun() {
    let folder = tempfile::tempdir().expect("a folder");
    let [out, list] = ["out.jsonl", "users.csv"].map(|name| folder.path().join(name));
    fs::write(&list, "colour,size\nred,3\nblue,4\n").expect("writes");
    let (out, list) = (text(&out), text(&list));
    let missing = folder.path().join("none/out.jsonl");
    for (arguments, expected) in [
        (&["--out", out, "--version", "v000099"][..], "no version v000099"),
        (
            &["--out", out, "--users", list],
            "no column tells the user; there are: colour, size; name it with --user-column",
        ),
        (&["--out", text(&missing)], "no such folder; make it first"),
        (&["--out", "out.csv"], "must end in .jsonl or .parquet"),
        (&["--out", out, "--filter", "prize < 3"], "the nearest are \"price\""),
        (&["--out", out, "--category", "Storige"], "\"Storage\""),
        (&["--out", out, "--log", "nowhere"], "no such folder; --log takes the folders"),
        (&["--out", list, "--users", list], "is read; write to another file"),
    ] {
        let said = refused(arguments);
        assert!(said.contains(expected), "{said}");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left behind");
    let version = champion(Path::new(&artifacts()));
    let version = version.file_name().and_then(|name| name.to_str()).expect("a name");
    offline(&["versions", "alias", "mail", version, "--artifacts", &artifacts()]);
    let said = recommend(&["--version", "mail", "--k", "1", "--out", out]);
    assert!(said.contains(&format!("slates of {version}, ")), "{said}");
}

#[test]
fn an_audience_has_the_users_of_the_highest_probability_as_the_service_ranks_the_item_for_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let (out, item, now) = (folder.path().join("audience.jsonl"), "basket-0001", now_ms().to_string());
    let audience = |more: &[&str], threads: &str| {
        let base = ["audience", "--artifacts", &artifacts(), "--now", &now, "--out", text(&out)];
        succeeds(&[&base[..], more].concat(), &[("RAYON_NUM_THREADS", threads)])
    };
    let said = audience(&["--item", item, "--k", "30"], "2");
    assert!(said.contains("basket-0001: 30 users"), "{said}");
    let all = lines(&out);
    let positions: Vec<u64> = all.iter().filter_map(|line| line["position"].as_u64()).collect();
    assert_eq!(positions, (1..=30).collect::<Vec<_>>());
    let score = |line: &Value| line["score"].as_f64().expect("a number");
    assert!(all.is_sorted_by(|a, b| score(a) >= score(b)) && score(&all[0]) < 1.0 && score(&all[29]) > 0.0);

    let service = Running::start_with(folder.path(), |config| {
        config.artifacts.path = SHOP.join("artifacts");
        config.server.replay = true;
    });
    let manifest = fs::read_to_string(champion(Path::new(&artifacts())).join("manifest.json")).expect("reads");
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    let most = manifest["engine"]["ranker"]["candidates"].as_u64().expect("a ranker");
    for line in &all[..5] {
        let user = line["user_id"].as_str().expect("an id");
        let own = service.client.get(&format!("/recommendations?user_id={user}&k={most}&now={now}")).items();
        let list: Vec<&str> = own.iter().map(String::as_str).chain([item]).collect();
        let seen = "exclude_purchased";
        let asked = json!({"user_id": user, "items": list, "k": list.len(), "seen": seen, "now": now_ms_of(&now)});
        let ranked = service.client.post("/rank", &asked.to_string()).json();
        let of_item = ranked["items"].as_array().expect("a list").iter().find(|ranked| ranked["item_id"] == item);
        assert_eq!(of_item.map(|ranked| &ranked["score"]), Some(&line["score"]), "{user}");
    }

    // Who bought it is not among them, and a bound on the probability cuts the list where it should.
    let (events, _) = sample();
    let bought = fs::read_to_string(events).expect("reads");
    let bought: Vec<&str> = bought.lines().filter(|row| row.contains(&format!(",transaction,{item},"))).collect();
    assert!(!bought.is_empty());
    audience(&["--item", item], "2");
    let users: Vec<Value> = lines(&out).iter().map(|line| line["user_id"].clone()).collect();
    assert!(bought.iter().all(|row| !users.contains(&json!(row.split(',').nth(1)))) && users.len() > 100);
    let least = score(&all[9]);
    audience(&["--item", item, "--min-score", &format!("{least}")], "2");
    assert!((9..=11).contains(&lines(&out).len()), "{}", lines(&out).len());

    let list = folder.path().join("items.txt");
    fs::write(&list, "basket-0001\nbed-sheet-0003\nbasket-0001\n").expect("writes");
    let several = ["--items", text(&list), "--k", "7"];
    assert!(audience(&several, "1").contains("basket-0001: 7 users, bed-sheet-0003: 7 users"));
    let one_thread = fs::read(&out).expect("reads");
    audience(&several, "2");
    assert!(one_thread == fs::read(&out).expect("reads"));
    let table = folder.path().join("audience.parquet");
    offline(&["audience", "--artifacts", &artifacts(), "--now", &now, "--item", item, "--out", text(&table)]);
    assert_eq!(Parquet::open(&table).expect("opens").groups().sum::<usize>(), users.len());
}

fn now_ms_of(text: &str) -> i64 {
    text.parse().expect("a number")
}

#[test]
fn an_audience_of_an_unknown_item_or_without_a_ranker_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("audience.jsonl");
    let refused = |more: &[&str]| offline_fails(&[&["audience", "--out", text(&out)], more].concat());
    let said = refused(&["--artifacts", &artifacts(), "--item", "basket-00001"]);
    assert!(said.contains("does not know the item \"basket-00001\"; the nearest are \"basket-0001\""), "{said}");
    let (log, plain) = (folder.path().join("log.csv"), folder.path().join("artifacts"));
    write_shop(&log, 0..20, 0..10);
    offline_small(&["run", "--events", text(&log), "--artifacts", text(&plain)]);
    let said = refused(&["--artifacts", text(&plain), "--item", "i01"]);
    assert!(said.contains("has no ranker, by whose probabilities users are compared"), "{said}");
    assert!(!out.exists());
}
