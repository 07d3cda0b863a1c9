#![no_main]
use tandem_fuzz::{model, plant};
libfuzzer_sys::fuzz_target!(init: plant("model", model::seeds()), |bytes: &[u8]| model::run(bytes));
