//! The sums behind the regression, and their solution.
//!
//! For every step of the horizon there is one regression; all share most features, and with them
//! the largest block of the normal equations:
//!
//! ```text
//!   | shared   crossᵀ | |w_shared|   |target_shared|
//!   | cross    own    | |w_own   | = |target_own   |
//! ```
//!
//! `shared` is accumulated and factored once for all steps; each step then only adds its few own
//! rows to the factor. The penalty is a share of each feature's own second moment, as if the
//! features had been standardised first (Hoerl & Kennard, *Ridge regression*, Technometrics 1970).

use super::features::{OWN, Row, SHARED};
use crate::linalg::{Cholesky, add_outer, add_scaled, dot, row_start};

/// Keeps a feature that was always zero solvable.
const DIAGONAL_MIN: f64 = 1e-9;
/// New rows weigh more and more instead of old ones less and less; all is scaled down from here.
const ROW_WEIGHT_MAX: f64 = 1e6;

/// Coefficients of one step, in 32 bits, which is more than they are known to.
#[derive(Clone, Debug)]
pub(super) struct Weights {
    shared: [f32; SHARED],
    own: [f32; OWN],
}

impl Weights {
    /// The target this step's regression expects, relative to the row's level.
    pub(super) fn apply(&self, row: &Row, step: usize) -> f64 {
        dot(&self.shared.map(f64::from), &row.shared)
            + dot(&self.own.map(f64::from), &row.own[step])
    }
}

/// What differs between the steps.
#[derive(Clone, Debug)]
struct StepMoments {
    cross: [[f64; SHARED]; OWN],
    own: [f64; row_start(OWN)],
    target_shared: [f64; SHARED],
    target_own: [f64; OWN],
}

/// Weighted sums of products of features and targets.
#[derive(Clone, Debug)]
pub(super) struct Moments {
    shared: Vec<f64>,
    steps: Vec<StepMoments>,
    rows: u64,
    /// What the next row weighs, and by how much that grows per bin.
    row_weight: f64,
    growth: f64,
}

impl Moments {
    /// Sums for `steps` regressions, in which a row counts half after `half_life_bins`.
    pub(super) fn new(steps: usize, half_life_bins: f64) -> Self {
        let empty = StepMoments {
            cross: [[0.0; SHARED]; OWN],
            own: [0.0; row_start(OWN)],
            target_shared: [0.0; SHARED],
            target_own: [0.0; OWN],
        };
        Self {
            shared: vec![0.0; row_start(SHARED)],
            steps: vec![empty; steps],
            rows: 0,
            row_weight: 1.0,
            growth: 0.5_f64.powf(-1.0 / half_life_bins),
        }
    }

    /// How many rows were added.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Lets a bin's worth of time pass for all rows so far.
    pub(super) fn age(&mut self) {
        self.row_weight *= self.growth;
        if self.row_weight > ROW_WEIGHT_MAX {
            let factor = 1.0 / self.row_weight;
            let scale = |sums: &mut [f64]| sums.iter_mut().for_each(|sum| *sum *= factor);
            scale(&mut self.shared);
            for step in &mut self.steps {
                step.cross.iter_mut().for_each(|row| scale(row));
                scale(&mut step.own);
                scale(&mut step.target_shared);
                scale(&mut step.target_own);
            }
            self.row_weight = 1.0;
        }
    }

    /// Adds a row with its targets, one per step, at a relative `weight`.
    pub(super) fn add(&mut self, row: &Row, weight: f64, target: impl Fn(usize) -> f64) {
        let weight = weight * self.row_weight;
        add_outer(&mut self.shared, weight, &row.shared);
        for (at, (step, own)) in self.steps.iter_mut().zip(&row.own).enumerate() {
            let target = weight * target(at);
            for (sums, &feature) in step.cross.iter_mut().zip(own) {
                add_scaled(sums, weight * feature, &row.shared);
            }
            add_outer(&mut step.own, weight, own);
            add_scaled(&mut step.target_shared, target, &row.shared);
            add_scaled(&mut step.target_own, target, own);
        }
        self.rows += 1;
    }

    pub(super) fn state_bytes(&self) -> usize {
        self.shared.len() * size_of::<f64>() + self.steps.len() * size_of::<StepMoments>()
    }

    /// The coefficients of every step, or `None` if rounding has left nothing to solve.
    pub(super) fn solve(&self, penalty: f64) -> Option<Vec<Weights>> {
        let mut shared = self.shared.clone();
        let floor = DIAGONAL_MIN * shared[0].max(f64::MIN_POSITIVE);
        penalise(&mut shared, SHARED, penalty, floor);
        let factor = Cholesky::factor(shared)?;
        self.steps.iter().map(|step| solve_step(&factor, step, penalty, floor)).collect()
    }
}

fn penalise(triangle: &mut [f64], rows: usize, penalty: f64, floor: f64) {
    for i in 0..rows {
        let diagonal = &mut triangle[row_start(i) + i];
        *diagonal += penalty * *diagonal + floor;
    }
}

/// Adds the step's rows to the shared factor and substitutes through the whole.
fn solve_step(factor: &Cholesky, step: &StepMoments, penalty: f64, floor: f64) -> Option<Weights> {
    let mut border = step.cross;
    border.iter_mut().for_each(|row| factor.forward(row));
    let mut corner = step.own.to_vec();
    penalise(&mut corner, OWN, penalty, floor);
    for i in 0..OWN {
        for j in 0..=i {
            corner[row_start(i) + j] -= dot(&border[i], &border[j]);
        }
    }
    let corner = Cholesky::factor(corner)?;

    let mut shared = step.target_shared;
    factor.forward(&mut shared);
    let mut own = step.target_own;
    for (target, row) in own.iter_mut().zip(&border) {
        *target -= dot(row, &shared);
    }
    corner.forward(&mut own);
    corner.backward(&mut own);
    for (weight, row) in own.iter().zip(&border) {
        add_scaled(&mut shared, -weight, row);
    }
    factor.backward(&mut shared);
    let finite = shared.iter().chain(&own).all(|weight| weight.is_finite());
    let rounded = Weights { shared: shared.map(|w| w as f32), own: own.map(|w| w as f32) };
    finite.then_some(rounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of made-up features that differ from each other and from bin to bin.
    fn row(bin: u64, steps: usize) -> Row {
        let noise = |salt: u64| {
            let mut x = (bin * 1000 + salt).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            (x >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
        };
        let mut row = Row::new(steps);
        for (i, feature) in row.shared.iter_mut().enumerate() {
            *feature = noise(i as u64);
        }
        row.shared[0] = 1.0;
        for (step, own) in row.own.iter_mut().enumerate() {
            for (i, feature) in own.iter_mut().enumerate() {
                *feature = noise(100 + (step * OWN + i) as u64);
            }
        }
        row
    }

    /// The coefficients the targets are made with: some of the shared, all of the own.
    fn truth(row: &Row, step: usize) -> f64 {
        let own: f64 = row.own[step].iter().zip(1..).map(|(x, i)| x * f64::from(i)).sum();
        0.5 + 2.0 * row.shared[3] - (step as f64) * row.shared[7] + own
    }

    #[test]
    fn known_coefficients_are_found_for_every_step() {
        let mut moments = Moments::new(3, 1e4);
        for bin in 0..400 {
            let row = row(bin, 3);
            moments.age();
            moments.add(&row, 1.0, |step| truth(&row, step));
        }
        let weights = moments.solve(1e-9).expect("solvable");
        let fresh = row(77_777, 3);
        for (step, weights) in weights.iter().enumerate() {
            let error = (weights.apply(&fresh, step) - truth(&fresh, step)).abs();
            assert!(error < 1e-4, "step {step} is off by {error}");
        }
    }

    #[test]
    fn old_rows_fade_and_scaling_down_changes_nothing() {
        // First targets of -1, then as many half-lives of +1 that the sums must be scaled down.
        let mut moments = Moments::new(1, 10.0);
        for bin in 0..1_000 {
            moments.age();
            let target = if bin < 500 { -1.0 } else { 1.0 };
            moments.add(&row(bin, 1), 1.0, |_| target);
        }
        let weights = moments.solve(1e-6).expect("solvable");
        assert!((weights[0].apply(&row(5, 1), 0) - 1.0).abs() < 0.01);
        assert!(moments.row_weight <= ROW_WEIGHT_MAX);
    }

    #[test]
    fn a_series_without_variation_is_still_solvable() {
        let mut moments = Moments::new(2, 100.0);
        let mut flat = Row::new(2);
        flat.shared[0] = 1.0;
        for _ in 0..50 {
            moments.add(&flat, 1.0, |_| 0.0);
        }
        let weights = moments.solve(1e-3).expect("solvable");
        assert_eq!(weights[1].apply(&flat, 1), 0.0);
    }
}
