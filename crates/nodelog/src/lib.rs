//! One group-committed log on local files for all databases of a process.
//!
//! A database that forces its own log onto the disk waits for the disk alone; sixteen of them wait
//! sixteen times. Here they append to one log: what arrives while the disk is busy becomes one
//! *group*, one frame in the file, one forced write, and then everybody in it is told.
//!
//! From the bottom up:
//!
//! - `format`: the bytes, and what damage looks like;
//! - [`Disk`]: the few file operations that the log needs; [`Files`] are real, [`SimulatedDisk`]
//!   forgets at a power cut whatever it may forget;
//! - `replay`: what a start makes of the files;
//! - `log`: the log itself, without threads, clock or chance: the same calls on the same
//!   disk write the same bytes;
//! - [`NodeLog`]: a queue and the one thread that commits.
//!
//! [`inspect`] looks at the files of a log that nobody has open.
//!
//! The crate knows bytes, ids and names of databases. What the bytes mean, when a database has its
//! rows elsewhere, and what an id is, are the caller's business (in `storage`, `wal`). It does not
//! lock the directory either: the caller makes sure that one process has it.

mod disk;
mod error;
mod format;
mod hooks;
mod inspect;
mod log;
mod metrics;
mod name;
mod node;
mod random;
mod replay;
mod settings;

pub use disk::Disk;
pub use disk::files::{Files, Sync};
pub use disk::simulated::{Fault, SimulatedDirectory, SimulatedDisk};
pub use error::{LogError, Result};
pub use format::HEADER_BYTES;
pub use hooks::{Hooks, LogPoint, NoHooks};
pub use inspect::{Inspection, TornEnd, inspect};
pub use log::{Entry, Log, LogSize};
pub use metrics::{LogMetrics, Powers};
pub use name::DatabaseName;
pub use node::{Claim, Listener, LogStatus, NodeLog, Start, Writer};
pub use replay::{Location, Recovered};
pub use settings::LogSettings;
