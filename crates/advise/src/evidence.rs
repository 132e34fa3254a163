//! How good such forecasts would have been, and what they would have been worth, on the last days.
//!
//! Origins are rolled over the end of the series, as in the service; at each, the forecast for half an
//! hour ahead ([`LEAD_MS`]) stands for a capacity that is set in time. It is compared with what then
//! came, with what the same time a day earlier would have said, and with a capacity fixed at the highest
//! bin before the test, which is what a careful operator does who does not forecast.

use crate::demand::Demand;
use crate::error::AdviseError;
use crate::outlook::{LEAD_MS, settings};
use forecast::backtest::{BacktestSettings, roll};
use forecast::{ForecastError, Outlook, Quantile};
use serde::Serialize;

/// What a backtest says. Errors are sums of absolute errors over the sum of what came.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence {
    /// Over how many days.
    pub days: f64,
    /// From how many moments it was forecast.
    pub origins: u64,
    /// At which share of them no model spoke.
    pub abstained: f64,
    /// The error of the median.
    pub error: f64,
    /// The error of saying: as yesterday.
    pub error_yesterday: f64,
    /// The share of bins at or below the .9 quantile; .9 is right.
    pub coverage_90: f64,
    /// The share at or below the .99 quantile.
    pub coverage_99: f64,
    /// Capacity at the .99 quantile, set in time.
    pub forecast: Scheduled,
    /// Capacity fixed at the highest bin before the test.
    pub fixed: Scheduled,
}

/// What a way to set capacity would have cost and missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Scheduled {
    /// Units per second in the mean.
    pub units: f64,
    /// The share of bins in which demand was above it.
    pub above: f64,
}

#[derive(Default)]
struct Sums {
    bins: f64,
    came: f64,
    missed: f64,
    missed_yesterday: f64,
    below_90: f64,
    below_99: f64,
    scheduled: f64,
    above_fixed: f64,
    abstained: f64,
}

/// The backtest of one kind of load; `None` (and a note) if there are too few days.
pub fn evidence(demand: &Demand, notes: &mut Vec<String>) -> Result<Option<Evidence>, AdviseError> {
    let series = &demand.series;
    let settings = settings(series.bin_ms);
    let backtest = BacktestSettings::default();
    let at = (LEAD_MS / series.bin_ms).max(1) as usize;
    let day = (24 * 3_600_000 / series.bin_ms) as usize;
    let tested = (backtest.test_days as usize * day).min(series.len() / 2);
    let before = &series.values[..series.len() - tested];
    let fixed = before.iter().copied().filter(|rate| rate.is_finite()).fold(0.0, f64::max);
    let mut sums = Sums::default();
    let rolled = roll(series, &settings, &backtest, None, |origin| {
        let came = origin.actual[at];
        let bin = ((origin.start_ms - series.start_ms) / series.bin_ms) as usize + at;
        let yesterday = bin.checked_sub(day).map_or(f64::NAN, |bin| series.values[bin]);
        let (step, spoke) = match origin.forecaster.forecast(at + 1) {
            Outlook::Forecast(forecast) => (forecast.steps.get(at).copied(), true),
            Outlook::Abstain(abstention) => (abstention.level, false),
        };
        let Some(step) = step.filter(|_| came.is_finite() && yesterday.is_finite()) else { return };
        let share = |below: bool| f64::from(u8::from(below));
        sums.bins += 1.0;
        sums.came += came;
        sums.missed += (step.at(Quantile::Q50) - came).abs();
        sums.missed_yesterday += (yesterday - came).abs();
        sums.below_90 += share(came <= step.q90);
        sums.below_99 += share(came <= step.q99);
        sums.scheduled += step.q99;
        sums.above_fixed += share(came > fixed);
        sums.abstained += share(!spoke);
    });
    match rolled {
        Ok(_) if sums.bins > 0.0 && sums.came > 0.0 => Ok(Some(sums.evidence(fixed, day))),
        Ok(_) | Err(ForecastError::TooShort { .. }) => {
            notes.push(
                "There are too few days to test forecasts on: four are needed, four weeks are good."
                    .into(),
            );
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

impl Sums {
    fn evidence(&self, fixed: f64, day_bins: usize) -> Evidence {
        let mean = |sum: f64| sum / self.bins;
        Evidence {
            days: self.bins / day_bins as f64,
            origins: self.bins as u64,
            abstained: mean(self.abstained),
            error: self.missed / self.came,
            error_yesterday: self.missed_yesterday / self.came,
            coverage_90: mean(self.below_90),
            coverage_99: mean(self.below_99),
            forecast: Scheduled { units: mean(self.scheduled), above: 1.0 - mean(self.below_99) },
            fixed: Scheduled { units: fixed, above: mean(self.above_fixed) },
        }
    }
}
