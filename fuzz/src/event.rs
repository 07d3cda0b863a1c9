//! Bodies of `POST /events`, and the lines of the log that they become.

use online::api::events::parse;
use online::store::Arrival;
use shared::contract::event::Event;
use shared::contract::impression::Impression;

use super::shop::SHOP;
use super::texts;

const NOW_MS: i64 = 1_790_000_000_000;

pub fn run(bytes: &[u8]) {
    let Ok(posted) = parse(bytes, NOW_MS, &SHOP.params().kinds) else { return };
    for event in posted.events {
        assert!(event.timestamp_ms <= event.received_ms && event.received_ms == NOW_MS);
        let line = serde_json::to_string(&event).expect("an event is JSON");
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Event>(&line).expect("a line of the log"), event);
        let _ = Arrival::from(event);
    }
    for seen in posted.impressions {
        assert!(seen.timestamp_ms <= seen.received_ms && seen.received_ms == NOW_MS && !seen.items.is_empty());
        let line = serde_json::to_string(&seen).expect("an impression is JSON");
        assert!(!line.contains('\n'));
        assert_eq!(Impression::read(line.as_bytes()).expect("a line of the log"), seen);
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    texts([
        r#"{"visitorid":"u1","event":"view","itemid":"pen"}"#,
        r#"{"user_id":7.0,"event":"transaction","item_id":42,"timestamp":1789999999,"transactionid":8,"event_id":"e"}"#,
        r#"[{"visitorid":"u","event":"addtocart","itemid":"i","timestamp":"2026-01-31T12:00:00+01:00"},{"visitorid":"u","event":"view","itemid":"j","timestamp":"1790000000000"}]"#,
        r#"[{"visitorid":"\u00e4","event":"view","itemid":" x ","timestamp":1789999999.5,"event_id":1}]"#,
        r#"[{"event":"impression","visitorid":7,"recommendation_id":"r","items":["pen",4.0]},{"visitorid":"u","event":"view","itemid":"i","recommendation_id":"r"}]"#,
    ])
}
