//! The network's weights, and one step forward.
//!
//! A gated recurrent unit (K. Cho et al., *Learning phrase representations using RNN encoder-decoder*,
//! 2014; the variant with the reset gate after the product, as in cuDNN) reads one bin at a time:
//!
//! ```text
//!   r = σ(Wr x + Ur h + br)        z = σ(Wz x + Uz h + bz)
//!   n = tanh(Wn x + bn + r ∘ (Un h + cn))
//!   h' = (1 − z) ∘ n + z ∘ h
//! ```
//!
//! and a linear head turns the state and each step's own inputs into that step's forecast, all
//! steps at once. One network serves all series: what is particular to one (level, yesterday, the
//! week before) comes in through the inputs. The arithmetic is plain loops over `f32`, in a fixed
//! order, so the same weights and inputs give the same bits; a library for some thousand weights
//! would be most of this crate's build.

use super::features::{INPUTS, Inputs, STEP_INPUTS};
use crate::random::Random;

/// How many numbers the state has.
pub(super) const HIDDEN: usize = 32;
const GATES: usize = 3;

/// Where each block of weights begins in the one vector that holds them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) steps: usize,
}

impl Layout {
    pub(super) const INPUT: usize = 0;
    pub(super) const STATE: usize = Self::INPUT + GATES * HIDDEN * INPUTS;
    pub(super) const BIAS: usize = Self::STATE + GATES * HIDDEN * HIDDEN;
    pub(super) const STATE_BIAS: usize = Self::BIAS + GATES * HIDDEN;
    pub(super) const HEAD: usize = Self::STATE_BIAS + HIDDEN;
    /// A step's weights: of the state, of its own inputs, and a constant.
    pub(super) const HEAD_ROW: usize = HIDDEN + STEP_INPUTS + 1;

    /// How many weights there are.
    pub(super) fn len(self) -> usize {
        Self::HEAD + self.steps * Self::HEAD_ROW
    }

    /// Where the head's row for a step begins.
    pub(super) fn head_row(step: usize) -> usize {
        Self::HEAD + step * Self::HEAD_ROW
    }
}

/// A trained network, shared by all series of a process.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub(super) layout: Layout,
    pub(super) weights: Vec<f32>,
    /// What the bins were long in the series it was trained on.
    pub(super) bin_ms: i64,
}

/// What one step forward computes, kept for the way back.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    pub(super) reset: [f32; HIDDEN],
    pub(super) update: [f32; HIDDEN],
    pub(super) candidate: [f32; HIDDEN],
    /// `Un h + cn`.
    pub(super) recalled: [f32; HIDDEN],
    pub(super) state: [f32; HIDDEN],
}

impl Network {
    /// Small random weights; the same seed gives the same.
    pub(super) fn random(steps: usize, bin_ms: i64, seed: u64) -> Self {
        let layout = Layout { steps };
        let mut random = Random::new(seed);
        let mut weights = vec![0.0; layout.len()];
        let spread = |inputs: usize| 1.0 / (inputs as f32).sqrt();
        for weight in &mut weights[Layout::INPUT..Layout::STATE] {
            *weight = random.uniform() * spread(INPUTS);
        }
        for weight in &mut weights[Layout::STATE..Layout::BIAS] {
            *weight = random.uniform() * spread(HIDDEN);
        }
        // The head starts as "between yesterday and last week", the rest is learnt around it.
        for step in 0..steps {
            let own = Layout::head_row(step) + HIDDEN;
            weights[own..own + STEP_INPUTS].fill(1.0 / STEP_INPUTS as f32);
        }
        Self { layout, weights, bin_ms }
    }

    /// The length of the bins it was trained on.
    pub fn bin_ms(&self) -> i64 {
        self.bin_ms
    }

    /// How many steps ahead it forecasts.
    pub fn steps(&self) -> usize {
        self.layout.steps
    }

    /// How many weights it has.
    pub fn weights_len(&self) -> usize {
        self.weights.len()
    }

    /// One bin further.
    pub(super) fn advance(&self, state: &[f32; HIDDEN], inputs: &Inputs) -> Trace {
        let mut input = [0.0; GATES * HIDDEN];
        input.copy_from_slice(&self.weights[Layout::BIAS..Layout::STATE_BIAS]);
        multiply(&self.weights[Layout::INPUT..Layout::STATE], &inputs.bin, &mut input);
        let mut own = [0.0; GATES * HIDDEN];
        own[2 * HIDDEN..].copy_from_slice(&self.weights[Layout::STATE_BIAS..Layout::HEAD]);
        multiply(&self.weights[Layout::STATE..Layout::BIAS], state, &mut own);
        let mut trace = Trace {
            reset: [0.0; HIDDEN],
            update: [0.0; HIDDEN],
            candidate: [0.0; HIDDEN],
            recalled: [0.0; HIDDEN],
            state: [0.0; HIDDEN],
        };
        for i in 0..HIDDEN {
            trace.reset[i] = sigmoid(input[i] + own[i]);
            trace.update[i] = sigmoid(input[HIDDEN + i] + own[HIDDEN + i]);
            trace.recalled[i] = own[2 * HIDDEN + i];
            trace.candidate[i] =
                (input[2 * HIDDEN + i] + trace.reset[i] * trace.recalled[i]).tanh();
            trace.state[i] =
                (1.0 - trace.update[i]) * trace.candidate[i] + trace.update[i] * state[i];
        }
        trace
    }

    /// The forecast of one step from a state.
    pub(super) fn read(&self, state: &[f32; HIDDEN], inputs: &Inputs, step: usize) -> f32 {
        let row = &self.weights[Layout::head_row(step)..][..Layout::HEAD_ROW];
        let (of_state, rest) = row.split_at(HIDDEN);
        let (of_step, constant) = rest.split_at(STEP_INPUTS);
        dot(of_state, state) + dot(of_step, &inputs.steps[step]) + constant[0]
    }
}

/// `out += matrix · x`, row by row.
fn multiply(matrix: &[f32], x: &[f32], out: &mut [f32]) {
    for (out, row) in out.iter_mut().zip(matrix.chunks_exact(x.len())) {
        *out += dot(row, x);
    }
}

/// The inner product, in eight sums so that additions need not wait for each other.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}
