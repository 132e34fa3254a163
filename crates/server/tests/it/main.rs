//! A real server on an ephemeral port with storage in a temporary directory, driven from outside:
//! by a raw HTTP client that shows every byte, by the unmodified AWS SDK, and by boto3.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admin;
mod admission;
mod auth;
mod boto3;
mod compatibility;
mod compatibility_samples;
mod concurrency;
mod http_client;
mod protocol;
mod reslice;
mod sdk;
mod sdk_client;
mod strategies;
mod support;
mod tables;
mod workload_vectors;
