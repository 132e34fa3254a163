//! The service's surface: the DynamoDB API over HTTP, admission control, the admin API.
//!
//! In reading order: `wire` speaks HTTP and knows no operation; `service` turns requests into
//! operations of crate `dynamodb`; `execution` carries them out on crate `storage`, as the pure
//! decisions of `dynamodb` say; `admission` says which requests a partition has capacity for;
//! every data request leaves one workload vector. [`admin`] serves what the manager and the
//! [`metrics`] know to people and scripts.
//!
//! Several servers can run in one process, each on its own storage, recorder and clock.

pub mod admin;
mod admission;
mod auth;
mod error;
mod execution;
mod item_count;
pub mod metrics;
mod page_tokens;
mod points;
mod server;
mod service;
pub mod settings;
mod table_states;
mod tables;
mod wire;

pub use admin::{Admin, AdminComponents, AdminHandle, AdminSettings};
pub use admission::ExpectedLoad;
pub use error::{ServerError, TlsError};
pub use server::{Components, Server, ServerHandle};
pub use settings::{
    Credentials, HttpSettings, LimitMode, LimitSettings, ServerSettings, TableSettings, TlsSettings,
};
pub use wire::with_current_request_id;
