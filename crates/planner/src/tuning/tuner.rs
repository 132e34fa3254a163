//! Whether anything is changed: the part that has to be right even if the learner is wrong.
//!
//! Once a day of data the tuner is told how the day went and what the learner proposes for the next.
//! Whatever it is told, adversary's numbers included:
//!
//! - thresholds stay within their bounds, and pinned ones where the operator pinned them;
//! - at most one change a day of data, a revert included;
//! - nothing goes live that has not been proposed with a saving that is likely above zero, and whose
//!   forerunners would not have saved for [`TunerSettings::shadow_days_min`] days in a row in the shadow;
//! - what is live and makes days dearer than they were is reverted at the end of that day, and nothing
//!   goes live for [`TunerSettings::pause_days`];
//! - on days with an anomaly, or without a forecast, nothing changes and nothing is concluded.
//!
//! **How days are compared.** Days differ. The cost of each is divided by what the operator's own
//! thresholds would have cost on that day's load in the simulator, and that ratio is compared with what
//! it was before anything was changed, so that it does not matter by how much the simulator is off.
//!
//! **Revert** goes to the operator's own thresholds, not to the ones before. **No canaries:** a table's
//! settings apply to all its partitions, as a cut takes in neighbours; the first tables that are switched
//! to `on` are the canaries.

use super::context::Context;
use super::doubly_robust::Estimate;
use super::prices::Prices;
use super::thresholds::{Pins, Thresholds};
use crate::error::PlannerError;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The version of the stored form.
pub const VERSION: u32 = 1;
/// Days that are remembered for the comparison before a change.
const RATIOS_MAX: usize = 7;
/// Shadow days that are remembered.
const SHADOW_DAYS_MAX: usize = 14;

/// How far tuning may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tuning {
    /// Nothing is learnt.
    Off,
    /// What would be changed is written down.
    #[default]
    Shadow,
    /// It is changed.
    On,
}

/// How tuning is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TunerSettings {
    /// How far it may go.
    pub mode: Tuning,
    /// What things cost.
    pub prices: Prices,
    /// How many days in a row the shadow must have saved before anything goes live.
    pub shadow_days_min: usize,
    /// By what share a day may be dearer than days were before, until what is live is reverted.
    pub drop_max: f64,
    /// For how many days nothing goes live after a revert.
    pub pause_days: i64,
    /// Records kept; the oldest go first.
    pub records_max: usize,
}

impl Default for TunerSettings {
    fn default() -> Self {
        Self {
            mode: Tuning::default(),
            prices: Prices::default(),
            shadow_days_min: 3,
            drop_max: 0.05,
            pause_days: 7,
            records_max: 100,
        }
    }
}

impl TunerSettings {
    /// Checks every setting against its range.
    pub fn validate(&self) -> Result<(), PlannerError> {
        self.prices.validate()?;
        if !(self.drop_max.is_finite() && self.drop_max >= 0.0) {
            let (name, value) = ("tuning.drop_max", self.drop_max.to_string());
            return Err(PlannerError::Setting { name, value, expected: "0 or more" });
        }
        if self.shadow_days_min > SHADOW_DAYS_MAX {
            let (name, value) = ("tuning.shadow_days_min", self.shadow_days_min.to_string());
            return Err(PlannerError::Setting { name, value, expected: "at most 14" });
        }
        Ok(())
    }
}

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
    fn is_sound(&self) -> bool {
        let Estimate { mean, standard_error, .. } = self.saving;
        let Context { accuracy, seasonality, skew, trend, hour } = self.context;
        let figures = [mean, standard_error, accuracy, seasonality, skew, trend, hour];
        figures.iter().all(|figure| figure.is_finite())
    }
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
    /// The proposal went live.
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
    /// The day's cost over the reference.
    pub cost_ratio: Option<f64>,
}

/// One table's tuning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuner {
    pub(super) version: u32,
    base: Thresholds,
    in_force: Thresholds,
    pins: Pins,
    proposed: Option<Thresholds>,
    last_day: Option<i64>,
    paused_until_day: i64,
    ratios: VecDeque<f64>,
    shadow: VecDeque<f64>,
    records: VecDeque<Record>,
}

impl Tuner {
    /// Nothing learnt yet; `base` is what the operator has set.
    pub fn new(base: Thresholds) -> Self {
        Self {
            version: VERSION,
            base,
            in_force: base,
            pins: Pins::default(),
            proposed: None,
            last_day: None,
            paused_until_day: i64::MIN,
            ratios: VecDeque::new(),
            shadow: VecDeque::new(),
            records: VecDeque::new(),
        }
    }

    /// Takes up a stored tuner under the operator's settings of today: other settings than it began with
    /// void what it learnt, pins and journal stay.
    pub fn resume(mut self, base: Thresholds, mode: Tuning) -> Self {
        if base != self.base || mode != Tuning::On {
            self.base = base;
            self.in_force = self.safe();
            self.ratios.clear();
        }
        self
    }

    /// What the planner goes by.
    pub fn in_force(&self) -> Thresholds {
        self.in_force
    }

    /// What the operator has set, pins included: where a revert goes.
    pub fn safe(&self) -> Thresholds {
        self.pins.applied_to(self.base)
    }

    /// What the operator has fixed.
    pub fn pins(&self) -> &Pins {
        &self.pins
    }

    /// What the learner last proposed: what the shadow plays.
    pub fn proposed(&self) -> Option<Thresholds> {
        self.proposed
    }

    /// What the operator has set, pins aside.
    pub fn base(&self) -> Thresholds {
        self.base
    }

    /// The last day that was closed.
    pub fn last_day(&self) -> Option<i64> {
        self.last_day
    }

    /// The journal, oldest first.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.records.iter()
    }

    /// Fixes numbers, or lets them go: the new pins take the place of the old. At once, as the operator
    /// says so.
    ///
    /// # Errors
    /// If one is out of its bounds.
    pub fn pin(&mut self, pins: Pins, day: i64, records_max: usize) -> Result<(), PlannerError> {
        pins.validate()?;
        let from = self.in_force;
        self.pins = pins;
        self.in_force = self.safe();
        self.proposed = None;
        self.ratios.clear();
        self.shadow.clear();
        let reason = format!("by the operator: {}", self.in_force.difference(from));
        self.write(Record { day, ..self.record(RecordKind::Pinned, from, reason) }, records_max);
        Ok(())
    }

    /// A day is over. Says what is in force from now on, if that changed.
    pub fn close(&mut self, settings: &TunerSettings, day: Day) -> Option<Thresholds> {
        if self.last_day.is_some_and(|last| day.number <= last) || settings.mode == Tuning::Off {
            return None;
        }
        self.last_day = Some(day.number);
        let before = self.in_force;
        let record = match &day.frozen {
            Some(why) => {
                self.proposed = None;
                self.record(RecordKind::Frozen, before, why.clone())
            }
            None => self.conclude(settings, &day),
        };
        let record = Record { day: day.number, ..record };
        self.write(record, settings.records_max);
        (self.in_force != before).then_some(self.in_force)
    }

    /// Judges the day, and decides about the next.
    fn conclude(&mut self, settings: &TunerSettings, day: &Day) -> Record {
        let before = self.in_force;
        let shadow_saving = ratio(day.shadow, day.reference).map(|ratio| 1.0 - ratio);
        if let Some(saving) = shadow_saving {
            push(&mut self.shadow, saving, SHADOW_DAYS_MAX);
        }
        let cost_ratio = ratio(day.cost, day.reference);
        let judged = |record| Record { shadow_saving, cost_ratio, ..record };
        if before != self.safe() {
            let why = match cost_ratio {
                None => Some("what the day cost is not known".to_string()),
                Some(now) => self.dearer(now, settings.drop_max),
            };
            if let Some(why) = why {
                self.in_force = self.safe();
                self.paused_until_day = day.number.saturating_add(settings.pause_days);
                self.proposed = None;
                self.shadow.clear();
                return judged(self.record(RecordKind::Reverted, before, why));
            }
        } else if let Some(ratio) = cost_ratio {
            push(&mut self.ratios, ratio, RATIOS_MAX);
        }
        judged(self.propose(settings, day))
    }

    /// What becomes of the learner's proposal.
    fn propose(&mut self, settings: &TunerSettings, day: &Day) -> Record {
        let before = self.in_force;
        let sound = day.proposal.as_ref().filter(|proposal| proposal.is_sound());
        let Some(proposal) = sound else {
            self.proposed = None;
            let why = match day.proposal {
                None => "the learner proposes nothing",
                Some(_) => "the learner's figures are no numbers",
            };
            return self.record(RecordKind::Proposed, before, why.into());
        };
        let wanted = self.pins.applied_to(proposal.thresholds.bounded());
        self.proposed = Some(wanted);
        let held = self.held_back(settings, day.number, proposal);
        let (kind, reason) = match held {
            _ if wanted == before => (RecordKind::Proposed, "no change is wanted".into()),
            Some(why) => (RecordKind::Proposed, format!("{}; {why}", wanted.difference(before))),
            None => {
                self.in_force = wanted;
                (RecordKind::Changed, wanted.difference(before))
            }
        };
        let proposal = Proposal { thresholds: wanted, ..proposal.clone() };
        Record { proposal: Some(proposal), ..self.record(kind, before, reason) }
    }

    /// Why a proposal does not go live.
    fn held_back(&self, settings: &TunerSettings, day: i64, proposal: &Proposal) -> Option<String> {
        if settings.mode != Tuning::On {
            return Some("tuning is in the shadow".into());
        }
        if day < self.paused_until_day {
            return Some(format!("paused until day {} after a revert", self.paused_until_day));
        }
        if proposal.saving.lower() <= 0.0 {
            return Some("the simulator does not find it likely to save".into());
        }
        let needed = settings.shadow_days_min;
        let saved = self.shadow.iter().rev().take_while(|saving| **saving > 0.0).count();
        (saved < needed).then(|| format!("the shadow saved on {saved} of {needed} days in a row"))
    }

    /// Why a day is dearer than days were, if it is.
    fn dearer(&self, now: f64, drop_max: f64) -> Option<String> {
        let before = match self.ratios.is_empty() {
            true => 1.0,
            false => self.ratios.iter().sum::<f64>() / self.ratios.len() as f64,
        };
        (now > before * (1.0 + drop_max)).then(|| {
            format!("the day cost {now:.3} of the reference, days before the change {before:.3}")
        })
    }

    fn record(&self, kind: RecordKind, from: Thresholds, reason: String) -> Record {
        Record {
            day: 0,
            kind,
            from,
            to: self.in_force,
            reason,
            proposal: None,
            shadow_saving: None,
            cost_ratio: None,
        }
    }

    fn write(&mut self, record: Record, records_max: usize) {
        push(&mut self.records, record, records_max.max(1));
    }
}

/// One cost over another, if both are known and are costs.
fn ratio(cost: Option<f64>, reference: Option<f64>) -> Option<f64> {
    let (cost, reference) = (cost?, reference?);
    let ratio = cost / reference;
    (reference > 0.0 && cost >= 0.0 && ratio.is_finite()).then_some(ratio)
}

fn push<T>(queue: &mut VecDeque<T>, item: T, most: usize) {
    queue.push_back(item);
    while queue.len() > most {
        queue.pop_front();
    }
}

#[cfg(test)]
mod tests;
