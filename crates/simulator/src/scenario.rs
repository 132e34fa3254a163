//! The demo's workload, with every parameter of it in one place.
//!
//! A retailer's invoice lines (see `traces/README.md`): four weeks are imported as history, the
//! days after them are played. **What is the trace's:** when how much is sold, which products, by
//! whom; the growth towards Christmas; the closed Saturdays. **What is synthetic:** each line is
//! written `copies` times under keys with a suffix, each copy comes with `reads_per_write` reads,
//! and each of these lies up to `jitter_ms` from the minute of the invoice; items have a fixed size.
//!
//! **Capacity is preset from the imported weeks alone**, by this rule: the initial partitions
//! together could carry the `capacity_quantile` of the history's five-minute rates if they were
//! `capacity_overbooking` times as large; reads and writes each. So a table that was sized for an
//! ordinary hour meets the busy ones, which is when somebody wants partitions split.

use crate::amplify::{Amplification, amplify};
use crate::error::SimulatorError;
use crate::simulation::{RetrySettings, SimulationSettings};
use crate::workload::Workload;
use ::workload::{CollectorSettings, TraceReader};
use planner::{BURST_S, ControllerSettings, PlannerSettings};
use serde::{Deserialize, Serialize};
use std::path::Path;
use types::Units;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const BIN_MS: i64 = 300_000;

/// The parameters of the demo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OnlineRetail {
    /// The first moment that is played: Monday, 22 November 2010, midnight.
    pub start_ms: i64,
    /// How many days are played.
    pub days: i64,
    /// How many days before them are imported as history.
    pub history_days: i64,
    /// How the trace is made larger.
    pub amplification: Amplification,
    /// Partitions at the start.
    pub partitions: u32,
    /// Which quantile of the imported five-minute rates sets the capacity.
    pub capacity_quantile: f64,
    /// By how much that quantile exceeds what the initial partitions can carry.
    pub capacity_overbooking: f64,
    /// How often the controller looks.
    pub tick_ms: i64,
    /// How long an action takes.
    pub action_ms: i64,
}

impl Default for OnlineRetail {
    fn default() -> Self {
        Self {
            start_ms: 1_290_384_000_000,
            days: 2,
            history_days: 28,
            amplification: Amplification {
                copies: 2,
                reads_per_write: 3,
                shift_ms: 0,
                jitter_ms: 15 * 60_000,
                item_bytes: 256,
                seed: 1,
            },
            partitions: 2,
            capacity_quantile: 0.99,
            capacity_overbooking: 1.5,
            tick_ms: 30_000,
            action_ms: 60_000,
        }
    }
}

/// A workload with how it is to be played.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The parameters it was made by.
    pub parameters: OnlineRetail,
    /// History and what is played after it.
    pub workload: Workload,
    /// What each partition can serve, per second.
    pub capacity: Units,
}

/// The demo's workload from the trace at `path`.
pub fn online_retail(path: &Path, parameters: OnlineRetail) -> Result<Scenario, SimulatorError> {
    let first_ms = parameters.start_ms - parameters.history_days * DAY_MS;
    let last_ms = parameters.start_ms + parameters.days * DAY_MS;
    let trace = TraceReader::open(path)?;
    let mut workload = amplify(trace, &parameters.amplification)?;
    workload.events.retain(|event| (first_ms..last_ms).contains(&event.at_ms));
    if workload.between(first_ms, parameters.start_ms).is_empty() {
        return Err(SimulatorError::NoEvents("in the weeks before the start"));
    }
    let history = workload.rates(first_ms, parameters.start_ms, BIN_MS);
    let capacity = capacity(&history, &parameters);
    Ok(Scenario { parameters, workload, capacity })
}

/// The rule that sets a partition's capacity from the imported rates.
fn capacity(history: &[Units], parameters: &OnlineRetail) -> Units {
    let quantile = |rate: fn(&Units) -> f64| {
        let mut rates: Vec<f64> = history.iter().map(rate).collect();
        rates.sort_by(f64::total_cmp);
        let at = parameters.capacity_quantile * rates.len().saturating_sub(1) as f64;
        rates.get(at.round() as usize).copied().unwrap_or(0.0)
    };
    let per_partition = f64::from(parameters.partitions) * parameters.capacity_overbooking;
    Units {
        read: quantile(|units| units.read) / per_partition,
        write: quantile(|units| units.write) / per_partition,
    }
}

impl Scenario {
    /// When the imported history begins.
    pub fn history_start_ms(&self) -> i64 {
        self.parameters.start_ms - self.parameters.history_days * DAY_MS
    }

    /// When the last day played ends.
    pub fn end_ms(&self) -> i64 {
        self.parameters.start_ms + self.parameters.days * DAY_MS
    }

    /// The same with the history's five-minute bins permuted in time.
    pub fn with_shuffled_history(&self, seed: u64) -> Self {
        let (from_ms, to_ms) = (self.history_start_ms(), self.parameters.start_ms);
        let workload = crate::shuffle::shuffled(&self.workload, from_ms, to_ms, BIN_MS, seed);
        Self { workload, ..self.clone() }
    }

    /// The settings of the predictive policy.
    pub fn planner_settings(&self) -> PlannerSettings {
        let mut settings = PlannerSettings::default();
        settings.action.duration_ms = self.parameters.action_ms;
        // This trace's peaks are single large orders: they come earlier than forecast as often as
        // later, so what the coming hour shows is acted on at once.
        settings.action.lead_ms = HOUR_MS;
        settings.merge.partitions_min = self.parameters.partitions as usize;
        settings
    }

    /// The settings of the controller.
    pub fn controller_settings(&self) -> ControllerSettings {
        ControllerSettings { now_ms: 60_000, refresh_ms: 30_000, ..ControllerSettings::default() }
    }

    /// How the simulator plays it.
    pub fn simulation_settings(&self) -> SimulationSettings {
        SimulationSettings {
            workload: "online-retail".into(),
            seed: self.parameters.amplification.seed,
            start_ms: self.parameters.start_ms,
            end_ms: self.end_ms(),
            partitions: self.parameters.partitions,
            capacity: self.capacity,
            burst_s: BURST_S,
            tick_ms: self.parameters.tick_ms,
            action_ms: self.parameters.action_ms,
            retry: RetrySettings::default(),
            merge: self.planner_settings().merge,
            controller: self.controller_settings(),
            collector: CollectorSettings::default(),
        }
    }
}
