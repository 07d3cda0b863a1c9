//! Which columns of an item table hold what.
//!
//! A setting that differs from its default names its column, whatever the case of its letters and without the type that
//! RecBole appends (`item_id:token`). The other columns are those of the table's schema. Price, brand and availability are
//! looked for by their usual names too, if the table does not have those of its schema.

use std::collections::BTreeMap;

use shared::contract::id::MAX_ID_BYTES;

use super::ItemsConfig;
use super::availability::is_active;
use super::categories::{AUTO, BLANK, Cuts, Lists, SEPARATOR};
use super::property::{Kind, bare, kind};
use super::role::Role;
use super::schema::{GENERIC, ItemSchema};
use crate::log::ingest::read::{Form, Needed, Take, Wanted, first_rows};
use crate::log::ingest::schema::{by_usual_names, plain};

/// Parts of the names of what the shop itself pays.
const COSTS: [&str; 6] = ["cost", "purchase", "wholesale", "supplier", "buying", "compra"];

/// Names of columns of vectors.
const VECTORS: [&str; 8] = [
    "embedding",
    "embeddings",
    "itemembedding",
    "productembedding",
    "textembedding",
    "imageembedding",
    "vector",
    "vectors",
];

/// The columns of a table by role, and what is to be said about them.
#[derive(Debug, Default)]
pub struct Mapping {
    columns: BTreeMap<Role, Vec<String>>,
    /// Settings that name no column, and columns that look like one but are not read.
    pub warnings: Vec<String>,
}

impl Mapping {
    /// The columns of a role, in the order in which they are looked at.
    #[must_use]
    pub fn of(&self, role: Role) -> &[String] {
        self.columns.get(&role).map_or(&[], |columns| columns)
    }

    /// The columns of all roles.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        self.columns.values().flatten()
    }
}

/// Finds the columns of each role in a table.
#[must_use]
pub fn map(config: &ItemsConfig, schema: &ItemSchema, form: &Form) -> Mapping {
    let there = form.all_columns();
    let mut mapping = Mapping::default();
    for role in Role::ALL {
        let name = role.setting(config);
        let columns = if name == role.default_name() {
            of_schema(schema, role, form, &there)
        } else {
            if find(name, &there).is_none() && !name.is_empty() && role != Role::Id {
                let (key, there) = (role.as_str(), there.join(", "));
                mapping
                    .warnings
                    .push(format!("items.{key} = \"{name}\": the item table has no such column; there are: {there}"));
            }
            find(name, &there).map(str::to_owned).into_iter().collect()
        };
        mapping.columns.insert(role, columns);
    }
    add_usual(&mut mapping, config, schema, &there);
    let id = mapping.columns.entry(Role::Id).or_default();
    if id.is_empty() {
        // What is missed is named as the settings have it.
        id.push(config.id.clone());
    }
    if Role::Active.setting(config) == Role::Active.default_name() {
        let is_known = |column: &String| !is_status(column) || has_known_words(form, config, column);
        mapping.columns.entry(Role::Active).or_default().retain(is_known);
    }
    warn_of_likely(&mut mapping, config, &there);
    mapping
}

/// The number of rows by which a status is told.
const ROWS: usize = 200;

/// Whether a column is one of any status, by its name.
fn is_status(column: &str) -> bool {
    let name = plain(column);
    name.ends_with("status") || name == "state"
}

/// Whether most of the first values of a column say that an item is shown or that it is not.
fn has_known_words(form: &Form, config: &ItemsConfig, column: &str) -> bool {
    let rows = first_rows(form, &[Wanted { take: Take::Whole, ..Wanted::column(column, Needed::No) }], ROWS);
    let rows = rows.unwrap_or_default();
    let values: Vec<&str> = rows.iter().filter_map(|row| row.values.as_ref().ok()?[0].as_deref()).collect();
    // The numbers of a status are codes.
    let is_code = |text: &str| text.trim().parse::<f64>().is_ok();
    let is_known =
        |text: &&&str| !is_code(text) && is_active(text, &config.available_words, &config.withdrawn_words).is_some();
    !values.is_empty() && 5 * values.iter().filter(is_known).count() >= 4 * values.len()
}

/// The columns that a schema names. A JSON object may lack what a later one has.
fn of_schema(schema: &ItemSchema, role: Role, form: &Form, there: &[String]) -> Vec<String> {
    if schema.name == GENERIC.name {
        return Vec::new();
    }
    let column = |path: &String| match find(path, there) {
        Some(column) => Some(column.to_owned()),
        None => (!form.is_table()).then(|| path.clone()),
    };
    let mut columns: Vec<String> = Vec::new();
    for column in schema.columns.of(role).iter().filter_map(column) {
        // Alternatives may differ in case only.
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    columns
}

/// Adds columns by their usual names to the roles that have none.
fn add_usual(mapping: &mut Mapping, config: &ItemsConfig, schema: &ItemSchema, there: &[String]) {
    let described = schema.columns.properties.iter().map(|property| property.column().to_owned());
    let used: Vec<String> =
        mapping.columns.values().flatten().cloned().chain(described).chain(schema.flags.keys().cloned()).collect();
    let mut taken: Vec<bool> = there.iter().map(|column| used.contains(column)).collect();
    let is_open = |role: &Role| {
        let is_there = mapping.of(*role).iter().any(|column| there.contains(column));
        let is_asked = schema.name == GENERIC.name || role.is_the_same_everywhere();
        !is_there && is_asked && role.setting(config) == role.default_name()
    };
    let open: Vec<Role> = Role::ALL.into_iter().filter(is_open).collect();
    let is_usual = open.clone();
    let names = open.into_iter().map(|role| (role, GENERIC.columns.of(role)));
    for (role, column) in by_usual_names(there, &mut taken, names) {
        mapping.columns.entry(role).or_default().push(column);
    }
    // A sale's price that is empty leaves the usual one, and each word for what is switched off counts.
    for role in [Role::Price, Role::Active] {
        while is_usual.contains(&role)
            && let Some((_, column)) = by_usual_names(there, &mut taken, [(role, GENERIC.columns.of(role))]).pop()
        {
            mapping.columns.entry(role).or_default().push(column);
        }
    }
}

/// Names a column that looks like one of a role that has none.
fn warn_of_likely(mapping: &mut Mapping, config: &ItemsConfig, there: &[String]) {
    let is_read = |column: &String| mapping.columns.values().flatten().any(|known| known == column);
    let has_path = there.iter().any(|column| mapping.of(Role::CategoryPath).contains(column));
    let mut warnings = Vec::new();
    for role in Role::ALL {
        let is_absent = mapping.of(role).is_empty() && !(role == Role::Category && has_path);
        // What is switched off may stand in several columns.
        let is_open = (is_absent || role == Role::Active) && role.setting(config) == role.default_name();
        if !is_open {
            continue;
        }
        let likely = |column: &&String| {
            let name = column.to_lowercase();
            column.len() < MAX_ID_BYTES
                && role.stems().iter().any(|stem| name.contains(stem))
                && !(role == Role::Price && is_cost(&name))
        };
        if let Some(column) = there.iter().find(|column| likely(column) && !is_read(column)) {
            let key = role.as_str();
            warnings.push(format!("column `{column}` is not read; items.{key} = {} reads it", quoted(column)));
        }
    }
    if let Some(column) = there.iter().find(|column| is_vector(column)).filter(|_| config.embedding.is_empty()) {
        warnings.push(format!(
            "column `{column}` is not read; items.embedding = {} relates items by its vectors",
            quoted(column)
        ));
    }
    mapping.warnings.extend(warnings);
}

/// Whether a column is of what the shop itself pays, by its name.
pub fn is_cost(column: &str) -> bool {
    let name = column.to_lowercase();
    COSTS.iter().any(|cost| name.contains(cost))
}

/// Whether a column is of vectors, by its name.
pub fn is_vector(column: &str) -> bool {
    VECTORS.contains(&plain(column).as_str())
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The column of a name: the one that is equal, else the first that differs only in case and type.
pub fn find<'a>(name: &str, there: &'a [String]) -> Option<&'a str> {
    // An empty setting means no column, not one with an empty name.
    let equal = |column: &&String| **column == name;
    let alike = |column: &&String| column.eq_ignore_ascii_case(name) || bare(column).eq_ignore_ascii_case(name);
    let column = there.iter().find(equal).or_else(|| there.iter().find(alike));
    column.filter(|_| !name.is_empty()).map(String::as_str)
}

/// What stands between the values of a column: a setting that differs from its default, else what the schema says.
/// Blanks stand between the values of a column whose name says so (`genres:token_seq`), and of no other whose name has a
/// type.
#[must_use]
pub fn separators(config: &ItemsConfig, schema: &ItemSchema, column: Option<&String>) -> Vec<String> {
    if config.category_separator != SEPARATOR {
        return vec![config.category_separator.clone()];
    }
    let mut separators =
        schema.category_separator.as_ref().map_or(vec![SEPARATOR.to_owned()], |signs| signs.list().to_vec());
    match column.and_then(|column| kind(column)) {
        Some(Kind::List) if !separators.iter().any(|sign| sign == BLANK) => separators.push(BLANK.to_owned()),
        Some(Kind::List) | None => {}
        Some(_) => separators.retain(|sign| sign != BLANK),
    }
    separators
}

/// What cuts categories apart.
#[must_use]
pub fn of_categories(config: &ItemsConfig, schema: &ItemSchema, mapping: &Mapping) -> Cuts {
    Cuts { separators: separators(config, schema, mapping.of(Role::Category).first()), ..config.cuts() }
}

/// What cuts paths of categories apart. Where a schema names no sign between levels, they are those of a list.
#[must_use]
pub fn of_paths(config: &ItemsConfig, schema: &ItemSchema, mapping: &Mapping) -> Cuts {
    let separators = separators(config, schema, mapping.of(Role::CategoryPath).first());
    match &schema.path_separator {
        _ if config.path_separator != AUTO => Cuts { separators, ..config.cuts() },
        Some(signs) => Cuts { separators, paths: signs.list().to_vec(), lists: Lists::Values },
        None if schema.columns.of(Role::CategoryPath).is_empty() => Cuts { separators, ..config.cuts() },
        None => Cuts { separators, lists: Lists::Levels, ..config.cuts() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::ingest::items::schema::of_file;
    use crate::log::ingest::read::{ReadOptions, recognise};

    fn form(header: &[&str]) -> Form {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("items.csv");
        std::fs::write(&path, format!("{}\n{}\n", header.join(","), vec!["x"; header.len()].join(",")))
            .expect("writes");
        recognise(&path, &ReadOptions::default()).expect("a form")
    }

    fn of(config: &ItemsConfig, header: &[&str]) -> Mapping {
        let form = form(header);
        map(config, of_file(&form).expect("reads"), &form)
    }

    #[test]
    fn usual_names_are_recognised_where_the_default_is_absent() {
        let config = ItemsConfig::of_tests();
        let found = of(&config, &["SKU", "Title", "product-type"]);
        assert_eq!(found.of(Role::Id), ["SKU"]);
        assert_eq!(found.of(Role::Name), ["Title"]);
        assert_eq!(found.of(Role::Category), ["product-type"]);
        assert!(found.of(Role::Price).is_empty() && found.warnings.is_empty());
        let found = of(&config, &["id", "itemid", "Category", "category"]);
        assert_eq!(found.of(Role::Id), ["itemid"], "the default comes first");
        assert_eq!(found.of(Role::Category), ["category"], "the name that is equal comes first");
    }

    #[test]
    fn neither_case_nor_type_matters() {
        let found = of(&ItemsConfig::of_tests(), &["item_id:token", "Price:float", "GENRES"]);
        assert_eq!(found.of(Role::Id), ["item_id:token"]);
        assert_eq!(found.of(Role::Price), ["Price:float"]);
    }

    #[test]
    fn what_a_schema_does_not_name_is_looked_for_by_its_usual_name() {
        let found = of(&ItemsConfig::of_tests(), &["movieId", "title", "genres", "list_price", "in_stock", "deleted"]);
        assert_eq!(found.of(Role::Category), ["genres"]);
        assert_eq!(found.of(Role::Price), ["list_price"]);
        assert_eq!(found.of(Role::Available), ["in_stock"]);
        assert_eq!(found.of(Role::Hidden), ["deleted"]);
    }

    #[test]
    fn a_setting_of_ones_own_is_not_replaced_but_missed() {
        let config = ItemsConfig { name: "label".into(), category: String::new(), ..ItemsConfig::of_tests() };
        let found = of(&config, &["id", "title", "category"]);
        assert!(found.of(Role::Name).is_empty() && found.of(Role::Category).is_empty());
        let expected = "items.name = \"label\": the item table has no such column; there are: id, title, category";
        assert_eq!(found.warnings, [expected]);
        let config = ItemsConfig { name: "genres".into(), ..ItemsConfig::of_tests() };
        assert_eq!(of(&config, &["movieId", "title", "genres"]).of(Role::Name), ["genres"]);
    }

    #[test]
    fn a_column_that_looks_like_one_is_named_with_the_setting_that_reads_it() {
        let found = of(&ItemsConfig::of_tests(), &["id", "third_category", "price"]);
        let expected = "column `third_category` is not read; items.category = \"third_category\" reads it";
        assert_eq!(found.warnings, [expected]);
    }

    #[test]
    fn what_the_shop_pays_is_no_price() {
        let found = of(&ItemsConfig::of_tests(), &["id", "product", "cost_price", "Preço", "Lagerbestand"]);
        assert_eq!([found.of(Role::Id), found.of(Role::Name), found.of(Role::Price)], [["id"], ["product"], ["Preço"]]);
        assert_eq!(found.of(Role::Available), ["Lagerbestand"]);
        let found = of(&ItemsConfig::of_tests(), &["id", "cost_price"]);
        assert!(found.of(Role::Price).is_empty() && found.warnings.is_empty());
    }

    #[test]
    fn every_column_for_what_is_switched_off_is_read_and_others_that_look_so_are_named() {
        let found = of(&ItemsConfig::of_tests(), &["SKU", "In stock?", "Published", "Aktiv", "Visibility in catalog"]);
        assert_eq!([found.of(Role::Available).len(), found.of(Role::Active).len()], [1, 2]);
        let expected = "column `Visibility in catalog` is not read; items.active = \"Visibility in catalog\" reads it";
        assert_eq!(found.warnings, [expected]);
        // Its only value is `x`.
        assert!(of(&ItemsConfig::of_tests(), &["sku", "status"]).of(Role::Active).is_empty());
    }

    #[test]
    fn prices_are_taken_from_the_first_column_that_has_one() {
        let found = of(&ItemsConfig::of_tests(), &["id", "Regular price", "Sale price"]);
        assert_eq!(found.of(Role::Price), ["Sale price", "Regular price"]);
    }

    #[test]
    fn a_column_of_vectors_is_named() {
        let found = of(&ItemsConfig::of_tests(), &["id", "embedding"]);
        let expected = "column `embedding` is not read; items.embedding = \"embedding\" relates items by its vectors";
        assert_eq!(found.warnings, [expected]);
    }

    #[test]
    fn a_setting_comes_before_the_separators_of_a_schema() {
        let recbole = of_file(&form(&["item_id:token", "class:token_seq"])).expect("reads");
        let of = |config: &ItemsConfig, column: &str| separators(config, recbole, Some(&column.to_owned()));
        assert_eq!(of(&ItemsConfig::of_tests(), "class:token_seq"), ["|", ",", " "]);
        assert_eq!(of(&ItemsConfig::of_tests(), "category:token"), ["|", ","]);
        let own = ItemsConfig { category_separator: ";".into(), ..ItemsConfig::of_tests() };
        assert_eq!(of(&own, "class:token_seq"), [";"]);
    }
}
