#![no_main]
use tandem_fuzz::{plant, rows};
libfuzzer_sys::fuzz_target!(init: plant("rows", rows::seeds()), |bytes: &[u8]| rows::run(bytes));
