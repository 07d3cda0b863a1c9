//! Made-up clicks of devices, and a service that counts them.
#![allow(dead_code)]

use std::fmt::Write as _;

use serde_json::json;

use super::eventually;
use super::loans::drawn;
use super::service::Running;

/// Clicks of devices: from its fourth impression on, a device always clicks.
pub fn impressions() -> String {
    let mut text = "id,device,hour,size,default\n".to_owned();
    let mut id = 0;
    for hour in 0..8 {
        for device in 0..150 {
            let (click, size) = (u8::from(hour >= 3 || drawn(id) < 0.02), (drawn(id + 7) * 9.0) as u32);
            // Writing to a string can't fail.
            let _ = writeln!(text, "i{id},d{device},2026-03-01T{hour:02}:00:00Z,{size},{click}");
            id += 1;
        }
    }
    text
}

pub const COUNTED: &str = r#"
time = "hour"
remember = "scored"
[columns]
device = "key"
hour = "time"
[derived]
seen = { count = "device" }
"#;

pub fn impression(device: &str, minute: u32) -> String {
    json!({ "device": device, "hour": format!("2026-03-02T00:{minute:02}:00Z"), "size": 3 }).to_string()
}

/// The probability of an impression, which counts for those after it.
pub fn probability(service: &Running, device: &str, minute: u32) -> f64 {
    let answer = service.client.post("/models/loans/predict", &impression(device, minute)).json();
    answer["probability"].as_f64().unwrap_or_else(|| panic!("{answer}"))
}

/// Waits until so many rows of an origin are on disk.
pub fn await_rows(service: &Running, origin: &str, rows: u64) {
    let line = format!("model_rows_remembered_total{{model=\"loans\",origin=\"{origin}\"}} {rows}");
    eventually(&line, || String::from_utf8_lossy(&service.client.get("/metrics").body).lines().any(|own| own == line));
}
