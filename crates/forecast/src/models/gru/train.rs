//! Training: windows of many series, back through time, a step of Adam, again.
//!
//! A window begins with an empty state and some bins that only warm it up; then every origin's
//! forecast is charged a Huber loss at each step of the horizon (P. J. Huber 1964: a flash crowd
//! pulls, but not with its square). Gradients go back through the whole window (P. Werbos,
//! *Backpropagation through time*, 1990), are clipped by their norm, and move the weights by Adam (D.
//! Kingma and J. Ba, 2015) at a rate that falls along a cosine. Work comes in small portions, so that
//! whoever trains in the background can stop between any two, and store the trainer to go on later.

use super::features::{self, INPUTS, Inputs, STEP_INPUTS, Scale};
use super::network::{HIDDEN, Layout, Network, Trace, dot};
use crate::random::Random;
use crate::seasons::Seasons;
use crate::{ForecastError, ForecastSettings, Observation, Series};

/// Bins of a window that only warm up the state.
const WARM_UP_BINS: usize = 36;
/// Bins of a window that are learnt from.
const LEARNT_BINS: usize = 108;
/// Windows per step of Adam.
const BATCH: usize = 4;
/// Where the Huber loss turns from square to straight, in units of the logarithmic scale.
const HUBER: f32 = 0.5;
/// The longest a gradient may be.
const NORM_MAX: f32 = 1.0;
const RATE_MAX: f32 = 4e-3;
const RATE_MIN: f32 = 1e-4;
const MOMENTUM: (f32, f32) = (0.9, 0.999);
/// A few windows that were not learnt from tell when to stop; one in this many.
const HELD_OUT_EVERY: usize = 8;
const HELD_OUT_MAX: usize = 32;

/// A network in training.
#[derive(Clone, Debug)]
pub struct Trainer {
    network: Network,
    best: Network,
    best_loss: f32,
    gradient: Vec<f32>,
    momentum: Vec<f32>,
    squares: Vec<f32>,
    updates: u32,
    updates_max: u32,
    random: Random,
    seasons: Seasons,
}

/// Where a window lies: series and first origin.
type Window = (usize, usize);

/// One origin of a window on the way forward.
struct Bin {
    origin: usize,
    inputs: Inputs,
    scale: Scale,
    trace: Trace,
}

impl Trainer {
    /// A network of random weights, to be trained for `updates_max` updates.
    pub fn new(
        settings: &ForecastSettings,
        updates_max: u32,
        seed: u64,
    ) -> Result<Self, ForecastError> {
        let network = Network::random(settings.horizon_steps, settings.bin_ms, seed);
        let zeros = vec![0.0; network.weights.len()];
        Ok(Self {
            best: network.clone(),
            best_loss: f32::INFINITY,
            gradient: zeros.clone(),
            momentum: zeros.clone(),
            squares: zeros,
            network,
            updates: 0,
            updates_max,
            random: Random::new(seed.wrapping_add(1)),
            seasons: Seasons::new(settings.bin_ms)?,
        })
    }

    /// Goes on from an earlier network instead of random weights.
    #[must_use]
    pub fn starting_from(mut self, network: &Network) -> Self {
        if network.layout == self.network.layout && network.bin_ms == self.network.bin_ms {
            self.network = network.clone();
            self.best = network.clone();
        }
        self
    }

    /// Makes up to `updates` updates on windows of `series`; `true` when training is over. Series
    /// too short for a window are passed over.
    pub fn train(&mut self, series: &[Series], updates: u32) -> bool {
        let series: Vec<(Vec<f32>, i64)> = series.iter().map(filled).collect();
        let (learnt, held_out) = self.windows(&series);
        if learnt.is_empty() {
            return true;
        }
        for _ in 0..updates {
            if self.updates == self.updates_max {
                return true;
            }
            self.gradient.fill(0.0);
            for _ in 0..BATCH {
                let window = learnt[self.random.below(learnt.len())];
                self.learn(&series, window);
            }
            self.update();
            if self.updates.is_multiple_of(50) || self.updates == self.updates_max {
                self.keep_if_better(&series, &held_out);
            }
        }
        self.updates == self.updates_max
    }

    /// The best network so far, by the windows that were held out.
    pub fn best(&self) -> &Network {
        &self.best
    }

    /// The mean loss of the best network on the windows that were held out; infinite before the
    /// first judgement.
    pub fn loss(&self) -> f32 {
        self.best_loss
    }

    /// The windows to learn from, and those held out: always the last in time of each eight.
    fn windows(&self, series: &[(Vec<f32>, i64)]) -> (Vec<Window>, Vec<Window>) {
        let length = WARM_UP_BINS + LEARNT_BINS;
        let first = features::bins_needed(self.seasons);
        let stride = LEARNT_BINS / 2;
        let (mut learnt, mut held_out) = (Vec::new(), Vec::new());
        for (number, (values, _)) in series.iter().enumerate() {
            let end = values.len().saturating_sub(length + self.network.layout.steps);
            let starts: Vec<usize> = (first..end).step_by(stride).collect();
            let held = starts.len() / HELD_OUT_EVERY;
            let (before, after) = starts.split_at(starts.len() - held);
            learnt.extend(before.iter().map(|&start| (number, start)));
            held_out.extend(after.iter().map(|&start| (number, start)));
        }
        let every = held_out.len().div_ceil(HELD_OUT_MAX).max(1);
        (learnt, held_out.into_iter().step_by(every).collect())
    }

    fn keep_if_better(&mut self, series: &[(Vec<f32>, i64)], held_out: &[Window]) {
        let losses = held_out.iter().filter_map(|&window| {
            let bins = self.forward(series, window)?;
            let learnt = bins.iter().skip(WARM_UP_BINS);
            Some(learnt.flat_map(|bin| self.misses(&series[window.0].0, bin)).map(huber).sum())
        });
        let (sum, count) = losses.fold((0.0, 0), |(sum, count), loss: f32| (sum + loss, count + 1));
        let loss = sum / (count.max(1) * LEARNT_BINS * self.network.layout.steps) as f32;
        if held_out.is_empty() || loss < self.best_loss {
            self.best_loss = loss;
            self.best = self.network.clone();
        }
    }

    /// All states of a window; `None` if some of it has no scale.
    fn forward(&self, series: &[(Vec<f32>, i64)], (number, start): Window) -> Option<Vec<Bin>> {
        let (values, start_ms) = &series[number];
        let retained = crate::history::RETAINED_DAYS * self.seasons.day_bins();
        let mut state = [0.0; HIDDEN];
        let mut bins = Vec::with_capacity(WARM_UP_BINS + LEARNT_BINS);
        for origin in start..start + WARM_UP_BINS + LEARNT_BINS {
            let at_ms = start_ms + origin as i64 * self.network.bin_ms;
            let past = &values[origin.saturating_sub(retained)..origin];
            let steps = self.network.layout.steps;
            let (inputs, scale) = features::inputs(past, self.seasons, at_ms, steps)?;
            let trace = self.network.advance(&state, &inputs);
            state = trace.state;
            bins.push(Bin { origin, inputs, scale, trace });
        }
        Some(bins)
    }

    /// By how much the forecasts of a bin missed, step by step.
    fn misses<'a>(&'a self, values: &'a [f32], bin: &'a Bin) -> impl Iterator<Item = f32> + 'a {
        (0..self.network.layout.steps).map(|step| {
            let target = bin.scale.inward(f64::from(values[bin.origin + step]));
            self.network.read(&bin.trace.state, &bin.inputs, step) - target
        })
    }

    /// Adds a window's gradient.
    fn learn(&mut self, series: &[(Vec<f32>, i64)], window: Window) {
        let Some(bins) = self.forward(series, window) else {
            return;
        };
        let (values, _) = &series[window.0];
        let share = 1.0 / (BATCH * LEARNT_BINS * self.network.layout.steps) as f32;
        let mut of_state = [0.0; HIDDEN];
        for (at, bin) in bins.iter().enumerate().rev() {
            if at >= WARM_UP_BINS {
                let misses: Vec<f32> = self.misses(values, bin).collect();
                self.back_through_head(bin, &misses, share, &mut of_state);
            }
            let before = match at.checked_sub(1) {
                Some(before) => bins[before].trace.state,
                None => [0.0; HIDDEN],
            };
            self.back_through_cell(bin, &before, &mut of_state);
        }
    }

    fn back_through_head(
        &mut self,
        Bin { inputs, trace, .. }: &Bin,
        misses: &[f32],
        share: f32,
        of_state: &mut [f32; HIDDEN],
    ) {
        for (step, &miss) in misses.iter().enumerate() {
            let slope = share * miss.clamp(-HUBER, HUBER);
            let at = Layout::head_row(step);
            let weights = &self.network.weights[at..][..Layout::HEAD_ROW];
            let gradient = &mut self.gradient[at..][..Layout::HEAD_ROW];
            add(&mut gradient[..HIDDEN], slope, &trace.state);
            add(&mut gradient[HIDDEN..HIDDEN + STEP_INPUTS], slope, &inputs.steps[step]);
            gradient[HIDDEN + STEP_INPUTS] += slope;
            add(of_state, slope, &weights[..HIDDEN]);
        }
    }

    /// Takes the gradient of a state to that of the state before it.
    fn back_through_cell(
        &mut self,
        Bin { inputs, trace, .. }: &Bin,
        before: &[f32; HIDDEN],
        of_state: &mut [f32; HIDDEN],
    ) {
        // Of the sums before each gate; the third gate's two sums differ by the reset gate.
        let mut of_input = [0.0; 3 * HIDDEN];
        let mut of_own = [0.0; 3 * HIDDEN];
        for i in 0..HIDDEN {
            let (reset, update, candidate) = (trace.reset[i], trace.update[i], trace.candidate[i]);
            let of_candidate = of_state[i] * (1.0 - update) * (1.0 - candidate * candidate);
            let of_update = of_state[i] * (before[i] - candidate) * update * (1.0 - update);
            let of_reset = of_candidate * trace.recalled[i] * reset * (1.0 - reset);
            (of_input[i], of_own[i]) = (of_reset, of_reset);
            (of_input[HIDDEN + i], of_own[HIDDEN + i]) = (of_update, of_update);
            of_input[2 * HIDDEN + i] = of_candidate;
            of_own[2 * HIDDEN + i] = of_candidate * reset;
            of_state[i] *= update;
        }
        for (row, (&input, &own)) in of_input.iter().zip(&of_own).enumerate() {
            add(&mut self.gradient[Layout::INPUT + row * INPUTS..][..INPUTS], input, &inputs.bin);
            let at = Layout::STATE + row * HIDDEN;
            add(&mut self.gradient[at..][..HIDDEN], own, before);
            add(of_state, own, &self.network.weights[at..][..HIDDEN]);
        }
        add(&mut self.gradient[Layout::BIAS..][..3 * HIDDEN], 1.0, &of_input);
        add(&mut self.gradient[Layout::STATE_BIAS..][..HIDDEN], 1.0, &of_own[2 * HIDDEN..]);
    }

    /// One step of Adam.
    fn update(&mut self) {
        let norm = dot(&self.gradient, &self.gradient).sqrt();
        let clip = if norm > NORM_MAX { NORM_MAX / norm } else { 1.0 };
        let done = self.updates as f32 / self.updates_max.max(1) as f32;
        let wave = 0.5 + 0.5 * (std::f32::consts::PI * done).cos();
        let rate = RATE_MIN + (RATE_MAX - RATE_MIN) * wave;
        self.updates += 1;
        let (first, second) = MOMENTUM;
        let unbiased = |beta: f32| 1.0 - beta.powi(self.updates as i32);
        let (first_sum, second_sum) = (unbiased(first), unbiased(second));
        let moments = self.momentum.iter_mut().zip(&mut self.squares);
        let weights = self.network.weights.iter_mut().zip(&self.gradient);
        for ((weight, gradient), (momentum, square)) in weights.zip(moments) {
            let gradient = gradient * clip;
            *momentum = first * *momentum + (1.0 - first) * gradient;
            *square = second * *square + (1.0 - second) * gradient * gradient;
            *weight -= rate * (*momentum / first_sum) / ((*square / second_sum).sqrt() + 1e-8);
        }
    }
}

/// A series without holes, and when it starts.
fn filled(series: &Series) -> (Vec<f32>, i64) {
    let mut last = 0.0;
    let fill = |observation| {
        if let Observation::Value(value) = observation {
            last = value as f32;
        }
        last
    };
    (series.observations().map(fill).collect(), series.start_ms)
}

fn huber(error: f32) -> f32 {
    let miss = error.abs();
    if miss < HUBER { 0.5 * miss * miss } else { HUBER * (miss - 0.5 * HUBER) }
}

/// `y += factor * x`.
fn add(y: &mut [f32], factor: f32, x: &[f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += factor * x;
    }
}
