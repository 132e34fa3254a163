//! A sequential rival of the bandit: fitted Q-iteration over days.
//!
//! Ernst, Geurts and Wehenkel (*Tree-based batch mode reinforcement learning*, JMLR 2005), with a ridge
//! regression in the place of trees, as a table has a few hundred days of play and no more. The bandit
//! takes each day by itself; here a day's worth is its reward and [`DISCOUNT`] times the worth of the day
//! after, and the state says what a day leaves to the next: how much room its partitions have. Only
//! choices that were tried are compared (batch-constrained): what was never seen is not believed.

use super::bandit::{FEATURES, REWARD_MAX, REWARD_MIN, features};
use super::context::{Context, FEATURES as CONTEXT};
use super::thresholds::Thresholds;

/// What tomorrow is worth today. Partitions are cut and merged within hours, so little is left of them
/// after two days.
const DISCOUNT: f64 = 0.5;
/// .5 to this power is nothing any more.
const ITERATIONS: usize = 20;
const RIDGE: f64 = 2.0;
const STATE: usize = CONTEXT + 2;
const SIZE: usize = STATE + FEATURES + 3;

/// A table when a day begins.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct State {
    /// What the bandit knows, too.
    pub context: Context,
    /// How many partitions there are over what there are at this hour in the mean, less one.
    pub room: f64,
}

/// A day that was played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transition {
    /// How it began.
    pub state: State,
    /// What was in force.
    pub choice: Thresholds,
    /// What it saved.
    pub reward: f64,
    /// How the next began; `None` if it was the last.
    pub next: Option<State>,
}

/// What a day is worth, its consequences included.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedQ {
    base: Thresholds,
    choices: Vec<Thresholds>,
    weights: Vec<f64>,
}

impl FittedQ {
    /// Fits days that were played; among the choices in them it chooses.
    pub fn fit(base: Thresholds, days: &[Transition]) -> Self {
        let mut choices = vec![base];
        for day in days {
            if !choices.contains(&day.choice) {
                choices.push(day.choice);
            }
        }
        let rows: Vec<[f64; SIZE]> =
            days.iter().map(|day| seen(&day.state, day.choice, base)).collect();
        let inverse = inverse(&rows);
        let mut fitted = Self { base, choices, weights: vec![0.0; SIZE] };
        for _ in 0..ITERATIONS {
            let mut moments = [0.0; SIZE];
            for (row, day) in rows.iter().zip(days) {
                let after = day.next.map_or(0.0, |next| fitted.best(&next).1);
                let worth = day.reward.clamp(REWARD_MIN, REWARD_MAX) + DISCOUNT * after;
                moments.iter_mut().zip(row).for_each(|(sum, x)| *sum += x * worth);
            }
            fitted.weights = inverse.iter().map(|row| dot(row, &moments)).collect();
        }
        fitted
    }

    /// The choice that is worth most, and what it is worth; the base of equals.
    pub fn best(&self, state: &State) -> (Thresholds, f64) {
        let mut best = (self.base, f64::NEG_INFINITY);
        for choice in &self.choices {
            let worth = dot(&self.weights, &seen(state, *choice, self.base));
            if worth > best.1 {
                best = (*choice, worth);
            }
        }
        best
    }
}

/// What the regression sees: the state, what the bandit sees, and the room with the choice.
fn seen(state: &State, choice: Thresholds, base: Thresholds) -> [f64; SIZE] {
    let room = if state.room.is_finite() { state.room.clamp(-1.0, 1.0) } else { 0.0 };
    let [quantile, lead, target, ..] = choice.coordinates(base);
    let mut all = [0.0; SIZE];
    all[0] = 1.0;
    all[1] = room;
    all[2..STATE].copy_from_slice(&state.context.features());
    all[STATE..STATE + FEATURES].copy_from_slice(&features(choice, base, &state.context));
    all[STATE + FEATURES..].copy_from_slice(&[quantile * room, lead * room, target * room]);
    all
}

/// The inverse of the Gram matrix, row by row (Sherman and Morrison).
fn inverse(rows: &[[f64; SIZE]]) -> Vec<[f64; SIZE]> {
    let mut inverse = vec![[0.0; SIZE]; SIZE];
    (0..SIZE).for_each(|at| inverse[at][at] = 1.0 / RIDGE);
    for row in rows {
        let mut along = [0.0; SIZE];
        along.iter_mut().zip(&inverse).for_each(|(cell, line)| *cell = dot(line, row));
        let scale = 1.0 / (1.0 + dot(row, &along));
        for (line, left) in inverse.iter_mut().zip(along) {
            line.iter_mut().zip(&along).for_each(|(cell, right)| *cell -= scale * left * right);
        }
    }
    inverse
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::PlannerSettings;

    /// Fuller partitions save today; but a day that begins without room is dear.
    #[test]
    fn it_sees_what_a_day_leaves_to_the_next() {
        let base = Thresholds::of(&PlannerSettings::default());
        let fuller = Thresholds { target_utilisation: 0.95, ..base };
        let play = |tomorrow: f64| {
            let mut days = Vec::new();
            let mut room = 0.0;
            for number in 0..200_u32 {
                let choice = if number % 7 < 3 { fuller } else { base };
                let saved = if choice == fuller { 0.1 } else { 0.0 };
                let left = if choice == fuller { -0.5 } else { 0.0 };
                let state = |room| State { room, ..State::default() };
                days.push(Transition {
                    state: state(room),
                    choice,
                    reward: saved + tomorrow * room,
                    next: Some(state(left)),
                });
                room = left;
            }
            FittedQ::fit(base, &days).best(&State::default()).0
        };
        assert_eq!(play(0.0), fuller);
        assert_eq!(play(1.0), base, "half a day's saving tomorrow is more than a tenth today");
    }
}
