#![no_main]
use tandem_fuzz::{plant, store_value};
libfuzzer_sys::fuzz_target!(init: plant("store_value", store_value::seeds()), |bytes: &[u8]| store_value::run(bytes));
