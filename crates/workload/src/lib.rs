//! Workload vectors, recorder, collector, windows, cells, history and trace files.

mod clients;
mod demand;
mod error;
mod recorder;
mod settings;
#[cfg(test)]
mod testing;
mod vector;

pub use clients::{ClientNames, client_hash};
pub use demand::{Attempt, Demand};
pub use error::WorkloadError;
pub use recorder::Recorder;
pub use settings::{CollectorSettings, DemandSettings, RecorderSettings, WorkloadSettings};
pub use vector::{
    KeyPrefix, Outcome, RANGE_KEY_PREFIX_BYTES, RangeKeyPrefix, RequestType,
    STORAGE_KEY_PREFIX_BYTES, StorageKeyPrefix, Vector,
};
