//! Every bound of this crate in one place: what may be configured, and the defaults.

use serde::{Deserialize, Serialize};

/// Settings of everything in this crate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkloadSettings {
    /// The recorder's queue.
    pub recorder: RecorderSettings,
    /// Telling retries from new demand.
    pub demand: DemandSettings,
    /// Cells, windows and sketches.
    pub collector: CollectorSettings,
    /// How many clients' names are kept; others appear as numbers.
    pub client_names_max: usize,
}

/// The recorder's queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecorderSettings {
    /// Vectors that may wait for the next drain, over all shards; each takes 144 bytes.
    pub vectors_max: usize,
    /// Independent queues; as many as threads record keeps them from meeting.
    pub shards: usize,
}

/// Telling retries from new demand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DemandSettings {
    /// Requests remembered, eight bytes each; rounded up to a power of two.
    pub requests_max: usize,
    /// How long a retry of a named invocation may come after the attempt before it.
    pub retry_ms_max: i64,
    /// How long a nameless request on the same key counts as the retry of a throttled one.
    pub nameless_retry_ms_max: i64,
}

/// Cells, windows and sketches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CollectorSettings {
    /// Cells of all tables together. Every partition has at least one, whatever this says.
    pub cells_max: usize,
    /// Cells of one table. Every partition has at least one, whatever this says.
    pub cells_per_table_max: usize,
    /// Even cells that a table in hash order begins with.
    pub cells_initial: usize,
    /// How late a vector may come and still be counted in the second it belongs to. Bins close this
    /// much after their end. A clock that runs fast needs a larger value.
    pub late_ms_max: i64,
    /// Keys counted exactly enough to be named as heavy hitters, per slice of a window.
    pub heavy_hitters_max: usize,
    /// Vectors sampled per slice of a window.
    pub samples_max: usize,
    /// Seed of the sampling.
    pub seed: u64,
}

impl Default for WorkloadSettings {
    fn default() -> Self {
        Self {
            recorder: RecorderSettings::default(),
            demand: DemandSettings::default(),
            collector: CollectorSettings::default(),
            client_names_max: 1_024,
        }
    }
}

impl Default for RecorderSettings {
    fn default() -> Self {
        let shards = std::thread::available_parallelism().map_or(4, usize::from);
        Self { vectors_max: 131_072, shards }
    }
}

impl Default for DemandSettings {
    fn default() -> Self {
        Self { requests_max: 131_072, retry_ms_max: 60_000, nameless_retry_ms_max: 5_000 }
    }
}

impl Default for CollectorSettings {
    fn default() -> Self {
        Self {
            cells_max: 4_096,
            cells_per_table_max: 256,
            cells_initial: 64,
            late_ms_max: 1_000,
            heavy_hitters_max: 128,
            samples_max: 256,
            seed: 0x5eed,
        }
    }
}
