//! Reads the `use crate::` paths of a crate's sources and compares them with its table of modules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module, and the modules of the same crate that it may import.
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

/// The modules that a source imports from its crate, those of grouped imports among them.
pub fn imports(text: &str) -> BTreeSet<String> {
    let mut imports = BTreeSet::new();
    for statement in text.split("crate::").skip(1) {
        let group = statement.strip_prefix('{').and_then(|rest| rest.split('}').next());
        for path in group.unwrap_or(statement).split(',') {
            imports.insert(path.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>());
            if group.is_none() {
                break;
            }
        }
    }
    imports.remove("");
    imports
}

/// Panics for a module that imports what the table does not allow, is missing in it, or stands in it for nothing; and
/// for a table that allows a cycle.
pub fn check(crate_folder: &str, table: &Table<'_>) {
    let source = Path::new(crate_folder).join("src");
    let allowed: BTreeMap<&str, &[&str]> = table.iter().copied().collect();
    let (mut files, mut modules) = (Vec::new(), BTreeSet::new());
    sources(&source, &mut files);
    for file in files {
        let path = file.strip_prefix(&source).expect("below the sources");
        let module = path.iter().next().and_then(|name| name.to_str()).expect("a name").trim_end_matches(".rs");
        if module == "lib" || module == "main" {
            continue;
        }
        let allowed = allowed.get(module).unwrap_or_else(|| panic!("module `{module}` is not in the table"));
        modules.insert(module.to_owned());
        let text = fs::read_to_string(&file).expect("a source");
        // Docs may name any module.
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for import in imports(&code.join("\n")) {
            let fits = import == module || allowed.contains(&import.as_str());
            assert!(fits, "{}: `{module}` must not import `{import}`", path.display());
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
