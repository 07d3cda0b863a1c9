#![no_main]
use tandem_fuzz::{event, plant};
libfuzzer_sys::fuzz_target!(init: plant("event", event::seeds()), |bytes: &[u8]| event::run(bytes));
