//! The exponentially weighted mean of what came: a level that forgets.
//!
//! Simple exponential smoothing (R. G. Brown, *Statistical forecasting for inventory control*, 1959)
//! at several speeds; the speed with the smallest squared one-step error lately forecasts. It knows
//! no season: its place is load without one, where the last value is too nervous.

use crate::history::History;

/// The speeds on trial: the weight of the newest value.
const SPEEDS: [f64; 4] = [0.05, 0.15, 0.35, 0.7];
/// How fast old one-step errors fade: about a day of five-minute bins.
const ERROR_FADE: f64 = 1.0 / 288.0;

/// The levels of one series, one per speed.
#[derive(Clone, Debug, Default)]
pub(crate) struct EwmaState {
    levels: Option<[f64; SPEEDS.len()]>,
    errors: [f64; SPEEDS.len()],
}

impl EwmaState {
    /// Takes the bin that `history` has just taken; a gap moves nothing.
    pub(crate) fn push(&mut self, history: &History) {
        let Some((value, true)) = history.last() else {
            return;
        };
        let levels = self.levels.get_or_insert([value; SPEEDS.len()]);
        for ((level, error), speed) in levels.iter_mut().zip(&mut self.errors).zip(SPEEDS) {
            let miss = value - *level;
            *error += ERROR_FADE * (miss * miss - *error);
            *level += speed * miss;
        }
    }

    /// Writes the same level for every step; `false` before the first value.
    pub(crate) fn predict(&self, points: &mut [f64]) -> bool {
        let Some(levels) = &self.levels else {
            return false;
        };
        let by_error = levels.iter().zip(&self.errors).min_by(|(_, a), (_, b)| a.total_cmp(b));
        let Some((level, _)) = by_error else {
            return false;
        };
        points.fill(level.max(0.0));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ForecastSettings, Observation};

    fn after(values: impl Iterator<Item = f64>) -> f64 {
        let mut history = History::new(0, &ForecastSettings::default()).expect("five minutes");
        let mut state = EwmaState::default();
        for value in values {
            history.push(Observation::Value(value));
            state.push(&history);
        }
        let mut points = [0.0; 3];
        assert!(state.predict(&mut points));
        assert!(points.iter().all(|point| *point == points[0]));
        points[0]
    }

    #[test]
    fn a_step_is_followed_quickly_and_noise_slowly() {
        let step = after((0..600).map(|bin| if bin < 580 { 10.0 } else { 50.0 }));
        assert!(step > 45.0, "{step}");
        // ±10 in a fixed irregular order around 100: the mean, not the last value.
        let noisy = after((0..2_000_u64).map(|bin| {
            let hash = bin.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 63;
            if hash == 0 { 90.0 } else { 110.0 }
        }));
        assert!((noisy - 100.0).abs() < 5.0, "{noisy}");
    }

    #[test]
    fn nothing_seen_nothing_said() {
        assert!(!EwmaState::default().predict(&mut [0.0]));
    }
}
