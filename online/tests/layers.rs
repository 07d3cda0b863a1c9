//! Checks the `use crate::` lines against the table of modules: what may import what.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Each module, and the modules of this crate that it may import.
const TABLE: [(&str, &[&str]); 8] = [
    ("config", &[]),
    ("metrics", &[]),
    ("champion", &["metrics"]),
    ("store", &["metrics"]),
    ("events", &["store", "metrics"]),
    ("serve", &["store", "champion", "metrics"]),
    // It answers with the errors of the store, but never calls it.
    ("api", &["serve", "events", "champion", "metrics", "store"]),
    // Puts all of them together; the binary adds arguments, logging and signals.
    ("service", &["config", "api", "champion", "store", "events", "serve", "metrics"]),
];

/// Collects the sources of a folder.
fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules that a source imports from its crate, those of grouped imports among them.
fn imports(text: &str) -> BTreeSet<String> {
    let mut imports = BTreeSet::new();
    for statement in text.split("crate::").skip(1) {
        let group = statement.strip_prefix('{').and_then(|rest| rest.split('}').next());
        for path in group.unwrap_or(statement).split(',') {
            let name: String = path.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            imports.insert(name);
            if group.is_none() {
                break;
            }
        }
    }
    imports.remove("");
    imports
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let table: BTreeMap<&str, &[&str]> = TABLE.into_iter().collect();
    let mut files = Vec::new();
    sources(&source, &mut files);
    let mut modules = BTreeSet::new();
    for file in files {
        let path = file.strip_prefix(&source).expect("below the sources");
        let module = path.iter().next().and_then(|name| name.to_str()).expect("a name").trim_end_matches(".rs");
        if module == "lib" || module == "main" {
            continue;
        }
        let allowed = table.get(module).unwrap_or_else(|| panic!("module `{module}` is not in the table"));
        modules.insert(module.to_owned());
        for import in imports(&std::fs::read_to_string(&file).expect("a source")) {
            let fits = import == module || allowed.contains(&import.as_str());
            assert!(fits, "{}: `{module}` must not import `{import}`", path.display());
        }
    }
    assert_eq!(modules, TABLE.iter().map(|(module, _)| (*module).to_owned()).collect());
}

#[test]
fn grouped_and_single_imports_are_read() {
    let text = "use crate::metrics::Metrics;\nuse crate::{api::App, serve};\nlet x = crate::store::by_user(a, b);";
    let expected = ["api", "metrics", "serve", "store"].map(str::to_owned);
    assert_eq!(imports(text), BTreeSet::from(expected));
}
