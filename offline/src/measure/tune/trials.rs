//! The table of trials: one JSON line per trial, appended when it is finished, so that an interrupted search can be
//! continued.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The name of the study.
    pub study: String,
    /// The settings by path.
    pub settings: BTreeMap<String, Value>,
    /// How good they are, higher is better: NDCG@20 on the windows, or the negative log-loss of rows.
    #[serde(alias = "ndcg")]
    pub figure: f64,
    /// How long it took.
    pub seconds: f64,
}

/// The trials on one log, or one table.
#[derive(Debug)]
pub struct Trials {
    /// All so far, in their order.
    pub made: Vec<Trial>,
    file: File,
}

/// The first line: the fingerprint of the log or table, and the settings that the trials were made with.
#[derive(Debug, Serialize)]
struct Head<'a> {
    fingerprint: &'a str,
    config: &'a Value,
}

impl Trials {
    /// Opens the table at `path` for a log or table with this fingerprint and the settings that the search starts from; a last
    /// line that was torn by an interruption is dropped.
    ///
    /// # Errors
    /// When the file can't be read, or belongs to another log or other settings.
    pub fn open(path: &Path, fingerprint: &str, config: &Value) -> anyhow::Result<Self> {
        let name = || path.display().to_string();
        // Compared as text: a number that is read back need not be the same to its last bit.
        let head = serde_json::to_string(&Head { fingerprint, config })?;
        let before = if path.exists() { fs::read(path).with_context(name)? } else { Vec::new() };
        let before = String::from_utf8_lossy(&before);
        if !before.contains('\n') && head.starts_with(&*before) {
            // New, or interrupted before the first trial.
            fs::write(path, format!("{head}\n")).with_context(name)?;
        } else {
            anyhow::ensure!(
                before.lines().next() == Some(&head),
                "{}: these trials were made on other data or from other settings; choose another --out",
                path.display()
            );
        }
        let made = before.lines().skip(1).filter_map(|line| serde_json::from_str::<Trial>(line).ok()).collect();
        let mut file = OpenOptions::new().append(true).open(path).with_context(name)?;
        if before.contains('\n') && !before.ends_with('\n') {
            writeln!(file).with_context(name)?;
        }
        Ok(Self { made, file })
    }

    /// Adds a trial.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn add(&mut self, trial: Trial) -> anyhow::Result<()> {
        writeln!(self.file, "{}", serde_json::to_string(&trial)?).context("writing trials")?;
        self.made.push(trial);
        Ok(())
    }

    /// The trials of a study.
    pub fn of<'a>(&'a self, study: &'a str) -> impl Iterator<Item = &'a Trial> {
        self.made.iter().filter(move |trial| trial.study == study)
    }

    /// A text table of the first and the best trial of each study.
    #[must_use]
    pub fn table(&self) -> String {
        let mut lines = format!("{:<18} {:>7} {:>10} {:>10}  best settings\n", "study", "trials", "start", "best");
        let mut studies: Vec<&str> = Vec::new();
        for trial in &self.made {
            if !studies.contains(&trial.study.as_str()) {
                studies.push(&trial.study);
            }
        }
        for study in studies {
            let (Some(first), Some(best)) = (self.of(study).next(), self.best(study)) else { continue };
            let settings = best.settings.iter().map(|(path, value)| format!("{path}={value}"));
            let (count, settings) = (self.of(study).count(), settings.collect::<Vec<_>>().join(" "));
            lines.push_str(&format!(
                "{study:<18} {count:>7} {:>10.4} {:>10.4}  {settings}\n",
                first.figure, best.figure
            ));
        }
        lines
    }

    /// The best trial of a study; of equal ones the first.
    #[must_use]
    pub fn best<'a>(&'a self, study: &'a str) -> Option<&'a Trial> {
        self.of(study).reduce(|best, trial| if trial.figure > best.figure { trial } else { best })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_are_found_again_without_a_torn_line_and_not_for_another_log() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("trials.jsonl");
        let trial = |figure| Trial { study: "als".to_owned(), settings: BTreeMap::new(), figure, seconds: 1.0 };
        let open = |log: &str, setting: f32| Trials::open(&path, log, &Value::from(setting));
        std::fs::write(&path, "{\"fingerprint\":").expect("written");
        write!(open("a", 0.03).expect("a torn head").file, "{{\"study\": \"als\", \"nd").expect("written");
        let mut trials = open("a", 0.03).expect("a torn first trial");
        trials.add(trial(0.1)).expect("written");
        trials.add(trial(0.3)).expect("written");
        write!(trials.file, "{{\"study\": \"al").expect("written");
        drop(trials);
        let mut trials = open("a", 0.03).expect("there");
        trials.add(trial(0.2)).expect("written");
        drop(trials);
        let trials = open("a", 0.03).expect("there");
        assert_eq!(trials.made, [trial(0.1), trial(0.3), trial(0.2)]);
        assert_eq!(trials.best("als"), Some(&trial(0.3)));
        assert!(open("b", 0.03).is_err() && open("a", 0.04).is_err());
    }
}
