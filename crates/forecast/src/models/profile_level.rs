//! The mean day of the last week, moved to the present level.
//!
//! The profile is the mean of the same time over the last seven days, smoothed over ± 1 bin; the
//! level is how far the last hour lay above or below it.

use crate::history::History;

/// Over how many days the profile is taken.
const PROFILE_DAYS: usize = 7;
/// How much of the last hour's departure from the profile is carried on: not all of it lasts.
const LEVEL_WEIGHT: f64 = 0.8;

/// Writes profile plus level; `false` before a whole day and an hour were seen.
pub(crate) fn predict(history: &History, points: &mut [f64]) -> bool {
    let values = history.values();
    let day = history.seasons().day_bins();
    let hour = history.seasons().minutes(60, 2);
    let days = (values.len().saturating_sub(hour + 1) / day).min(PROFILE_DAYS);
    if days == 0 {
        return false;
    }
    let (first, end) = (values.len() - hour, values.len());
    let profile = profile(values, first, hour + points.len(), day, days);
    let last_hour = values[first..].iter().zip(&profile);
    let departure: f64 = last_hour.map(|(&value, profile)| f64::from(value) - profile).sum();
    let level = LEVEL_WEIGHT * departure / hour as f64;
    for (point, profile) in points.iter_mut().zip(&profile[end - first..]) {
        *point = (profile + level).max(0.0);
    }
    true
}

/// The profile of `bins` bins from `first` on.
fn profile(values: &[f32], first: usize, bins: usize, day: usize, days: usize) -> Vec<f64> {
    // One bin more on either side for the smoothing; beyond the present there is none to take.
    let mut sums = vec![0.0; bins + 2];
    let mut counts = vec![0.0; bins + 2];
    for days_ago in 1..=days {
        let window = &values[first - days_ago * day - 1..];
        for ((sum, count), &value) in sums.iter_mut().zip(&mut counts).zip(window) {
            *sum += f64::from(value);
            *count += 1.0;
        }
    }
    let mean =
        |(sums, counts): (&[f64], &[f64])| sums.iter().sum::<f64>() / counts.iter().sum::<f64>();
    sums.windows(3).zip(counts.windows(3)).map(mean).collect()
}
