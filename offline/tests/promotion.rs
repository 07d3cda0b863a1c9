//! Every way to the champion's place: what is less than the champion stays beside it, and nothing is lost meanwhile.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{SMALL, champion, contents, offline_with, text, versions, write_shop};

/// A folder with a log and an artifacts folder.
struct Shop(tempfile::TempDir);

impl Shop {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("temporary folder"))
    }

    fn log(&self) -> PathBuf {
        self.0.path().join("log.csv")
    }

    fn artifacts(&self) -> PathBuf {
        self.0.path().join("artifacts")
    }

    fn champion(&self) -> String {
        champion(&self.artifacts()).file_name().expect("a name").to_string_lossy().into_owned()
    }

    /// Runs a command; returns whether it succeeded and all that it printed.
    fn tries(&self, arguments: &[&str]) -> (bool, String) {
        let (log, artifacts) = (self.log(), self.artifacts());
        let mut all = arguments.to_vec();
        if ["run", "train", "evaluate"].contains(&arguments[0]) {
            all.extend(["--events", text(&log)]);
        }
        all.extend(["--artifacts", text(&artifacts)]);
        let output = offline_with(&all, &SMALL);
        let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8")).concat();
        (output.status.success(), printed)
    }

    /// Runs a command that must succeed.
    fn does(&self, arguments: &[&str]) -> String {
        let (done, printed) = self.tries(arguments);
        assert!(done, "offline {arguments:?} failed:\n{printed}");
        printed
    }

    /// Runs a command that must fail, and leave champion and versions as they are.
    fn refuses(&self, arguments: &[&str]) -> String {
        let before = (self.champion(), versions(&self.artifacts()));
        let (done, printed) = self.tries(arguments);
        assert!(!done, "offline {arguments:?} should have failed:\n{printed}");
        assert_eq!((self.champion(), versions(&self.artifacts())), before, "{printed}");
        printed
    }
}

#[test]
fn a_log_that_lost_a_part_is_refused_before_training_with_the_figures_and_the_way_out() {
    let shop = Shop::new();
    write_shop(&shop.log(), 0..20, 0..30);
    shop.does(&["run"]);
    write_shop(&shop.log(), 0..17, 0..30);
    let printed = shop.refuses(&["run"]);
    let figures = "events 600 → 510 (-15.0%), users 20 → 17 (-15.0%), items 12 → 12 (+0.0%), last event \
                   1970-01-30T00:00:19Z → 1970-01-30T00:00:16Z";
    assert!(printed.contains(figures), "{printed}");
    assert!(printed.contains("it lost 15.0% of its events (gate.max_loss = 0.1)"), "{printed}");
    assert!(printed.contains("the champion stays") && printed.contains("--allow-shrink"), "{printed}");
    assert!(!printed.contains("als"), "nothing was trained: {printed}");
    let printed = shop.does(&["run", "--allow-shrink"]);
    assert!(printed.contains(figures) && shop.champion().starts_with("v000002-"), "{printed}");
}

#[test]
fn a_batch_whose_user_table_was_forgotten_is_refused_before_training_until_that_is_accepted() {
    let shop = Shop::new();
    write_shop(&shop.log(), 0..20, 0..30);
    let users = shop.0.path().join("users.csv");
    let rows: String = (0..20).map(|user| format!("u{user:03},{}\n", ["red", "blue"][user % 2])).collect();
    fs::write(&users, format!("user_id,colour\n{rows}")).expect("writes");
    let with_users = ["run", "--no-gate", "--users", text(&users)];
    shop.does(&with_users);
    shop.does(&with_users);
    let printed = shop.refuses(&["run", "--no-gate"]);
    let reason = "it lost 100.0% of its users with a profile (gate.max_loss = 0.1; --users gives their tables)";
    assert!(printed.contains(reason) && printed.contains("profiles 20 → 0 (-100.0%)"), "{printed}");
    assert!(printed.contains("--allow-shrink") && !printed.contains("als"), "nothing was trained: {printed}");
    let built = shop.does(&["train"]);
    assert!(shop.refuses(&["publish"]).contains(reason), "{built}");
    shop.does(&["run", "--no-gate", "--allow-shrink"]);
    // A champion without profiles asks for none, and the next one may have some.
    shop.does(&["run", "--no-gate"]);
    shop.does(&with_users);
}

#[test]
fn a_log_that_ends_earlier_is_refused_however_little_it_lost() {
    let shop = Shop::new();
    write_shop(&shop.log(), 0..20, 0..30);
    shop.does(&["run"]);
    write_shop(&shop.log(), 0..20, 0..29);
    let printed = shop.refuses(&["run"]);
    assert!(printed.contains("was learnt from: it ends earlier\n"), "{printed}");
    assert!(printed.contains("last event 1970-01-30T00:00:19Z → 1970-01-29T00:00:19Z"), "{printed}");
}

#[test]
fn other_models_are_no_reason_for_less_but_a_log_that_is_read_otherwise_is() {
    let shop = Shop::new();
    write_shop(&shop.log(), 0..20, 0..30);
    shop.does(&["run"]);
    write_shop(&shop.log(), 0..10, 0..30);
    let config = shop.0.path().join("config.toml");
    fs::write(&config, "[slim]\nfeatures = 7\n").expect("writes");
    shop.refuses(&["run", "--config", text(&config)]);
    fs::write(&config, "[ingest]\ndrop_equal_rows = true\n").expect("writes");
    let printed = shop.does(&["run", "--config", text(&config)]);
    assert!(printed.contains("read by other settings: ingest.drop_equal_rows changed"), "{printed}");
}

#[test]
fn a_shop_that_feeds_its_last_weeks_may_shrink_a_little_every_night() {
    let shop = Shop::new();
    for night in 0..4 {
        let users = 20 - night as usize;
        write_shop(&shop.log(), 0..users, night..30 + night);
        let printed = shop.does(&["run"]);
        assert_eq!(printed.contains("beside the champion"), night > 0, "{printed}");
    }
}

#[test]
fn until_a_time_that_the_champion_has_seen_is_less_on_purpose_and_until_a_later_one_is_not() {
    let shop = Shop::new();
    write_shop(&shop.log(), 0..20, 0..30);
    shop.does(&["run"]);
    let printed = shop.does(&["run", "--until", "1970-01-11"]);
    assert!(printed.contains("events 600 → 200 (-66.7%)"), "{printed}");
    shop.does(&["run"]);
    write_shop(&shop.log(), 0..10, 0..40);
    let printed = shop.refuses(&["run", "--until", "1970-02-09"]);
    assert!(printed.contains("it lost 50.0% of its users"), "{printed}");
}

#[test]
fn bad_nights_remove_nothing_however_many_they_are() {
    let shop = Shop::new();
    write_shop(&shop.log(), 0..20, 0..30);
    shop.does(&["run"]);
    shop.does(&["run"]);
    let good = versions(&shop.artifacts());
    write_shop(&shop.log(), 0..5, 0..30);
    for _ in 0..2 {
        shop.refuses(&["run"]);
        shop.does(&["train"]);
        let printed = shop.refuses(&["publish"]);
        assert!(printed.contains("it lost 75.0% of its events"), "{printed}");
    }
    let all = versions(&shop.artifacts());
    assert_eq!((&all[..2], all.len()), (&good[..], 4), "challengers stay beside the good ones");
}

#[test]
fn rollback_says_what_it_goes_back_to_and_passes_over_what_never_was_the_champion() {
    let shop = Shop::new();
    write_shop(&shop.log(), 0..20, 0..30);
    shop.does(&["run"]);
    let first = shop.champion();
    shop.does(&["train"]);
    write_shop(&shop.log(), 0..20, 0..40);
    shop.does(&["run"]);
    assert!(shop.champion().starts_with("v000003-"));
    let printed = shop.does(&["rollback"]);
    assert!(printed.contains("events 800 → 600 (-25.0%)"), "{printed}");
    assert_eq!(shop.champion(), first, "v000002 was never promoted");
    let printed = shop.refuses(&["rollback"]);
    assert!(printed.contains("no version that was the champion before v000001"), "{printed}");
    shop.does(&["run"]);
    shop.does(&["rollback"]);
    assert_eq!(shop.champion(), first, "v000003 was rolled back from");
}

#[test]
fn what_is_not_complete_is_not_published() {
    let shop = Shop::new();
    write_shop(&shop.log(), 0..20, 0..30);
    shop.does(&["run"]);
    shop.does(&["train"]);
    let [first, second] = &versions(&shop.artifacts())[..] else { panic!("two versions") };
    let printed = shop.refuses(&["publish", "--version", "v000009-aa"]);
    assert!(printed.contains("no version v000009-aa") && printed.contains(first.as_str()), "{printed}");
    let printed = shop.refuses(&["publish", "--version", "../artifacts"]);
    assert!(printed.contains("no version ../artifacts"), "{printed}");

    let folder = shop.artifacts().join(second);
    let renamed = shop.artifacts().join("v000007-aa");
    fs::rename(&folder, &renamed).expect("renames");
    let printed = shop.refuses(&["publish"]);
    assert!(printed.contains(&format!("v000007-aa holds the version {second}")), "{printed}");
    fs::rename(&renamed, &folder).expect("renames");

    fs::remove_file(folder.join("slim.safetensors").with_file_name("neighbours_slim.safetensors")).expect("removes");
    for command in [&["publish"][..], &["rollback", "--to", second]] {
        let printed = shop.refuses(command);
        assert!(printed.contains(&format!("version {second} is not complete")), "{printed}");
        assert!(printed.contains("neighbours_slim.safetensors") && printed.contains(first.as_str()), "{printed}");
    }
}

#[test]
fn an_evaluation_in_the_served_folder_leaves_what_is_served_as_it_is() {
    let shop = Shop::new();
    write_shop(&shop.log(), 0..20, 0..30);
    for _ in 0..4 {
        shop.does(&["run"]);
    }
    let (served, before, kept) = (shop.champion(), contents(&champion(&shop.artifacts())), versions(&shop.artifacts()));
    let rejects = shop.artifacts().join("rejects.jsonl");
    fs::write(&rejects, "of the last run").expect("writes");
    let evaluate = ["evaluate", "--task", "top-k", "--seen", "allow", "--format", "json"];
    let printed = shop.does(&evaluate);
    let start = printed.find('{').expect("JSON");
    let figures = serde_json::Deserializer::from_str(&printed[start..]).into_iter::<Value>().next();
    assert!(figures.expect("figures").expect("JSON")["results"].is_array(), "{printed}");
    assert_eq!((shop.champion(), versions(&shop.artifacts())), (served.clone(), kept));
    assert_eq!(contents(&champion(&shop.artifacts())), before);
    assert_eq!(fs::read_to_string(&rejects).expect("reads"), "of the last run");

    let evaluated = names(&shop.artifacts(), "evaluated-");
    assert_eq!(evaluated.len(), 1, "{evaluated:?}");
    assert!(printed.contains(&format!("--version {}", evaluated[0])), "{printed}");
    assert!(names(&shop.artifacts(), ".evaluating-").is_empty());
    shop.does(&["publish"]);
    assert_eq!(shop.champion(), served, "the newest version is not an evaluated one");
    let printed = shop.refuses(&["publish", "--version", &evaluated[0]]);
    assert!(printed.contains("it ends earlier"), "{printed}");
    shop.does(&["rollback"]);
    assert!(shop.champion().starts_with('v'));
    // Who asks for it by name, in a folder where nothing is served, gets it.
    let other = Shop::new();
    write_shop(&other.log(), 0..20, 0..30);
    other.does(&evaluate);
    let evaluated = names(&other.artifacts(), "evaluated-").remove(0);
    other.does(&["publish", "--version", &evaluated]);
    assert_eq!(other.champion(), evaluated);
}

/// The names in a folder that begin so.
fn names(folder: &Path, start: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(start)).collect()
}
