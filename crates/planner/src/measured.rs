//! Capacity as it is seen, not as it is told: what a partition or a node sustains.
//!
//! Once a second somebody says how much was served and how hard it was: how long writes wait for the
//! log, how much of the flush backlog's bound is used, how busy the cores are. The largest of these
//! against its bound is the **pressure**. Above 1 for some seconds in a row, what was served in those
//! seconds is what is sustained: that is the capacity, and it is lowered no further than a share of the
//! best that was ever seen, so that a disk that hiccups does not close the shop. Below 1 the
//! capacity is at least what is being served, and grows slowly while most of it is used and pressure is
//! low, which is how a limit that is gone is found to be gone.
//!
//! Reads and writes are kept apart. A kind that had no part in the load when the limit was met is not
//! known to have one. Before any limit was met, [`planning`](Estimator::planning) goes by a prior, and
//! nobody is refused ([`limit`](Estimator::limit)).
//!
//! The method is that of congestion control by delay (Brakmo and Peterson, *TCP Vegas*, 1995; Netflix's
//! *concurrency-limits* applies it to services), with rates in the place of windows.

use crate::load::larger;
use serde::{Deserialize, Serialize};
use types::Units;

/// A kind with less than this share of the load has no part in it.
const PART_MIN: f64 = 0.05;

/// What is pressure, and how the estimate moves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MeasuredSettings {
    /// Writes should not wait longer than this for the log.
    pub queue_ms_max: f64,
    /// This share of the bound on unflushed bytes may be used.
    pub backlog_share_max: f64,
    /// This share of the cores may be busy.
    pub cpu_share_max: f64,
    /// So many samples under pressure in a row mean that the limit is met.
    pub samples_min: u32,
    /// While there is room, the estimate grows by this share per sample.
    pub growth: f64,
    /// There is room below this pressure, ...
    pub roomy_pressure_max: f64,
    /// ... and it is looked for from this share of the estimate on.
    pub probe_share_min: f64,
    /// The estimate is not lowered below this share of the best that was seen.
    pub floor_share: f64,
    /// How much of what is known is kept at each sample under pressure; the rest is the sample's.
    pub memory: f64,
}

impl Default for MeasuredSettings {
    fn default() -> Self {
        Self {
            queue_ms_max: 50.0,
            backlog_share_max: 0.8,
            cpu_share_max: 0.92,
            samples_min: 3,
            growth: 0.02,
            roomy_pressure_max: 0.7,
            probe_share_min: 0.8,
            floor_share: 0.25,
            memory: 0.7,
        }
    }
}

/// One second of a partition or a node.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// What was served, in units per second.
    pub served: Units,
    /// How long writes waited for the log, in milliseconds.
    pub queue_ms: f64,
    /// The share of the bound on unflushed bytes that is used, from 0 to 1.
    pub backlog_share: f64,
    /// The share of the cores that is busy, from 0 to 1; 0 where it is not asked for.
    pub cpu_share: f64,
}

impl Sample {
    /// How hard it was, against what it may be: above 1 is too hard.
    pub fn pressure(&self, settings: &MeasuredSettings) -> f64 {
        let of = |value: f64, most: f64| if most > 0.0 { value / most } else { 0.0 };
        of(self.queue_ms, settings.queue_ms_max)
            .max(of(self.backlog_share, settings.backlog_share_max))
            .max(of(self.cpu_share, settings.cpu_share_max))
    }
}

/// What one partition, or one node, sustains.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimator {
    /// What was served in the samples under pressure; `None` of a kind whose limit was never met.
    read: Kind,
    write: Kind,
    pressed: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Kind {
    sustained: Option<f64>,
    best: f64,
}

impl Default for Estimator {
    fn default() -> Self {
        Self::new()
    }
}

impl Estimator {
    /// Nothing was seen yet.
    pub fn new() -> Self {
        Self { read: Kind::default(), write: Kind::default(), pressed: 0 }
    }

    /// Takes in one more sample. `elsewhere` says that the pressure is not this one's: of a partition,
    /// when it is the node that is at its limit. Nothing is learnt of the limit then.
    pub fn observe(&mut self, sample: &Sample, elsewhere: bool, settings: &MeasuredSettings) {
        let pressure = sample.pressure(settings);
        let pressed = pressure >= 1.0 && !elsewhere;
        self.pressed = if pressed { self.pressed.saturating_add(1) } else { 0 };
        let total = sample.served.total();
        for (kind, served) in
            [(&mut self.read, sample.served.read), (&mut self.write, sample.served.write)]
        {
            if pressed {
                if self.pressed >= settings.samples_min
                    && served >= PART_MIN * total
                    && served > 0.0
                {
                    kind.lower(served, settings);
                }
            } else {
                kind.raise(served, pressure < settings.roomy_pressure_max, settings);
            }
        }
    }

    /// Whether the limit is met now.
    pub fn at_limit(&self, settings: &MeasuredSettings) -> bool {
        self.pressed >= settings.samples_min
    }

    /// What is admitted per second; infinite of a kind whose limit was never met.
    pub fn limit(&self) -> Units {
        let of = |kind: &Kind| kind.sustained.unwrap_or(f64::INFINITY);
        Units { read: of(&self.read), write: of(&self.write) }
    }

    /// What plans are made on: what is sustained, or, before any limit was met, the prior, or more if
    /// more has been served.
    pub fn planning(&self, prior: Units) -> Units {
        let best = larger(prior, Units { read: self.read.best, write: self.write.best });
        Units {
            read: self.read.sustained.unwrap_or(best.read),
            write: self.write.sustained.unwrap_or(best.write),
        }
    }
}

impl Kind {
    /// The limit is met with this much served.
    fn lower(&mut self, served: f64, settings: &MeasuredSettings) {
        self.best = self.best.max(served);
        let known = self.sustained.unwrap_or(served);
        let next = known * settings.memory + served * (1.0 - settings.memory);
        self.sustained = Some(next.max(self.best * settings.floor_share));
    }

    /// This much was served and it was not too hard.
    fn raise(&mut self, served: f64, roomy: bool, settings: &MeasuredSettings) {
        self.best = self.best.max(served);
        let Some(known) = &mut self.sustained else { return };
        if roomy && served >= *known * settings.probe_share_min {
            *known *= 1.0 + settings.growth;
        }
        *known = known.max(served);
    }
}

/// How much of `capacity` a burst may use at once: seconds, not minutes, for what is measured cannot be
/// saved up.
pub const BURST_S: f64 = 2.0;

/// The capacity in a bucket's terms: an unknown limit is a bucket that is never empty.
pub fn admitted(limit: Units) -> Option<Units> {
    (limit.read.is_finite() || limit.write.is_finite())
        .then(|| Units { read: limit.read.min(UNLIMITED), write: limit.write.min(UNLIMITED) })
}

/// More than any partition serves.
const UNLIMITED: f64 = 1e12;

#[cfg(test)]
mod tests;
