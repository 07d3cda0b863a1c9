#![no_main]
use tandem_fuzz::{plant, query};
libfuzzer_sys::fuzz_target!(init: plant("query", query::seeds()), |bytes: &[u8]| query::run(bytes));
