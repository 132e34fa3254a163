//! What comes out: a forecast with quantiles, or a reasoned abstention.
//!
//! A [`Step`] also answers the two questions a planner asks of a distribution: its value at a
//! quantile, and the probability of exceeding a capacity. Between the three calibrated quantiles
//! that is interpolation; outside them it is a stated assumption, not a measurement.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The methods that can stand behind a forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// The last value goes on.
    LastValue,
    /// As at the same time yesterday.
    SeasonalNaiveDay,
    /// As at the same time a week ago.
    SeasonalNaiveWeek,
    /// An exponentially weighted mean of what came.
    Ewma,
    /// The mean day of the last week, moved to the present level.
    ProfileLevel,
    /// The mean cycle of a season that is neither day nor week, if one was found.
    FoundSeason,
    /// Sparse periodic auto-regression: earlier days, and today's departure from them.
    Spar,
    /// A ridge regression in log space, one per step of the horizon.
    Ridge,
    /// A recurrent network that all series share.
    Gru,
    /// All methods together, each weighted by how well it did lately.
    Combination,
    /// Constant quantiles of the last week: knows nothing about timing.
    Climatology,
    /// Exponential smoothing, chosen by information criterion: a rival, never on trial.
    AutoEts,
    /// The same after taking the seasons away: a rival, never on trial.
    MstlEts,
}

impl ModelKind {
    /// Whether it only repeats what was seen: a bar for the others, not a partner.
    pub fn is_naive(self) -> bool {
        matches!(
            self,
            ModelKind::LastValue | ModelKind::SeasonalNaiveDay | ModelKind::SeasonalNaiveWeek
        )
    }

    /// Whether it can say when load comes, not only how much there is now.
    pub fn knows_time(self) -> bool {
        !matches!(
            self,
            ModelKind::LastValue | ModelKind::Ewma | ModelKind::Climatology | ModelKind::AutoEts
        )
    }

    /// The name used in JSON and in tables.
    pub fn name(self) -> &'static str {
        match self {
            ModelKind::LastValue => "last_value",
            ModelKind::SeasonalNaiveDay => "seasonal_naive_day",
            ModelKind::SeasonalNaiveWeek => "seasonal_naive_week",
            ModelKind::Ewma => "ewma",
            ModelKind::ProfileLevel => "profile_level",
            ModelKind::FoundSeason => "found_season",
            ModelKind::Spar => "spar",
            ModelKind::Ridge => "ridge",
            ModelKind::Gru => "gru",
            ModelKind::Combination => "combination",
            ModelKind::Climatology => "climatology",
            ModelKind::AutoEts => "auto_ets",
            ModelKind::MstlEts => "mstl_ets",
        }
    }
}

impl fmt::Display for ModelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The quantiles that are calibrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Quantile {
    /// The median.
    #[serde(rename = "0.5")]
    Q50,
    /// Exceeded one time in ten.
    #[serde(rename = "0.9")]
    Q90,
    /// Exceeded one time in a hundred.
    #[serde(rename = "0.99")]
    Q99,
}

impl Quantile {
    /// All of them, rising.
    pub const ALL: [Quantile; 3] = [Quantile::Q50, Quantile::Q90, Quantile::Q99];

    /// As a probability.
    pub fn level(self) -> f64 {
        match self {
            Quantile::Q50 => 0.5,
            Quantile::Q90 => 0.9,
            Quantile::Q99 => 0.99,
        }
    }
}

/// One step of a forecast. All values are finite and not negative, and the quantiles rise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What the model says, before calibration.
    pub point: f64,
    /// The calibrated median.
    pub q50: f64,
    /// The calibrated .9 quantile.
    pub q90: f64,
    /// The calibrated .99 quantile.
    pub q99: f64,
}

impl Step {
    /// The value at one of the calibrated quantiles.
    pub fn at(&self, quantile: Quantile) -> f64 {
        match quantile {
            Quantile::Q50 => self.q50,
            Quantile::Q90 => self.q90,
            Quantile::Q99 => self.q99,
        }
    }

    /// The same distribution of a load `factor` times as large (a cell's share, an amplification).
    pub fn scaled(&self, factor: f64) -> Step {
        Step {
            point: self.point * factor,
            q50: self.q50 * factor,
            q90: self.q90 * factor,
            q99: self.q99 * factor,
        }
    }

    /// The probability that the load exceeds `threshold`. Linear between the quantiles; above
    /// q99 it falls tenfold per distance q99 − q90 (an exponential tail); below q50 it rises
    /// to 1 over the distance q90 − q50, as a symmetric body would do at its .1 quantile.
    pub fn exceedance(&self, threshold: f64) -> f64 {
        let between = |low: f64, high: f64, p_low: f64, p_high: f64| {
            if high <= low {
                p_high
            } else {
                p_low + (p_high - p_low) * (threshold - low) / (high - low)
            }
        };
        if threshold < self.q50 {
            let low = (2.0 * self.q50 - self.q90).max(0.0);
            if threshold <= low { 1.0 } else { between(low, self.q50, 1.0, 0.5) }
        } else if threshold < self.q90 {
            between(self.q50, self.q90, 0.5, 0.1)
        } else if threshold < self.q99 {
            between(self.q90, self.q99, 0.1, 0.01)
        } else if self.q99 > self.q90 {
            0.01 * 0.1_f64.powf((threshold - self.q99) / (self.q99 - self.q90))
        } else {
            0.0
        }
    }
}

/// How the model did lately, at the decision quantile: mean pinball losses in units per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecentError {
    /// The model's own loss.
    pub pinball: f64,
    /// The loss of the better seasonal naive over the same bins, if one could be scored.
    pub seasonal_naive: Option<f64>,
    /// The loss of constant quantiles over the same bins.
    pub climatology: f64,
    /// The share of bins that stayed at or below the decision quantile.
    pub coverage: f64,
    /// Over how many bins all this was measured.
    pub bins: u32,
}

/// One model's standing on the scoreboard.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelScore {
    /// Which model.
    pub model: ModelKind,
    /// How it did.
    pub recent_error: RecentError,
}

/// A forecast: `steps[0]` is the first bin that has not been pushed yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// When the first step's bin starts.
    pub start_ms: i64,
    /// The length of a step.
    pub bin_ms: i64,
    /// One entry per step of the horizon.
    pub steps: Vec<Step>,
    /// The method behind it.
    pub model: ModelKind,
    /// Why this method, in words.
    pub reason: String,
    /// How the method did lately.
    pub recent_error: RecentError,
}

/// Why there is no forecast, and what is known all the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Abstention {
    /// When the next bin starts.
    pub start_ms: i64,
    /// In words, with what would be needed.
    pub reason: String,
    /// Quantiles of the last week's load, the same for every step: how high, never when.
    /// `None` if too little was seen even for that.
    pub level: Option<Step>,
}

/// A forecast, or none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// Something is known about when load comes.
    Forecast(Forecast),
    /// Nothing is known about when load comes: do not act on timing.
    Abstain(Abstention),
}

impl Default for Outlook {
    /// Nobody has looked.
    fn default() -> Self {
        let reason = "not looked at yet".into();
        Outlook::Abstain(Abstention { start_ms: 0, reason, level: None })
    }
}

impl Outlook {
    /// The forecast, if there is one.
    pub fn forecast(&self) -> Option<&Forecast> {
        match self {
            Outlook::Forecast(forecast) => Some(forecast),
            Outlook::Abstain(_) => None,
        }
    }

    /// Why this model, or why none.
    pub fn reason(&self) -> &str {
        match self {
            Outlook::Forecast(forecast) => &forecast.reason,
            Outlook::Abstain(abstention) => &abstention.reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Step = Step { point: 11.0, q50: 10.0, q90: 20.0, q99: 40.0 };

    #[test]
    fn exceedance_meets_the_quantiles_and_only_falls() {
        for quantile in Quantile::ALL {
            let p = STEP.exceedance(STEP.at(quantile));
            assert!((p - (1.0 - quantile.level())).abs() < 1e-12, "{quantile:?}: {p}");
        }
        let curve: Vec<f64> = (0..100).map(|x| STEP.exceedance(f64::from(x))).collect();
        assert!(curve.windows(2).all(|pair| pair[1] <= pair[0]));
        assert_eq!(curve[0], 1.0);
        assert!((STEP.exceedance(60.0) - 0.001).abs() < 1e-12);
    }

    #[test]
    fn a_certain_step_is_exceeded_below_it_and_nowhere_else() {
        let certain = Step { point: 5.0, q50: 5.0, q90: 5.0, q99: 5.0 };
        assert_eq!((certain.exceedance(4.9), certain.exceedance(5.0)), (1.0, 0.0));
    }

    #[test]
    fn scaling_a_step_scales_its_threshold() {
        let scaled = STEP.scaled(0.5);
        assert_eq!(scaled.q90, 10.0);
        assert!((scaled.exceedance(7.5) - STEP.exceedance(15.0)).abs() < 1e-12);
    }
}
