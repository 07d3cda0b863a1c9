#![no_main]
use tandem_fuzz::{manifest, plant};
libfuzzer_sys::fuzz_target!(init: plant("manifest", manifest::seeds()), |bytes: &[u8]| manifest::run(bytes));
