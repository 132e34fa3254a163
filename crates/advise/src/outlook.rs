//! The coming day: what is asked for hour by hour, when that is too much, and what to do by when.
//!
//! **The limit** is provisioned capacity where it is known, else warm throughput: what a table in
//! on-demand mode can serve at once ("Understanding DynamoDB warm throughput", DynamoDB developer
//! guide). Where nobody says, it is taken to be the highest five minutes ever seen, at least what a
//! new on-demand table has. **Too much** is judged for the highest five minutes of a bin, as burst
//! credit carries the rest.

use crate::demand::Demand;
use crate::error::AdviseError;
use crate::input::Metrics;
use forecast::{ForecastSettings, Outlook, SeriesForecaster, Step};
use serde::Serialize;

const HOUR_MS: i64 = 3_600_000;
/// An hour is *likely* to throttle from this probability on.
pub const LIKELY: f64 = 0.5;
/// And *may* throttle from this one on; both ask for action.
pub const POSSIBLE: f64 = 0.05;
/// How long before it is needed capacity should be raised: changing a table takes minutes.
pub const LEAD_MS: i64 = 30 * 60_000;
/// What a new table in on-demand mode serves at once, reads and writes.
const NEW_TABLE: [f64; 2] = [12_000.0, 4_000.0];

/// Limits the reader knows of, in units per second, reads and writes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Provisioned capacity.
    pub provisioned: [Option<f64>; 2],
    /// Warm throughput.
    pub warm: [Option<f64>; 2],
}

/// Where a limit comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Provisioned capacity.
    Provisioned,
    /// Warm throughput.
    Warm,
    /// Nobody said: the past shows at least this.
    Assumed,
}

/// What a table serves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Limit {
    /// In units per second.
    pub units: f64,
    /// Where it comes from.
    pub basis: Basis,
}

/// An hour that is coming. All figures but the median are of its highest five minutes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Hour {
    /// When it begins.
    pub start_ms: i64,
    /// The median forecast of its mean.
    pub median: f64,
    /// Exceeded in one of ten cases, at its fullest bin.
    pub q90: f64,
    /// Exceeded in one of a hundred.
    pub q99: f64,
    /// The probability that it is too much.
    pub over: f64,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Action {
    /// By when; the beginning of the forecast where it is urgent.
    pub by_ms: i64,
    /// From when on the load can be too much.
    pub from_ms: i64,
    /// Until when.
    pub until_ms: i64,
    /// From what, in units per second.
    pub from_units: f64,
    /// To what.
    pub to_units: f64,
    /// The highest probability of too much in this time.
    pub over: f64,
}

/// The coming day.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ahead {
    /// What the table serves.
    pub limit: Limit,
    /// When the forecast begins.
    pub start_ms: i64,
    /// Hour by hour.
    pub hours: Vec<Hour>,
    /// What to do, in the order of time.
    pub actions: Vec<Action>,
    /// Which model speaks and why, or why none does and constant quantiles stand in.
    pub reason: String,
    /// Whether a model speaks.
    pub known: bool,
}

/// The limit of one kind of load.
pub fn limit(
    metrics: &Metrics,
    limits: &Limits,
    demand: &Demand,
    notes: &mut Vec<String>,
) -> Limit {
    let kind = demand.kind;
    let at = kind as usize;
    let measured = metrics.provisioned[at].values().next_back().copied().filter(|&u| u > 0.0);
    if let Some(units) = limits.provisioned[at].or(measured) {
        return Limit { units, basis: Basis::Provisioned };
    }
    if let Some(units) = limits.warm[at] {
        return Limit { units, basis: Basis::Warm };
    }
    let units = demand.highest.max(NEW_TABLE[at]);
    notes.push(format!(
        "{}: no limit was given, so {units:.0} units/s are assumed: the highest five minutes seen, \
         or what a new on-demand table serves. See WarmThroughput in `aws dynamodb describe-table`.",
        kind.name()
    ));
    Limit { units, basis: Basis::Assumed }
}

/// The settings of forecasts over bins of this length: as far ahead as there are.
pub(crate) fn settings(bin_ms: i64) -> ForecastSettings {
    let day_bins = (24 * HOUR_MS / bin_ms) as usize;
    // Whole hours, and within what a forecaster can see.
    let hour_bins = (HOUR_MS / bin_ms) as usize;
    let horizon_steps = (day_bins - 2) / hour_bins * hour_bins;
    let refit_interval_bins = hour_bins;
    ForecastSettings { bin_ms, horizon_steps, refit_interval_bins, ..ForecastSettings::default() }
}

/// What is coming.
pub fn ahead(demand: &Demand, limit: Limit) -> Result<Ahead, AdviseError> {
    let series = &demand.series;
    let settings = settings(series.bin_ms);
    let outlook =
        SeriesForecaster::from_history(series, &settings)?.forecast(settings.horizon_steps);
    let (steps, known) = match &outlook {
        Outlook::Forecast(forecast) => (forecast.steps.clone(), true),
        Outlook::Abstain(abstention) => match abstention.level {
            Some(level) => (vec![level; settings.horizon_steps], false),
            None => return Err(AdviseError::Metrics(outlook.reason().into())),
        },
    };
    let start_ms = series.end_ms();
    let bins: Vec<Hour> = (0..)
        .zip(&steps)
        .map(|(bin, step)| bin_ahead(start_ms + bin * series.bin_ms, step, demand, limit))
        .collect();
    let hour_bins = (HOUR_MS / series.bin_ms) as usize;
    Ok(Ahead {
        limit,
        start_ms,
        hours: bins.chunks(hour_bins).map(hour).collect(),
        actions: actions(&bins, series.bin_ms, limit),
        reason: outlook.reason().into(),
        known,
    })
}

fn bin_ahead(start_ms: i64, step: &Step, demand: &Demand, limit: Limit) -> Hour {
    let factor = demand.peak_factor;
    let over = step.exceedance(limit.units / factor);
    Hour { start_ms, median: step.q50, q90: step.q90 * factor, q99: step.q99 * factor, over }
}

fn hour(bins: &[Hour]) -> Hour {
    let most = |of: fn(&Hour) -> f64| bins.iter().map(of).fold(0.0, f64::max);
    Hour {
        start_ms: bins[0].start_ms,
        median: bins.iter().map(|bin| bin.median).sum::<f64>() / bins.len() as f64,
        q90: most(|bin| bin.q90),
        q99: most(|bin| bin.q99),
        // Bins of an hour rise and fall together: the worst stands for all.
        over: most(|bin| bin.over),
    }
}

/// One action per stretch of time in which load may be too much.
fn actions(bins: &[Hour], bin_ms: i64, limit: Limit) -> Vec<Action> {
    let first_ms = bins.first().map_or(0, |bin| bin.start_ms);
    let mut actions: Vec<Action> = Vec::new();
    for bin in bins.iter().filter(|bin| bin.over >= POSSIBLE) {
        let until_ms = bin.start_ms + bin_ms;
        match actions.last_mut() {
            // Lowering for less than two hours is not worth a change.
            Some(last) if bin.start_ms - last.until_ms <= 2 * HOUR_MS => {
                last.until_ms = until_ms;
                last.to_units = last.to_units.max(bin.q99.ceil());
                last.over = last.over.max(bin.over);
            }
            _ => actions.push(Action {
                by_ms: (bin.start_ms - LEAD_MS).max(first_ms),
                from_ms: bin.start_ms,
                until_ms,
                from_units: limit.units,
                to_units: bin.q99.ceil(),
                over: bin.over,
            }),
        }
    }
    actions
}

impl Hour {
    /// In words whether it is too much.
    pub fn verdict(&self) -> &'static str {
        match self.over {
            over if over >= LIKELY => "likely to throttle",
            over if over >= POSSIBLE => "may throttle",
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bin(hour: i64, over: f64, q99: f64) -> Hour {
        Hour { start_ms: hour * HOUR_MS, median: 1.0, q90: 1.0, q99, over }
    }

    #[test]
    fn what_lies_close_together_is_one_action() {
        let limit = Limit { units: 100.0, basis: Basis::Provisioned };
        let bins = [
            bin(0, 0.0, 50.0),
            bin(1, 0.06, 110.0),
            bin(2, 0.0, 90.0),
            bin(3, 0.7, 130.5),
            bin(4, 0.0, 50.0),
            bin(5, 0.0, 50.0),
            bin(6, 0.0, 50.0),
            bin(7, 0.2, 105.0),
        ];
        let found = actions(&bins, HOUR_MS, limit);
        assert_eq!(found.len(), 2);
        let first = &found[0];
        assert_eq!(first.by_ms, HOUR_MS / 2, "half an hour ahead");
        assert_eq!((first.from_ms, first.until_ms), (HOUR_MS, 4 * HOUR_MS));
        assert_eq!((first.from_units, first.to_units, first.over), (100.0, 131.0, 0.7));
        assert_eq!(bins[3].verdict(), "likely to throttle");
    }

    #[test]
    fn forecasts_reach_whole_hours_ahead() {
        assert_eq!(settings(15 * 60_000).horizon_steps, 92);
        assert_eq!(settings(HOUR_MS).horizon_steps, 22);
        assert!(settings(15 * 60_000).validate().is_ok() && settings(HOUR_MS).validate().is_ok());
    }
}
