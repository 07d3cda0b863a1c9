//! A challenger beside the champion, and drift: what the service does of a trained model's rows beside answering.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::loans::{Bank, loans, rows_as_json, write_config};
use crate::support::service::Running;
use crate::support::{self, offline_fails, text};
use serde_json::{Value, json};

const PREDICT: &str = "/models/loans/predict";

/// A bank with a champion, and a worse version that stayed a challenger; its name.
fn with_challenger() -> (Bank, String) {
    let bank = Bank::new(&loans(2000), "");
    bank.train(&[]);
    write_config(&bank.path("model.toml"), "[trees]\ntrees = 1\n");
    let told: Value = serde_json::from_str(&bank.train(&["--json"])).expect("JSON");
    assert_eq!(told["champion"], false);
    (bank, told["version"].as_str().expect("a version").to_owned())
}

/// Waits until the model is shown as it should be.
fn until(service: &Running, what: &str, is: impl Fn(&Value) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is(&service.client.get("/models/loans").json()) {
        assert!(Instant::now() < deadline, "never happened: {what}");
    }
}

fn share_is(share: f64) -> impl Fn(&Value) -> bool {
    move |model| model["challenger"]["share"].as_f64() == Some(share)
}

/// The version that answered each row of a list.
fn versions(answer: &Value) -> Vec<String> {
    let of = |row: &Value| row["model_version"].as_str().or(answer["model_version"].as_str()).map(str::to_owned);
    answer["predictions"].as_array().expect("a list").iter().map(|row| of(row).expect("a version")).collect()
}

#[test]
fn a_split_share_of_the_ids_is_answered_by_the_challenger_always_the_same() {
    let (bank, second) = with_challenger();
    let first = bank.champion();
    let told = bank.score("challenge", &["--share", "0.3", "--mode", "split"]);
    assert!(told.contains(&second) && told.contains("answers a share of 0.3 of the rows"), "{told}");
    assert!(bank.score("list", &[]).contains("challenger, split, share 0.3"));
    let service = Running::start(bank.folder.path());
    let rows = rows_as_json(&loans(2000));
    let list = || service.client.post(PREDICT, &json!(rows).to_string()).json();
    let answer = list();
    let by = versions(&answer);
    let own: BTreeSet<usize> = (0..rows.len()).filter(|row| by[*row] == second).collect();
    // Binomial: 600 with a standard deviation of 20.5; five of them.
    assert!((498..702).contains(&own.len()), "{}", own.len());
    assert!(by.iter().all(|version| *version == first || *version == second));
    // Each has the probability that its version has in a file.
    let data = bank.path("rows.csv");
    for version in [&first, &second] {
        let out = bank.path("out.jsonl");
        bank.score("predict", &["--version", version, "--data", text(&data), "--out", text(&out)]);
        let file = fs::read_to_string(&out).expect("reads");
        for (row, line) in file.lines().enumerate().filter(|(row, _)| by[*row] == *version) {
            let line: Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(line["probability"], answer["predictions"][row]["probability"], "row {row}");
        }
    }
    // Alone, and with other values, an id has the version that it had in the list.
    for row in (0..rows.len()).step_by(41) {
        let mut other = rows[row].clone();
        other["income"] = json!(1.5);
        let answer = service.client.post(PREDICT, &other.to_string()).json();
        assert_eq!(answer["model_version"], by[row], "row {row}");
        // A request names a row that has no id; one that is named by nothing is told by its values.
        let nameless = other.as_object_mut().expect("an object").remove("id").expect("an id");
        let target = format!("{PREDICT}?id={}", nameless.as_str().expect("a text"));
        assert_eq!(service.client.post(&target, &other.to_string()).json()["model_version"], by[row], "row {row}");
        let [one, again] = [(); 2].map(|()| service.client.post(PREDICT, &other.to_string()).json());
        assert_eq!(one, again);
    }
    bank.score("challenge", &["--share", "0.6", "--mode", "split"]);
    until(&service, "a larger share", share_is(0.6));
    let more = versions(&list());
    assert!(own.iter().all(|row| more[*row] == second), "a larger share has the rows of the smaller one");
    assert!(
        service
            .client
            .metric(&format!("predicted_proba_hist_count{{label=\"default\",model=\"loans\",version=\"{second}\"}}"))
            >= 1000.0
    );
    let counted = |version: &str| {
        let labels = format!("{{model=\"loans\",outcome=\"success\",version=\"{version}\"}}");
        service.client.metric(&format!("prediction_requests_total{labels}"))
    };
    assert!(counted(&first) >= 2.0 && counted(&second) >= 1.0, "lists count for the champion");
    bank.score("challenge", &["--share", "0"]);
    until(&service, "no challenger", |model| model["challenger"].is_null());
    assert!(versions(&list()).iter().all(|version| *version == first));
}

#[test]
fn a_shadow_is_measured_and_never_answers() {
    let (bank, second) = with_challenger();
    let first = bank.champion();
    bank.score("challenge", &["--share", "0.5"]);
    let service = Running::start(bank.folder.path());
    let rows = rows_as_json(&loans(1000));
    let answer = service.client.post(PREDICT, &json!(rows).to_string()).json();
    assert!(versions(&answer).iter().all(|version| *version == first));
    let counted = |version: &str| {
        let labels = format!("{{label=\"default\",model=\"loans\",version=\"{version}\"}}");
        service.client.metric(&format!("predicted_proba_hist_count{labels}"))
    };
    // Binomial: 500 with a standard deviation of 16.
    let shadows = counted(&second);
    assert!(counted(&first) == 1000.0 && (420.0..580.0).contains(&shadows), "{shadows}");
    let agreed = |prediction: &str| {
        let labels = format!("{{model=\"loans\",prediction=\"{prediction}\",version=\"{second}\"}}");
        service.client.metric(&format!("prediction_shadow_rows_total{labels}"))
    };
    assert!(agreed("same") + agreed("other") == shadows && agreed("same") > 0.0 && agreed("other") > 0.0);
    let share = format!("tandem_model_challenger_share{{mode=\"shadow\",model=\"loans\",version=\"{second}\"}}");
    assert_eq!(service.client.metric(&share), 0.5);
}

#[test]
fn a_promotion_of_the_challenger_ends_the_challenge() {
    let (bank, second) = with_challenger();
    let first = bank.champion();
    bank.score("challenge", &["--share", "0.5", "--mode", "split"]);
    let service = Running::start(bank.folder.path());
    until(&service, "a challenger", share_is(0.5));
    let told = bank.score("promote", &["--version", &second]);
    assert!(told.contains(&format!("the challenge has ended: its challenger {second} is the champion")), "{told}");
    for file in ["challenge", "challenger"] {
        assert!(!bank.path("artifacts/models/loans").join(file).exists(), "{file}");
    }
    until(&service, "the new champion alone", |model| {
        model["model_version"] == *second && model["challenger"].is_null()
    });
    // The champion before may challenge it; going back to it ends that, too.
    bank.score("challenge", &["--share", "0.5", "--version", &first]);
    until(&service, "the old champion as challenger", |model| model["challenger"]["model_version"] == *first);
    let told = bank.score("rollback", &[]);
    assert!(told.contains(&format!("the challenge has ended: its challenger {first} is the champion")), "{told}");
    until(&service, "the old champion alone", |model| {
        model["model_version"] == *first && model["challenger"].is_null()
    });
}

#[test]
fn a_challenge_outlives_its_champion_where_the_challenger_can_score_the_rows_of_the_next() {
    let (bank, second) = with_challenger();
    let first = bank.champion();
    let file = bank.path("artifacts/models/loans/challenge");
    write_config(&bank.path("model.toml"), "[trees]\ntrees = 2\n");
    bank.train(&[]);
    let third = support::versions(&bank.path("artifacts/models/loans")).pop().expect("three versions");
    bank.score("challenge", &["--share", "0.5", "--version", &second]);
    let goes_on = format!("the challenge goes on: {second}, shadow, share 0.5");
    let told = bank.score("promote", &["--version", &third]);
    assert!(told.contains(&goes_on), "{told}");
    let told = bank.score("rollback", &[]);
    assert!(told.contains(&goes_on) && bank.champion() == first && file.exists(), "{told}");
    // The next champion has a field less: one that has it can't be measured beside it.
    write_config(&bank.path("model.toml"), "[columns]\ncolour = \"ignored\"\n");
    let told = bank.train(&["--allow-schema-change"]);
    assert!(
        told.contains(&format!("the challenge has ended: {second} can't be measured beside this champion")),
        "{told}"
    );
    assert!(told.contains("colour") && !file.exists(), "{told}");
    // Nothing is said where there is none.
    assert_eq!(bank.score("rollback", &[]), format!("champion: loans {first}\n"));
}

#[test]
fn a_challenger_that_can_not_score_the_rows_is_refused_and_never_used() {
    let bank = Bank::new(&loans(1500), "");
    bank.train(&[]);
    let first = bank.champion();
    let artifacts = bank.path("artifacts");
    let refused = |more: &[&str]| {
        let given = ["score", "challenge", "--model", "loans", "--artifacts", text(&artifacts), "--share"];
        offline_fails(&[&given[..], more].concat())
    };
    assert!(refused(&["0.1"]).contains("no version has lost against the champion; name one with --version"));
    assert!(refused(&["0.1", "--version", "v9"]).contains(&format!("no version v9; there are: {first}")));
    assert!(refused(&["0.1", "--version", &first]).contains("is the champion"));
    assert!(refused(&["1.5"]).contains("--share 1.5: must be 0 to 1"));
    write_config(&bank.path("model.toml"), "[columns]\ncolour = \"ignored\"\n");
    let told: Value = serde_json::from_str(&bank.train(&["--json"])).expect("JSON");
    let second = told["version"].as_str().expect("a version");
    assert!(refused(&["0.1"]).contains("`colour` is no longer a field"));
    let challenge = json!({"version": second, "mode": "split", "share": 1.0}).to_string();
    fs::write(bank.path("artifacts/models/loans/challenge"), challenge).expect("writes");
    let service = Running::start(bank.folder.path());
    let row = rows_as_json(&loans(1))[0].to_string();
    let answer = service.client.post(PREDICT, &row).json();
    assert_eq!(
        (answer["model_version"].as_str(), service.client.get("/models/loans").json().get("challenger")),
        (Some(&*first), None)
    );
    // One that is torn neither.
    fs::write(bank.path("artifacts/models/loans/challenge"), "0.5").expect("writes");
    bank.train(&["--allow-schema-change"]);
    until(&service, "a swap", |model| model["model_version"] != *first);
}

#[test]
fn swaps_and_other_shares_under_load_fail_no_request() {
    let (bank, second) = with_challenger();
    let first = bank.champion();
    let service = Running::start(bank.folder.path());
    let (client, stop) = (service.client, AtomicBool::new(false));
    let rows = rows_as_json(&loans(40));
    std::thread::scope(|scope| {
        let asker = |from: usize| {
            let (rows, stop) = (&rows, &stop);
            move || {
                let mut seen = BTreeSet::new();
                for row in rows.iter().cycle().skip(from) {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let answer = client.post(PREDICT, &row.to_string());
                    assert_eq!(answer.status, 200);
                    seen.insert(answer.json()["model_version"].as_str().expect("a version").to_owned());
                }
                seen
            }
        };
        let askers = [0, 20].map(|from| scope.spawn(asker(from)));
        for (share, mode) in [(0.2, "split"), (0.9, "split"), (1.0, "shadow"), (0.5, "split")] {
            bank.score("challenge", &["--share", &share.to_string(), "--mode", mode]);
            until(&service, "another share", share_is(share));
        }
        bank.score("promote", &["--version", &second]);
        until(&service, "a promotion", |model| model["model_version"] == *second);
        bank.score("rollback", &[]);
        until(&service, "a rollback", |model| model["model_version"] == *first);
        stop.store(true, Ordering::Relaxed);
        let seen = askers.map(|asker| asker.join().expect("no request failed"));
        assert!(seen.iter().all(|seen| *seen == BTreeSet::from([first.clone(), second.clone()])), "{seen:?}");
    });
}

#[test]
fn rows_like_the_training_rows_do_not_drift_and_others_do() {
    let bank = Bank::new(&loans(2000), "");
    bank.train(&[]);
    let version = bank.champion();
    let service = Running::start(bank.folder.path());
    let client = service.client;
    let drift = || client.get("/models/loans/drift").json();
    let psi = |drift: &Value, field: &str| {
        let inputs = drift["inputs"].as_array().expect("a list");
        inputs.iter().find(|input| input["field"] == field).expect("the field")["psi"].clone()
    };
    let all = rows_as_json(&loans(2800));
    client.post(PREDICT, &json!(all[2000..2400]).to_string());
    let few = drift();
    assert_eq!(
        (&psi(&few, "income"), &few["inputs"][0]["rows"], &few["min_rows"]),
        (&Value::Null, &json!(400), &json!(500))
    );
    let gauge = "model_input_drift_psi{model=\"loans\"}";
    let text = || String::from_utf8(client.get("/metrics").body).expect("text");
    assert!(!text().contains(gauge), "there is none of few rows");
    client.post(PREDICT, &json!(all[2400..]).to_string());
    let same = drift();
    for field in ["income", "colour", "month", "day", "note"] {
        assert!(psi(&same, field).as_f64().is_some_and(|psi| psi < 0.1), "{field}: {same}");
    }
    assert!(same["scores"][0]["psi"].as_f64().is_some_and(|psi| psi < 0.15), "{same}");
    assert!(client.metric(gauge) < 0.1);
    let richer: Vec<Value> = all
        .iter()
        .map(|row| {
            let mut row = row.clone();
            (row["income"], row["colour"]) = (json!(row["income"].as_f64().expect("a number") + 60.0), json!("mauve"));
            row
        })
        .collect();
    client.post(PREDICT, &json!(richer).to_string());
    let moved = drift();
    assert!(["income", "colour"].map(|field| psi(&moved, field)).iter().all(|psi| psi.as_f64() > Some(0.2)), "{moved}");
    assert!(psi(&moved, "day").as_f64() < Some(0.1));
    let inputs = moved["inputs"].as_array().expect("a list");
    assert!(inputs.is_sorted_by(|a, b| a["psi"].as_f64() >= b["psi"].as_f64()), "the largest first");
    assert_eq!(client.metric(gauge), inputs[0]["psi"].as_f64().expect("a number"));
    let scores = format!("model_score_drift_psi{{label=\"default\",model=\"loans\",version=\"{version}\"}}");
    assert!(client.metric(&scores) > 0.2);
}

#[test]
fn probabilities_are_counted_in_the_buckets_of_the_config() {
    let bank = Bank::new(&loans(1000), "buckets = [0.25, 0.75]\n");
    bank.train(&[]);
    let service = Running::start(bank.folder.path());
    service.client.post(PREDICT, &json!(rows_as_json(&loans(100))).to_string());
    let text = String::from_utf8(service.client.get("/metrics").body).expect("text");
    let bounds: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("predicted_proba_hist_bucket"))
        .filter_map(|line| line.split("le=\"").nth(1)?.split('"').next())
        .collect();
    assert_eq!(bounds, ["0.25", "0.75", "+Inf"]);
    let refused = Bank::new(&loans(40), "buckets = [0.75, 0.25]\n").train_fails();
    assert!(refused.contains("buckets = [0.75, 0.25]: must be at most 100 bounds, ascending"), "{refused}");
}

#[test]
fn too_many_rows_to_explain_are_refused_with_the_setting() {
    let bank = Bank::new(&loans(1000), "");
    bank.train(&[]);
    let service = Running::start(bank.folder.path());
    let target = format!("{PREDICT}?explain=true");
    let rows = rows_as_json(&loans(1001));
    let refused = service.client.post(&target, &json!(rows).to_string());
    refused.assert_problem(400, Some("explain"));
    let told = refused.json()["detail"].as_str().expect("words").to_owned();
    assert!(told.contains("at most 1000 rows") && told.contains("models.max_explained_rows"), "{told}");
    let explained = service.client.post(&target, &json!(rows[..1000]).to_string()).json();
    assert_eq!(explained["predictions"].as_array().map(Vec::len), Some(1000));
}
