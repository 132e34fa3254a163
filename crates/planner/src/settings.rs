//! Every number the planner can be told, with its default and where it comes from.
//!
//! Times are milliseconds on the clock the views carry; in the demo that clock runs fast, and so do
//! these.

use forecast::Quantile;
use serde::{Deserialize, Serialize};

/// How the predictive policy decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlannerSettings {
    /// The re-partitioning score.
    pub score: ScoreSettings,
    /// How partitions are cut.
    pub slice: SliceSettings,
    /// What actions cost and how many may run.
    pub action: ActionSettings,
    /// When partitions are put together again.
    pub merge: MergeSettings,
    /// Acting on the last seconds when the forecast missed; `None` switches it off.
    pub floor: Option<FloorSettings>,
}

impl Default for PlannerSettings {
    fn default() -> Self {
        Self {
            score: ScoreSettings::default(),
            slice: SliceSettings::default(),
            action: ActionSettings::default(),
            merge: MergeSettings::default(),
            floor: Some(FloorSettings::default()),
        }
    }
}

/// The score's points, threshold and inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScoreSettings {
    /// Points for a forecast rate above capacity.
    pub rate_points: f64,
    /// Points for a skewed key distribution.
    pub skew_points: f64,
    /// Points for a forecast size above the maximum.
    pub size_points: f64,
    /// A partition with this many points or more is acted on.
    pub threshold: f64,
    /// How often partitions are scored.
    pub interval_ms: i64,
    /// The quantile of the forecast that is compared with capacity. A median forecast does worse
    /// than reacting; .9 is where the simulations settled.
    pub quantile: Quantile,
    /// A top key above this share of the load is skew.
    pub top_key_share_max: f64,
    /// If the best cut leaves more than this share of the load on one side, that is skew.
    pub halving_share_max: f64,
    /// Below this utilisation, skew harms nobody and is not looked at.
    pub skew_utilisation_min: f64,
    /// A partition should not grow beyond this many bytes (10 GB as in DynamoDB).
    pub size_bytes_max: u64,
}

impl Default for ScoreSettings {
    fn default() -> Self {
        Self {
            rate_points: 10.0,
            skew_points: 5.0,
            size_points: 2.0,
            threshold: 9.0,
            interval_ms: 60_000,
            quantile: Quantile::Q90,
            top_key_share_max: 0.3,
            halving_share_max: 0.6,
            skew_utilisation_min: 0.2,
            size_bytes_max: 10 << 30,
        }
    }
}

/// How boundaries are chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SliceSettings {
    /// New partitions are planned to be this full at the decision quantile. Below 1 because even
    /// the best share models put the hottest cell too low, and so that a new partition is not a
    /// candidate at once.
    pub target_utilisation: f64,
    /// How much worse than the best balance a cut may be if it keeps an existing boundary.
    pub balance_tolerance: f64,
    /// The most partitions one action makes.
    pub children_max: usize,
}

impl Default for SliceSettings {
    fn default() -> Self {
        Self { target_utilisation: 0.8, balance_tolerance: 0.05, children_max: 8 }
    }
}

/// What acting costs and how much of it is allowed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActionSettings {
    /// What one action costs, in seconds of one partition's capacity: times capacity it is the
    /// overload in unit-seconds that must be avoided for the action to pay.
    pub cost_s: f64,
    /// How much of a partition's burst credit a plan may count on: overload that this much carries is
    /// no reason to act. The rest is for forecasts that are too low.
    pub credit_share: f64,
    /// How long an action takes; the reactive floor must be that much ahead.
    pub duration_ms: i64,
    /// How long before a forecast crossing is acted on, beyond the time that a plan's actions take:
    /// long enough for a second try after the cooldown. What lies further ahead can wait, and every
    /// minute that a partition comes later is saved.
    pub lead_ms: i64,
    /// After a plan, forecasts are not acted on again for this long.
    pub cooldown_ms: i64,
    /// The most actions in one plan.
    pub per_plan_max: usize,
    /// A table is not divided beyond this many partitions.
    pub partitions_max: usize,
}

impl Default for ActionSettings {
    fn default() -> Self {
        Self {
            cost_s: 5.0,
            credit_share: 0.5,
            duration_ms: 1_000,
            lead_ms: 900_000,
            cooldown_ms: 600_000,
            per_plan_max: 4,
            partitions_max: 256,
        }
    }
}

/// When partitions are merged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MergeSettings {
    /// Whether partitions are merged at all.
    pub enabled: bool,
    /// The merged partition may be at most this full, by what is observed, on earlier days, and at the
    /// quantile. Below the target of a split, which begins above 1: between the two nothing happens.
    pub utilisation_max: f64,
    /// The quantile of the forecast that must fit. After a burst the .99 quantile stays high for days,
    /// and with it the number of partitions (docs/evaluation.md).
    pub quantile: Quantile,
    /// The time in which merging and splitting again pays back: twice an action's cost over what
    /// one more partition costs per hour.
    pub payback_ms: i64,
    /// A range that was merged and divided again is not merged again for this long: one cycle in the
    /// time of a few paybacks. A whole day was too long for load that moves over the keys: what a hot
    /// spot left behind stayed divided until the next.
    pub cycle_min_ms: i64,
    /// A partition younger than this is not merged.
    pub age_min_ms: i64,
    /// Merging stops at this many partitions.
    pub partitions_min: usize,
    /// The most partitions one action merges.
    pub sources_max: usize,
}

impl Default for MergeSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            utilisation_max: 0.75,
            quantile: Quantile::Q90,
            payback_ms: 2 * 3_600_000,
            cycle_min_ms: 3 * 3_600_000,
            age_min_ms: 30 * 60_000,
            partitions_min: 1,
            sources_max: 8,
        }
    }
}

/// When the last seconds alone are reason enough.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FloorSettings {
    /// Act when the load of the last seconds is above this share of capacity.
    pub utilisation: f64,
    /// A partition younger than this is left alone: its load is not known yet.
    pub age_min_ms: i64,
    /// With burst credit left, wait until it would run out within this many action durations …
    pub durations_ahead: f64,
    /// … or within this time: what is divided while there is credit leaves some to the new partitions,
    /// which begin with cold caches under a load that may still be rising.
    pub ahead_ms: i64,
}

impl FloorSettings {
    /// How long before burst credit runs out something is done, if an action takes `duration_ms`.
    pub fn ahead_s(&self, duration_ms: i64) -> f64 {
        (self.durations_ahead * duration_ms as f64).max(self.ahead_ms as f64) / 1000.0
    }
}

impl Default for FloorSettings {
    fn default() -> Self {
        Self { utilisation: 1.0, age_min_ms: 1_000, durations_ahead: 3.0, ahead_ms: 60_000 }
    }
}
