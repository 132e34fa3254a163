//! Flash crowds and drops: is this minute odd, given the minutes before it?
//!
//! Nothing announces a flash crowd, so it cannot be forecast; it can be noticed within minutes. Each
//! minute's load is compared with the level some minutes ago, so that a rise is not taken into its
//! own yardstick; the difference, over the root of the level (the spread of counts grows like it),
//! becomes a robust z-score by the median and the median absolute deviation of the last day's
//! differences (F. R. Hampel, *The influence curve and its role in robust estimation*, 1974). Two
//! minutes in a row beyond the threshold, in the same direction, are an anomaly. It lasts until the
//! load is back near the level before it, or so long that it has become the level.
//!
//! What a forecast had announced is no anomaly: with each minute the caller may say between which
//! loads it was expected to lie. This module compares a series with its own past; which client or
//! key is behind an anomaly is found out by whoever has the counts.

mod scale;

use scale::Scale;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How a [`Detector`] judges. The defaults are what the figures in docs/forecasting.md were measured
/// with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnomalySettings {
    /// Minutes beyond this many robust standard deviations are odd.
    pub z_min: f64,
    /// Odd minutes in a row that make an anomaly.
    pub hits_min: u32,
    /// A crowd must be this many times the level, a drop this part of it.
    pub ratio_min: f64,
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
            z_min: 5.0,
            hits_min: 2,
            ratio_min: 1.5,
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
/// The spread of differences never counts for less than that of counts of one per minute.
const SCALE_MIN: f64 = 0.05;

/// Watches one series, minute by minute.
#[derive(Clone, Debug)]
pub struct Detector {
    settings: AnomalySettings,
    recent: VecDeque<f64>,
    scale: Scale,
    /// Odd minutes up to now: since when, how many, which way.
    streak: Option<(i64, u32, AnomalyKind)>,
    present: Option<Present>,
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
            streak: None,
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
        let odd = self.scale.seen() >= self.settings.seen_minutes_min
            && z.abs() > self.settings.z_min
            && self.is_far(load, level)
            && !expected.is_some_and(|(low, high)| (low..=high).contains(&load));
        if !odd {
            self.streak = None;
            self.scale.push(difference);
            return None;
        }
        let kind = if z > 0.0 { AnomalyKind::FlashCrowd } else { AnomalyKind::Drop };
        let (since_ms, hits) = match self.streak {
            Some((since_ms, hits, same)) if same == kind => (since_ms, hits + 1),
            _ => (start_ms, 1),
        };
        self.streak = Some((since_ms, hits, kind));
        if hits < self.settings.hits_min {
            return None;
        }
        self.streak = None;
        let anomaly = Anomaly { kind, start_ms: since_ms, end_ms: None, level, extreme: load, z };
        self.present = Some(Present { anomaly, minutes: hits, calm: 0 });
        Some(Change::Began(anomaly))
    }

    fn is_far(&self, load: f64, level: f64) -> bool {
        load > level * self.settings.ratio_min || load < level / self.settings.ratio_min
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
