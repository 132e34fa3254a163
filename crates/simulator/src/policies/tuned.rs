//! The tuned rival: a reactive policy with the best thresholds that a grid has.
//!
//! "Best" is the fewest partition-hours among those that throttle at most [`THROTTLED_SHARE_MAX`] of
//! the invocations, and if none does, the least throttling. `reactive-tuned` takes what was best on the
//! last week of history; `reactive-tuned-hindsight` what turns out best on the very weeks that are
//! played, which nobody can know. The whole grid in hindsight is a curve of throttling against
//! partition-hours, and that curve is what "at equal cost" refers to.

use crate::case::Case;
use crate::error::SimulatorError;
use crate::minutes::{Bank, PlaySettings, Sight, play};
use planner::{Threshold, ThresholdSettings};
use serde::{Deserialize, Serialize};

/// More throttling than this share is more than an operator would put up with.
pub const THROTTLED_SHARE_MAX: f64 = 1e-4;

const MINUTE_MS: i64 = 60_000;

/// The thresholds tried: above which share of capacity to split, below which to merge (if at all),
/// and after how many minutes.
pub const GRID: [(f64, Option<(f64, i64)>); 16] = [
    (0.6, None),
    (0.6, Some((0.3, 10))),
    (0.6, Some((0.45, 10))),
    (0.6, Some((0.45, 60))),
    (0.75, None),
    (0.75, Some((0.3, 10))),
    (0.75, Some((0.55, 10))),
    (0.75, Some((0.55, 60))),
    (0.9, None),
    (0.9, Some((0.4, 10))),
    (0.9, Some((0.7, 10))),
    (0.9, Some((0.7, 60))),
    (1.0, None),
    (1.0, Some((0.5, 10))),
    (1.0, Some((0.8, 10))),
    (1.0, Some((0.8, 60))),
];

/// How one setting of the grid fared.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Which of [`GRID`].
    pub setting: usize,
    /// Its cost.
    pub partition_hours: f64,
    /// Invocations throttled.
    pub throttled: u64,
    /// Their share.
    pub throttled_share: f64,
}

/// Throttling against partition-hours: what reacting can buy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The whole grid.
    pub points: Vec<CurvePoint>,
}

/// Plays the whole grid.
pub fn curve(case: &Case, settings: &PlaySettings, bank: &Bank) -> Result<Curve, SimulatorError> {
    let initial = case.initial();
    let point = |setting: usize| {
        let policy = Threshold::new("reactive-tuned", thresholds(setting));
        let report = play(case, &initial, settings, bank, Sight::Present, policy)?.run.report;
        Ok(CurvePoint {
            setting,
            partition_hours: report.partition_hours,
            throttled: report.throttled,
            throttled_share: report.throttled_share,
        })
    };
    let points: Result<_, SimulatorError> = (0..GRID.len()).map(point).collect();
    Ok(Curve { points: points? })
}

/// The best settings on a curve.
pub fn settings_on_curve(curve: &Curve) -> ThresholdSettings {
    let cheaper =
        |a: &&CurvePoint, b: &&CurvePoint| a.partition_hours.total_cmp(&b.partition_hours);
    let bearable = curve.points.iter().filter(|p| p.throttled_share <= THROTTLED_SHARE_MAX);
    let least = |a: &&CurvePoint, b: &&CurvePoint| {
        a.throttled_share.total_cmp(&b.throttled_share).then(cheaper(a, b))
    };
    let best = bearable.min_by(cheaper).or_else(|| curve.points.iter().min_by(least));
    best.map_or_else(ThresholdSettings::default, |point| thresholds(point.setting))
}

/// The best settings on the week before what is played; the defaults where there is none.
pub(super) fn settings_on_earlier(
    case: &Case,
    settings: &PlaySettings,
    bank: &Bank,
) -> Result<ThresholdSettings, SimulatorError> {
    match case.earlier() {
        Some(earlier) => Ok(settings_on_curve(&curve(&earlier, settings, bank)?)),
        None => Ok(ThresholdSettings::default()),
    }
}

fn thresholds(setting: usize) -> ThresholdSettings {
    let (split_utilisation, merge) = GRID[setting];
    ThresholdSettings {
        split_utilisation,
        merge_utilisation: merge.map(|(utilisation, _)| utilisation),
        below_ms: merge.map_or(0, |(_, minutes)| minutes * MINUTE_MS),
        ..ThresholdSettings::default()
    }
}

impl Curve {
    /// What reacting throttles at this cost: interpolated between the settings that nothing else of
    /// the grid beats in both measures. Dearer than all of them is as good as the best; cheaper than
    /// all of them is as bad as the cheapest, which flatters reacting.
    pub fn throttled_at(&self, partition_hours: f64) -> f64 {
        let front = self.front();
        let next = front.iter().position(|point| point.partition_hours >= partition_hours);
        match next {
            Some(0) => front[0].throttled as f64,
            Some(next) => {
                let (left, right) = (front[next - 1], front[next]);
                let width = right.partition_hours - left.partition_hours;
                let share = (partition_hours - left.partition_hours) / width;
                left.throttled as f64 * (1.0 - share) + right.throttled as f64 * share
            }
            None => front.last().map_or(0.0, |point| point.throttled as f64),
        }
    }

    /// What reacting pays to throttle no more than this; `None` if it cannot.
    pub fn hours_at(&self, throttled: f64) -> Option<f64> {
        let front = self.front();
        front.iter().find(|point| point.throttled as f64 <= throttled).map(|p| p.partition_hours)
    }

    /// The settings that nothing else beats in both measures, cheapest first.
    pub fn front(&self) -> Vec<CurvePoint> {
        let mut points = self.points.clone();
        points.sort_by(|a, b| {
            a.partition_hours.total_cmp(&b.partition_hours).then(a.throttled.cmp(&b.throttled))
        });
        let mut front: Vec<CurvePoint> = Vec::new();
        for point in points {
            if front.last().is_none_or(|best| point.throttled < best.throttled) {
                front.push(point);
            }
        }
        front
    }
}
