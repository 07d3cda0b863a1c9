#![no_main]
use tandem_fuzz::{keys, plant};
libfuzzer_sys::fuzz_target!(init: plant("keys", keys::seeds()), |bytes: &[u8]| keys::run(bytes));
