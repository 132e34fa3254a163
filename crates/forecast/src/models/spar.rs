//! Sparse periodic auto-regression: the same time on earlier days, and how today departs from them.
//!
//! As in P-Store (R. Taft et al., *P-Store: an elastic database system with predictive provisioning*,
//! SIGMOD 2018, §4; the model is G. Chen et al.'s, NSDI 2008):
//!
//! ```text
//!   y(t+τ) = Σ_{k=1..7} a_k y(t+τ−kT)  +  Σ_{j=1..6} b_j Δy(t−j)
//!   Δy(t−j) = y(t−j) − mean over k of y(t−j−kT)
//! ```
//!
//! with T a day. There is one least-squares problem per step τ, its sums updated with every bin and
//! solved once an hour; a small ridge keeps days that are all alike solvable. Where fewer than
//! seven days have been seen it is silent.

use crate::ForecastSettings;
use crate::history::History;
use crate::linalg::{Cholesky, dot, row_start};
use crate::seasons::Seasons;
use std::collections::VecDeque;

/// How many earlier days are looked at (n in the paper).
const DAYS: usize = 7;
/// How many of the last bins' departures are looked at (m in the paper).
const DEPARTURES: usize = 6;
const FEATURES: usize = DAYS + DEPARTURES;
/// The ridge, as a share of each feature's own second moment.
const PENALTY: f64 = 1e-3;
/// New rows weigh more and more instead of old ones less and less; all is scaled down from here.
const ROW_WEIGHT_MAX: f64 = 1e3;
/// How far above the largest load in sight a forecast may lie.
const CEILING_FACTOR: f64 = 3.0;

/// The sums of one step. In 32 bits: what rounding leaves out is a hundred times less than the ridge.
#[derive(Clone, Debug)]
struct Sums {
    products: [f32; row_start(FEATURES)],
    targets: [f32; FEATURES],
}

impl Sums {
    fn add(&mut self, weight: f64, row: &[f64; FEATURES], target: f64) {
        let mut products = self.products.iter_mut();
        for (i, x) in row.iter().enumerate() {
            for (y, sum) in row[..=i].iter().zip(&mut products) {
                *sum = (f64::from(*sum) + weight * x * y) as f32;
            }
        }
        for (x, sum) in row.iter().zip(&mut self.targets) {
            *sum = (f64::from(*sum) + weight * x * target) as f32;
        }
    }
}

/// The state for one series.
#[derive(Clone, Debug)]
pub(crate) struct SparState {
    seasons: Seasons,
    steps: Vec<Sums>,
    weights: Option<Vec<[f32; FEATURES]>>,
    /// How the last bins departed, as of each of the latest origins; the present one is last.
    departures: VecDeque<Option<[f64; DEPARTURES]>>,
    stride: u64,
    row_weight: f64,
    growth: f64,
    rows: u64,
    ceiling: f64,
}

impl SparState {
    pub(crate) fn new(seasons: Seasons, settings: &ForecastSettings) -> Self {
        let empty = Sums { products: [0.0; row_start(FEATURES)], targets: [0.0; FEATURES] };
        let half_life_bins = settings.half_life_days * seasons.day_bins() as f64;
        Self {
            seasons,
            steps: vec![empty; settings.horizon_steps],
            weights: None,
            departures: VecDeque::new(),
            stride: 1,
            row_weight: 1.0,
            growth: 0.5_f64.powf(-1.0 / half_life_bins),
            rows: 0,
            ceiling: 0.0,
        }
    }

    /// From now on learns from every `stride`-th bin only, which then counts that much more.
    pub(crate) fn learn_every(&mut self, stride: usize) {
        self.stride = stride as u64;
    }

    /// Takes the bin that `history` has just taken: it is the target of one origin per step.
    pub(crate) fn push(&mut self, history: &History) {
        self.age();
        if let (Some((target, true)), true) =
            (history.last(), history.bins_total().is_multiple_of(self.stride))
        {
            self.learn(history.values(), target);
        }
        let departures = self.depart(history.values());
        self.departures.push_back(departures);
        if self.departures.len() > self.steps.len() {
            self.departures.pop_front();
        }
    }

    fn learn(&mut self, values: &[f32], target: f64) {
        let weight = self.row_weight * self.stride as f64;
        for step in 0..self.steps.len() {
            let Some(row) = self.row(values, step, step + 1) else {
                continue;
            };
            self.steps[step].add(weight, &row, target);
        }
        self.rows += self.stride;
    }

    /// How the last bins departed from the mean of the same times on earlier days; `None` if these
    /// are not readable.
    fn depart(&self, values: &[f32]) -> Option<[f64; DEPARTURES]> {
        let day = self.seasons.day_bins();
        values.len().checked_sub(DEPARTURES + DAYS * day)?;
        let mut departures = [0.0; DEPARTURES];
        for (j, departure) in (1..).zip(&mut departures) {
            let bin = values.len() - j;
            let sum: f64 = (1..=DAYS).map(|k| f64::from(values[bin - k * day])).sum();
            *departure = f64::from(values[bin]) - sum / DAYS as f64;
        }
        Some(departures)
    }

    fn age(&mut self) {
        self.row_weight *= self.growth;
        if self.row_weight > ROW_WEIGHT_MAX {
            let factor = (1.0 / self.row_weight) as f32;
            for sums in &mut self.steps {
                sums.products.iter_mut().chain(&mut sums.targets).for_each(|sum| *sum *= factor);
            }
            self.row_weight = 1.0;
        }
    }

    /// The features of the origin that lies `back` bins before the end of `values`, for its step
    /// `step`; `None` if they reach beyond what is readable. While the newest bin is only a target,
    /// the latest departures are those of the origin before it, one back.
    fn row(&self, values: &[f32], step: usize, back: usize) -> Option<[f64; FEATURES]> {
        let day = self.seasons.day_bins();
        let origin = values.len().checked_sub(back)?;
        origin.checked_sub(DAYS * day)?;
        let latest = self.departures.len().checked_sub(back.max(1))?;
        let departures = self.departures.get(latest).copied().flatten()?;
        let mut row = [0.0; FEATURES];
        for (k, feature) in (1..).zip(&mut row[..DAYS]) {
            *feature = f64::from(values[origin + step - k * day]);
        }
        row[DAYS..].copy_from_slice(&departures);
        Some(row)
    }

    /// Solves for new coefficients, if there is half a day of rows to solve from.
    pub(crate) fn refit(&mut self, history: &History) {
        if self.rows * 2 < self.seasons.day_bins() as u64 {
            return;
        }
        // Unsolvable sums leave the last coefficients in place; the scoreboard judges them.
        if let Some(weights) = self.steps.iter().map(solve).collect() {
            self.weights = Some(weights);
        }
        let max = history.values().iter().fold(0.0_f32, |max, &value| max.max(value));
        self.ceiling = CEILING_FACTOR * f64::from(max);
    }

    /// Writes the forecast of each step; `false` if there is none yet.
    pub(crate) fn predict(&self, history: &History, points: &mut [f64]) -> bool {
        let Some(weights) = &self.weights else {
            return false;
        };
        for (step, (point, weights)) in points.iter_mut().zip(weights).enumerate() {
            let Some(row) = self.row(history.values(), step, 0) else {
                return false;
            };
            *point = dot(&weights.map(f64::from), &row).clamp(0.0, self.ceiling);
        }
        true
    }

    pub(crate) fn state_bytes(&self) -> usize {
        let per_step = size_of::<Sums>()
            + size_of::<[f32; FEATURES]>()
            + size_of::<Option<[f64; DEPARTURES]>>();
        self.steps.len() * per_step
    }
}

fn solve(sums: &Sums) -> Option<[f32; FEATURES]> {
    let mut triangle: Vec<f64> = sums.products.iter().map(|&sum| f64::from(sum)).collect();
    let largest = (0..FEATURES).map(|i| triangle[row_start(i) + i]).fold(0.0, f64::max);
    for i in 0..FEATURES {
        let diagonal = &mut triangle[row_start(i) + i];
        *diagonal += PENALTY * *diagonal + f64::MIN_POSITIVE.max(1e-9 * largest);
    }
    let factor = Cholesky::factor(triangle)?;
    let mut weights = sums.targets.map(f64::from);
    factor.forward(&mut weights);
    factor.backward(&mut weights);
    weights.iter().all(|weight| weight.is_finite()).then(|| weights.map(|weight| weight as f32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Observation;

    fn pushed(bins: usize, value: impl Fn(usize) -> f64) -> (SparState, History) {
        let settings = ForecastSettings { bin_ms: 3_600_000, ..Default::default() };
        let mut history = History::new(0, &settings).expect("an hour");
        let mut state = SparState::new(history.seasons(), &settings);
        for bin in 0..bins {
            history.push(Observation::Value(value(bin)));
            state.push(&history);
        }
        state.refit(&history);
        (state, history)
    }

    #[test]
    fn a_day_that_repeats_is_forecast_exactly_or_nearly() {
        let day =
            |bin: usize| 100.0 + 50.0 * (std::f64::consts::TAU * (bin % 24) as f64 / 24.0).sin();
        let (state, history) = pushed(24 * 13, day);
        let mut points = [0.0; 12];
        assert!(state.predict(&history, &mut points));
        for (step, point) in points.iter().enumerate() {
            let expected = day(24 * 13 + step);
            assert!((point - expected).abs() < 1.0, "step {step}: {point} instead of {expected}");
        }
    }

    #[test]
    fn without_a_week_it_is_silent() {
        let (state, history) = pushed(24 * 7, |bin| bin as f64);
        assert!(!state.predict(&history, &mut [0.0; 12]));
    }
}
