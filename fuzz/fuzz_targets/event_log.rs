#![no_main]
use tandem_fuzz::{event_log, plant};
libfuzzer_sys::fuzz_target!(init: plant("event_log", event_log::seeds()), |bytes: &[u8]| event_log::run(bytes));
