//! Whether anything is changed: the part that has to be right even if the learner is wrong.
//!
//! Once a day of data the tuner is told how the day went and what the learner proposes for the next.
//! Whatever it is told, adversary's numbers included:
//!
//! - thresholds stay within their bounds, and pinned ones where the operator pinned them;
//! - at most one change a day of data, a revert included;
//! - nothing goes live that has not been proposed with a saving that is likely above zero, and whose
//!   forerunners would not have saved for [`TunerSettings::shadow_days_min`] days in a row in the shadow;
//! - first it goes live on a share of the partitions, and on all after [`TunerSettings::canary_days_min`] days
//!   on which that share was neither dearer than days were before nor than the rest of the table;
//! - what is live and makes days dearer than they were is reverted at the end of that day, and nothing
//!   goes live for [`TunerSettings::pause_days`];
//! - on days with an anomaly, or without a forecast, nothing changes and nothing is concluded.
//!
//! **How days are compared.** Days differ. The cost of each is divided by what the operator's own
//! thresholds would have cost on that day's load in the simulator, and that ratio is compared with what
//! it was before anything was changed, so that it does not matter by how much the simulator is off.
//!
//! **Revert** goes to the operator's own thresholds, not to the ones before; a canary that is dearer goes
//! alone.

use super::canary::{Border, Canary};
use super::prices::Prices;
use super::record::{Day, Part, Proposal, Record, RecordKind};
use super::thresholds::{Pins, Thresholds};
use crate::error::PlannerError;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The version of the stored form.
pub const VERSION: u32 = 2;
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
    /// What share of a table's load the first partitions have on which a change goes live; 0 for all at
    /// once.
    pub canary_share: f64,
    /// How many days of a canary a change must have stood before it goes live on all.
    pub canary_days_min: u32,
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
            canary_share: 0.25,
            canary_days_min: 2,
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
        if !(0.0..=0.5).contains(&self.canary_share) {
            let (name, value) = ("tuning.canary_share", self.canary_share.to_string());
            return Err(PlannerError::Setting { name, value, expected: "0 to 0.5" });
        }
        Ok(())
    }
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
    #[serde(default)]
    canary: Option<Canary>,
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
            canary: None,
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
            self.canary = None;
            self.ratios.clear();
        }
        self
    }

    /// What the planner goes by.
    pub fn in_force(&self) -> Thresholds {
        self.in_force
    }

    /// What goes live, or is live, on a share of the partitions.
    pub fn canary(&self) -> Option<&Canary> {
        self.canary.as_ref()
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

    /// Nothing goes live before this day; of no meaning if it is over.
    pub fn paused_until_day(&self) -> i64 {
        self.paused_until_day
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
        self.canary = None;
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

    /// A canary that waits for it gets its border: its thresholds are live there from now on. `day` is
    /// the one that is under way; it is not judged, as it was another's when it began.
    pub fn begin_canary(&mut self, border: Border, day: i64, records_max: usize) {
        let Some(canary) = self.canary.as_mut().filter(|canary| canary.border.is_none()) else {
            return;
        };
        let (wanted, share) = (canary.proposal.thresholds, border.share * 100.0);
        canary.border = Some(border);
        canary.since_day = day.saturating_add(1);
        let proposal = Some(canary.proposal.clone());
        let what = wanted.difference(self.in_force);
        let reason = format!("{what}; first on the partitions with {share:.0} % of the load");
        let record = self.record(RecordKind::Canary, self.in_force, reason);
        self.write(Record { day, to: wanted, proposal, ..record }, records_max);
    }

    /// Judges the day, and decides about the next.
    fn conclude(&mut self, settings: &TunerSettings, day: &Day) -> Record {
        let before = self.in_force;
        let whole = Part { cost: day.cost, reference: day.reference };
        let shadow = Part { cost: day.shadow, reference: day.reference };
        let shadow_saving = shadow.ratio().map(|ratio| 1.0 - ratio);
        if let Some(saving) = shadow_saving {
            push(&mut self.shadow, saving, SHADOW_DAYS_MAX);
        }
        // One that still waits is proposed anew or not at all.
        self.canary = self.canary.take().filter(|canary| canary.border.is_some());
        let tried = self.canary.as_ref().is_some_and(|canary| day.number >= canary.since_day);
        let sides = day.sides.unwrap_or_default();
        let cost_ratio = if tried { sides.rest.ratio() } else { whole.ratio() };
        let canary_ratio = sides.canary.ratio().filter(|_| tried);
        let judged = |record| Record { shadow_saving, cost_ratio, canary_ratio, ..record };
        if before != self.safe() {
            let why = match cost_ratio {
                None => Some("what the day cost is not known".to_string()),
                Some(now) => self.dearer(now, settings.drop_max),
            };
            if let Some(why) = why {
                self.in_force = self.safe();
                self.let_go(settings, day.number);
                return judged(self.record(RecordKind::Reverted, before, why));
            }
        } else if let Some(ratio) = cost_ratio.filter(|_| self.canary.is_none()) {
            push(&mut self.ratios, ratio, RATIOS_MAX);
        }
        let record = tried.then(|| self.judge_canary(settings, day, canary_ratio, cost_ratio));
        judged(record.flatten().unwrap_or_else(|| self.propose(settings, day)))
    }

    /// What a canary's day means for it; `None` if it goes on.
    fn judge_canary(
        &mut self,
        settings: &TunerSettings,
        day: &Day,
        now: Option<f64>,
        rest: Option<f64>,
    ) -> Option<Record> {
        let drop_max = settings.drop_max;
        let why = match (now, rest) {
            (None, _) => Some("what the canary cost is not known".to_string()),
            (Some(now), Some(rest)) if now > rest * (1.0 + drop_max) => Some(format!(
                "the canary cost {now:.3} of the reference, the rest of the table {rest:.3}"
            )),
            (Some(now), _) => self.dearer(now, drop_max),
        };
        let in_force = self.in_force;
        let canary = self.canary.as_mut()?;
        let wanted = canary.proposal.thresholds;
        if let Some(why) = why {
            let proposal = Some(canary.proposal.clone());
            self.let_go(settings, day.number);
            let record = self.record(RecordKind::Reverted, wanted, why);
            return Some(Record { proposal, ..record });
        }
        canary.days += 1;
        if canary.days < settings.canary_days_min {
            return None;
        }
        let what = wanted.difference(in_force);
        let reason = format!("{what}; the canary stood {} day(s)", canary.days);
        let proposal = self.canary.take().map(|canary| canary.proposal);
        self.in_force = wanted;
        Some(Record { proposal, ..self.record(RecordKind::Changed, in_force, reason) })
    }

    /// Nothing that was learnt counts for a while.
    fn let_go(&mut self, settings: &TunerSettings, day: i64) {
        self.paused_until_day = day.saturating_add(settings.pause_days);
        self.canary = None;
        self.proposed = None;
        self.shadow.clear();
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
        let proposal = Proposal { thresholds: wanted, ..proposal.clone() };
        let what = wanted.difference(before);
        let (kind, reason) = match held {
            _ if wanted == before => (RecordKind::Proposed, "no change is wanted".into()),
            Some(why) => (RecordKind::Proposed, format!("{what}; {why}")),
            None if settings.canary_share > 0.0 => {
                self.canary = Some(Canary::waiting(proposal.clone()));
                let why = "a canary begins as soon as the table has a boundary to end it at";
                (RecordKind::Proposed, format!("{what}; {why}"))
            }
            None => {
                self.in_force = wanted;
                (RecordKind::Changed, what)
            }
        };
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
        if let Some(canary) = &self.canary {
            let (days, needed) = (canary.days, settings.canary_days_min);
            return Some(format!("a canary has stood {days} of {needed} day(s)"));
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
            canary_ratio: None,
        }
    }

    fn write(&mut self, record: Record, records_max: usize) {
        push(&mut self.records, record, records_max.max(1));
    }
}

fn push<T>(queue: &mut VecDeque<T>, item: T, most: usize) {
    queue.push_back(item);
    while queue.len() > most {
        queue.pop_front();
    }
}

#[cfg(test)]
mod tests;
