use std::io::Write;

use shared::contract::api::{Seen, ServedPolicy};
use shared::engine::attribution::Shown;

use super::*;
use crate::scenarios::during;

fn load(text: &str) -> Result<Config, ConfigError> {
    let mut file = tempfile::NamedTempFile::new().expect("temporary file");
    file.write_all(text.as_bytes()).expect("writes");
    Config::load(Some(file.path()))
}

#[test]
fn the_documented_defaults_are_valid() {
    let config = Config::load(None).expect("defaults");
    assert_eq!(config.server.listen, "127.0.0.1:8080");
    assert_eq!(config.server.seen, Seen::ExcludePurchased);
    assert!(config.store.redis_url.is_empty());
}

#[test]
fn a_file_overrides_key_by_key() {
    let config = load("[events]\nreplica = 7\n").expect("loads");
    assert_eq!(config.events.replica, "7");
    assert_eq!(config.events.queue, 1024);
}

#[test]
fn an_unknown_key_is_refused_by_its_name() {
    let error = load("[store]\nredis = \"x\"\n").expect_err("unknown key");
    assert!(error.to_string().contains("redis"), "{error}");
}

#[test]
fn the_service_listens_on_addresses_and_host_names() {
    for listen in ["0.0.0.0:8080", "localhost:0", "[::1]:8080", "tandem.shop.internal:80"] {
        assert_eq!(load(&format!("[server]\nlisten = \"{listen}\"\n")).expect(listen).server.listen, listen);
    }
    for listen in
        ["\"localhost\"", "8080", "\":8080\"", "\"::1:8080\"", "\"http://localhost:8080\"", "\"h:99999\"", "\"\""]
    {
        let error = load(&format!("[server]\nlisten = {listen}\n")).expect_err(listen).to_string();
        assert!(error.contains("server.listen = ") && error.contains("localhost:8080"), "{error}");
    }
}

#[test]
fn pages_that_may_call_are_named_by_their_origin() {
    for good in ["https://shop.example", "http://localhost:3000", "http://[::1]:3000"] {
        let config = load(&format!("[server]\ncors_origins = [\"{good}\"]\n")).expect(good);
        assert_eq!(config.server.cors_origins, [good]);
    }
    for bad in ["*", "shop.example", "https://shop.example/", "https://*.shop.example", "https://", "null"] {
        let error = load(&format!("[server]\ncors_origins = [\"{bad}\"]\n")).expect_err(bad).to_string();
        assert!(error.contains("server.cors_origins"), "{error}");
    }
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_its_key() {
    let error = load("[store]\ntimeout_ms = \"soon\"\n").expect_err("no number").to_string();
    assert!(error.contains("store.timeout_ms"), "{error}");
}

#[test]
fn values_out_of_range_are_refused_with_the_range() {
    let error = load("[store]\ntimeout_ms = 0\n").expect_err("out of range");
    assert_eq!(error.to_string(), "config: store.timeout_ms = 0: it must be from 1 to 10000");
    assert!(load("[events]\nreplica = \"../x\"\n").is_err());
}

#[test]
fn what_is_remembered_of_slates_has_bounds_and_words() {
    let config = load("[server]\nserved = \"skip\"\n[scenarios.home]\nserved = \"decay\"\n").expect("loads");
    assert_eq!(
        (config.server.served, config.scenarios["home"].served),
        (ServedPolicy::Skip, Some(ServedPolicy::Decay))
    );
    let error = load("[served]\nmax_slates = 1001\n").expect_err("too many").to_string();
    assert!(error.contains("served.max_slates = 1001: it must be from 1 to 1000"), "{error}");
    assert!(load("[served]\nhours = 0\n").is_err() && load("[server]\nserved = \"never\"\n").is_err());
}

#[test]
fn the_bound_of_the_slate_log_leaves_room_for_the_file_that_is_written() {
    let error = load("[slates]\nmax_disk_bytes = 1000000\n").expect_err("too small").to_string();
    assert!(error.contains("slates.max_disk_bytes = 1000000: it must be from 67108864 to"), "{error}");
    assert_eq!(
        load("[slates]\nmax_disk_bytes = 0\nshown = \"reported\"\n").expect("no bound").slates.shown,
        Shown::Reported
    );
    assert!(load("[slates]\nshown = \"seen\"\n").is_err());
    assert_eq!(load("[slates]\nship_to = \"s3://shop/log\"\n").expect("a store").slates.ship_to, "s3://shop/log");
    let error = load("[slates]\nship_to = \"s3://shop/log\"\npath = \"\"\n").expect_err("nothing to ship").to_string();
    assert!(error.contains("slates.ship_to") && error.contains("slates.path"), "{error}");
    assert!(load("[slates]\nship_to = \"log\"\n").is_err());
}

#[test]
fn scenarios_are_read_with_times_of_either_form() {
    let config = load(
        "[scenarios.home]\nfilter = \"not brand = 'Acme'\"\nseen = { transaction = 30 }\nmax_per = { category = 3 }\n\
         boost = [{ filter = \"price < 5\", factor = 1.5, from = \"2026-11-27T00:00:00Z\", until = 2026-11-28T00:00:00Z }]\n\
         exclude = [\"8\"]\npin = [{ item = \"7.0\", position = 1 }]\n[scenarios.basket]\nseen = \"exclude_all\"\n",
    );
    let scenarios = config.expect("loads").scenarios;
    let home = &scenarios["home"];
    assert_eq!(during(home.boost[0].from, home.boost[0].until), 1_795_737_600_000..1_795_824_000_000);
    assert_eq!(during(home.pin[0].from, home.pin[0].until), i64::MIN..i64::MAX);
    assert_eq!(home.pin[0].item.as_str(), "7");
    assert_eq!(scenarios["basket"].seen, "exclude_all".parse().ok());
}

#[test]
fn the_documented_scenarios_are_valid() {
    let readme = include_str!("../../RULES.md").split("```toml\n").find(|block| block.starts_with("[scenarios.home]"));
    let readme = readme.and_then(|block| block.split("```").next()).expect("an example");
    let home = &load(readme).expect("loads").scenarios["home"];
    assert_eq!((home.boost[0].factor, home.pin[0].position, home.explore), (1.5, 2, 0.05));
    let (_, commented) = DEFAULTS.split_once("# [scenarios.home]\n").expect("an example");
    let lines: Vec<&str> = commented.lines().filter_map(|line| line.strip_prefix("# ")).collect();
    let home = &load(&format!("[scenarios.home]\n{}", lines.join("\n"))).expect("loads").scenarios["home"];
    assert_eq!((home.boost.len(), home.bury.len(), home.pin.len(), home.max_per["brand"]), (1, 1, 1, 2));
}

#[test]
fn a_rule_that_is_none_ends_the_start_with_its_key() {
    for (rule, said) in [
        ("filter = \"price <\"", "scenarios.s.filter"),
        ("filter = \"price <\"", "at character 8: expected a number"),
        ("boost = [{ filter = \"price and\", factor = 2.0 }]", "scenarios.s.boost"),
        ("boost = [{ filter = \"price\", factor = 0 }]", "scenarios.s.boost[0].factor = 0: it must be above 0"),
        ("boost = [{ filter = \"price\", factor = nan }]", "scenarios.s.boost[0].factor = NaN: it must be above 0"),
        ("boost = [{ filter = \"price\" }]", "scenarios.s.boost[0].factor = 1: it changes nothing"),
        ("bury = [{ filter = \"price\", factor = 2.0 }]", "factor"),
        ("pin = [{ item = \"a\", position = 0 }]", "scenarios.s.pin[0].position = 0: it must be from 1 to 500"),
        ("pin = [{ item = \"a\", position = 1, from = \"2026-11-27\" }]", "no time with its offset"),
        ("pin = [{ item = \"a\", position = 1, until = 2026-11-27 }]", "no time with its offset"),
        (
            "bury = [{ filter = \"price\", from = \"2026-11-27T00:00:00Z\", until = \"2026-11-26T00:00:00Z\" }]",
            "scenarios.s.bury[0].until = 1795651200000: it must be later than from",
        ),
        ("max_per = { brand = 0 }", "scenarios.s.max_per.brand = 0: it must be at least 1"),
        ("max_pre = { brand = 1 }", "max_pre"),
        ("seen = { transaction = 0 }", "scenarios.s.seen"),
        ("explore = 1.5", "scenarios.s.explore = 1.5: it must be from 0 to 1"),
        ("explore_below_events = 0", "scenarios.s.explore_below_events = 0"),
    ] {
        let error = load(&format!("[scenarios.s]\n{rule}\n")).expect_err(rule).to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn an_absent_file_is_an_error() {
    let error = Config::load(Some(Path::new("/nowhere.toml"))).expect_err("no file").to_string();
    assert!(error.contains("/nowhere.toml: no such config file"), "{error}");
}

/// Writes the config of a process with tenants, each with the text of its file, and loads it.
fn load_tenants(process: &str, tenants: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut text = format!("{process}\n[tenants]\n");
    for (name, own) in tenants {
        let path = folder.path().join(format!("{name}.toml"));
        std::fs::write(&path, own).expect("writes");
        text += &format!("{name} = {path:?}\n");
    }
    load(&text)
}

/// The file of a tenant with folders of its own.
fn of_tenant(name: &str) -> String {
    let folders = ["artifacts.path", "events.path", "slates.path", "served.path", "models.rows"];
    let own: String = folders.iter().map(|key| format!("{key} = 'data/{name}/{key}'\n")).collect();
    format!("auth.keys = 'data/{name}/keys.toml'\nstore.prefix = '{name}'\n{own}")
}

#[test]
fn the_file_of_a_tenant_lies_over_the_config_of_the_process() {
    let process = "auth.keys = 'operators.toml'\nstore.redis_url = 'redis://127.0.0.1:6379'\nhistory.max_events = 7\n";
    let lamps = format!("{}history.ttl_days = 3\nscenarios.home.max_per = {{ brand = 2 }}\n", of_tenant("lamps"));
    let config = load_tenants(process, &[("lamps", &lamps), ("books", &of_tenant("books"))]).expect("loads");
    let (lamps, books) = (&config.tenants["lamps"], &config.tenants["books"]);
    assert_eq!((lamps.history.max_events, lamps.history.ttl_days), (7, 3));
    assert_eq!((books.history.max_events, books.history.ttl_days), (7, 90));
    assert_eq!((lamps.scenarios.len(), books.scenarios.len()), (1, 0));
    assert_eq!(lamps.events.path, Path::new("data/lamps/events.path"));
    assert!(lamps.tenants.is_empty());
}

#[test]
fn what_tenants_may_not_share_or_say_is_named_with_who_does() {
    let process = "auth.keys = 'operators.toml'\n";
    let error = |process: &str, lamps: &str, books: &str| {
        load_tenants(process, &[("lamps", lamps), ("books", books)]).expect_err("refused").to_string()
    };
    let (lamps, books) = (of_tenant("lamps"), of_tenant("books"));
    let with = |own: &str, key: &str, value: &str| {
        let rest: String = own.lines().filter(|line| !line.starts_with(key)).map(|line| format!("{line}\n")).collect();
        format!("{rest}{key} = {value}\n")
    };
    for (key, value, of_books) in [
        ("events.path", "'data/books/events.path'", "events.path"),
        ("events.path", "'data/books/events.path/lamps'", "events.path"),
        ("slates.path", "'./data/books'", "auth.keys"),
        ("auth.keys", "'data/books/keys.toml'", "auth.keys"),
        ("events.path", "'data/lamps/../books/events.path'", "events.path"),
    ] {
        let error = error(process, &with(&lamps, key, value), &books);
        let whole = format!("tenant lamps {key} = ");
        assert!(error.contains("tenant books has") && error.contains(of_books) && error.contains(&whole), "{error}");
    }
    let redis = format!("{process}store.redis_url = 'redis://127.0.0.1:6379'\n");
    for prefix in ["'books'", "'books:lamps'"] {
        let error = error(&redis, &with(&lamps, "store.prefix", prefix), &books);
        assert!(error.contains("store.prefix"), "{error}");
    }
    // Without Redis nothing has the prefix.
    let same = [("lamps", with(&lamps, "store.prefix", "'books'")), ("books", books.clone())];
    let same: Vec<_> = same.iter().map(|(name, text)| (*name, text.as_str())).collect();
    load_tenants(process, &same).expect("loads");
    let shipped =
        |url: &str| with(&with(&lamps, "events.ship_to", &format!("'{url}'")), "x", "1").replace("x = 1\n", "");
    let to_bucket = with(&books, "events.ship_to", "'s3://bucket/log'");
    assert!(error(process, &shipped("s3://bucket/log/"), &to_bucket).contains("events.ship_to"));
    load_tenants(process, &[("lamps", &shipped("s3://bucket/log2")), ("books", &to_bucket)]).expect("loads");
    for (own, said) in [
        ("server.listen = '127.0.0.1:1'", "tenant lamps: config: server.listen"),
        ("log.level = 'info'", "tenant lamps: config: log"),
        ("tenants.x = 'x.toml'", "tenant lamps: config: tenants"),
        ("events.pth = 'x'", "pth"),
        ("history.ttl_days = 0", "tenant lamps: config: history.ttl_days"),
    ] {
        let error = error(process, &format!("{lamps}{own}\n"), &books);
        assert!(error.contains(said), "{error}");
    }
    assert!(error(process, "", &books).contains("tenant lamps: config: auth.keys"));
    assert!(error("", &lamps, &books).contains("auth.keys"));
    assert!(
        load("auth.keys = 'k'\n[tenants]\nlamps = 'nowhere.toml'\n")
            .expect_err("no file")
            .to_string()
            .contains("nowhere.toml")
    );
}
