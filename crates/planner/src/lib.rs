//! Re-partitioning score, slicing and plans; no I/O, no clock.
//!
//! The problem, the method and why it does not flap are in the README beside this file. In reading
//! order: [`view`] is what is known about a table, [`score`] says whether it needs attention,
//! [`slice`] where boundaries belong, [`policy`] what to do, [`plan`] how that is written down.
//! [`controller`] makes views out of the collector's counts and the forecasts, [`decision`] keeps
//! what was decided and judges it afterwards, [`hot`] names the keys that will be hot, [`bucket`] is the
//! capacity that plans are about, [`measured`] what it is seen to be and [`refused`] what of a load it
//! would refuse, [`gradual`] and [`trough`] say how much at once and when, [`strategy`] which key order a
//! table should have, [`layout`], [`even`] and [`adjust`] where operators' boundaries go, and [`tuning`]
//! sets the numbers that policies go by.

pub mod adjust;
pub mod bucket;
pub mod controller;
pub mod cycles;
pub mod decision;
mod error;
pub mod even;
pub mod gradual;
pub mod hot;
pub mod layout;
pub mod load;
pub mod measured;
pub mod plan;
pub mod policy;
pub mod refused;
pub mod score;
pub mod settings;
pub mod slice;
pub mod strategy;
#[cfg(test)]
mod testing;
pub mod trough;
pub mod tuning;
pub mod view;

pub use bucket::{BURST_S, Buckets, TokenBucket};
pub use controller::{Controller, ControllerSettings, PartitionFacts, TableFacts, Tick};
pub use cycles::Cycles;
pub use decision::{Decision, Judgement, LoadSeries, Outcome};
pub use error::PlannerError;
pub use plan::{Action, Alternative, Kind, Plan, Trigger};
pub use policy::{
    Policy, Predictive, ReactiveDynamoDb, ReactiveDynamoDbSettings, ReactiveFast,
    ReactiveFastSettings, Static, Threshold, ThresholdSettings,
};
pub use score::Score;
pub use settings::PlannerSettings;
pub use tuning::{Thresholds, Tuner, TunerSettings, Tuning};
pub use view::{CellView, HotKeyView, Limits, NodeView, PartitionView, TableView};
