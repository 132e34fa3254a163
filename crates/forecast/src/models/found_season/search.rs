//! Which period a series has, by autocorrelation.
//!
//! The logarithm tames what is odd, and the mean of the day around takes away trend and days of
//! different height. The lag is taken at which the autocorrelation has a hill that stands out from the
//! lags before it (short memory only falls) and comes again at two, three and four times the lag. This is done twice: with
//! the day's profile taken away, which finds what the day does not explain, and with it left in, which
//! finds parts of a day. A period need not be a whole number of bins: hills at its multiples say it
//! more finely. (Transforms that guess one period of the whole spectrum were tried elsewhere and took 341
//! bins for a day of 288; a hill that has to repeat is harder to mistake.)

/// The least autocorrelation that is a season.
const CORRELATION_MIN: f64 = 0.3;
/// How far the hill must stand above the lowest lag before it.
const RISE_MIN: f64 = 0.25;
/// What must be left of it at twice the lag, and at so many times.
const AGAIN_MIN: f64 = 0.6;
const AGAIN_CYCLES: usize = 4;
/// A hill at a shorter lag is preferred if it is nearly as high: the others are its multiples.
const NEARLY: f64 = 0.9;
/// Cycles that must have been seen.
const CYCLES_MIN: usize = 6;
/// The shortest period, in bins.
const LAG_MIN: usize = 3;
/// The most bins that are looked at, and the longest lag: what bounds the cost, with bins of a minute.
const BINS_MAX: usize = 4_096;
const LAG_MAX: usize = 480;

/// A season that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) period_bins: f64,
    /// Whether it was found in what the day's profile leaves over.
    pub(super) beside_day: bool,
}

/// Looks for a season in `values`; `None` if there is none or it cannot be told yet.
pub(super) fn search(values: &[f32], day: usize) -> Option<Found> {
    let values = &values[values.len().saturating_sub(BINS_MAX)..];
    if values.len() < day {
        return None;
    }
    let flat = detrended(values, day);
    let beside = || period(&without_profile(&flat, day), day);
    // With less than four days, the days' mean is mostly the day that is looked at.
    let beside = if values.len() >= 4 * day { beside() } else { None };
    let found = |beside_day| move |period_bins| Found { period_bins, beside_day };
    beside.map(found(true)).or_else(|| period(&flat, day / 2).map(found(false)))
}

/// Logarithms less the mean of the day around them.
fn detrended(values: &[f32], day: usize) -> Vec<f64> {
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64;
    let log = |&value: &f32| (f64::from(value) / mean.max(f64::MIN_POSITIVE)).ln_1p();
    let logs: Vec<f64> = values.iter().map(log).collect();
    let mut sums = vec![0.0];
    for log in &logs {
        sums.push(sums[sums.len() - 1] + log);
    }
    let around = |bin: usize| {
        let first = bin.saturating_sub(day / 2).min(logs.len() - day);
        (sums[first + day] - sums[first]) / day as f64
    };
    logs.iter().enumerate().map(|(bin, log)| log - around(bin)).collect()
}

/// What is left without the mean of each time of day.
fn without_profile(values: &[f64], day: usize) -> Vec<f64> {
    let mut profile = vec![(0.0, 0.0); day];
    for (bin, value) in values.iter().enumerate() {
        let (sum, count) = &mut profile[bin % day];
        (*sum, *count) = (*sum + value, *count + 1.0);
    }
    let left = |(bin, value): (usize, &f64)| value - profile[bin % day].0 / profile[bin % day].1;
    values.iter().enumerate().map(left).collect()
}

/// The period of a series without trend, at most `lag_max` bins.
fn period(values: &[f64], lag_max: usize) -> Option<f64> {
    let lag_max = lag_max.min(values.len() / CYCLES_MIN).min(LAG_MAX);
    let squares: f64 = values.iter().map(|value| value * value).sum();
    if squares <= 1e-9 * values.len() as f64 || lag_max <= LAG_MIN {
        return None;
    }
    let correlation = |lag: usize| {
        let products: f64 = values.iter().zip(&values[lag..]).map(|(a, b)| a * b).sum();
        products / squares * values.len() as f64 / (values.len() - lag) as f64
    };
    let all: Vec<f64> = (0..=lag_max + 1).map(correlation).collect();
    let mut lowest = all[1].min(all[2]);
    let mut hills = Vec::new();
    for lag in LAG_MIN..=lag_max {
        let is_top = all[lag] >= all[lag - 1] && all[lag] > all[lag + 1];
        if is_top && all[lag] >= CORRELATION_MIN && all[lag] - lowest >= RISE_MIN {
            hills.push(lag);
        }
        lowest = lowest.min(all[lag]);
    }
    let highest = hills.iter().map(|&lag| all[lag]).fold(0.0, f64::max);
    let lag = hills.into_iter().find(|&lag| all[lag] >= NEARLY * highest)?;
    let near = |at: usize| {
        let near = at - 1..=at + 1;
        near.map(|lag| (correlation(lag), lag)).max_by(|a, b| a.0.total_cmp(&b.0))
    };
    for cycles in 2..=AGAIN_CYCLES {
        if near(cycles * lag)?.0 < AGAIN_MIN * all[lag] {
            return None;
        }
    }
    let mut period = lag as f64;
    let mut cycles = 2;
    while (cycles as f64 * period) as usize + 1 < values.len() / 3 {
        let (_, lag) = near((cycles as f64 * period).round() as usize)?;
        period = lag as f64 / cycles as f64;
        cycles *= 2;
    }
    Some(period)
}
