//! Item tables: what a version made with one recommends, and what is refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support::{DAY_MS, SMALL, champion, offline_with, text, write_log, write_shop};
use shared::contract::api::Seen;
use shared::contract::id::ItemIdx;
use shared::engine::packed::unpack_user;
use shared::engine::recommend::{Query, Scratch, popular, recommend, similar};
use shared::engine::snapshot::Snapshot;
use shared::engine::state::{LiveHistory, UserState};
use shared::tables::Property;

/// A folder with the log of `write_shop`: eight users, the items `i00` to `i11`, twenty days.
struct Shop {
    folder: tempfile::TempDir,
}

/// The end of the log.
const END_MS: i64 = 20 * DAY_MS;

impl Shop {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        write_shop(&folder.path().join("log.csv"), 0..8, 0..20);
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, command: &str, table: &str, settings: &[(&str, &str)]) -> Output {
        let items = self.path("items.csv");
        fs::write(&items, table).expect("writes");
        let (log, rejects) = (self.path("log.csv"), self.path("rejects.jsonl"));
        let artifacts = self.path("artifacts");
        let to = if command == "run" { ["--artifacts", text(&artifacts)] } else { ["--rejects", text(&rejects)] };
        let arguments = [&[command, "--events", text(&log), "--items", text(&items)], &to[..]].concat();
        let settings: Vec<(&str, &str)> = SMALL.iter().chain(settings).copied().collect();
        offline_with(&arguments, &settings)
    }

    /// The version that is learnt with an item table.
    fn version(&self, table: &str, settings: &[(&str, &str)]) -> Snapshot {
        let output = self.run("run", table, settings);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Snapshot::load(&champion(&self.path("artifacts"))).expect("loads")
    }

    /// What `ingest` says of an item table.
    fn said(&self, table: &str, settings: &[(&str, &str)]) -> String {
        String::from_utf8(self.run("ingest", table, settings).stderr).expect("UTF-8")
    }
}

fn ids(snapshot: &Snapshot, items: impl IntoIterator<Item = ItemIdx>) -> Vec<String> {
    items.into_iter().map(|item| snapshot.items().id(item).to_owned()).collect()
}

/// Everything that is recommended at a time: to each user, to nobody known, as popular, as similar to anything.
fn recommended(snapshot: &Snapshot, now_ms: i64) -> Vec<String> {
    let mut scratch = Scratch::default();
    let mut found: Vec<ItemIdx> = popular(snapshot, None, None, 50, now_ms).into_iter().map(|pick| pick.item).collect();
    let mut states = vec![UserState::default()];
    for (_, record) in snapshot.users().iter() {
        states.push(UserState::join(snapshot, unpack_user(record).expect("a record"), &LiveHistory::default()));
    }
    for state in &states {
        let slate = recommend(snapshot, state, &Query::of(50, Seen::Allow), now_ms, &mut scratch);
        found.extend(slate.picks.iter().map(|pick| pick.item));
    }
    for item in 0..snapshot.items().len() as u32 {
        let picks = similar(snapshot, ItemIdx(item), None, 50, now_ms, &mut scratch);
        found.extend(picks.iter().map(|pick| pick.item));
    }
    found.sort_unstable();
    found.dedup();
    ids(snapshot, found)
}

fn cached(snapshot: &Snapshot) -> Vec<String> {
    let records = snapshot.users().iter().map(|(_, record)| unpack_user(record).expect("a record"));
    let items: Vec<ItemIdx> = records.flat_map(|record| record.cached).map(|scored| scored.item).collect();
    ids(snapshot, items)
}

#[test]
fn a_withdrawn_item_is_in_histories_and_not_in_slates() {
    let shop = Shop::new();
    let table = "sku,availability\ni00,out_of_stock\ni01,In Stock\ni02,0\ni03,7\n";
    let snapshot = shop.version(table, &[]);
    let (found, cached) = (recommended(&snapshot, END_MS), cached(&snapshot));
    assert_eq!(found.len(), 10);
    for withdrawn in ["i00", "i02"].map(str::to_owned) {
        assert!(!found.contains(&withdrawn) && !cached.contains(&withdrawn), "{withdrawn}");
    }
    let record = unpack_user(snapshot.users().record("u000").expect("a record")).expect("a record");
    let history = ids(&snapshot, record.history.iter().map(|event| event.item));
    assert!(history.contains(&"i00".to_owned()) && history.contains(&"i02".to_owned()));
    let item = snapshot.items().index("i00").expect("known");
    assert!(!similar(&snapshot, item, None, 5, END_MS, &mut Scratch::default()).is_empty(), "it still has neighbours");
}

#[test]
fn validity_is_that_of_the_time_of_the_question() {
    let shop = Shop::new();
    let table = "itemid,available_from,available_until\ni00,1970-01-25,\ni01,,1970-01-24\ni02,1970-01-22,1970-01-23T12:00:00Z\n";
    let snapshot = shop.version(table, &[]);
    let missing = |now_ms: i64| {
        let found = recommended(&snapshot, now_ms);
        (0..12).map(|item| format!("i{item:02}")).filter(|id| !found.contains(id)).collect::<Vec<_>>()
    };
    // Day 21 is the 22nd of January; the 24th is over with day 23.
    assert_eq!(missing(20 * DAY_MS), ["i00", "i02"]);
    assert_eq!(missing(21 * DAY_MS), ["i00"]);
    assert_eq!(missing(22 * DAY_MS + DAY_MS / 2), ["i00", "i02"]);
    assert_eq!(missing(24 * DAY_MS), ["i01", "i02"]);
}

#[test]
fn of_a_complete_table_other_items_are_withdrawn() {
    let shop = Shop::new();
    let table = "itemid,name\ni03,Three\ni04,Four\ni05,Five\nnew,New\n";
    let snapshot = shop.version(table, &[("TANDEM_ITEMS__COMPLETE", "true")]);
    assert_eq!(recommended(&snapshot, END_MS), ["i03", "i04", "i05", "new"]);
    let output = shop.run("ingest", "itemid\n3\n4\n", &[("TANDEM_ITEMS__COMPLETE", "true")]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("none of the 12 items of the log"), "{error}");
}

#[test]
fn an_item_is_in_each_category_and_in_every_level_of_a_path() {
    let shop = Shop::new();
    let table = "item_id,Genres,category_path\ni00,Action|Comedy,\ni01,\"[\"\"Comedy\"\", \"\"Drama\"\"]\",\ni02,,Home > Kitchen > Pans\n\
                 i03,,Home > Garden\ni04,Drama,Home\n";
    let snapshot = shop.version(table, &[]);
    let of = |name: &str| {
        let category = snapshot.items().category(name).unwrap_or_else(|| panic!("a category {name}"));
        let mut popular =
            ids(&snapshot, popular(&snapshot, Some(category), None, 50, END_MS).iter().map(|pick| pick.item));
        popular.sort_unstable();
        let query = Query { category: Some(category), ..Query::of(50, Seen::Allow) };
        let slate = recommend(&snapshot, &UserState::default(), &query, END_MS, &mut Scratch::default());
        let mut slate = ids(&snapshot, slate.picks.iter().map(|pick| pick.item));
        slate.sort_unstable();
        assert_eq!(popular, slate, "{name}");
        slate
    };
    assert_eq!(of("Action"), ["i00"]);
    assert_eq!(of("Comedy"), ["i00", "i01"]);
    assert_eq!(of("Drama"), ["i01", "i04"]);
    assert_eq!(of("Home"), ["i02", "i03", "i04"]);
    assert_eq!(of("Home > Kitchen"), ["i02"]);
    assert_eq!(of("Home > Kitchen > Pans"), ["i02"]);
    assert_eq!(snapshot.items().categories().count(), 7);
}

#[test]
fn bad_rows_are_rejected_one_by_one_with_their_reasons() {
    let shop = Shop::new();
    let table = "itemid,name,price,available\ni00,A,\"19,99\",yes\n,B,1,yes\ni02,C,free,yes\ni03,D,-4,yes\ni04,E,€ 5,1\ni04,F,6,1\n";
    let said = shop.said(table, &[("TANDEM_INGEST__MAX_REJECT_SHARE", "0.6")]);
    for line in [
        "6 rows of the item table: 2 items",
        "1 rows are about an item that stands more than once",
        "rejected 1: no item id (row 2)",
        "rejected 1: price is not a number; items.price = \"\" leaves prices out (row 3: `free`)",
        "(row 4: `-4`)",
        "2 of the 12 items of the log are in the table",
        "warning: 2 of 12 items of the log",
    ] {
        assert!(said.contains(line), "{line} in\n{said}");
    }
    let rejects = fs::read_to_string(shop.path("rejects.jsonl")).expect("reads");
    let rows: Vec<u64> = rejects
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["row"].as_u64().expect("a row"))
        .collect();
    assert_eq!(rows, [2, 3, 4]);
    let refused = shop.said(table, &[]);
    assert!(
        refused.contains("3 of 6 rows of the item table rejected") && refused.contains("max_reject_share"),
        "{refused}"
    );
}

#[test]
fn rejects_of_item_table_and_log_are_in_one_file() {
    let shop = Shop::new();
    let log = shop.path("log.csv");
    let rows = fs::read_to_string(&log).expect("reads");
    fs::write(&log, format!("{rows}5,u000,stare,i00,\n")).expect("writes");
    let table =
        format!("itemid,price\ni00,free\n{}", (1..30).map(|item| format!("i{item:02},1\n")).collect::<String>());
    shop.said(&table, &[]);
    let rejects = fs::read_to_string(shop.path("rejects.jsonl")).expect("reads");
    assert_eq!(rejects.lines().count(), 2, "{rejects}");
    assert!(rejects.contains("items.csv") && rejects.contains("log.csv"));
}

#[test]
fn the_last_row_of_an_item_counts_and_properties_have_types() {
    let shop = Shop::new();
    let table = "itemid,name,price,weight,Brand\ni00,Old,1,1,x\ni00,New,2,3,y\ni01,Other,5,3,y\n";
    let weight = r#"[{ column = "weight", type = "number" }]"#;
    let snapshot = shop.version(table, &[("TANDEM_ITEMS__PROPERTIES", weight)]);
    let item = snapshot.items().index("i00").expect("known");
    assert_eq!((snapshot.items().name(item), snapshot.items().price(item)), (Some("New"), 2.0));
    let refused = shop.said("itemid,weight\ni00,heavy\n", &[("TANDEM_ITEMS__PROPERTIES", weight)]);
    assert!(refused.contains("property `weight` is not a number"), "{refused}");
}

#[test]
fn further_columns_are_properties_to_filter_by_unless_they_are_no_groups_of_items() {
    let shop = Shop::new();
    let rows = (0..150).map(|item| {
        let (colour, stars) = (["red|blue", "red", ""][item % 3], item % 5);
        format!("i{item:02},Lamp,Acme,{colour},{stars},https://shop/{item}.png,{item}.5\n")
    });
    let table = format!("itemid,name,Brand,colour,rating:float,picture,cost_price\n{}", rows.collect::<String>());
    let said = shop.said(&table, &[]);
    assert!(said.contains("properties to filter by: colour (2 texts), rating (number)"), "{said}");
    assert!(said.contains("columns left out: picture (most texts are of one item alone)"), "{said}");
    let snapshot = shop.version(&table, &[]);
    let properties = snapshot.properties();
    let names: Vec<&str> = properties.names().map(|(name, _)| name).collect();
    assert_eq!(names, ["brand", "colour", "rating"]);
    let item = |id: &str| snapshot.items().index(id).expect("known");
    let Some(Property::Texts(colours)) = properties.get("colour") else { panic!("texts") };
    let [red, blue] = ["red", "blue"].map(|colour| colours.row(colour).expect("a colour"));
    assert_eq!(["i00", "i01", "i02"].map(|id| colours.of(item(id))), [&[blue, red][..], &[red], &[]]);
    assert!(matches!(properties.get("rating"), Some(Property::Numbers(stars)) if stars[item("i04").at()] == 4.0));
}

#[test]
fn what_the_log_says_about_items_is_used_as_of_its_time() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = |name: &str| folder.path().join(name);
    let rows: Vec<String> = (0..40)
        .map(|hour: i64| {
            let (item, name) = if hour % 2 == 0 { ("a", "Lamp") } else { ("b", "Table") };
            let name = if hour < 30 { name.to_owned() } else { format!("{name} II") };
            let price = if hour < 20 { "9,99" } else { "8,50" };
            format!("{},u{},view,{item},{name},home.{item},Acme,\"{price}\"", hour * 3_600_000, hour % 5)
        })
        .collect();
    let log = path("log.csv");
    fs::write(&log, format!("timestamp,visitorid,event,itemid,title,code,maker,cost\n{}\n", rows.join("\n")))
        .expect("writes");
    let settings: Vec<(&str, &str)> = SMALL
        .into_iter()
        .chain([
            ("TANDEM_INGEST__COLUMNS__NAME", "title"),
            ("TANDEM_INGEST__COLUMNS__CATEGORY", "code"),
            ("TANDEM_INGEST__COLUMNS__BRAND", "maker"),
            ("TANDEM_INGEST__COLUMNS__PRICE", "cost"),
        ])
        .collect();
    let version = |artifacts: &Path, until: &[&str]| {
        let arguments = [&["run", "--events", text(&log), "--artifacts", text(artifacts)], until].concat();
        let output = offline_with(&arguments, &settings);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Snapshot::load(&champion(artifacts)).expect("loads")
    };
    let whole = version(&path("whole"), &[]);
    let item = |snapshot: &Snapshot| snapshot.items().index("a").expect("known");
    assert_eq!(whole.items().name(item(&whole)), Some("Lamp II"));
    assert_eq!(whole.items().price(item(&whole)), 8.5);
    assert_eq!(whole.items().categories().collect::<Vec<_>>(), ["home", "home.a", "home.b"]);
    let before = version(&path("before"), &["--until", "54000000"]);
    assert_eq!(before.items().name(item(&before)), Some("Lamp"));
    assert_eq!(before.items().price(item(&before)), 9.99);
}

#[test]
fn a_column_that_is_not_read_is_named() {
    let shop = Shop::new();
    let said = shop.said("id,third_category\ni00,x\n", &[]);
    assert!(said.contains("items.category = \"third_category\" reads it"), "{said}");
    let said = shop.said("id,kind\ni00,x\n", &[("TANDEM_ITEMS__CATEGORY", "sort")]);
    assert!(said.contains("items.category = \"sort\": the item table has no such column"), "{said}");
    write_log(&shop.path("log.csv"), &[(1, "a", "view", "x")]);
    let said = shop.said("name\nx\n", &[]);
    assert!(said.contains("there are: name") && said.contains("items.id = "), "{said}");
}

#[test]
fn a_word_that_nobody_knows_costs_no_item() {
    let shop = Shop::new();
    let table = "id,product,price,availability,available_until\ni00,Lamp,—,Ships in 2 days,31.12.2026\ni01,Rack,TBD,nein,\n\
                 i02,Vase,\"1,25,000.00\",auf Lager,\n";
    let said = shop.said(table, &[]);
    for line in [
        "3 rows of the item table: 3 items",
        "id from `id`, name from `product`",
        "items.available: 1 rows have a word that nobody knows (row 1: `Ships in 2 days`)",
        "1 items are withdrawn",
    ] {
        assert!(said.contains(line), "{line} in\n{said}");
    }
}

#[test]
fn of_a_folder_of_tables_it_is_said_what_was_left_out() {
    let shop = Shop::new();
    let folder = shop.path("tables");
    fs::create_dir(&folder).expect("makes");
    for (name, content) in [("a.csv", "sku,name\ni00,A\n"), ("README.txt", "About the tables.\n"), ("b.xlsx", "x")] {
        fs::write(folder.join(name), content).expect("writes");
    }
    let (log, rejects) = (shop.path("log.csv"), shop.path("rejects.jsonl"));
    let arguments = ["ingest", "--events", text(&log), "--items", text(&folder), "--rejects", text(&rejects)];
    let said = String::from_utf8(offline_with(&arguments, &[]).stderr).expect("UTF-8");
    assert!(said.contains("1 rows of the item table: 1 items"), "{said}");
    for line in ["README.txt: no column tells the item's id", "b.xlsx: unknown ending"] {
        assert!(said.contains(line), "{line} in\n{said}");
    }
}

#[test]
fn an_item_without_a_vector_is_counted() {
    let shop = Shop::new();
    let table = "itemid,look\ni00,0.1 0.2\ni01,\ni02,0.3 0.1\n";
    let said = shop.said(table, &[("TANDEM_ITEMS__EMBEDDING", "look")]);
    assert!(said.contains("left out 1: no vector"), "{said}");
}
