//! Nights of a shop, with everything real: what users do goes to two replicas and from there to an object store, the
//! scheduler fires, a version is learnt, contested, published, served, registered in MLflow and told of; and nights on
//! which something is wrong.
//!
//! `make test-night` installs the servers that it takes; without them it says so and is passed over. With
//! `--nocapture` it prints what happened when. Where there is a Chromium, `target/night` has pictures of the report.

mod diary;
mod nights;
mod page;
mod shop;

use serde_json::Value;

use crate::support::mlflow::{self, Server, of};
use crate::support::objects::{LOG, Machine, Replica, S3, free_address, printed, promoted};
use crate::support::{QUICK, eventually};

use diary::Diary;
use nights::Nights;
use shop::{SAMPLE, Shop, WORSE, keys};

/// How many users come to each replica before a night.
const USERS: usize = 12;

/// Two replicas, and how many events they were told of.
struct Replicas {
    both: [Replica; 2],
    told: usize,
}

impl Replicas {
    /// Tells both of what users do on a day, and waits until the store has it.
    fn live_a_day(&mut self, batch: &Machine) {
        for (replica, name) in self.both.iter().zip(["a", "b"]) {
            for user in 0..USERS {
                let event = ["view", "addtocart", "view"][user % 3];
                let user = format!("night-{}-{name}-{user}", self.told);
                replica.posts(&format!(r#"{{"visitorid":"{user}","itemid":"basket-0001","event":"{event}"}}"#));
            }
        }
        self.told += 2 * USERS;
        let all = format!("{} rows: {} events, 0 rejected", self.told, self.told);
        eventually("both logs are shipped", || batch.says(&["ingest", "--events", LOG]).contains(&all));
    }

    fn serve(&self, version: &str) {
        self.both.iter().for_each(|replica| replica.serves(version));
    }
}

/// The run of MLflow that a notice is of; how many events it says that it learnt from.
fn told(server: &Server, notice: &Value) -> (Value, u64) {
    let runs = server.runs();
    let run = runs.iter().find(|run| run["info"]["run_name"] == notice["run"]);
    let run = run.unwrap_or_else(|| panic!("MLflow has no run {}", notice["run"])).clone();
    let profile = run["inputs"]["dataset_inputs"][0]["dataset"]["profile"].as_str().unwrap_or("{}");
    let profile: Value = serde_json::from_str(profile).expect("JSON");
    let events = profile["events"].as_u64().unwrap_or_default();
    (run, events)
}

/// Checks that a version that a notice tells of is the champion in MLflow, with its files.
fn assert_registered(server: &Server, notice: &Value, status: &str, events: usize) {
    let (run, learnt_from) = told(server, notice);
    assert_eq!((&run["info"]["status"], learnt_from), (&"FINISHED".into(), events as u64), "{run}");
    assert_eq!((of(&run, "tags", "tandem.status"), of(&run, "params", "als.factors")), (&status.into(), &"8".into()));
    assert_eq!(of(&run, "tags", "tandem.version"), &notice["version"]);
    assert!(of(&run, "metrics", "fit ranker NDCG_at_20").as_f64() > Some(0.2), "{run}");
    let json = |name: &str| serde_json::from_str::<Value>(&server.file(&run, name)).expect("JSON");
    assert_eq!((&json("run.json")["id"], &json("manifest.json")["version"]), (&notice["run"], &notice["version"]));
    assert!(server.file(&run, "report.html").contains(notice["version"].as_str().expect("a version")));
    let champion = server.champion();
    assert_eq!((&champion["run_id"], &champion["description"]), (&run["info"]["run_id"], &notice["version"]));
}

/// The records that the store has, by id: the status of each.
fn recorded(machine: &Machine) -> Vec<(String, String)> {
    let output = machine.command(&["runs", "list", "--last", "0", "--json"]).output().expect("the binary runs");
    assert!(output.status.success(), "{}", printed(&output));
    let runs: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let own = |run: &Value, key: &str| run[key].as_str().expect("text").to_owned();
    runs.iter().map(|run| (own(run, "id"), own(run, "status"))).collect()
}

#[test]
fn every_night_ends_in_a_served_version_or_in_a_notice_that_says_why() {
    let (Some(s3), Some(program)) = (S3::start(), mlflow::program()) else { return };
    let folder = tempfile::tempdir().expect("temporary folder");
    let machine = |name: &str| Machine::new(folder.path(), name, s3.address);
    let mut diary = Diary::begin();
    let server = Server::start(&program, folder.path(), free_address().port(), None);
    diary.notes("an S3 server and an MLflow server answer");

    let batch = machine("batch");
    let shop = Shop::open(&batch.folder);
    let learnt = batch.command(&shop.run(&[])).envs(QUICK).output().expect("the binary runs");
    assert!(learnt.status.success(), "{}", printed(&learnt));
    let first = promoted(&printed(&learnt));
    diary.notes(format!("{first} is learnt from {SAMPLE} events of the shop and published"));
    let (file, key) = keys(folder.path());
    let both = ["a", "b"].map(|name| Replica::start_with_keys(&machine(name), name, &file, &key));
    let mut replicas = Replicas { both, told: 0 };
    replicas.serve(&first);
    diary.notes("two replicas serve it, and ask for keys");

    let nights = Nights::begin(&batch, &shop.job(&server.url));
    nights.assert_has_no_rival(&machine("rival"));
    diary.notes("a scheduler runs the jobs, and a second one is told so");

    replicas.live_a_day(&batch);
    diary.notes(format!("{} events of users are in the store", replicas.told));
    let notice = nights.pass("success");
    let version = notice["version"].as_str().expect("a version").to_owned();
    let figures = notice["figures"].as_array().expect("figures");
    assert!(figures.iter().any(|figure| figure["name"] == "fit ranker NDCG@20"), "{notice}");
    assert_ne!(version, first);
    diary.notes(format!("night 1: {version} in {} s; signed notice `success`", notice["seconds"]));
    replicas.serve(&version);
    diary.notes(format!("both replicas serve {version}"));
    assert_registered(&server, &notice, "succeeded", SAMPLE + replicas.told);
    diary.notes("MLflow has run, metrics, data, files, version and champion");
    let page = page::served(&replicas.both[1], &version);
    let pictures = page::pictures(&page);
    diary.notes(format!("the report is served to the key of an admin; pictures of it: {pictures}"));

    replicas.live_a_day(&batch);
    shop.breaks();
    let notice = nights.pass("failure");
    let reason = notice["reason"].as_str().expect("a reason");
    assert!(reason.contains("\"tonight\" is no time") && notice["attempts"] == 2, "{notice}");
    assert!(notice["version"].is_null(), "{notice}");
    replicas.serve(&version);
    assert_eq!(told(&server, &notice).0["info"]["status"], "FAILED");
    assert_eq!(server.champion()["description"], version.as_str());
    diary.notes(format!("night 2, a broken log: notice `failure` after 2 tries; {version} is served on"));
    shop.mends();

    replicas.live_a_day(&batch);
    shop.set(WORSE);
    let notice = nights.pass("refused");
    let contest = &notice["figures"][0];
    let [new, champion] = ["value", "champion"].map(|key| contest[key].as_f64().expect("a figure"));
    assert!(new < champion, "{notice}");
    let settings = notice["settings"].as_array().expect("settings");
    assert!(settings.iter().any(|setting| setting == "ranker.kind \"trees\" → \"none\""), "{notice}");
    let kept = notice["version"].as_str().expect("a version").to_owned();
    replicas.serve(&kept);
    // What was lost on the broken night is in it, and it is learnt by the settings before.
    assert_registered(&server, &notice, "refused", SAMPLE + replicas.told);
    let figures = format!("NDCG@20 {new:.3} beside {champion:.3}");
    diary.notes(format!("night 3, worse settings, {figures}: notice `refused`; {kept} by the settings before"));
    shop.set("");

    replicas.live_a_day(&batch);
    let notice = nights.pass("recovery");
    let last = notice["version"].as_str().expect("a version").to_owned();
    replicas.serve(&last);
    assert_registered(&server, &notice, "succeeded", SAMPLE + replicas.told);
    diary.notes(format!("night 4, the settings before: notice `recovery`; both serve {last}"));

    let runs = nights.end(&machine("rival"));
    diary.notes("the scheduler ends in order, and another one has its lease at once");
    let records = recorded(&machine("reader"));
    let count = |status: &str| records.iter().filter(|(_, own)| own == status).count();
    assert_eq!((count("succeeded"), count("failed"), count("refused"), records.len()), (3, 2, 1, 6), "{records:?}");
    assert!(runs.len() == 5 && runs.iter().all(|id| records.iter().any(|(own, _)| own == id)), "{runs:?}");
    // Refused if somebody had the lease of the artifacts.
    assert_eq!(promoted(&batch.succeeds(&["publish"])), last);
    assert!(replicas.both.into_iter().all(Replica::stop), "the replicas end in order");
    let found = batch.outcomes();
    let logged: usize = ["a", "b"].map(|name| machine(name).slates_logged()).iter().sum();
    assert_eq!((found["slates"].as_u64(), found["events"].as_u64()), (Some(logged as u64), Some(replicas.told as u64)));
    diary.notes(format!("{logged} slates of both replicas are in the store"));
    diary.notes(format!("{} runs are recorded, nobody holds a lease, the replicas end in order", records.len()));
}
