//! Partitions on SlateDB, the catalog, and the reslice primitive.
//!
//! Bytes in, bytes out: this crate stores values under storage keys and knows no items. A
//! [`Storage`] is a data directory with tables; a [`Table`] is a map of [partitions](PartitionInfo)
//! that together own its key axis; [`Table::reslice`] makes other partitions of them without
//! copying data, while requests go on.
//!
//! What it promises: a reply means that what it says survives a crash (also what it only implies,
//! such as "there is no such key"), and nothing that was acknowledged is lost by a reslice,
//! wherever the process dies. How, is told from top to bottom in docs/storage.md.

mod background;
mod backup;
mod blobs;
mod blocking;
mod bucket;
mod catalog;
mod check;
mod directory;
mod engine;
mod error;
mod faults;
mod invariants;
mod latch;
mod layer;
mod local;
mod maintain;
mod map;
mod partition;
mod record;
mod rekey;
mod reslice;
mod rows;
mod scan;
mod settings;
mod size;
mod storage;
mod table;
mod uncancelled;
mod versioned;
mod wal;

pub use background::Background;
pub use backup::{Backup, BackupReport, BackupState};
pub use blobs::Blobs;
pub use bucket::{BucketEstimate, open as open_bucket};
pub use check::{CheckCounts, CheckReport, Finding, Severity};
pub use engine::EngineCounter;
pub use error::{Result, StorageError};
pub use faults::{FaultPoint, Faults, KillAt, NoFaults, Verdict};
pub use layer::Layer;
pub use maintain::{MaintainReport, MayRewrite};
pub use map::{AXIS_END, PartitionInfo, PartitionMap};
pub use nodelog::{LogMetrics, Powers, SimulatedDisk};
pub use rekey::{NewOrder, Rekey, RekeyPhase, RekeyProgress, RekeyReport};
pub use reslice::{MakingParts, PauseParts, Reslice, ResliceReport};
pub use scan::{Direction, Scan};
pub use settings::{Components, LogKind, StorageSettings};
pub use size::PartitionSize;
pub use storage::{NewTable, Storage};
pub use table::{Decision, Defined, InOrder, KEY_BYTES_MAX, Table, VALUE_BYTES_MAX};
