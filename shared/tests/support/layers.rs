//! Reads the `use crate::` paths of a crate's sources and compares them with its table of modules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module by its path (`retrieve`, `rank::trees`), and the modules of the same crate that it may import. A source
/// belongs to the longest path that it lies below, and so does what it imports.
pub type Table<'a> = [(&'a str, &'a [&'a str])];

/// Collects the sources of a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The paths that a source imports from its crate, those of grouped imports among them.
pub fn imports(text: &str) -> BTreeSet<String> {
    let mut imports = BTreeSet::new();
    for statement in text.split("crate::").skip(1) {
        for path in expand(statement) {
            imports.insert(path);
        }
    }
    imports.remove("");
    imports
}

/// A path, or each path of a group that begins it: `a::b`, `{a, b::c}`, `a::{b, c}`.
fn expand(statement: &str) -> Vec<String> {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let (prefix, rest) = statement.split_at(statement.find(|c| !word(c)).unwrap_or(statement.len()));
    match rest.strip_prefix('{').and_then(|rest| rest.split('}').next()) {
        Some(group) => group
            .split(',')
            .map(|path| format!("{prefix}{}", path.trim().split(|c| !word(c)).next().unwrap_or_default()))
            .collect(),
        None => vec![prefix.to_owned()],
    }
}

/// The longest of some modules that a path lies below.
fn module_of<'a>(modules: &BTreeMap<&'a str, &[&str]>, path: &str) -> Option<&'a str> {
    let below = |module: &&str| path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    modules.keys().copied().filter(below).max_by_key(|module| module.len())
}

/// Panics for a module that imports what the table does not allow, is missing in it, or stands in it for nothing; and
/// for a table that allows a cycle.
pub fn check(crate_folder: &str, table: &Table<'_>) {
    let source = Path::new(crate_folder).join("src");
    let allowed: BTreeMap<&str, &[&str]> = table.iter().copied().collect();
    let (mut files, mut modules) = (Vec::new(), BTreeSet::new());
    sources(&source, &mut files);
    for file in files {
        let path = file.strip_prefix(&source).expect("below the sources").with_extension("");
        let names: Vec<&str> = path.iter().filter_map(|name| name.to_str()).filter(|name| *name != "mod").collect();
        if ["lib", "main"].contains(&names[0]) {
            continue;
        }
        let text = fs::read_to_string(&file).expect("a source");
        // Docs may name any module.
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        // A folder that only lists its modules is none of them.
        let only_lists = code.iter().all(|line| line.is_empty() || line.contains("mod ") || line.starts_with('#'));
        let Some(module) = module_of(&allowed, &names.join("::")) else {
            assert!(only_lists, "{} is in no module of the table", path.display());
            continue;
        };
        modules.insert(module.to_owned());
        for import in imports(&code.join("\n")) {
            let Some(imported) = module_of(&allowed, &import) else { continue };
            let fits = imported == module || allowed[module].contains(&imported);
            assert!(fits, "{}: `{module}` must not import `{imported}`", path.display());
        }
    }
    assert_eq!(modules, table.iter().map(|(module, _)| (*module).to_owned()).collect(), "modules and table differ");
    acyclic(&allowed);
}

/// Takes away modules whose imports are all gone; in a cycle none can go.
fn acyclic(table: &BTreeMap<&str, &[&str]>) {
    let mut left = table.clone();
    while !left.is_empty() {
        let before = left.len();
        let names: BTreeSet<&str> = left.keys().copied().collect();
        left.retain(|_, imports| imports.iter().any(|import| names.contains(import)));
        assert!(left.len() < before, "the table allows a cycle among {:?}", left.keys());
    }
}
