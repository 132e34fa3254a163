//! DynamoDB's expressions: conditions and filters, key conditions, updates, projections.
//!
//! Each kind is parsed once into a small program without recursion and then applied to items by
//! pure functions. Names (`#n`) and values (`:v`) are resolved while parsing, so that what comes
//! out needs nothing else. Nothing here can be made to exhaust the stack: conditions are parsed
//! with an explicit stack and evaluated as a postfix program, and the few recursive parts (nested
//! function calls in updates, document paths) are bounded by constants.
//!
//! Source: "Using expressions in DynamoDB" in the DynamoDB Developer Guide.

mod condition;
mod document;
mod fault;
mod key_condition;
pub(crate) mod legacy;
mod lexer;
mod parser;
mod path;
mod placeholders;
mod projection;
mod reserved;
mod update;

pub use condition::Condition;
pub use key_condition::{KeyCondition, KeyConditionExpression};
pub use path::{Path, Step};
pub use placeholders::Placeholders;
pub use projection::Projection;
pub use update::{Update, Updated};

use condition::compare as condition_order;

/// Longest expression, in bytes.
pub const EXPRESSION_BYTES_MAX: usize = 4096;
/// Most operators and functions in one expression.
pub const OPERATORS_MAX: usize = 300;
/// Most operands of `IN`.
pub const IN_OPERANDS_MAX: usize = 100;
