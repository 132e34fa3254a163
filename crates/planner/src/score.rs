//! The re-partitioning score of a partition: how much the coming hour asks for action.
//!
//! Points are added as the mission states them: 10 if the forecast rate exceeds capacity, 5 if the
//! forecast key distribution is skewed, 2 if the forecast size exceeds the maximum; from 9 points
//! on a partition is acted on. Beside the points stands the probability of degradation that the
//! forecast's quantiles give, which the points do not use. The score says *that* something should
//! be done; what is done and whether it pays is decided in [`crate::policy`].

use crate::load::{larger, utilisation};
use crate::settings::ScoreSettings;
use crate::view::{CellView, PartitionView, TableView};
use serde::{Deserialize, Serialize};
use types::{PartitionId, Units};

/// A partition's score with its explanation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Whose score.
    pub partition: PartitionId,
    /// The sum of the points.
    pub total: f64,
    /// The forecast rate against capacity.
    pub rate: Term,
    /// The forecast key distribution.
    pub skew: Term,
    /// The forecast size against the maximum.
    pub size: Term,
    /// The probability that the load exceeds capacity in the worst step of the horizon. Steps of
    /// one horizon rise and fall together, so the worst one is a tight lower bound for "any".
    pub degradation_probability: f64,
    /// When the rate at the decision quantile first exceeds capacity.
    pub crossing_ms: Option<i64>,
}

/// One of the score's terms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// The points given: all or none.
    pub points: f64,
    /// What was compared with what.
    pub because: String,
}

impl Term {
    fn new(fired: bool, points: f64, because: String) -> Self {
        Self { points: if fired { points } else { 0.0 }, because }
    }

    /// Whether the term gave points.
    pub fn fired(&self) -> bool {
        self.points > 0.0
    }
}

/// What of a score decides whether to act, without the words that explain it: this is asked of every
/// partition at every interval, and mostly for nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mark {
    /// Whether the total reaches the threshold.
    pub(crate) asks: bool,
    /// Whether the forecast rate exceeds capacity.
    pub(crate) too_full: bool,
    /// See [`Score::crossing_ms`].
    pub(crate) crossing_ms: Option<i64>,
}

/// The mark of one partition.
pub(crate) fn mark(partition: &PartitionView, settings: &ScoreSettings) -> Mark {
    let crossing = crossing(partition, settings);
    let points = |fired, points| if fired { points } else { 0.0 };
    let rate = points(crossing.is_some(), settings.rate_points);
    let size = points(is_too_large(partition, settings), settings.size_points);
    // Skew is dear to find out, and most often it cannot tip the scales.
    let skew = |with: f64| {
        let matters = rate + with + size >= settings.threshold;
        if matters { skew_term(partition, settings).points } else { 0.0 }
    };
    Mark {
        asks: rate + size >= settings.threshold
            || rate + skew(settings.skew_points) + size >= settings.threshold,
        too_full: rate > 0.0,
        crossing_ms: crossing.and_then(|step| partition.step_start_ms(step)),
    }
}

/// The first step in which the rate at the decision quantile exceeds capacity.
fn crossing(partition: &PartitionView, settings: &ScoreSettings) -> Option<usize> {
    let load = |step| partition.forecast_at(step, settings.quantile);
    (0..partition.steps()).find(|&step| utilisation(load(step), partition.capacity) > 1.0)
}

fn is_too_large(partition: &PartitionView, settings: &ScoreSettings) -> bool {
    partition.forecast_size_bytes > settings.size_bytes_max
}

/// The scores of all partitions of a table.
pub fn scores(view: &TableView, settings: &ScoreSettings) -> Vec<Score> {
    view.partitions.iter().map(|partition| score(partition, settings)).collect()
}

/// The score of one partition.
pub fn score(partition: &PartitionView, settings: &ScoreSettings) -> Score {
    let (rate, crossing_ms) = rate_term(partition, settings);
    let skew = skew_term(partition, settings);
    let size = size_term(partition, settings);
    Score {
        partition: partition.id,
        total: rate.points + skew.points + size.points,
        rate,
        skew,
        size,
        degradation_probability: degradation_probability(partition),
        crossing_ms,
    }
}

fn rate_term(partition: &PartitionView, settings: &ScoreSettings) -> (Term, Option<i64>) {
    if let Some(reason) = partition.abstained() {
        return (Term::new(false, 0.0, format!("no forecast: {reason}")), None);
    }
    let full =
        |step| utilisation(partition.forecast_at(step, settings.quantile), partition.capacity);
    let highest = (0..partition.steps()).map(full).fold(0.0, f64::max);
    let crossing = crossing(partition, settings);
    let because = format!(
        "at quantile {} the forecast rate reaches {:.0} % of capacity within {} steps",
        settings.quantile.level(),
        highest * 100.0,
        partition.steps(),
    );
    let crossing_ms = crossing.and_then(|step| partition.step_start_ms(step));
    (Term::new(crossing.is_some(), settings.rate_points, because), crossing_ms)
}

fn skew_term(partition: &PartitionView, settings: &ScoreSettings) -> Term {
    let load = larger(partition.load_recent, partition.forecast_max(settings.quantile));
    let full = utilisation(load, partition.capacity);
    if full < settings.skew_utilisation_min {
        return Term::new(false, 0.0, format!("{:.0} % full: skew is harmless", full * 100.0));
    }
    if partition.top_key_share > settings.top_key_share_max {
        let because = format!(
            "the top key has {:.0} % of the load (more than {:.0} %)",
            partition.top_key_share * 100.0,
            settings.top_key_share_max * 100.0,
        );
        return Term::new(true, settings.skew_points, because);
    }
    let larger_side = best_halving(&cell_weights(partition));
    let because = format!(
        "the best cut leaves {:.0} % on one side (skewed above {:.0} %)",
        larger_side * 100.0,
        settings.halving_share_max * 100.0,
    );
    Term::new(larger_side > settings.halving_share_max, settings.skew_points, because)
}

fn size_term(partition: &PartitionView, settings: &ScoreSettings) -> Term {
    let because = format!(
        "{} bytes expected, {} allowed",
        partition.forecast_size_bytes, settings.size_bytes_max
    );
    Term::new(is_too_large(partition, settings), settings.size_points, because)
}

/// The largest probability over the horizon that a step's load exceeds capacity.
///
/// Within a step the likelier of reads and writes counts; kinds rise and fall together as steps do.
pub fn degradation_probability(partition: &PartitionView) -> f64 {
    let kinds =
        [(&partition.read, partition.capacity.read), (&partition.write, partition.capacity.write)];
    let mut worst: f64 = 0.0;
    for (outlook, capacity) in kinds {
        for step in outlook.forecast().iter().flat_map(|forecast| &forecast.steps) {
            worst = worst.max(step.exceedance(capacity));
        }
    }
    worst
}

/// Each cell's share of capacity in the step in which the partition is fullest; of the recent load
/// where nothing is forecast.
pub(crate) fn cell_weights(partition: &PartitionView) -> Vec<f64> {
    let load = |cell: &CellView, step: Option<usize>| match step {
        Some(step) => cell.forecast.get(step).copied().unwrap_or(Units::ZERO),
        None => cell.recent,
    };
    let steps = partition.cells.iter().map(|cell| cell.forecast.len()).max().unwrap_or(0);
    let total = |step: usize| {
        utilisation(
            partition.cells.iter().map(|cell| load(cell, Some(step))).sum(),
            partition.capacity,
        )
    };
    let fullest = (0..steps).max_by(|&a, &b| total(a).total_cmp(&total(b)));
    partition
        .cells
        .iter()
        .map(|cell| {
            let load = load(cell, fullest);
            load.read / partition.capacity.read.max(f64::MIN_POSITIVE)
                + load.write / partition.capacity.write.max(f64::MIN_POSITIVE)
        })
        .collect()
}

/// The larger side's share of the weight at the cut that balances best; 1.0 if nothing can be cut.
pub(crate) fn best_halving(weights: &[f64]) -> f64 {
    let total: f64 = weights.iter().sum();
    if total <= 0.0 || weights.len() < 2 {
        return 1.0;
    }
    let mut left = 0.0;
    let mut best: f64 = 1.0;
    for weight in &weights[..weights.len() - 1] {
        left += weight;
        let share: f64 = left / total;
        best = best.min(share.max(1.0 - share));
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cells, foreseen, partition, unknown};
    use forecast::Step;

    fn settings() -> ScoreSettings {
        ScoreSettings::default()
    }

    #[test]
    fn a_quiet_partition_scores_nothing() {
        let quiet = score(&partition(1, 0.3), &settings());
        assert_eq!(quiet.total, 0.0);
        assert_eq!(quiet.crossing_ms, None);
    }

    #[test]
    fn a_forecast_above_capacity_gives_ten_points_and_the_crossing() {
        let mut busy = partition(1, 0.3);
        let step = |q90| Step { point: q90, q50: q90 / 2.0, q90, q99: q90 * 1.3 };
        busy.write = foreseen(0, &[50.0, 90.0, 130.0].map(step));
        let scored = score(&busy, &settings());
        assert_eq!((scored.total, scored.crossing_ms), (10.0, Some(600_000)));
        // The third step's .9 quantile is 130, its median 65: P(> 100) lies between .1 and .5.
        assert!((0.1..0.5).contains(&scored.degradation_probability), "{scored:?}");
    }

    #[test]
    fn abstaining_is_no_reason_to_act() {
        let mut new = partition(1, 5.0);
        (new.read, new.write) = (unknown("too short"), unknown("too short"));
        let scored = score(&new, &settings());
        assert!(!scored.rate.fired());
        assert!(scored.rate.because.contains("too short"));
        assert_eq!(scored.degradation_probability, 0.0);
    }

    #[test]
    fn a_mark_says_what_the_score_says() {
        let mut full = partition(1, 0.3);
        let step = |q90| Step { point: q90, q50: q90 / 2.0, q90, q99: q90 * 1.3 };
        full.write = foreseen(0, &[50.0, 90.0, 130.0].map(step));
        let mut skewed_and_large = partition(2, 0.5);
        skewed_and_large.top_key_share = 0.4;
        skewed_and_large.forecast_size_bytes = u64::MAX;
        for threshold in [1.0, 6.0, 7.0, 7.5, 9.0, 12.0, 18.0] {
            let settings = ScoreSettings { threshold, ..settings() };
            for partition in [&partition(3, 0.3), &full, &skewed_and_large] {
                let (mark, score) = (mark(partition, &settings), score(partition, &settings));
                assert_eq!(mark.asks, score.total >= threshold, "{threshold} {score:?}");
                assert_eq!(mark.too_full, score.rate.fired());
                assert_eq!(mark.crossing_ms, score.crossing_ms);
            }
        }
    }

    #[test]
    fn skew_is_a_top_key_or_a_partition_that_no_cut_halves() {
        let mut skewed = partition(1, 0.5);
        skewed.top_key_share = 0.4;
        assert_eq!(score(&skewed, &settings()).total, 5.0);

        let mut lopsided = partition(1, 0.5);
        lopsided.cells = cells(&lopsided.range, &[1.0, 8.0, 1.0]);
        assert_eq!(score(&lopsided, &settings()).total, 5.0);
        lopsided.cells = cells(&lopsided.range, &[1.0, 4.0, 4.0, 1.0]);
        assert_eq!(score(&lopsided, &settings()).total, 0.0);
    }

    #[test]
    fn skew_on_an_idle_partition_is_ignored() {
        let mut idle = partition(1, 0.01);
        idle.top_key_share = 1.0;
        assert_eq!(score(&idle, &settings()).total, 0.0);
    }

    #[test]
    fn size_gives_two_points_and_is_not_enough_alone() {
        let mut large = partition(1, 0.1);
        large.forecast_size_bytes = (10 << 30) + 1;
        let scored = score(&large, &settings());
        assert_eq!(scored.total, 2.0);
        assert!(scored.total < settings().threshold);
    }

    #[test]
    fn halving() {
        assert_eq!(best_halving(&[1.0, 1.0]), 0.5);
        assert_eq!(best_halving(&[3.0, 1.0]), 0.75);
        assert_eq!(best_halving(&[1.0]), 1.0);
        assert_eq!(best_halving(&[]), 1.0);
    }
}
