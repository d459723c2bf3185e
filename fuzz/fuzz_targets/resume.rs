#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| symbreak_fuzz::targets::resume(bytes));
