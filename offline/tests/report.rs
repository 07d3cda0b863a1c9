//! `offline report`: pages on the sample shop and on odd logs.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{
    QUICK, SMALL, champion, offline, offline_fails, offline_small, sample, succeeds, text, versions, write_log,
};
use serde_json::Value;

/// Most sources are left out, so that little is learnt.
const OFF: [(&str, &str); 1] = [(
    "TANDEM_BLEND__OFF",
    r#"["cached", "item_knn_user", "item_knn_walk", "embedding", "slim", "content", "looks_like", "session_knn", "als",
        "category_popularity", "trending"]"#,
)];

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

/// Checks that tags of a page are closed in order and that it needs nothing from elsewhere.
fn holds_together(page: &str) {
    for forbidden in ["http:", "https:", "<script", "<link", "<img", "<iframe", "@import", "url(", "javascript:"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(!page.contains("NaN") && !page.contains(">inf"), "figures that are none");
    assert!(page.len() < 1_500_000, "{} bytes", page.len());
    let body = page.strip_prefix("<!DOCTYPE html>").expect("a doctype");
    let style = body.find("<style>").expect("a style")..body.find("</style>").expect("its end");
    let body = [&body[..style.start + 7], &body[style.end..]].concat();
    let mut open: Vec<&str> = Vec::new();
    for tag in body.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap_or_else(|| panic!("no end: {tag}"));
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag.split([' ', '/']).find(|name| !name.is_empty()).expect("a name");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if ["meta", "br"].contains(&name) => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

/// The first of the sample's events, as many as are learnt from in a moment: two weeks.
fn some_events(folder: &Path) -> PathBuf {
    const EVENTS: usize = 2000;
    let (events, path) = (sample().0, folder.join("events.csv"));
    let all = fs::read_to_string(events).expect("the sample");
    let some: String = all.split_inclusive('\n').take(1 + EVENTS).collect();
    fs::write(&path, some).expect("writes");
    path
}

#[test]
fn the_sample_has_a_page_on_data_model_and_changes() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let artifacts = folder.path().join("artifacts");
    let (events, items) = (some_events(folder.path()), sample().1);
    let given = ["--events", text(&events), "--items", text(&items), "--artifacts", text(&artifacts)];
    let quick = [&QUICK[..], &OFF].concat();
    succeeds(&[&["run", "--until", "2026-03-13"], &given[..]].concat(), &quick);
    let printed = offline_small(&[&["run", "--report", "--no-gate"], &given[..]].concat());
    let [first, second] = &versions(&artifacts)[..] else { panic!("two versions") };
    let written = artifacts.join("reports").join(format!("{second}.html"));
    assert!(printed.contains(&format!("report: {}", written.display())), "{printed}");
    let page = fs::read_to_string(&written).expect("a page");
    holds_together(&page);
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("The longest stages"));
    assert!(page.contains("Learnt from:") && page.contains("2000 events of "), "{page}");

    // The first version is measured itself, on what came after it.
    let zone = ["--time-zone", "Europe/Berlin", "--version", first, "--since", "2026-03-09", "--json"];
    let out = folder.path().join("page.html");
    let found = json(&succeeds(&[&["report", "--out", text(&out)], &given[..], &zone].concat(), &quick));
    holds_together(&fs::read_to_string(&out).expect("a page"));
    assert_eq!((&found["time_zone"], &found["version"]["champion"]), (&"Europe/Berlin".into(), &false.into()));
    let measured = &found["model"]["measured"];
    assert_eq!(measured["on"], "later_events");
    let [served, popular] = ["tandem", "popularity"].map(|name| {
        let all = measured["evaluation"]["results"].as_array().expect("results");
        number(&all.iter().find(|own| own["model"] == name).expect("a model")["hr@20"])
    });
    assert!(served > popular + 0.2, "{served} {popular}");
    let tenths = measured["calibration"]["tenths"].as_array().expect("tenths");
    assert!(number(&tenths[9]["rate"]) > 2.0 * number(&tenths[0]["rate"]), "{tenths:?}");
    let importance = found["model"]["ranker"]["features"].as_array().expect("features");
    let sum: f64 = importance.iter().map(|own| number(&own["share"])).sum();
    assert!(found["model"]["ranker"]["by"] == "gain" && (sum - 1.0).abs() < 1e-9, "{sum}");
    let data = &found["data"];
    let counted = |parts: &Value| -> f64 {
        let all = |own: &Value| ["views", "carts", "purchases"].map(|step| number(&own[step])).iter().sum::<f64>();
        parts.as_array().expect("parts").iter().map(all).sum()
    };
    assert_eq!([&data["times"]["hours"], &data["times"]["weekdays"]].map(counted), [2_000.0; 2]);
    let since = found["changes"]["since"].as_array().expect("cuts");
    assert_eq!(
        since.iter().map(|cut| cut["what"].as_str()).collect::<Vec<_>>(),
        [Some("then"), Some("a week before the end")]
    );
    let examples = found["model"]["examples"].as_array().expect("examples");
    assert!(examples.len() >= 4 && examples.iter().all(|own| own["slate"].as_array().map(Vec::len) == Some(8)));
}

#[test]
fn an_evaluation_gives_the_figures_and_a_version_is_beside_the_champion_before() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (artifacts, evaluation) = (folder.path().join("artifacts"), folder.path().join("evaluation.json"));
    let events = some_events(folder.path());
    let given = ["--events", text(&events), "--artifacts", text(&artifacts)];
    offline_small(&[&["run", "--until", "2026-03-13"], &given[..]].concat());
    offline_small(&[&["run", "--no-gate"], &given[..]].concat());
    let asked = ["evaluate", "--task", "top-k", "--k", "5", "--format", "json", "--leave-one-out"];
    let asked = [&asked[..], &["--events", text(&events)]].concat();
    fs::write(&evaluation, succeeds(&asked, &[&SMALL[..], &OFF].concat())).expect("writes");
    let printed = offline(&[&["report", "--evaluation", text(&evaluation)], &given[..]].concat());
    assert!(printed.contains("events by day") && printed.contains("add-to-carts ("), "{printed}");
    let version = champion(&artifacts).file_name().expect("a name").to_string_lossy().into_owned();
    let page = fs::read_to_string(artifacts.join(format!("reports/{version}.html"))).expect("a page");
    holds_together(&page);
    assert!(page.contains("without repeat") && page.contains("NDCG@5") && !page.contains("Score and hit rate"));
    let first = &versions(&artifacts)[0];
    assert!(page.contains(&format!("Beside {first}")) && page.contains(&format!("Since the last event of {first}")));

    let wrong = folder.path().join("wrong.json");
    fs::write(&wrong, "{}").expect("writes");
    let told = offline_fails(&[&["report", "--evaluation", text(&wrong)], &given[..]].concat());
    assert!(told.contains("`offline evaluate --format json` prints"), "{told}");
    let told = offline_fails(&[&["report", "--no-measure", "--since", "v9"], &given[..]].concat());
    assert!(told.contains("no version v9; there are: v000001-"), "{told}");
    let told = offline_fails(&[&["report", "--out", text(&events)], &given[..]].concat());
    assert!(told.contains("is read; write to another file"), "{told}");
}

/// The page and the figures of a log alone.
fn of_log(folder: &Path, rows: &[(i64, &str, &str, &str)], more: &[&str]) -> (String, Value) {
    let (log, page, artifacts) = (folder.join("log.csv"), folder.join("page.html"), folder.join("none"));
    write_log(&log, rows);
    let given = ["report", "--events", text(&log), "--artifacts", text(&artifacts), "--out", text(&page), "--json"];
    let found = json(&offline(&[&given[..], more].concat()));
    let page = fs::read_to_string(page).expect("a page");
    holds_together(&page);
    (page, found)
}

#[test]
fn odd_logs_have_pages() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let folder = folder.path();
    let (page, found) = of_log(folder, &[(5, "u", "view", "a")], &[]);
    assert_eq!((&found["model"], &found["data"]["counts"]["events"]), (&Value::Null, &1.into()));
    assert!(page.contains("All events have one time") && !page.contains("By hour"));

    let timeless: Vec<_> = ["u", "v", "w"].map(|user| (0, user, "transaction", "a")).into();
    let (page, found) = of_log(folder, &timeless, &[]);
    assert!(found["data"]["times"].is_null() && page.contains("Most bought") && !page.contains("Most viewed"));

    // Markup, another direction, and control characters in ids; weeks without events.
    let day = 86_400_000;
    let rows = [
        (day, "<b onclick=\"x\">", "view", "<script>alert(1)</script>"),
        (day + 1, "مستخدم", "view", "منتج \u{202e}abc"),
        (60 * day, "<b onclick=\"x\">", "addtocart", "<script>alert(1)</script>"),
    ];
    let (page, found) = of_log(folder, &rows, &["--time-zone", "Asia/Kolkata"]);
    assert!(page.contains("<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>") && page.contains("<bdi>منتج"));
    assert_eq!(found["data"]["times"]["periods"].as_array().map(Vec::len), Some(60));
    assert!(!page.contains("onclick"), "a page names no user");
    let looked = found["findings"].as_array().expect("findings").iter().filter(|own| own["level"] == "look");
    let looked: Vec<&str> = looked.filter_map(|own| own["text"].as_str()).collect();
    assert_eq!(looked, ["58 days have no event, the first of them 1970-01-03."]);
    let log = folder.join("log.csv");
    let told = offline_fails(&["report", "--events", text(&log), "--time-zone", "Berlin time"]);
    assert!(told.contains("such as Europe/Berlin"), "{told}");
}
