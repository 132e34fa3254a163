//! The public DynamoDB protocol: requests, responses, errors, expressions; no I/O.
//!
//! A request goes through here three times. First its body is parsed and validated without any
//! table (`PutItem::parse`). Then it is planned for a table, which gives the storage keys it
//! touches (`PutItem::plan`). At last the stored bytes come back and a pure function decides what
//! to write and what to answer (`Write::decide`). What lies between, finding the table, reading
//! and writing, admission control, is the server's.
//!
//! Wording and order of validation follow DynamoDB where they are known, because applications and
//! their tests compare them. What is not supported is refused, never ignored.

pub mod error;
pub mod expression;
mod json;
mod operation;
mod params;
pub mod table;
#[cfg(test)]
mod testing;

pub use error::{Access, ApiError, ErrorKind, Throttle};
pub use json::Body;
pub use operation::Operation;
pub use table::{Billing, BillingMode, TableDefinition, TableSize, TableStatus, Tag, WarmThroughput};
