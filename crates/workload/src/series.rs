//! A rate over time, as the forecaster takes it: regular steps, with unknown stretches filled in.

use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 86_400_000;
const WEEK_MS: i64 = 7 * DAY_MS;

/// One channel of one range of keys over time.
///
/// While the service is down nobody counts: those bins are not zero but unknown. They are filled
/// (`known` is false there) with the bin a week earlier, else with the one a day earlier, else on the
/// straight line between the nearest known bins, else with the nearest known one, else with the value
/// of an empty bin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RateSeries {
    /// Start of the first bin.
    pub start_ms: i64,
    /// Length of a bin.
    pub bin_ms: i64,
    /// Per second, or a ratio (see [`crate::Channel`]); one value per bin.
    pub values: Vec<f64>,
    /// Whether the bin was counted, not filled in.
    pub known: Vec<bool>,
}

impl RateSeries {
    /// The end of the last bin, where the next one begins.
    pub fn end_ms(&self) -> i64 {
        self.start_ms + self.bin_ms * self.values.len() as i64
    }

    /// How much earlier a filled bin may look at most.
    pub(crate) const LOOK_BACK_MS: i64 = WEEK_MS;

    /// Fills the bins that are not known; `empty` is the value of a bin in which nothing came.
    pub(crate) fn fill(&mut self, empty: f64) {
        let seasons = [WEEK_MS / self.bin_ms, DAY_MS / self.bin_ms].map(|bins| bins as usize);
        let mut filled = self.known.clone();
        for at in 0..self.values.len() {
            // Earlier bins that were filled count as well: longer gaps repeat the last known week.
            let season = seasons.iter().find(|bins| **bins <= at && filled[at - **bins]);
            if let (false, Some(bins)) = (filled[at], season) {
                self.values[at] = self.values[at - bins];
                filled[at] = true;
            }
        }
        self.fill_lines(&filled, empty);
    }

    /// Draws straight lines over what is left.
    fn fill_lines(&mut self, filled: &[bool], empty: f64) {
        let mut before: Option<usize> = None;
        let mut at = 0;
        while at < filled.len() {
            if filled[at] {
                before = Some(at);
                at += 1;
                continue;
            }
            let after = (at..filled.len()).find(|later| filled[*later]);
            let until = after.unwrap_or(filled.len());
            for gap in at..until {
                self.values[gap] = match (before, after) {
                    (Some(before), Some(after)) => {
                        let part = (gap - before) as f64 / (after - before) as f64;
                        self.values[before] * (1.0 - part) + self.values[after] * part
                    }
                    (Some(nearest), None) | (None, Some(nearest)) => self.values[nearest],
                    (None, None) => empty,
                };
            }
            at = until;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn series(values: &[Option<f64>]) -> RateSeries {
        RateSeries {
            start_ms: 0,
            bin_ms: HOUR_MS,
            values: values.iter().map(|value| value.unwrap_or(f64::NAN)).collect(),
            known: values.iter().map(Option::is_some).collect(),
        }
    }

    #[test]
    fn short_history_is_filled_by_lines_and_edges() {
        let mut gaps = series(&[None, Some(2.0), None, None, Some(8.0), None]);
        gaps.fill(0.0);
        assert_eq!(gaps.values, [2.0, 2.0, 4.0, 6.0, 8.0, 8.0]);
        assert_eq!(gaps.known, [false, true, false, false, true, false]);
        let mut nothing = series(&[None, None]);
        nothing.fill(1.0);
        assert_eq!(nothing.values, [1.0, 1.0]);
    }

    #[test]
    fn the_week_before_is_preferred_to_the_day_before() {
        let mut values: Vec<Option<f64>> = (0..8 * 24).map(|hour| Some(f64::from(hour))).collect();
        values[30] = None;
        for gap in &mut values[7 * 24 + 2..] {
            *gap = None;
        }
        let mut gaps = series(&values);
        gaps.fill(0.0);
        assert_eq!(gaps.values[30], 6.0, "no week yet: the day before");
        assert_eq!(gaps.values[7 * 24 + 2], 2.0, "the week before");
        assert_eq!(gaps.values[7 * 24 + 23], 23.0);
    }
}
