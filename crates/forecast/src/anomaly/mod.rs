//! Flash crowds and drops: is this minute odd, given the minutes before it?
//!
//! Nothing announces a flash crowd, so it cannot be forecast; it can be noticed within minutes. Each
//! minute's load is compared with the level some minutes ago, so that a rise is not taken into its
//! own yardstick; the difference, over the root of the level (the spread of counts grows like it),
//! becomes a robust z-score by the median and the median absolute deviation of the differences of
//! the last day's minutes with load (F. R. Hampel, *The influence curve and its role in robust
//! estimation*, 1974). What the scores exceed a slack by is added up in each direction, and begins
//! anew at zero (E. S. Page, *Continuous inspection schemes*, 1954), so that a large crowd is noticed
//! at once and a smaller one minutes later; no minute counts for more than half of what is needed, so
//! that one alone is never enough. An anomaly lasts until the load is back near the level before
//! it, or so long that it has become the level.
//!
//! What a forecast had announced is no anomaly: with each minute the caller may say between which
//! loads it was expected to lie. This module compares a series with its own past; [`peers`] compares the
//! members of a group with each other. Which client or key is behind an anomaly is found out by whoever
//! has the counts.

pub mod peers;
mod scale;

use scale::Scale;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How a [`Detector`] judges. The defaults are what the figures in docs/forecasting.md were measured
/// with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnomalySettings {
    /// So many robust standard deviations are usual; what is beyond is added up.
    pub z_slack: f64,
    /// A minute counts for at most this many.
    pub z_max: f64,
    /// So much in a row is an anomaly.
    pub evidence_min: f64,
    /// A crowd must be this many times the level, a drop this part of it, in the mean of its minutes.
    pub ratio_min: f64,
    /// A crowd must reach this load, a drop must come from it: below, nobody minds.
    pub load_min: f64,
    /// How many minutes old the level is that a minute is compared with.
    pub level_age_minutes: usize,
    /// Minutes of differences that must have been seen before anything is judged.
    pub seen_minutes_min: usize,
    /// After this long, an anomaly has become the level.
    pub lasts_minutes_max: u32,
}

impl Default for AnomalySettings {
    fn default() -> Self {
        Self {
            z_slack: 2.0,
            z_max: 6.0,
            evidence_min: 7.0,
            ratio_min: 1.5,
            load_min: 1.0,
            level_age_minutes: 12,
            seen_minutes_min: 180,
            lasts_minutes_max: 180,
        }
    }
}

/// In which direction a load is odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnomalyKind {
    /// Far more than before.
    FlashCrowd,
    /// Far less than before.
    Drop,
}

/// An anomaly as it is known so far. Loads are in the unit of what was pushed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Anomaly {
    /// Which way.
    pub kind: AnomalyKind,
    /// When its first odd minute began.
    pub start_ms: i64,
    /// When it ended; `None` while it goes on.
    pub end_ms: Option<i64>,
    /// The level before it.
    pub level: f64,
    /// The most extreme minute so far.
    pub extreme: f64,
    /// That minute's robust z-score.
    pub z: f64,
}

/// What a minute brought.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// An anomaly was noticed.
    Began(Anomaly),
    /// It is over.
    Ended(Anomaly),
}

/// Minutes whose mean is the level.
const LEVEL_MINUTES: usize = 5;
/// Near the level, in robust standard deviations and as a ratio, is where an anomaly ends.
const Z_CALM: f64 = 2.5;
/// Calm minutes in a row that end an anomaly.
const CALM_MINUTES: u32 = 3;
const MINUTE_MS: i64 = 60_000;
/// The spread of differences never counts for less than that of requests that come one by one (A minute
/// of a rate λ per second has λ · 60 ± √(λ · 60) of them, the level's five minutes are as uncertain.)
const SCALE_MIN: f64 = 0.14;

/// Watches one series, minute by minute.
#[derive(Clone, Debug)]
pub struct Detector {
    settings: AnomalySettings,
    recent: VecDeque<f64>,
    scale: Scale,
    /// What speaks for a crowd, and for a drop.
    evidence: [Evidence; 2],
    present: Option<Present>,
}

/// What minutes in a row say.
#[derive(Clone, Copy, Debug, Default)]
struct Evidence {
    sum: f64,
    since_ms: i64,
    minutes: u32,
    load: f64,
    extreme_z: f64,
    extreme: f64,
}

impl Evidence {
    /// Adds a minute whose z-score counts in this direction.
    fn add(&mut self, z: f64, load: f64, start_ms: i64, settings: &AnomalySettings) {
        let sum = self.sum + z.min(settings.z_max) - settings.z_slack;
        if sum <= 0.0 {
            *self = Self::default();
            return;
        }
        if self.minutes == 0 {
            self.since_ms = start_ms;
        }
        if z > self.extreme_z {
            (self.extreme_z, self.extreme) = (z, load);
        }
        (self.sum, self.minutes, self.load) = (sum, self.minutes + 1, self.load + load);
    }

    /// The load of its minutes.
    fn mean(&self) -> f64 {
        self.load / f64::from(self.minutes.max(1))
    }
}

/// An anomaly that goes on.
#[derive(Clone, Copy, Debug)]
struct Present {
    anomaly: Anomaly,
    minutes: u32,
    calm: u32,
}

impl Detector {
    /// A detector that has seen nothing.
    pub fn new(settings: &AnomalySettings) -> Self {
        Self {
            settings: settings.clone(),
            recent: VecDeque::new(),
            scale: Scale::default(),
            evidence: [Evidence::default(); 2],
            present: None,
        }
    }

    /// The anomaly that goes on, if there is one.
    pub fn present(&self) -> Option<Anomaly> {
        self.present.map(|present| present.anomaly)
    }

    /// Takes the load of the minute that began at `start_ms`; `expected` is the range in which a
    /// forecast had it. A load that is not a number is a gap: it says nothing.
    pub fn push(
        &mut self,
        start_ms: i64,
        load: f64,
        expected: Option<(f64, f64)>,
    ) -> Option<Change> {
        if !load.is_finite() || load < 0.0 {
            return None;
        }
        let change = match self.present.take() {
            Some(present) => self.go_on(present, start_ms, load),
            None => self.judge(start_ms, load, expected),
        };
        self.recent.push_back(load);
        if self.recent.len() > self.settings.level_age_minutes + LEVEL_MINUTES {
            self.recent.pop_front();
        }
        change
    }

    /// The level some minutes ago; `None` before there was one.
    fn level(&self) -> Option<f64> {
        let full = self.recent.len() == self.settings.level_age_minutes + LEVEL_MINUTES;
        let sum: f64 = self.recent.iter().take(LEVEL_MINUTES).sum();
        full.then_some(sum / LEVEL_MINUTES as f64)
    }

    fn judge(&mut self, start_ms: i64, load: f64, expected: Option<(f64, f64)>) -> Option<Change> {
        let level = self.level()?;
        let difference = difference(load, level);
        let z = self.scale.z(difference);
        // A minute in which nothing came, nor before it, says nothing about how much load varies.
        if load > 0.0 || level > 0.0 {
            self.scale.push(difference);
        }
        let announced = expected.is_some_and(|(low, high)| (low..=high).contains(&load));
        if self.scale.seen() < self.settings.seen_minutes_min || announced {
            self.evidence = Default::default();
            return None;
        }
        for (evidence, z) in self.evidence.iter_mut().zip([z, -z]) {
            evidence.add(z, load, start_ms, &self.settings);
        }
        let enough = |evidence: &Evidence| {
            evidence.sum > self.settings.evidence_min && self.matters(evidence.mean(), level)
        };
        let (kind, evidence) = match self.evidence {
            [up, _] if enough(&up) => (AnomalyKind::FlashCrowd, up),
            [_, down] if enough(&down) => (AnomalyKind::Drop, down),
            _ => return None,
        };
        self.evidence = Default::default();
        let z = match kind {
            AnomalyKind::FlashCrowd => evidence.extreme_z,
            AnomalyKind::Drop => -evidence.extreme_z,
        };
        let (start_ms, extreme) = (evidence.since_ms, evidence.extreme);
        let anomaly = Anomaly { kind, start_ms, end_ms: None, level, extreme, z };
        self.present = Some(Present { anomaly, minutes: evidence.minutes, calm: 0 });
        Some(Change::Began(anomaly))
    }

    fn is_far(&self, load: f64, level: f64) -> bool {
        load > level * self.settings.ratio_min || load < level / self.settings.ratio_min
    }

    fn matters(&self, load: f64, level: f64) -> bool {
        load.max(level) >= self.settings.load_min && self.is_far(load, level)
    }

    /// Another minute of an anomaly, judged by the level before it.
    fn go_on(&mut self, mut present: Present, start_ms: i64, load: f64) -> Option<Change> {
        let z = self.scale.z(difference(load, present.anomaly.level));
        present.minutes += 1;
        if z.abs() > present.anomaly.z.abs() && z.signum() == present.anomaly.z.signum() {
            (present.anomaly.extreme, present.anomaly.z) = (load, z);
        }
        let calm = z.abs() < Z_CALM || !self.is_far(load, present.anomaly.level);
        present.calm = if calm { present.calm + 1 } else { 0 };
        if present.calm < CALM_MINUTES && present.minutes < self.settings.lasts_minutes_max {
            self.present = Some(present);
            return None;
        }
        // What follows is compared with what is now, not with the anomaly's minutes.
        self.recent.clear();
        let calm_ms = i64::from(present.calm) * MINUTE_MS;
        let ended = Anomaly { end_ms: Some(start_ms + MINUTE_MS - calm_ms), ..present.anomaly };
        Some(Change::Ended(ended))
    }
}

/// How far a load is from a level, in units in which counts spread alike at every level.
fn difference(load: f64, level: f64) -> f64 {
    (load - level) / (level.max(load.min(1.0)) + 1.0 / 60.0).sqrt()
}

#[cfg(test)]
mod tests;
