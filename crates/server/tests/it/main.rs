//! A real server on an ephemeral port with storage in a temporary directory, driven from outside:
//! by a raw HTTP client that shows every byte, by the unmodified AWS SDK, and by boto3.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admin;
mod admin_access;
mod admin_workflows;
mod admission;
mod auth;
mod backups;
mod clients;
mod compatibility;
mod compatibility_samples;
mod concurrency;
mod dashboard;
mod fuzzed;
mod hot_keys;
mod http_client;
mod openapi;
mod prometheus;
mod protocol;
mod range_queries;
mod rekey;
mod reslice;
mod sdk;
mod sdk_client;
mod slow_clients;
mod strategies;
mod support;
mod table_states;
mod tables;
mod tls;
mod workload_vectors;
