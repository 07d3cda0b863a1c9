//! Settings that no file of a run has a use for: columns that none has, patterns that fit none.

use std::collections::BTreeSet;
use std::path::Path;

use super::plan::Plan;
use super::schema;
use super::settings::{IngestConfig, Role};

/// The settings that were of use so far.
pub struct Unused<'a> {
    config: &'a IngestConfig,
    roles: BTreeSet<Role>,
    patterns: BTreeSet<usize>,
    rules: BTreeSet<usize>,
    /// Whether a file was read by the settings of the shop.
    any: bool,
}

impl<'a> Unused<'a> {
    /// No file yet.
    #[must_use]
    pub fn new(config: &'a IngestConfig) -> Self {
        Self { config, roles: BTreeSet::new(), patterns: BTreeSet::new(), rules: BTreeSet::new(), any: false }
    }

    /// Notes a file, whether it is read or not.
    pub fn file(&mut self, path: &Path) {
        let fits = |pattern: &str| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            glob::Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(&name) || pattern.matches_path(path))
        };
        let patterns = self.config.files.iter().enumerate();
        self.patterns.extend(patterns.filter(|(_, files)| fits(&files.pattern)).map(|(at, _)| at));
    }

    /// Notes the columns of a file that is read.
    pub fn plan(&mut self, plan: &Plan) {
        self.any |= plan.schema != schema::SERVICE;
        let has = |role: &Role| self.config.columns.of(*role).iter().any(|path| plan.form.has(path));
        self.roles.extend(Role::ALL.into_iter().filter(has));
        // What later records of JSON have is not known.
        let has = |column: &str| plan.form.has(column) || !plan.form.is_table();
        let rules = self.config.skip.iter().enumerate();
        self.rules.extend(rules.filter(|(_, rule)| has(&rule.column)).map(|(at, _)| at));
    }

    /// What is to be said.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let roles = Role::ALL.into_iter().filter(|role| self.any && !self.roles.contains(role));
        let columns = roles.filter(|role| !self.config.columns.of(*role).is_empty()).map(|role| {
            let columns = self.config.columns.of(role).join("` or `");
            format!("ingest.columns.{}: no file has a column `{columns}`", role.as_str())
        });
        let patterns = self.config.files.iter().enumerate().filter(|(at, _)| !self.patterns.contains(at));
        let patterns = patterns.map(|(_, files)| format!("[[ingest.files]] pattern {:?} fits no file", files.pattern));
        let rules = self.config.skip.iter().enumerate().filter(|(at, _)| self.any && !self.rules.contains(at));
        let rules = rules.map(|(_, rule)| format!("ingest.skip: no file has a column `{}`", rule.column));
        columns.chain(patterns).chain(rules).collect()
    }
}
