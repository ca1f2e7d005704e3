//! Fuzzes the entry `fields` of tests/corpus/entries/.

#![no_main]
#![allow(dead_code)] // the entries of the other targets

#[path = "../../tests/corpus/entries/mod.rs"]
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::fields(data));
