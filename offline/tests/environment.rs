//! Settings from the environment: what is refused, and what is passed over.

use crate::support::{offline_with, text, write_log};

/// Reads a log of one event in an environment; returns whether that worked, and what was said.
fn ingest(variable: &str) -> (bool, String) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (log, rejects) = (folder.path().join("log.csv"), folder.path().join("rejects.jsonl"));
    write_log(&log, &[(1, "u", "view", "i")]);
    let output = offline_with(&["ingest", "--events", text(&log), "--rejects", text(&rejects)], &[(variable, "1")]);
    (output.status.success(), String::from_utf8(output.stderr).expect("UTF-8"))
}

#[test]
fn a_misspelt_variable_is_an_error_that_names_it_and_the_nearest_setting() {
    for (wrong, nearest) in [
        ("TANDEM_ASL__FACTORS", "TANDEM_ALS__FACTORS"),
        ("TANDEM_ALS__FACTRS", "TANDEM_ALS__FACTORS"),
        ("TANDEM_ALS_FACTORS", "TANDEM_ALS__FACTORS"),
        ("TANDEM_BLEND__WEIGHTS__SLIMM", "TANDEM_BLEND__WEIGHTS__SLIM"),
        ("TANDEM_STOER__REDIS_URL", "TANDEM_STORE__REDIS_URL"),
    ] {
        let (worked, said) = ingest(wrong);
        assert!(!worked && said.contains(wrong) && said.contains(nearest), "{said}");
    }
}

#[test]
fn what_is_the_service_s_or_no_setting_is_passed_over() {
    for variable in ["TANDEM_STORE__REDIS_URL", "TANDEM_SERVER__LISTEN", "TANDEM_DATASETS", "TANDEM_ALS__FACTORS"] {
        let (worked, said) = ingest(variable);
        assert!(worked, "{variable}: {said}");
    }
}
