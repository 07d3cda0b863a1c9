//! Ids, names of kinds and times, as logs and clients write them.

use shared::contract::id::{ItemId, UserId, canonical};
use shared::contract::kind::KindName;

use super::texts;

pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(id) = canonical(text) {
        assert_eq!(canonical(&id).as_deref(), Some(&*id), "the form of an id has one form");
    }
    if let Ok(id) = ItemId::from_outside(text) {
        assert_eq!(ItemId::new(id.as_str()).as_ref(), Ok(&id), "an id that is let in can be stored");
        let json = serde_json::to_string(&id).expect("an id is JSON");
        assert_eq!(serde_json::from_str::<ItemId>(&json).expect("reads"), id);
    }
    let _ = serde_json::from_str::<UserId>(text);
    if let Ok(kind) = KindName::new(text) {
        assert_eq!(KindName::new(kind.as_str()), Ok(kind));
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    texts(["52.0", "-3.00", "\u{feff} 7 ", "null", "1e3", "add_to_cart", "\"u\\u00e4\"", "5.210e1", "9007199254740993"])
}
