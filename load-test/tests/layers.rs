//! Checks the `use crate::` lines against the table of modules: what may import what.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Each module, and the modules of this crate that it may import. A command may import what is above it.
const TABLE: [(&str, &[&str]); 19] = [
    ("clock", &[]),
    ("plan", &[]),
    ("progress", &[]),
    ("target", &[]),
    ("verdict", &[]),
    ("json_lines", &[]),
    ("acknowledged", &["json_lines"]),
    ("client", &["target"]),
    ("options", &["client", "target", "verdict"]),
    ("events", &["client", "json_lines"]),
    ("traffic", &["client", "events"]),
    ("tally", &["client"]),
    ("measure", &["client", "plan", "progress", "tally", "target", "traffic"]),
    ("report", &["tally", "verdict"]),
    // The commands, which do not know each other.
    ("run", &["events", "measure", "options", "plan", "report", "traffic", "verdict"]),
    ("replay", &["client", "events", "json_lines", "options", "progress", "verdict"]),
    ("consistency", &["client", "clock", "events", "options", "progress", "verdict"]),
    ("stream", &["acknowledged", "client", "clock", "events", "options", "progress", "verdict"]),
    ("audit", &["acknowledged", "client", "options", "progress", "verdict"]),
];

/// The sources below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// The modules named after `crate::`, those of grouped imports among them.
fn imports(text: &str) -> BTreeSet<&str> {
    let name = |path: &'_ str| path.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(path.len());
    let mut imports = BTreeSet::new();
    for rest in text.split("crate::").skip(1) {
        let group = rest.strip_prefix('{').and_then(|rest| rest.split('}').next());
        let paths = group.map_or_else(|| vec![rest], |group| group.split(',').map(str::trim).collect());
        imports.extend(paths.into_iter().map(|path| &path[..name(path)]));
    }
    imports
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let table: BTreeMap<&str, &[&str]> = TABLE.into_iter().collect();
    let mut modules = BTreeSet::new();
    for file in sources(&source) {
        let path = file.strip_prefix(&source).expect("below the sources");
        let module = path.iter().next().and_then(|name| name.to_str()).expect("a name").trim_end_matches(".rs");
        // The stub is for tests only.
        if module == "main" || module == "stub" {
            continue;
        }
        let allowed = table.get(module).unwrap_or_else(|| panic!("module `{module}` is not in the table"));
        modules.insert(module.to_owned());
        let text = std::fs::read_to_string(&file).expect("a source");
        // Tests beside the code, and test modules in files of their own, may import anything.
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for import in imports(code).into_iter().filter(|_| !path.ends_with("tests.rs")) {
            let fits = import == module || allowed.contains(&import);
            assert!(fits, "{}: `{module}` must not import `{import}`", path.display());
        }
    }
    assert_eq!(modules, TABLE.iter().map(|(module, _)| (*module).to_owned()).collect());
}

#[test]
fn grouped_and_single_imports_are_read() {
    let text = "use crate::client::Call;\nuse crate::{events, plan::Spacing};\nlet x = crate::verdict::Format::Text;";
    assert_eq!(imports(text), BTreeSet::from(["client", "events", "plan", "verdict"]));
}
