#![no_main]
use tandem_fuzz::{expression, plant};
libfuzzer_sys::fuzz_target!(init: plant("expression", expression::seeds()), |bytes: &[u8]| expression::run(bytes));
