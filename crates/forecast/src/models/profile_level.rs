//! The mean day of the last week, moved to the present level.
//!
//! The profile is the mean of the same time over the last seven days, smoothed over ± 1 bin; the
//! level is how far the last hour lay above or below it.

use crate::history::History;

/// Over how many days the profile is taken.
const PROFILE_DAYS: usize = 7;
/// How much of the last hour's departure from the profile is carried on.
const LEVEL_WEIGHT: f64 = 1.0;

/// Writes profile plus level; `false` before a whole day and an hour were seen.
pub(crate) fn predict(history: &History, points: &mut [f64]) -> bool {
    let values = history.values();
    let day = history.seasons().day_bins();
    let hour = history.seasons().minutes(60, 2);
    let days = (values.len().saturating_sub(hour + 1) / day).min(PROFILE_DAYS);
    if days == 0 {
        return false;
    }
    let end = values.len();
    let profile = |at: usize| {
        let around = |days_ago: usize| {
            let middle = at - days_ago * day;
            let window = &values[middle.saturating_sub(1)..(middle + 2).min(end)];
            window.iter().map(|&value| f64::from(value)).sum::<f64>() / window.len() as f64
        };
        (1..=days).map(around).sum::<f64>() / days as f64
    };
    let departure = (end - hour..end)
        .map(|at| f64::from(values[at]) - profile(at))
        .sum::<f64>();
    let level = LEVEL_WEIGHT * departure / hour as f64;
    for (step, point) in points.iter_mut().enumerate() {
        *point = (profile(end + step) + level).max(0.0);
    }
    true
}
