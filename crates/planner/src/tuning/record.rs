//! What the tuner is told of a day, and what it writes down.

use super::context::Context;
use super::doubly_robust::Estimate;
use super::thresholds::Thresholds;
use serde::{Deserialize, Serialize};

/// What the learner wants for the next day, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// The thresholds.
    pub thresholds: Thresholds,
    /// The context they are for.
    pub context: Context,
    /// How many days were played in the simulator to find them.
    pub days_played: u32,
    /// What the learner's choices save against the operator's thresholds, as a share of their cost, by
    /// the doubly robust estimate.
    pub saving: Estimate,
}

impl Proposal {
    /// Whether all its figures are numbers: others could be neither weighed nor stored.
    pub(super) fn is_sound(&self) -> bool {
        let Estimate { mean, standard_error, .. } = self.saving;
        let Context { accuracy, seasonality, skew, trend, hour } = self.context;
        let figures = [mean, standard_error, accuracy, seasonality, skew, trend, hour];
        figures.iter().all(|figure| figure.is_finite())
    }
}

/// What something cost, and what it would have cost under the operator's thresholds in the simulator.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Part {
    /// `None` if it is not known.
    pub cost: Option<f64>,
    /// The same.
    pub reference: Option<f64>,
}

impl Part {
    /// One over the other, if both are known and are costs.
    pub fn ratio(&self) -> Option<f64> {
        let (cost, reference) = (self.cost?, self.reference?);
        let ratio = cost / reference;
        (reference > 0.0 && cost >= 0.0 && ratio.is_finite()).then_some(ratio)
    }
}

/// The two sides of a canary's border.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sides {
    /// The canary's partitions.
    pub canary: Part,
    /// All others.
    pub rest: Part,
}

/// A day of data that is over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Day {
    /// Days since 1970.
    pub number: i64,
    /// What it cost; `None` if that is not known.
    pub cost: Option<f64>,
    /// What the operator's thresholds would have cost, in the simulator.
    pub reference: Option<f64>,
    /// What the last proposal would have cost, in the simulator.
    pub shadow: Option<f64>,
    /// The same of the two sides, if a canary was live all day.
    pub sides: Option<Sides>,
    /// Why nothing can be concluded from this day, and nothing changed after it.
    pub frozen: Option<String>,
    /// What the learner proposes.
    pub proposal: Option<Proposal>,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// The learner proposed, and nothing was changed.
    Proposed,
    /// The proposal went live on a share of the table's partitions.
    Canary,
    /// The proposal went live on all.
    Changed,
    /// What was live went back to the operator's own.
    Reverted,
    /// Nothing was concluded and nothing changed.
    Frozen,
    /// An operator pinned or let go.
    Pinned,
}

/// One line of the journal, with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Days since 1970.
    pub day: i64,
    /// What was done.
    pub kind: RecordKind,
    /// In force before.
    pub from: Thresholds,
    /// In force after.
    pub to: Thresholds,
    /// In words.
    pub reason: String,
    /// The proposal, with what the simulator said.
    pub proposal: Option<Proposal>,
    /// What the proposal for the day that is over would have saved, as a share.
    pub shadow_saving: Option<f64>,
    /// The day's cost over the reference; while there is a canary, of all but the canary.
    pub cost_ratio: Option<f64>,
    /// The same of the canary.
    #[serde(default)]
    pub canary_ratio: Option<f64>,
}
