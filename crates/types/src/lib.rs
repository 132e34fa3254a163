//! Values, items, numbers, key schema, storage keys and capacity units; no I/O.
//!
//! The vocabulary of every other crate. Two of its modules write persisted bytes: `item` (an item
//! as stored) and `storage_key` (the key it is stored under); both have fixtures of every version.

#[cfg(test)]
mod arbitrary;
pub mod capacity;
mod clock;
mod error;
mod id;
mod item;
mod key;
pub mod limits;
mod number;
mod range;
pub mod storage_key;
mod value;

pub use capacity::Units;
pub use clock::{Clock, ManualClock};
pub use error::Error;
pub use id::{BackupId, PartitionId, TableId};
pub use item::Item;
pub use key::{KeyAttribute, KeySchema, KeyType, KeyValue, PrimaryKey, Strategy};
pub use number::Number;
pub use range::KeyRange;
pub use value::Value;
