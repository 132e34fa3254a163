//! Metrics as a regular series of demand, in units per second.
//!
//! *Demand* is what was consumed plus what was refused, each refused request counted as one unit: the
//! least it can be, as nobody says how large it was. Bins are quarters of an hour, or hours where
//! metrics come no finer. What DynamoDB throttles is not the mean of a quarter of an hour but what
//! outlasts its burst credit, so the highest five minutes within a bin are kept as a factor.

use crate::error::AdviseError;
use crate::input::{Kind, Metrics, Points};
use forecast::Series;
use serde::Serialize;

const MINUTE_MS: i64 = 60_000;
/// The length of a bin.
const BIN_MS: i64 = 15 * MINUTE_MS;
/// And where metrics come no finer.
const COARSE_BIN_MS: i64 = 60 * MINUTE_MS;
/// For how long a table may exceed its capacity with unused credit (DynamoDB keeps 300 s of it).
const BURST_MS: i64 = 5 * MINUTE_MS;
/// More bins than this are no export of a table.
const BINS_MAX: usize = 200_000;
/// In this share of bins the highest five minutes are at most the factor above the mean.
const FACTOR_QUANTILE: f64 = 0.95;

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Demand {
    /// Of what.
    pub kind: Kind,
    /// Units per second, bin by bin; gaps are not a number (null in JSON).
    pub series: Series,
    /// The period the metrics came in, in milliseconds.
    pub period_ms: i64,
    /// By how much the highest five minutes of a bin exceed its mean, in 95 of 100 bins.
    pub peak_factor: f64,
    /// The highest five minutes ever seen, units per second.
    pub highest: f64,
    /// Throttled requests in all.
    pub throttled: f64,
    /// Periods with throttled requests.
    pub throttled_periods: usize,
}

/// The demand of one kind; `None` if nothing of it was ever consumed.
pub fn demand(metrics: &Metrics, kind: Kind) -> Result<Option<Demand>, AdviseError> {
    let consumed = &metrics.consumed[kind as usize];
    let throttled = &metrics.throttled[kind as usize];
    if !consumed.values().any(|&units| units > 0.0) {
        return Ok(None);
    }
    let period_ms = period_ms(consumed).ok_or_else(|| {
        AdviseError::Metrics(format!("there is only one value of consumed {}", kind.name()))
    })?;
    if period_ms > COARSE_BIN_MS {
        let hours = period_ms as f64 / COARSE_BIN_MS as f64;
        return Err(AdviseError::Metrics(format!(
            "consumed {} come every {hours:.1} hours: export them with a period of 60 or 300 s \
             (at most 3600)",
            kind.name()
        )));
    }
    let per_second = 1_000.0 / period_ms as f64;
    let refused = |at_ms: i64| throttled.get(&at_ms).copied().unwrap_or(0.0);
    let rates: Vec<(i64, f64)> = consumed
        .iter()
        .map(|(&at_ms, units)| (at_ms, (units + refused(at_ms)) * per_second))
        .collect();
    let bin_ms = if period_ms <= BIN_MS { BIN_MS } else { COARSE_BIN_MS };
    let series = series(&rates, bin_ms, period_ms)?;
    let highs = highs(&rates, period_ms);
    Ok(Some(Demand {
        kind,
        peak_factor: peak_factor(&highs, &series),
        highest: highs.iter().map(|(_, high)| *high).fold(0.0, f64::max),
        throttled: throttled.values().fold(0.0, |sum, events| sum + events),
        throttled_periods: throttled.values().filter(|&&events| events > 0.0).count(),
        period_ms,
        series,
    }))
}

/// The most common distance between values: exports may have holes.
fn period_ms(points: &Points) -> Option<i64> {
    let moments: Vec<i64> = points.keys().copied().collect();
    let mut steps: Vec<i64> = moments.windows(2).map(|pair| pair[1] - pair[0]).collect();
    steps.sort_unstable();
    let mut best: Option<(usize, i64)> = None;
    for run in steps.chunk_by(|a, b| a == b) {
        if best.is_none_or(|(count, _)| run.len() > count) {
            best = Some((run.len(), run[0]));
        }
    }
    best.map(|(_, step)| step)
}

fn series(rates: &[(i64, f64)], bin_ms: i64, period_ms: i64) -> Result<Series, AdviseError> {
    let bin = |at_ms: i64| at_ms.div_euclid(bin_ms) * bin_ms;
    let mut points: Vec<(i64, f64)> = rates.iter().map(|&(at, rate)| (bin(at), rate)).collect();
    // A bin that is not over would look like a fall.
    if let Some(&(last_ms, _)) = rates.last()
        && last_ms + period_ms < bin(last_ms) + bin_ms
    {
        points.retain(|&(at_ms, _)| at_ms < bin(last_ms));
    }
    Series::from_points(&points, bin_ms, BINS_MAX).ok_or_else(|| {
        AdviseError::Metrics(format!(
            "fewer than one bin of {} minutes, or more than {BINS_MAX}",
            bin_ms / MINUTE_MS
        ))
    })
}

/// The mean of every run of values that is as long as burst credit lasts, with its first moment.
fn highs(rates: &[(i64, f64)], period_ms: i64) -> Vec<(i64, f64)> {
    let count = (BURST_MS / period_ms).max(1) as usize;
    let unbroken =
        |run: &&[(i64, f64)]| run[count - 1].0 - run[0].0 == (count as i64 - 1) * period_ms;
    let mean = |run: &[(i64, f64)]| {
        let sum: f64 = run.iter().map(|(_, rate)| rate).sum();
        (run[0].0, sum / count as f64)
    };
    rates.windows(count).filter(unbroken).map(mean).collect()
}

fn peak_factor(highs: &[(i64, f64)], series: &Series) -> f64 {
    let mut ratios = vec![0.0_f64; series.len()];
    let busy = series.values.iter().filter(|rate| rate.is_finite()).sum::<f64>()
        / series.len().max(1) as f64;
    for &(at_ms, high) in highs {
        let bin = (at_ms - series.start_ms).div_euclid(series.bin_ms);
        let Some(bin) = usize::try_from(bin).ok().filter(|&bin| bin < series.len()) else {
            continue;
        };
        // Quiet hours have large ratios that nobody is throttled by.
        if series.values[bin] >= busy {
            ratios[bin] = ratios[bin].max(high / series.values[bin]);
        }
    }
    ratios.retain(|&ratio| ratio > 0.0);
    ratios.sort_by(f64::total_cmp);
    let at = (FACTOR_QUANTILE * ratios.len().saturating_sub(1) as f64).round() as usize;
    ratios.get(at).copied().unwrap_or(1.0).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two days, a unit per second, and each first five minutes of an hour three.
    fn metrics() -> Metrics {
        let mut metrics = Metrics::default();
        for minute in 0..2 * 1_440 {
            let rate = if minute % 60 < 5 { 3.0 } else { 1.0 };
            metrics.consumed[1].insert(minute * MINUTE_MS, rate * 60.0);
        }
        metrics
    }

    #[test]
    fn demand_is_per_second_with_its_highest_five_minutes() {
        let demand = demand(&metrics(), Kind::Write).unwrap().unwrap();
        assert_eq!((demand.period_ms, demand.series.bin_ms), (MINUTE_MS, BIN_MS));
        assert!((demand.series.values[0] - 25.0 / 15.0).abs() < 1e-9);
        assert_eq!(demand.series.values[1], 1.0);
        assert!((demand.highest - 3.0).abs() < 1e-9);
        assert!((demand.peak_factor - 3.0 / (25.0 / 15.0)).abs() < 1e-9, "{}", demand.peak_factor);
        assert_eq!(super::demand(&metrics(), Kind::Read).unwrap(), None);
    }

    #[test]
    fn what_was_refused_was_wanted_too() {
        let mut metrics = metrics();
        metrics.throttled[1].insert(20 * MINUTE_MS, 900.0);
        let demand = demand(&metrics, Kind::Write).unwrap().unwrap();
        assert_eq!(demand.series.values[1], 2.0, "900 more in a quarter of an hour");
        assert_eq!((demand.throttled, demand.throttled_periods), (900.0, 1));
    }

    #[test]
    fn a_bin_that_is_not_over_does_not_count() {
        let mut metrics = metrics();
        metrics.consumed[1].insert(2 * 1_440 * MINUTE_MS, 0.0);
        let demand = demand(&metrics, Kind::Write).unwrap().unwrap();
        assert_eq!(demand.series.len(), 2 * 96);
    }

    #[test]
    fn hours_are_the_coarsest() {
        let every = |ms: i64| {
            let mut metrics = Metrics::default();
            metrics.consumed[0].extend((0..100).map(|i| (i * ms, 7_200.0)));
            demand(&metrics, Kind::Read)
        };
        let hourly = every(COARSE_BIN_MS).unwrap().unwrap();
        assert_eq!((hourly.series.bin_ms, hourly.series.values[3]), (COARSE_BIN_MS, 2.0));
        assert!(every(86_400_000).unwrap_err().to_string().contains("period of 60"));
    }
}
