//! The manager's settings: how often it looks, and how much it keeps.

use serde::{Deserialize, Serialize};

/// Times with `_ms` run on the service's clock, those with `_real_ms` on the machine's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ManagerSettings {
    /// How often load is collected and the reactive floor looks.
    pub tick_ms: u64,
    /// The shortest time between two ticks, however fast the clock runs.
    pub tick_real_ms_min: u64,
    /// How often history is written to disk; what a crash may cost.
    pub save_interval_real_ms: u64,
    /// How often the stored sizes of partitions are asked for.
    pub sizes_interval_real_ms: u64,
    /// How often storage may tidy up (detach children, delete retired parents).
    pub maintain_interval_real_ms: u64,
    /// Decisions kept, with their outcomes; the oldest go first.
    pub decisions_max: usize,
    /// Partition maps remembered per table for the heat map.
    pub maps_max: usize,
    /// Events a slow subscriber may lag behind before it misses some.
    pub events_max: usize,
    /// A decision's outcome is first judged this long after it was made ...
    pub outcome_after_ms: i64,
    /// ... and again this often, as long as the verdict is open.
    pub outcome_interval_ms: i64,
}

impl Default for ManagerSettings {
    fn default() -> Self {
        Self {
            tick_ms: 1_000,
            tick_real_ms_min: 20,
            save_interval_real_ms: 60_000,
            sizes_interval_real_ms: 10_000,
            maintain_interval_real_ms: 30_000,
            decisions_max: 1_000,
            maps_max: 1_000,
            events_max: 4_096,
            outcome_after_ms: 3_600_000,
            outcome_interval_ms: 300_000,
        }
    }
}
