//! Dashboards and alerts on a real Prometheus: every expression finds something of a service that is in trouble, and the
//! trouble is told.
//!
//! Prometheus runs with the files of `online/prometheus`, faster. The batch is a file of its metrics
//! (`dashboards/batch.prom`). `--nocapture` shows what each expression found.

mod common;
#[path = "dashboards/expressions.rs"]
mod expressions;
#[path = "dashboards/model.rs"]
mod model;
#[path = "dashboards/prometheus.rs"]
mod prometheus;
#[path = "dashboards/trouble.rs"]
mod trouble;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;

use common::PATIENCE;
use expressions::{Expression, of_dashboard, selectors};
use prometheus::{INTERVAL, Prometheus, Rule};
use trouble::Trouble;

const DASHBOARDS: [&str; 3] = ["service", "models", "batch"];

/// What a service in such trouble must be reported for.
const FIRING: [&str; 9] = [
    "TandemErrors",
    "TandemFallbacks",
    "TandemLogRefusesWrites",
    "TandemPredictionFallbacks",
    "TandemReloadFailed",
    "TandemShedding",
    "TandemStoreAway",
    "TandemSwapFailed",
    "TandemVersionOld",
];

fn path(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(of)
}

fn dashboard(name: &str) -> Value {
    let path = path(&format!("grafana/dashboards/{name}.json"));
    serde_json::from_slice(&fs::read(path).expect("a dashboard")).expect("JSON")
}

/// Waits until nothing is missing any more.
fn until_nothing_is_missing(what: &str, mut missing: impl FnMut() -> Vec<String>) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let missing = missing();
        if missing.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{what}:\n{}", missing.join("\n"));
        std::thread::sleep(INTERVAL);
    }
}

/// Waits until each expression has found something; returns of each how many series there are, and the first value.
fn found(prometheus: &Prometheus, expressions: &[Expression]) -> Vec<(usize, f64)> {
    let mut found = vec![None; expressions.len()];
    until_nothing_is_missing("these find nothing: no metric has such a name, or such labels", || {
        for (expression, found) in expressions.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
            let values = prometheus.query(&expression.asked).unwrap_or_else(|error| panic!("{expression}: {error}"));
            *found = values.first().map(|first| (values.len(), *first));
        }
        let missing = expressions.iter().zip(&found).filter(|(_, found)| found.is_none());
        missing.map(|(expression, _)| expression.to_string()).collect()
    });
    found.into_iter().flatten().collect()
}

#[test]
fn every_expression_finds_something_and_trouble_is_told() {
    if !Prometheus::is_installed() {
        assert!(std::env::var_os("CI").is_none(), "CI needs prometheus: bash .ci/install-tools");
        eprintln!("skipped: dashboards and alerts (prometheus is not installed)");
        return;
    }
    let trouble = Trouble::begin();
    let prometheus = Prometheus::start(trouble.address(), &trouble.key);
    trouble.seen_well(&prometheus);
    trouble.go_wrong();
    let rules = prometheus.rules();
    let mut expressions: Vec<Expression> =
        DASHBOARDS.iter().flat_map(|name| of_dashboard(name, &dashboard(name))).collect();
    for Rule { name, expression, .. } in &rules {
        // Those of disks are optional, and of another program; those of tenants are of a process with several shops.
        let selectors = selectors(expression)
            .into_iter()
            .filter(|selector| !["node_", "tandem_tenant_"].iter().any(|begin| selector.starts_with(begin)));
        expressions.extend(selectors.map(|asked| Expression {
            of: format!("alert {name}"),
            written: asked.clone(),
            asked,
        }));
    }
    for (expression, (series, value)) in expressions.iter().zip(found(&prometheus, &expressions)) {
        println!("{series:4} {value:14.4}  {expression}");
    }
    until_nothing_is_missing("these alerts don't fire", || {
        let firing = prometheus.firing();
        FIRING.iter().filter(|name| !firing.contains(**name)).map(|name| (*name).to_owned()).collect()
    });
    println!("firing: {:?}", prometheus.firing());
    let runbook = fs::read_to_string(path("RUNBOOK.md")).expect("the runbook");
    for rule in &rules {
        rule.check(&runbook);
    }
    let entries: BTreeSet<&str> = runbook.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert_eq!(
        entries,
        rules.iter().map(|rule| rule.name.as_str()).collect(),
        "entries of the runbook and alerts differ"
    );
    trouble.end();
}

#[test]
fn dashboards_are_whole() {
    for name in DASHBOARDS {
        let board = dashboard(name);
        let variables = board["templating"]["list"].as_array().expect("variables");
        assert_eq!(variables[0]["type"], "datasource", "{name}");
        let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
        for panel in board["panels"].as_array().expect("panels") {
            let title = &panel["title"];
            assert!(ids.insert(panel["id"].as_u64()), "{name}: two panels have the id {}", panel["id"]);
            let at = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
            assert!(at("x") + at("w") <= 24, "{name}: {title} does not fit");
            for (x, y) in (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y))) {
                assert!(taken.insert((x, y)), "{name}: {title} lies on another panel");
            }
            if panel["type"] == "row" {
                continue;
            }
            assert!(
                panel["description"].as_str().is_some_and(|text| !text.is_empty()),
                "{name}: {title} explains nothing"
            );
            let targets = panel["targets"].as_array().expect("targets");
            assert!(!targets.is_empty(), "{name}: {title} asks nothing");
            for asked in [panel].into_iter().chain(targets) {
                assert_eq!(asked["datasource"]["uid"], "${datasource}", "{name}: {title}");
            }
            assert!(targets.iter().all(|target| target["expr"].as_str().is_some_and(|expr| !expr.is_empty())));
        }
    }
}
