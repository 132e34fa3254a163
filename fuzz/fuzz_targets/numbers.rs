//! Fuzzes the number type: text, order, arithmetic.
#![no_main]
#![allow(dead_code)]

#[path = "../../crates/dynamodb/tests/it/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::numbers(data));
