//! Models of rows, trained by the batch and scored by the service.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::loans::{Bank, loans, rows_as_json, write_config};
use crate::support::service::Running;
use crate::support::{offline, text};
use serde_json::{Value, json};

fn served(bank: &Bank) -> Running {
    Running::start(bank.folder.path())
}

const PREDICT: &str = "/models/loans/predict";

#[test]
fn a_row_has_the_same_probability_in_a_file_alone_and_in_a_list() {
    let bank = Bank::new(&loans(2000), "");
    bank.train(&[]);
    let rows = bank.path("new.csv");
    fs::write(&rows, loans(2600)).expect("writes");
    let file = fs::read_to_string(bank.predict(&rows, "out.jsonl")).expect("reads");
    let file: Vec<Value> = file.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let service = served(&bank);
    let rows = rows_as_json(&loans(2600));
    let list = service.client.post(PREDICT, &json!(rows).to_string()).json();
    let list = list["predictions"].as_array().expect("a list");
    assert_eq!((file.len(), list.len()), (2600, 2600));
    let bits = |value: &Value| value["probability"].as_f64().expect("a probability").to_bits();
    for (row, (file, list)) in file.iter().zip(list).enumerate() {
        assert_eq!(bits(file), bits(list), "row {row}");
        assert_eq!(file["prediction"], list["prediction"]);
    }
    for row in (0..2600).step_by(13) {
        let one = service.client.post(PREDICT, &rows[row].to_string()).json();
        assert_eq!(bits(&one), bits(&file[row]), "row {row}");
    }
}

#[test]
fn every_field_that_is_refused_is_told_at_once() {
    let bank = Bank::new(&loans(1000), "[columns]\nincome = { role = \"number\", range = [0, 100] }\n");
    bank.train(&[]);
    let service = served(&bank);
    let client = service.client;
    let problem = |body: &str, status: u16| {
        let answer = client.post(PREDICT, body);
        answer.assert_problem(status, None);
        answer.json()
    };
    let told = problem(r#"{"income": 101, "colour": ["red"], "month": null, "dya": 3, "note": "short"}"#, 422);
    let errors: Vec<String> = told["errors"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|error| {
            format!("{}: {}", error["field"].as_str().expect("a name"), error["detail"].as_str().expect("words"))
        })
        .collect();
    assert_eq!(
        errors,
        [
            "dya: unknown field; the nearest is `day`",
            "income: 101; expected a number from 0 to 100",
            "colour: a list; expected a text",
            "month: null; expected a text",
            "day: missing; expected a number",
        ]
    );
    let good = r#"{"income": 50, "colour": "mauve", "month": "m1", "day": 3, "note": null, "id": "c1"}"#;
    assert_eq!(client.post(PREDICT, good).json()["unseen"], json!(["colour"]));
    let told = problem(&format!("[{good}, {{}}]"), 422);
    assert_eq!(told["errors"][0]["field"], "[1].income");
    assert!(problem("[]", 400)["detail"].as_str().expect("words").contains("no rows"));
    assert!(problem(&good.replace("50", "NaN"), 400)["detail"].as_str().expect("words").contains("line 1"));
    assert!(problem(&good.replace("50", "1e999"), 400)["detail"].as_str().expect("words").contains("out of range"));
    problem(&good.replace("50", "\"Infinity\""), 422);
    problem("3", 400);
    let many = |rows: usize| format!("[{}]", vec![good; rows].join(","));
    assert_eq!(client.post(PREDICT, &many(100_000)).json()["predictions"].as_array().map(Vec::len), Some(100_000));
    assert!(problem(&many(100_001), 400)["detail"].as_str().expect("words").contains("more than 100000 rows"));
    client.post("/models/other/predict", good).assert_problem(404, Some("name"));
    assert!(client.metric("prediction_refused_fields_total{field=\"income\",model=\"loans\"}") >= 2.0);
}

#[test]
fn a_service_without_a_recommender_says_so_and_its_models_are_described() {
    let bank = Bank::new(&loans(1000), "");
    bank.train(&[]);
    let service = served(&bank);
    let client = service.client;
    client.get("/recommendations?user_id=u").assert_problem(503, None);
    assert_eq!(client.get("/ready").json()["ready"], true);
    let models = client.get("/models").json();
    assert_eq!(
        (models[0]["name"].as_str(), models[0]["model_version"].as_str()),
        (Some("loans"), Some(&*bank.champion()))
    );
    for below in ["", "/metadata", "/params", "/metrics", "/schema"] {
        assert_eq!(client.get(&format!("/models/loans{below}")).status, 200, "{below}");
    }
    let example = client.get("/models/loans/schema").json()["example"].clone();
    let answer = client.post(&format!("{PREDICT}?explain=true"), &example.to_string()).json();
    let contributions = &answer["contributions"];
    let of_fields = contributions["fields"].as_array().expect("a list").iter().map(|field| field["log_odds"].as_f64());
    let sum: f64 = of_fields.map(|value| value.expect("a number")).sum();
    let all = contributions["base"].as_f64().expect("a number") + sum;
    assert!((all - contributions["log_odds"].as_f64().expect("a number")).abs() < 1e-5);
    let described = client.get("/openapi.json").json();
    let body = &described["paths"]["/models/loans/predict"]["post"]["requestBody"]["content"]["application/json"];
    assert_eq!(body["example"], example);
    let labels = format!("{{label=\"default\",model=\"loans\",version=\"{}\"}}", bank.champion());
    assert!(client.metric(&format!("predicted_proba_hist_count{labels}")) >= 1.0);
}

#[test]
fn a_promotion_under_load_fails_no_request() {
    let bank = Bank::new(&loans(2000), "");
    bank.train(&[]);
    let first = bank.champion();
    let service = served(&bank);
    let (client, stop) = (service.client, AtomicBool::new(false));
    let row = rows_as_json(&loans(1))[0].to_string();
    std::thread::scope(|scope| {
        let asker = scope.spawn(|| {
            let mut versions = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let answer = client.post(PREDICT, &row);
                assert_eq!(answer.status, 200);
                versions.push(answer.json()["model_version"].as_str().expect("a version").to_owned());
            }
            versions
        });
        write_config(&bank.path("model.toml"), "[trees]\ntrees = 80\n");
        bank.train(&[]);
        let second = bank.champion();
        assert_ne!(first, second);
        let deadline = Instant::now() + Duration::from_secs(20);
        while client.get("/models/loans").json()["model_version"] != *second {
            assert!(Instant::now() < deadline, "never swapped");
        }
        stop.store(true, Ordering::Relaxed);
        let versions = asker.join().expect("no panic");
        assert!(versions.contains(&first) && versions.is_sorted(), "each request has one version or the other");
    });
}

/// The real tables beside the checkout. Where they are absent the tests say so, and fail only where they must not be.
fn tables() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/datasets");
    let folder = std::env::var_os("TANDEM_DATASETS").map_or(beside, PathBuf::from).join("tabular");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is absent; set TANDEM_DATASETS", folder.display());
    eprintln!("skipped: {} is absent; set TANDEM_DATASETS", folder.display());
    None
}

/// Trains the model of a preset on a real table, fast, and serves it.
fn of_preset(preset: &str, table: &str, config: &str) -> Option<(tempfile::TempDir, Running)> {
    let table = tables()?.join(table);
    let folder = tempfile::tempdir().expect("temporary folder");
    let (own, artifacts) = (folder.path().join("own.toml"), folder.path().join("artifacts"));
    fs::write(&own, format!("members = 2\n{config}\n[trees]\nlearning_rate = 0.1\npatience = 20\n")).expect("writes");
    offline(&[
        "score",
        "train",
        "--preset",
        preset,
        "--config",
        text(&own),
        "--data",
        text(&table),
        "--artifacts",
        text(&artifacts),
    ]);
    let service = Running::start(folder.path());
    Some((folder, service))
}

const BY_COLUMN: &str = "[split]\nby = \"column\"\ncolumn = \"split\"\n";

#[test]
fn the_loan_system_answers_its_clients() {
    let Some((_folder, service)) = of_preset("loan-default", "loan_default/lending.parquet", BY_COLUMN) else { return };
    let (client, path) = (service.client, "/default_payment_prediction");
    let names = [
        "LIMIT_BAL",
        "SEX",
        "EDUCATION",
        "MARRIAGE",
        "AGE",
        "PAY_0",
        "PAY_2",
        "PAY_3",
        "PAY_4",
        "PAY_5",
        "PAY_6",
        "BILL_AMT1",
        "BILL_AMT2",
        "BILL_AMT3",
        "BILL_AMT4",
        "BILL_AMT5",
        "BILL_AMT6",
        "PAY_AMT1",
        "PAY_AMT2",
        "PAY_AMT3",
        "PAY_AMT4",
        "PAY_AMT5",
        "PAY_AMT6",
    ];
    let row = |values: [i64; 23]| {
        Value::Object(names.iter().zip(values).map(|(name, value)| ((*name).to_owned(), json!(value))).collect())
    };
    // The rows that the system's own tests ask for.
    let bad = row([
        220_000, 1, 1, 2, 29, 1, 2, 2, 2, 2, 2, 31012, 30215, 33117, 32286, 34320, 33634, 0, 3400, 0, 2576, 0, 2671,
    ]);
    let good = row([
        200_000, 1, 1, 1, 29, -1, -1, -1, -1, -1, -1, 9585, 1686, 820, 1889, 6617, 3986, 1735, 824, 1889, 6617, 3986,
        2460,
    ]);
    let service_bad = row([
        30_000, 2, 3, 1, 58, 2, 2, 2, 2, 2, 2, 26580, 27652, 27905, 27158, 29239, 29791, 1800, 1000, 0, 2518, 1185,
        1200,
    ]);
    for (row, expected) in [(&bad, 1), (&good, 0), (&service_bad, 1)] {
        let answer = client.post(path, &row.to_string());
        assert_eq!((answer.status, answer.json()["prediction"].as_i64()), (200, Some(expected)), "{row}");
        assert!(
            answer.json()["probability"].as_f64().is_some_and(|probability| probability > 0.0 && probability < 1.0)
        );
    }
    assert_eq!(client.post(path, "{}").status, 200, "defaults answer");
    let mut half = good.clone();
    half["EDUCATION"] = json!(3.5);
    client.post(path, &half.to_string()).assert_problem(422, None);
    assert_eq!(client.post(path, "").status, 422);
    // Values that the data has, though its documentation does not.
    let mut odd = good.clone();
    (odd["PAY_0"], odd["BILL_AMT1"], odd["EDUCATION"], odd["MARRIAGE"]) = (json!(-2), json!(-500), json!(0), json!(0));
    assert_eq!(client.post(path, &odd.to_string()).status, 200);
    assert_eq!(client.get("/model_metrics").json().as_object().map(serde_json::Map::len), Some(6));
    let params = client.get("/model_params");
    assert!(params.status == 200 && params.json().as_object().expect("an object").values().all(Value::is_string));
    assert!(
        client.get("/model_metadata").json()["signature"]["inputs"].as_array().is_some_and(|inputs| inputs.len() == 23)
    );
    client.get(path).assert_problem(405, None);
    assert!(
        client.metric("http_requests_total{method=\"POST\",route=\"/default_payment_prediction\",status=\"200\"}")
            >= 4.0
    );
}

#[test]
fn the_credit_system_answers_its_clients() {
    let Some((_folder, service)) = of_preset("credit-score", "bank_marketing/bank_small.parquet", BY_COLUMN) else {
        return;
    };
    let client = service.client;
    let row = json!({
        "age": 41, "job": "management", "marital": "married", "education": "tertiary", "default": "no", "balance": 1200,
        "housing": "yes", "loan": "no", "contact": "cellular", "day": 5, "month": "may", "duration": 900, "campaign": 1,
    });
    let answer = client.post("/api/prediction?cus_id=7", &row.to_string()).json();
    assert_eq!(answer["cus_id"], 7);
    let long_call = answer["PD"].as_f64().expect("a probability");
    let mut short = row.clone();
    short["duration"] = json!(10);
    let short_call = client.post("/api/prediction/?cus_id=7", &short.to_string()).json()["PD"].as_f64();
    assert!(short_call.is_some_and(|short_call| short_call < long_call), "who hangs up at once takes no deposit");
    for (target, body) in [
        ("/api/prediction", row.to_string()),
        ("/api/prediction?cus_id=x", row.to_string()),
        ("/api/prediction?cus_id=7", "[]".to_owned()),
        ("/api/prediction?cus_id=7", "{\"age\": 41}".to_owned()),
    ] {
        client.post(target, &body).assert_problem(422, None);
    }
}

#[test]
fn the_click_through_system_answers_its_clients() {
    let Some((_folder, service)) = of_preset("click-through", "avazu/impressions_10d.parquet", BY_COLUMN) else {
        return;
    };
    let client = service.client;
    let example = client.get("/models/click-through/schema").json()["example"].clone();
    let (mut features, mut row): (Vec<String>, Vec<Value>) =
        example.as_object().expect("an object").clone().into_iter().unzip();
    // Counts that the callers of that system send ready made.
    features.push("device_ip_count".to_owned());
    row.push(json!(3));
    let asked = |data: Vec<Vec<Value>>, features: &[String]| {
        client.post("/predict/", &json!({ "data": data, "features": features }).to_string())
    };
    let answers = asked(vec![row.clone(), row.clone()], &features).json();
    assert_eq!(answers.as_array().map(Vec::len), Some(2), "one for each row");
    assert_eq!(answers[0]["device_ip"], example["device_ip"]);
    let probability = answers[0]["click_proba"].as_f64().expect("a probability");
    assert!(probability > 0.0 && (probability * 1e4 - (probability * 1e4).round()).abs() < 1e-6, "four decimals");
    let answer = asked(vec![row[1..].to_vec()], &features[1..]);
    answer.assert_problem(400, Some("features"));
    assert!(answer.json()["detail"].as_str().expect("words").starts_with("Missing features in schema"));
    asked(vec![row[1..].to_vec()], &features).assert_problem(422, None);
    client.post("/predict", "{\"data\": 3}").assert_problem(422, None);
}
