//! The day and the week, counted in bins.
//!
//! Seasons are hard-coded: guessing a period from the data was tried elsewhere and took 341 bins
//! for a day of 288.

use crate::ForecastError;

const DAY_MS: i64 = 86_400_000;
const DAYS_PER_WEEK: usize = 7;

/// Season lengths for one bin size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seasons {
    bin_ms: i64,
    day_bins: usize,
}

impl Seasons {
    pub(crate) fn new(bin_ms: i64) -> Result<Self, ForecastError> {
        if bin_ms <= 0 || DAY_MS % bin_ms != 0 || !(24..=1440).contains(&(DAY_MS / bin_ms)) {
            return Err(ForecastError::BinSize { bin_ms });
        }
        Ok(Self { bin_ms, day_bins: (DAY_MS / bin_ms) as usize })
    }

    pub(crate) fn day_bins(self) -> usize {
        self.day_bins
    }

    pub(crate) fn week_bins(self) -> usize {
        self.day_bins * DAYS_PER_WEEK
    }

    /// As many bins as fit `minutes`, but at least `bins_min`.
    pub(crate) fn minutes(self, minutes: i64, bins_min: usize) -> usize {
        ((minutes * 60_000 / self.bin_ms) as usize).max(bins_min)
    }

    /// How far into the day and into the week the moment lies, as shares of each.
    pub(crate) fn phases(self, at_ms: i64) -> (f64, f64) {
        let share = |season_ms: i64| at_ms.rem_euclid(season_ms) as f64 / season_ms as f64;
        (share(DAY_MS), share(DAY_MS * DAYS_PER_WEEK as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seasons_follow_the_bin() {
        let five = Seasons::new(300_000).expect("five minutes");
        assert_eq!((five.day_bins(), five.week_bins()), (288, 2016));
        assert_eq!((five.minutes(15, 1), five.minutes(1, 3)), (3, 3));
        let hour = Seasons::new(3_600_000).expect("an hour");
        assert_eq!((hour.day_bins(), hour.week_bins()), (24, 168));
        for bad in [0, -1, 7_000_000, 50_000, 86_400_000] {
            assert_eq!(Seasons::new(bad).unwrap_err(), ForecastError::BinSize { bin_ms: bad });
        }
    }

    #[test]
    fn phases_run_from_zero_to_one_also_before_the_epoch() {
        let seasons = Seasons::new(300_000).expect("five minutes");
        assert_eq!(seasons.phases(0), (0.0, 0.0));
        assert_eq!(seasons.phases(DAY_MS / 2).0, 0.5);
        assert_eq!(seasons.phases(-DAY_MS / 4).0, 0.75);
    }
}
