//! The five numbers that are tuned, and the bounds that nothing leaves.
//!
//! | here | in the planner's settings |
//! |---|---|
//! | `quantile` | `score.quantile`, of the planner and of the controller |
//! | `lead_ms` | `action.lead_ms` |
//! | `target_utilisation` | `slice.target_utilisation` |
//! | `cooldown_ms` | `action.cooldown_ms` |
//! | `score_threshold` | `score.threshold` |
//!
//! The planner knows three quantiles, and its points are 10, 5 and 2, so that a score threshold in the
//! bounds says only whether skew alone (at most 5) is reason enough to act. The upper bound of that
//! threshold is 10, so that a forecast overload always is.

use crate::error::PlannerError;
use crate::settings::PlannerSettings;
use forecast::Quantile;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// How long before a crossing a forecast is acted on.
pub const LEAD_MS: RangeInclusive<i64> = 60_000..=3_600_000;
/// How full new partitions are planned.
pub const TARGET_UTILISATION: RangeInclusive<f64> = 0.5..=0.95;
/// How long a table is left alone after a plan.
pub const COOLDOWN_MS: RangeInclusive<i64> = 60_000..=3_600_000;
/// From how many points on a partition is acted on.
pub const SCORE_THRESHOLD: RangeInclusive<f64> = 5.0..=10.0;

/// What the learner chooses from, value by value.
const QUANTILES: [Quantile; 3] = Quantile::ALL;
const LEADS_MS: [i64; 3] = [300_000, 900_000, 2_700_000];
const TARGETS: [f64; 4] = [0.6, 0.75, 0.85, 0.95];
const COOLDOWNS_MS: [i64; 3] = [120_000, 600_000, 1_800_000];
const SCORES: [f64; 2] = [5.0, 9.0];

/// What nothing leaves, for those who show it: each first and last.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bounds {
    /// See [`Thresholds`], as all of these.
    pub quantile: [Quantile; 2],
    /// [`LEAD_MS`].
    pub lead_ms: [i64; 2],
    /// [`TARGET_UTILISATION`].
    pub target_utilisation: [f64; 2],
    /// [`COOLDOWN_MS`].
    pub cooldown_ms: [i64; 2],
    /// [`SCORE_THRESHOLD`].
    pub score_threshold: [f64; 2],
}

impl Default for Bounds {
    fn default() -> Self {
        fn ends<T: Copy>(range: &RangeInclusive<T>) -> [T; 2] {
            [*range.start(), *range.end()]
        }
        Self {
            quantile: [Quantile::Q50, Quantile::Q99],
            lead_ms: ends(&LEAD_MS),
            target_utilisation: ends(&TARGET_UTILISATION),
            cooldown_ms: ends(&COOLDOWN_MS),
            score_threshold: ends(&SCORE_THRESHOLD),
        }
    }
}

/// The numbers that are tuned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// The quantile of the forecast that decisions are made at.
    pub quantile: Quantile,
    /// How long before a forecast crossing is acted on.
    pub lead_ms: i64,
    /// How full new partitions are planned.
    pub target_utilisation: f64,
    /// How long a table is left alone after a plan.
    pub cooldown_ms: i64,
    /// From how many points on a partition is acted on.
    pub score_threshold: f64,
}

impl Thresholds {
    /// What a planner is set to.
    pub fn of(settings: &PlannerSettings) -> Self {
        Self {
            quantile: settings.score.quantile,
            lead_ms: settings.action.lead_ms,
            target_utilisation: settings.slice.target_utilisation,
            cooldown_ms: settings.action.cooldown_ms,
            score_threshold: settings.score.threshold,
        }
    }

    /// The same planner with these numbers, brought within the bounds.
    pub fn applied_to(self, settings: &PlannerSettings) -> PlannerSettings {
        let bounded = self.bounded();
        let mut settings = settings.clone();
        settings.score.quantile = bounded.quantile;
        settings.score.threshold = bounded.score_threshold;
        settings.slice.target_utilisation = bounded.target_utilisation;
        settings.action.lead_ms = bounded.lead_ms;
        settings.action.cooldown_ms = bounded.cooldown_ms;
        settings
    }

    /// The nearest numbers within the bounds; what is no number becomes the lower bound.
    pub fn bounded(self) -> Self {
        Self {
            quantile: self.quantile,
            lead_ms: self.lead_ms.clamp(*LEAD_MS.start(), *LEAD_MS.end()),
            target_utilisation: within(self.target_utilisation, &TARGET_UTILISATION),
            cooldown_ms: self.cooldown_ms.clamp(*COOLDOWN_MS.start(), *COOLDOWN_MS.end()),
            score_threshold: within(self.score_threshold, &SCORE_THRESHOLD),
        }
    }

    /// Whether all numbers are within the bounds.
    pub fn is_within_bounds(self) -> bool {
        self == self.bounded()
    }

    /// Everything the learner may choose, one value of each number with every value of the others. What a
    /// planner is set to need not be among it.
    pub fn choices() -> Vec<Self> {
        let mut all = Vec::new();
        for quantile in QUANTILES {
            for lead_ms in LEADS_MS {
                for target_utilisation in TARGETS {
                    for cooldown_ms in COOLDOWNS_MS {
                        all.extend(SCORES.map(|score_threshold| Self {
                            quantile,
                            lead_ms,
                            target_utilisation,
                            cooldown_ms,
                            score_threshold,
                        }));
                    }
                }
            }
        }
        all
    }

    /// A coarse grid around a planner's settings: quantile, target and lead, the rest as it is. What
    /// the rival tries.
    pub fn grid(base: Self) -> Vec<Self> {
        let mut all = Vec::new();
        for quantile in QUANTILES {
            for target_utilisation in [0.6, 0.75, 0.9] {
                all.extend([300_000, 900_000].map(|lead_ms| Self {
                    quantile,
                    lead_ms,
                    target_utilisation,
                    ..base
                }));
            }
        }
        all
    }

    /// Where it lies, seen from `base`: five coordinates of about −1 to 1,
    /// all zero for `base` itself.
    pub fn coordinates(self, base: Self) -> [f64; 5] {
        let step = |quantile: Quantile| match quantile {
            Quantile::Q50 => -1.0,
            Quantile::Q90 => 0.0,
            Quantile::Q99 => 1.0,
        };
        let ratio = |a: i64, b: i64| (a.max(1) as f64 / b.max(1) as f64).ln() / 3.0_f64.ln();
        [
            step(self.quantile) - step(base.quantile),
            ratio(self.lead_ms, base.lead_ms),
            (self.target_utilisation - base.target_utilisation) / 0.2,
            ratio(self.cooldown_ms, base.cooldown_ms),
            (self.score_threshold - base.score_threshold) / 4.0,
        ]
    }

    /// In words, as far as it differs from `base`.
    pub fn difference(self, base: Self) -> String {
        let mut parts = Vec::new();
        if self.quantile != base.quantile {
            let (from, to) = (base.quantile.level(), self.quantile.level());
            parts.push(format!("quantile {from} to {to}"));
        }
        if self.lead_ms != base.lead_ms {
            let (from, to) = (base.lead_ms / 1000, self.lead_ms / 1000);
            parts.push(format!("lead {from} s to {to} s"));
        }
        if self.target_utilisation != base.target_utilisation {
            let (from, to) = (base.target_utilisation, self.target_utilisation);
            parts.push(format!("target utilisation {from} to {to}"));
        }
        if self.cooldown_ms != base.cooldown_ms {
            let (from, to) = (base.cooldown_ms / 1000, self.cooldown_ms / 1000);
            parts.push(format!("cooldown {from} s to {to} s"));
        }
        if self.score_threshold != base.score_threshold {
            let (from, to) = (base.score_threshold, self.score_threshold);
            parts.push(format!("score threshold {from} to {to}"));
        }
        if parts.is_empty() { "no difference".into() } else { parts.join(", ") }
    }
}

fn within(value: f64, bounds: &RangeInclusive<f64>) -> f64 {
    if value.is_nan() { *bounds.start() } else { value.clamp(*bounds.start(), *bounds.end()) }
}

/// What an operator has fixed. A pinned number is never tuned, in no mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pins {
    /// See [`Thresholds`], as all of these.
    pub quantile: Option<Quantile>,
    /// Within [`LEAD_MS`].
    pub lead_ms: Option<i64>,
    /// Within [`TARGET_UTILISATION`].
    pub target_utilisation: Option<f64>,
    /// Within [`COOLDOWN_MS`].
    pub cooldown_ms: Option<i64>,
    /// Within [`SCORE_THRESHOLD`].
    pub score_threshold: Option<f64>,
}

impl Pins {
    /// Checks every pin against its bounds.
    pub fn validate(&self) -> Result<(), PlannerError> {
        let check = |ok: bool, name, value: Option<String>, expected| match value {
            Some(value) if !ok => Err(PlannerError::Setting { name, value, expected }),
            _ => Ok(()),
        };
        let text = |value: Option<f64>| value.map(|value| value.to_string());
        let whole = |value: Option<i64>| value.map(|value| value.to_string());
        let lead = self.lead_ms.is_none_or(|ms| LEAD_MS.contains(&ms));
        check(lead, "lead_ms", whole(self.lead_ms), "60000 to 3600000")?;
        let target = self.target_utilisation.is_none_or(|u| TARGET_UTILISATION.contains(&u));
        check(target, "target_utilisation", text(self.target_utilisation), "0.5 to 0.95")?;
        let cooldown = self.cooldown_ms.is_none_or(|ms| COOLDOWN_MS.contains(&ms));
        check(cooldown, "cooldown_ms", whole(self.cooldown_ms), "60000 to 3600000")?;
        let score = self.score_threshold.is_none_or(|points| SCORE_THRESHOLD.contains(&points));
        check(score, "score_threshold", text(self.score_threshold), "5 to 10")
    }

    /// The thresholds with what is pinned in its place.
    pub fn applied_to(&self, thresholds: Thresholds) -> Thresholds {
        Thresholds {
            quantile: self.quantile.unwrap_or(thresholds.quantile),
            lead_ms: self.lead_ms.unwrap_or(thresholds.lead_ms),
            target_utilisation: self.target_utilisation.unwrap_or(thresholds.target_utilisation),
            cooldown_ms: self.cooldown_ms.unwrap_or(thresholds.cooldown_ms),
            score_threshold: self.score_threshold.unwrap_or(thresholds.score_threshold),
        }
    }

    /// The same choices with pins applied, each once.
    pub fn choices(&self, choices: Vec<Thresholds>) -> Vec<Thresholds> {
        let mut left: Vec<Thresholds> = Vec::with_capacity(choices.len());
        for choice in choices.into_iter().map(|choice| self.applied_to(choice)) {
            if !left.contains(&choice) {
                left.push(choice);
            }
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_choice_is_within_the_bounds_and_moves_the_planner() {
        let defaults = PlannerSettings::default();
        let base = Thresholds::of(&defaults);
        assert!(base.is_within_bounds());
        assert_eq!(base.coordinates(base), [0.0; 5]);
        assert_eq!(base.applied_to(&defaults), defaults);
        let choices = Thresholds::choices();
        for choice in choices.into_iter().chain(Thresholds::grid(base)) {
            assert!(choice.is_within_bounds());
            assert_eq!(Thresholds::of(&choice.applied_to(&defaults)), choice);
            assert!(choice.coordinates(base).iter().all(|z| z.abs() <= 1.5), "{choice:?}");
        }
    }

    #[test]
    fn pins_hold_and_those_out_of_bounds_are_refused_by_name() {
        let pins = Pins { lead_ms: Some(600_000), ..Pins::default() };
        let left = pins.choices(Thresholds::choices());
        assert_eq!(left.len() * 3, Thresholds::choices().len());
        assert!(left.iter().all(|choice| choice.lead_ms == 600_000));
        let out = Pins { target_utilisation: Some(1.2), ..Pins::default() };
        let error = out.validate().unwrap_err().to_string();
        assert!(error.contains("target_utilisation is 1.2"), "{error}");
        assert_eq!(pins.validate(), Ok(()));
    }

    #[test]
    fn a_difference_names_what_changed_and_nothing_else() {
        let base = Thresholds::of(&PlannerSettings::default());
        let other = Thresholds { lead_ms: 300_000, ..base };
        assert_eq!(other.difference(base), "lead 900 s to 300 s");
        assert_eq!(base.difference(base), "no difference");
    }

    proptest! {
        #[test]
        fn nothing_leaves_the_bounds(
            lead_ms: i64,
            target_utilisation: f64,
            cooldown_ms: i64,
            score_threshold: f64,
        ) {
            let quantile = Quantile::Q99;
            let wild =
                Thresholds { quantile, lead_ms, target_utilisation, cooldown_ms, score_threshold };
            let applied = Thresholds::of(&wild.applied_to(&PlannerSettings::default()));
            prop_assert!(applied.is_within_bounds());
        }
    }
}
