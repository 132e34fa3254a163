//! A season that is neither the day nor the week: a batch every seven hours, a job every ninety minutes.
//!
//! [`search`] looks for one a few times a day; while there is none this method is silent. With one it says
//! the mean of the same phase of the latest cycles plus most of the last hour's departure, as
//! `profile_level` does for the day. If the season was found in what the day leaves over, the day's
//! profile is taken away first and added again, so that load may have both.

mod search;

use crate::history::History;
use crate::seasons::Seasons;
use search::{Found, search};

/// How many cycles a phase's mean is taken over.
const CYCLES: usize = 8;
/// How much of the last hour's departure is carried on: not all of it lasts.
const LEVEL_WEIGHT: f64 = 0.8;
/// How often a season is looked for.
const SEARCHES_PER_DAY: usize = 4;

/// What one series is known to repeat.
#[derive(Clone, Debug)]
pub(crate) struct FoundSeasonState {
    seasons: Seasons,
    found: Option<Found>,
    /// How many bins there were when it was last looked for.
    searched_bins: u64,
}

impl FoundSeasonState {
    pub(crate) fn new(seasons: Seasons) -> Self {
        Self { seasons, found: None, searched_bins: 0 }
    }

    /// Looks for a season if it is time.
    pub(crate) fn refit(&mut self, history: &History) {
        let interval = (self.seasons.day_bins() / SEARCHES_PER_DAY) as u64;
        if history.bins_total() >= self.searched_bins + interval {
            self.searched_bins = history.bins_total();
            self.found = search(history.values(), self.seasons.day_bins());
        }
    }

    /// Writes the forecast of each step; `false` if no season is known.
    pub(crate) fn predict(&self, history: &History, points: &mut [f64]) -> bool {
        let Some(found) = self.found else {
            return false;
        };
        let hour = self.seasons.minutes(60, 2);
        let Some(past) = history.values().len().checked_sub(hour) else {
            return false;
        };
        let (before, all) = (&history.values()[..past], history.values());
        let day = self.seasons.day_bins();
        let mut departure = 0.0;
        for (bin, &value) in all.iter().enumerate().skip(past) {
            let Some(expected) = expected(before, bin, found, day) else {
                return false;
            };
            departure += f64::from(value) - expected;
        }
        let level = LEVEL_WEIGHT * departure / hour as f64;
        for (bin, point) in (all.len()..).zip(points) {
            let Some(expected) = expected(all, bin, found, day) else {
                return false;
            };
            *point = (expected + level).max(0.0);
        }
        true
    }
}

/// What the latest cycles say of `bin`, which lies behind the end of `values`.
fn expected(values: &[f32], bin: usize, found: Found, day: usize) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0);
    for cycle in 1.. {
        let back = (f64::from(cycle) * found.period_bins).round() as usize;
        let Some(at) = bin.checked_sub(back).filter(|_| count < CYCLES) else {
            break;
        };
        if let Some(&value) = values.get(at) {
            sum += f64::from(value)
                - if found.beside_day { time_of_day(values, at, day) } else { 0.0 };
            count += 1;
        }
    }
    let base = if found.beside_day { time_of_day(values, bin, day) } else { 0.0 };
    (count > 0).then(|| base + sum / count as f64)
}

/// The mean of the other days at the time of `bin`; 0 if there is none.
fn time_of_day(values: &[f32], bin: usize, day: usize) -> f64 {
    let others = (bin % day..values.len()).step_by(day).filter(|&at| at != bin);
    let (sum, count) =
        others.fold((0.0, 0.0), |(sum, count), at| (sum + f64::from(values[at]), count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

#[cfg(test)]
mod tests;
