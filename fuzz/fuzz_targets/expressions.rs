//! Fuzzes expressions of every kind: parsed, planned, evaluated.
#![no_main]
#![allow(dead_code)]

#[path = "../../crates/dynamodb/tests/it/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::expressions(data));
