//! Values, items, numbers, key schema, storage keys and capacity units; no I/O.

mod clock;
mod id;
mod range;

pub use clock::{Clock, ManualClock};
pub use id::{PartitionId, TableId};
pub use range::KeyRange;
