#![no_main]
use tandem_fuzz::{plant, tables};
libfuzzer_sys::fuzz_target!(init: plant("tables", tables::seeds()), |bytes: &[u8]| tables::run(bytes));
