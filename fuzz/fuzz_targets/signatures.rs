//! Fuzzes what a signature is in: the target and the headers of a request.
#![no_main]
#![allow(dead_code)]

#[path = "../../crates/dynamodb/tests/it/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::signatures(data));
