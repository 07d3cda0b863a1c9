#![no_main]
use tandem_fuzz::{plant, url};
libfuzzer_sys::fuzz_target!(init: plant("url", url::seeds()), |bytes: &[u8]| url::run(bytes));
