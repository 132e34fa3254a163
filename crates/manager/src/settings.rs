//! The manager's settings: how often it looks, and how much it keeps.

use crate::tuning::TuningSettings;
use forecast::anomaly::AnomalySettings;
use forecast::anomaly::peers::PeerSettings;
use planner::gradual::GradualSettings;
use planner::strategy::StrategySettings;
use planner::trough::TroughSettings;
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
    /// What is taken for a flash crowd or a drop.
    pub anomaly: AnomalySettings,
    /// Which client or cell is taken for odd among its peers.
    pub peers: PeerSettings,
    /// Anomalies kept; the oldest go first.
    pub anomalies_max: usize,
    /// The recurrent network that all series share.
    pub training: TrainingSettings,
    /// Thresholds that tune themselves.
    pub tuning: TuningSettings,
    /// How actions are carried out.
    pub workflow: WorkflowSettings,
    /// How much may change at once.
    pub gradual: GradualSettings,
    /// When housekeeping is done.
    pub trough: TroughSettings,
    /// When another strategy is proposed, and carried out.
    pub strategy: StrategySettings,
    /// A decision's outcome is first judged this long after it was made ...
    pub outcome_after_ms: i64,
    /// ... and again this often, as long as the verdict is open.
    pub outcome_interval_ms: i64,
}

/// How long workflows wait, and how often they try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkflowSettings {
    /// One whose turn has not come after this long is given up.
    pub wait_real_ms_max: u64,
    /// One that is paused for this long is given up.
    pub pause_real_ms_max: u64,
    /// How often it is tried, if storage is busy or too slow.
    pub attempts_max: u32,
    /// How long it waits after the first failed attempt; doubled for each further one.
    pub back_off_real_ms: u64,
}

impl Default for WorkflowSettings {
    fn default() -> Self {
        Self {
            wait_real_ms_max: 600_000,
            pause_real_ms_max: 3_600_000,
            attempts_max: 6,
            back_off_real_ms: 100,
        }
    }
}

/// When and how the recurrent network is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingSettings {
    /// Whether it is trained at all; a stored one is used either way.
    pub enabled: bool,
    /// How long a network serves before it is trained further.
    pub interval_ms: i64,
    /// A series must be at least this long to be trained on.
    pub history_ms_min: i64,
    /// The most series one training looks at; the busiest partitions' come first.
    pub series_max: usize,
    /// How many updates a training makes.
    pub updates_max: u32,
    /// The share of one core that training may use.
    pub cpu_share_max: f64,
}

impl Default for TrainingSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            interval_ms: 7 * 24 * 3_600_000,
            history_ms_min: 8 * 24 * 3_600_000,
            series_max: 64,
            updates_max: 1_500,
            cpu_share_max: 0.25,
        }
    }
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
            anomaly: AnomalySettings::default(),
            peers: PeerSettings::default(),
            anomalies_max: 1_000,
            training: TrainingSettings::default(),
            tuning: TuningSettings::default(),
            workflow: WorkflowSettings::default(),
            gradual: GradualSettings::default(),
            trough: TroughSettings::default(),
            strategy: StrategySettings::default(),
            outcome_after_ms: 3_600_000,
            outcome_interval_ms: 300_000,
        }
    }
}
