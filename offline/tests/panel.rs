//! Several labels at once, and rows that are told what was before them: the customers of a bank, month by month.

use std::fmt::Write as _;
use std::fs;

use crate::support::loans::{Bank, drawn};
use crate::support::service::Running;
use offline::score::table::Table;
use serde_json::{Value, json};

const MONTHS: [&str; 6] = ["2015-01-28", "2015-02-28", "2015-03-28", "2015-04-28", "2015-05-28", "2015-06-28"];
const CUSTOMERS: u64 = 600;

/// Customers each month. The young take a card, the old a deposit; who has a card takes a loan. Nothing is given back.
fn panel() -> String {
    let mut text = "month,customer,age,card,deposit,loan,never\n".to_owned();
    for customer in 0..CUSTOMERS {
        let age = 20.0 + (drawn(customer) * 50.0).round();
        let mut has = [false; 3];
        for (at, month) in MONTHS.iter().enumerate() {
            let takes = |product: u64, rate: f64| drawn(customer * 97 + at as u64 * 7 + product + 10_000) < rate;
            let rates = [
                if age < 40.0 { 0.4 } else { 0.01 },
                if age < 40.0 { 0.01 } else { 0.3 },
                if has[0] { 0.5 } else { 0.005 },
            ];
            for (product, rate) in rates.into_iter().enumerate() {
                has[product] |= takes(product as u64, rate);
            }
            let [card, deposit, loan] = has.map(u8::from);
            // Writing to a string can't fail.
            let _ = writeln!(text, "{month},c{customer},{age},{card},{deposit},{loan},0");
        }
    }
    text
}

const CONFIG: &str = r#"
time = "month"
[columns]
month = "time"
age = { role = "number", nullable = true }
nickname = "ignored"
[panel]
key = "customer"
learn = "additions"
[split]
by = "time"
[threshold]
by = "micro_f1"
[serve]
call = "bank_products"
path = "/next"
[serve.names]
card = "Карта"
[trees]
trees = 80
patience = 20
"#;

fn bank() -> Bank {
    let bank = Bank::new(&panel(), CONFIG);
    let config = fs::read_to_string(bank.path("model.toml")).expect("reads");
    let several = config.replace("label = \"default\"", "labels = [\"card\", \"deposit\", \"loan\", \"n*r\"]");
    fs::write(bank.path("model.toml"), several).expect("writes");
    bank
}

#[test]
fn additions_are_learnt_from_what_was_before() {
    let built = bank().build();
    let outputs: Vec<&str> = built.model.manifest().outputs.iter().map(|output| output.label.as_str()).collect();
    assert_eq!(outputs, ["card", "deposit", "loan", "never"]);
    // The first month has no month before it.
    let rows: u64 = built.model.manifest().rows.values().sum();
    assert_eq!(rows, CUSTOMERS * 5);
    assert!(built.metrics["map@7"].value > 0.9, "{:?}", built.metrics);
    assert!(built.of_labels["loan"]["roc_auc"].value > 0.85, "{:?}", built.of_labels["loan"]);
    let loan = &built.model.manifest().outputs[2];
    assert_eq!(loan.importance[0].field, "previous_card");
    assert_eq!(built.model.manifest().outputs[3].positives.values().sum::<u64>(), 0);
    assert!(built.leaks.is_empty(), "{:?}", built.leaks);
    assert!(built.model.manifest().schema.iter().all(|field| field.name != "card"), "a label is no field");
}

#[test]
fn what_a_customer_had_is_remembered_and_said_the_same_in_files_and_by_the_service() {
    let bank = bank();
    let told = bank.train(&[]);
    assert!(told.contains("map@7") && told.contains("previous_card"), "{told}");
    // Nobody says what the customers have: it is remembered. One is not known, and one has a text for an age.
    let rows = bank.path("july.csv");
    let mut text = "month,customer,age\n".to_owned();
    let age = |customer: u64| 20.0 + (drawn(customer) * 50.0).round();
    (0..300).for_each(|customer| text += &format!("2015-07-28,c{customer},{}\n", age(customer)));
    text += "2015-07-28,nobody,30\n";
    fs::write(&rows, &text).expect("writes");
    let file = fs::read_to_string(bank.predict(&rows, "out.jsonl")).expect("reads");
    let file: Vec<Value> = file.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let csv = fs::read_to_string(bank.predict(&rows, "out.csv")).expect("reads");
    let header = csv.lines().next().expect("a header");
    assert_eq!(
        header,
        "row,customer,month,probability_card,probability_deposit,probability_loan,probability_never,predicted,unseen,error"
    );
    assert!(csv.lines().nth(8).expect("a row").starts_with("8,c7,2015-07-28,0."), "{csv}");
    assert_eq!((&file[7]["customer"], &file[7]["month"]), (&json!("c7"), &json!("2015-07-28")));
    let parquet = Table::read(&[bank.predict(&rows, "out.parquet")], &bank.config()).expect("reads");
    assert_eq!(parquet.names[..3], ["row", "customer", "month"]);
    assert_eq!(parquet.column("month").expect("is there").get(7), Some("2015-07-28"));
    let cards: Vec<bool> = panel()
        .lines()
        .filter(|line| line.starts_with("2015-06"))
        .map(|line| line.split(',').nth(3) == Some("1"))
        .collect();
    let probability = |row: &Value, label: &str| row["probabilities"][label].as_f64().expect("a probability");
    // The young without a card take it, whatever else they have.
    let mut right = 0;
    for ((row, had), customer) in file.iter().zip(&cards).zip(0..300) {
        right += usize::from((probability(row, "card") < 0.1) == (*had || age(customer) >= 40.0));
        assert!(!had || probability(row, "card") < 0.05, "{customer}: {row}");
        assert!(probability(row, "never") < 0.01, "{row}");
    }
    assert!(right >= 290, "{right} of 300");
    let service = Running::start(bank.folder.path());
    let asked = |customer: &str, age: Value| json!({ "month": "2015-07-28", "customer": customer, "age": age });
    let list: Vec<Value> = (0..300).map(|customer| asked(&format!("c{customer}"), json!(age(customer)))).collect();
    let answer = service.client.post("/models/loans/predict", &json!(list).to_string()).json();
    for (file, online) in file.iter().zip(answer["predictions"].as_array().expect("a list")) {
        assert_eq!(file["probabilities"], online["probabilities"]);
        assert_eq!(file["predicted"], online["predicted"]);
    }
    let takes = |at: &u64| !cards[*at as usize] && file[*at as usize]["predicted"] == json!(["card"]);
    let without = (0..300).find(takes).expect("somebody who takes a card");
    let mut one = asked(&format!("c{without}"), json!(format!(" {}", age(without))));
    // A field that is to be ignored may be sent, though no training row had it.
    one["nickname"] = json!("Al");
    assert_eq!(service.client.post("/next", &one.to_string()).json(), json!({ "predicted_products": ["Карта"] }));
    let bad = service.client.post("/next", &asked("c1", json!("old")).to_string());
    bad.assert_problem(422, None);
    let explained =
        service.client.post("/models/loans/predict?explain=true", &asked("c1", json!(null)).to_string()).json();
    let labels = explained["contributions"].as_object().expect("by label");
    assert!(!labels.is_empty() && labels.values().all(|own| own["fields"].is_array()), "{explained}");
    let models = service.client.get("/models").json();
    assert_eq!(models[0]["labels"], json!(["card", "deposit", "loan", "never"]));
}

/// A third has a salary, a third never, and a third is without it in one month and has it again in the next.
fn comes_back() -> String {
    let mut text = "month,customer,age,salary,other\n".to_owned();
    for customer in 0..CUSTOMERS {
        let (has, pauses) = (customer % 3 > 0, customer % 3 == 1);
        for (at, month) in MONTHS.iter().enumerate() {
            let salary = has && !(pauses && at as u64 == 1 + customer / 3 % 4);
            let other = drawn(customer * 31 + at as u64) < 0.1;
            let _ = writeln!(text, "{month},c{customer},30,{},{}", u8::from(salary), u8::from(other));
        }
    }
    text
}

#[test]
fn what_was_given_back_is_known_to_come_back() {
    let built = |past: &str| {
        let bank = Bank::new(&comes_back(), &CONFIG.replace("learn =", &format!("past = {past}\nlearn =")));
        let config = fs::read_to_string(bank.path("model.toml")).expect("reads");
        let several = config.replace("label = \"default\"", "labels = [\"salary\", \"other\"]");
        fs::write(bank.path("model.toml"), several).expect("writes");
        bank.build()
    };
    let loss = |past: &str| built(past).of_labels["salary"]["log_loss"].value;
    let (without, with) = (loss("[\"previous\"]"), loss("[\"previous\", \"since\", \"changes\"]"));
    assert!(with < 0.8 * without, "{with} {without}");
    let looked_at = built("[\"previous\", \"since\"]").model.manifest().outputs[0].importance[0].field.clone();
    assert_eq!(looked_at, "since_salary");
}

#[test]
fn of_choices_rows_without_an_addition_are_left_out() {
    let bank = bank();
    let config = fs::read_to_string(bank.path("model.toml")).expect("reads");
    fs::write(bank.path("model.toml"), config.replace("additions", "choices")).expect("writes");
    let built = bank.build();
    for labels in (0..built.labels[0].len()).map(|row| built.labels.iter().map(|labels| labels[row]).sum::<f32>()) {
        assert!(labels > 0.0);
    }
    // If anything is added, the probabilities of what it is are those of a choice.
    let sum = built.probabilities.iter().sum::<f64>() / built.labels[0].len() as f64;
    assert!((0.9..1.3).contains(&sum), "{sum}");
}

#[test]
fn rows_of_a_device_are_counted_up_to_each_row() {
    let mut rows = "at,device,click\n".to_owned();
    for row in 0..3000u64 {
        let device = if drawn(row) < 0.5 { format!("d{}", row % 50) } else { format!("new{row}") };
        let click = u8::from(drawn(row + 5000) < if device.starts_with('d') && row > 1000 { 0.8 } else { 0.1 });
        rows += &format!("2026-01-01T{:02}:{:02}:00Z,{device},{click}\n", row / 60 % 24, row % 60);
    }
    let config = "time = \"at\"\n[columns]\ndevice = \"key\"\n[derived]\nseen = { count = \"device\" }\n";
    let bank = Bank::new(&rows, config);
    let text = fs::read_to_string(bank.path("model.toml")).expect("reads").replace("\"default\"", "\"click\"");
    fs::write(bank.path("model.toml"), text).expect("writes");
    let built = bank.build();
    assert!(built.metrics["roc_auc"].value > 0.75, "{:?}", built.metrics);
    assert_eq!(built.model.manifest().outputs[0].importance[0].field, "seen");
    // Rows of a device are told apart by their times.
    bank.train(&[]);
    let out = fs::read_to_string(bank.predict(&bank.path("rows.csv"), "out.csv")).expect("reads");
    assert!(out.starts_with("row,device,at,probability,"), "{}", &out[..100]);
    let same = |(out, row): (&str, &str)| {
        let row: Vec<&str> = row.split(',').collect();
        out.split(',').skip(1).take(2).eq([row[1], row[0]])
    };
    assert!(out.lines().zip(rows.lines()).skip(1).all(same));
}

#[test]
fn what_can_not_be_told_is_refused_with_a_reason() {
    let bank = bank();
    let config = fs::read_to_string(bank.path("model.toml")).expect("reads");
    let refused = |from: &str, to: &str| {
        assert!(config.contains(from), "{from}");
        fs::write(bank.path("model.toml"), config.replace(from, to)).expect("writes");
        bank.train_fails()
    };
    let said = refused("\"n*r\"", "\"x*\"");
    assert!(said.contains("labels: no column `x*`"), "{said}");
    let said = refused("key = \"customer\"", "key = \"\"");
    assert!(said.contains("panel.key"), "{said}");
    let said = refused("key = \"customer\"", "key = \"client\"");
    assert!(said.contains("`client`"), "{said}");
    let said = refused("learn = \"additions\"", "past = [\"since\"]\nlearn = \"additions\"");
    assert!(said.contains("panel.past = [Since]: must have \"previous\""), "{said}");
    let said = refused("time = \"month\"\n", "");
    assert!(said.contains("must name the column of times"), "{said}");
    let said = refused("labels = [", "label = \"card\"\nlabels = [");
    assert!(said.contains("labels"), "{said}");
}
