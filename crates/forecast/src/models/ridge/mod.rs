//! Ridge regression on the logarithm of the load: one per series, one solution per step.
//!
//! The logarithm makes a doubling by day and by night the same thing and keeps forecasts positive;
//! `ε`, a share of the mean load, keeps idle bins finite. Sums are updated with every bin whose
//! whole horizon has been seen, so fitting is streaming. Rows that the present coefficients miss by
//! more than six times the median miss count less (P. J. Huber, *Robust estimation of a location
//! parameter*, 1964): yesterday's flash crowd is not tomorrow's forecast.

mod features;
mod logs;
mod moments;

use crate::ForecastSettings;
use crate::history::History;
use crate::seasons::Seasons;
use features::{Features, KeptRow, Row};
use moments::{Moments, Weights};

/// ε as a share of the mean load.
const EPSILON_SHARE: f64 = 0.5;
/// The mean load may move by this factor before ε is set anew and the sums rebuilt.
const EPSILON_DRIFT_MAX: f64 = 4.0;
/// Rows that miss by more than this many median misses count less.
const HUBER_MISSES: f64 = 6.0;
/// How fast the running median of misses follows.
const MISS_STEP: f64 = 0.02;
/// How far above the largest load in sight a forecast may lie: an explosion is not a forecast.
const CEILING_FACTOR: f64 = 3.0;
/// The bins before an origin that must have been seen for its row to count.
const SEEN_BINS_MIN: usize = 3;

/// The state of the regression for one series.
#[derive(Clone, Debug)]
pub(crate) struct RidgeState {
    seasons: Seasons,
    steps: usize,
    half_life_bins: f64,
    penalty: f64,
    /// Set once some load was seen.
    epsilon: Option<f64>,
    features: Features,
    moments: Moments,
    weights: Option<Vec<Weights>>,
    /// The rows of the last `steps + 1` origins, at `bins % len`, each with what it will weigh (0:
    /// not to be learnt from).
    rows: Vec<(KeptRow, f64)>,
    /// The latest of them, which forecasts.
    latest: Row,
    stride: usize,
    bins: usize,
    /// How many bins in a row have been seen, up to now.
    seen_run: usize,
    median_miss: Option<f64>,
    ceiling: f64,
}

impl RidgeState {
    pub(crate) fn new(seasons: Seasons, settings: &ForecastSettings) -> Self {
        let half_life_bins = settings.half_life_days * seasons.day_bins() as f64;
        Self {
            seasons,
            steps: settings.horizon_steps,
            half_life_bins,
            penalty: settings.ridge_penalty,
            epsilon: None,
            features: Features::new(seasons),
            moments: Moments::new(settings.horizon_steps, half_life_bins),
            weights: None,
            rows: vec![(KeptRow::new(settings.horizon_steps), 0.0); settings.horizon_steps + 1],
            latest: Row::new(settings.horizon_steps),
            stride: 1,
            bins: 0,
            seen_run: 0,
            median_miss: None,
            ceiling: 0.0,
        }
    }

    /// Fixes ε for loads around `mean`, before the first bin; else it is found after a day.
    pub(crate) fn expect_mean(&mut self, mean: f64) {
        self.epsilon = (mean > 0.0).then_some(EPSILON_SHARE * mean);
    }

    /// From now on learns from every `stride`-th origin only, which then counts that much more.
    pub(crate) fn learn_every(&mut self, stride: usize) {
        self.stride = stride;
    }

    /// Takes the bin that `history` has just taken.
    pub(crate) fn push(&mut self, history: &History) {
        let day = self.seasons.day_bins() as u64;
        if history.bins_total().is_multiple_of(day) && self.epsilon_is_off(history) {
            self.rebuild(history);
        } else if let (Some((value, seen)), Some(epsilon)) = (history.last(), self.epsilon) {
            self.absorb(value, seen, history.next_start_ms(), epsilon);
        }
    }

    fn epsilon_is_off(&self, history: &History) -> bool {
        let mean = history.mean_of_last(self.seasons.week_bins()).unwrap_or(0.0);
        let drift = self.epsilon.map(|epsilon| mean * EPSILON_SHARE / epsilon);
        mean > 0.0
            && drift
                .is_none_or(|drift| !(1.0 / EPSILON_DRIFT_MAX..=EPSILON_DRIFT_MAX).contains(&drift))
    }

    /// Starts anew with an ε that suits the load, from the values that are still readable.
    fn rebuild(&mut self, history: &History) {
        let mean = history.mean_of_last(self.seasons.week_bins()).unwrap_or(0.0);
        let epsilon = EPSILON_SHARE * mean;
        self.epsilon = Some(epsilon);
        self.features = Features::new(self.seasons);
        self.moments = Moments::new(self.steps, self.half_life_bins);
        (self.weights, self.median_miss) = (None, None);
        (self.bins, self.seen_run) = (0, 0);
        self.rows.iter_mut().for_each(|(_, weight)| *weight = 0.0);
        let first_end_ms =
            history.next_start_ms() - history.bin_ms() * (history.values().len() as i64 - 1);
        let ends_ms = (0..).map(|bin| first_end_ms + bin * history.bin_ms());
        for ((&value, seen), end_ms) in history.values().iter().zip(history.seen()).zip(ends_ms) {
            self.absorb(f64::from(value), seen, end_ms, epsilon);
        }
        self.refit(history);
    }

    /// Takes one bin: completes the row whose horizon ends here, begins the row of this origin.
    fn absorb(&mut self, value: f64, seen: bool, end_ms: i64, epsilon: f64) {
        self.features.push((value + epsilon).ln());
        self.bins += 1;
        self.seen_run = if seen { self.seen_run + 1 } else { 0 };
        self.moments.age();
        let slots = self.rows.len();
        if self.seen_run >= self.steps {
            self.complete((self.bins + 1) % slots);
        }
        let (row, weight) = &mut self.rows[self.bins % slots];
        *weight = 0.0;
        if self.features.ready() && self.bins.is_multiple_of(self.stride) {
            self.features.fill(end_ms, &mut self.latest);
            row.keep(&self.latest);
            *weight = if self.seen_run >= SEEN_BINS_MIN { self.stride as f64 } else { 0.0 };
        }
    }

    /// Adds the row of the origin `steps` bins ago, whose targets are now all known.
    fn complete(&mut self, slot: usize) {
        let (row, weight) = &self.rows[slot];
        if *weight == 0.0 {
            return;
        }
        let row = row.row();
        let target = |step: usize| self.features.log(self.steps - 1 - step) - row.level;
        let mut weight = *weight;
        if let Some(weights) = &self.weights {
            // Three steps stand for all: near, middle, far.
            let probes = [0, self.steps / 2, self.steps - 1];
            let miss = |&step: &usize| (target(step) - weights[step].apply(&row, step)).abs();
            let miss = probes.iter().map(miss).sum::<f64>() / probes.len() as f64;
            let median = self.median_miss.get_or_insert(miss);
            weight *= (HUBER_MISSES * *median / miss.max(f64::MIN_POSITIVE)).min(1.0);
            *median *= if miss > *median { 1.0 + MISS_STEP } else { 1.0 - MISS_STEP };
        }
        self.moments.add(&row, weight, target);
    }

    /// Solves for new coefficients, if there are half a day of rows to solve from.
    pub(crate) fn refit(&mut self, history: &History) {
        if self.moments.rows() * 2 < self.seasons.day_bins() as u64 {
            return;
        }
        // Unsolvable sums leave the last coefficients in place; the scoreboard judges them.
        if let Some(weights) = self.moments.solve(self.penalty) {
            self.weights = Some(weights);
        }
        let max = history.values().iter().fold(0.0_f32, |max, &value| max.max(value));
        self.ceiling = CEILING_FACTOR * f64::from(max);
    }

    /// Writes the forecast of each step; `false` if there is none yet.
    pub(crate) fn predict(&self, history: &History, points: &mut [f64]) -> bool {
        let (Some(weights), Some(epsilon)) = (&self.weights, self.epsilon) else {
            return false;
        };
        if !self.features.ready() {
            return false;
        }
        let row = &self.latest;
        let last = history.last().map_or(0.0, |(value, _)| value);
        let ceiling = self.ceiling.max(CEILING_FACTOR * last);
        for (step, (point, weights)) in points.iter_mut().zip(weights).enumerate() {
            let value = (row.level + weights.apply(row, step)).exp() - epsilon;
            *point = value.clamp(0.0, ceiling);
        }
        true
    }

    pub(crate) fn state_bytes(&self) -> usize {
        let row = size_of::<(KeptRow, f64)>() + self.steps * size_of::<[f32; features::OWN]>();
        self.features.state_bytes()
            + self.moments.state_bytes()
            + self.steps * size_of::<Weights>()
            + self.rows.len() * row
            + self.steps * size_of::<[f64; features::OWN]>()
    }
}
