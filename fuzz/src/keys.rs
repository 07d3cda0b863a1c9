//! The file of API keys.

use online::auth::keys::Keys;

use super::texts;

pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Keys::parse(text) {
        Ok(keys) => assert!(keys.find(b"no key of these").is_none()),
        Err(error) => drop(error.to_string()),
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    const HASH: &str = "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9";
    let entry = format!("[[keys]]\nname = \"shop\"\nscopes = [\"read\", \"write\"]\nsha256 = \"{HASH}\"\n");
    let limited = format!("{entry}rate = 200\nburst = 400 # so many at once\n");
    texts([&entry, &limited, &format!("{entry}\n{limited}"), "", "keys = []"])
}
