#![no_main]
use tandem_fuzz::{id, plant};
libfuzzer_sys::fuzz_target!(init: plant("id", id::seeds()), |bytes: &[u8]| id::run(bytes));
