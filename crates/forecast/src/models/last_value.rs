//! The last value goes on: what a reactive policy believes, and the baseline for short horizons.

use crate::history::History;

/// Writes the last value to every step; `false` before the first.
pub(crate) fn predict(history: &History, points: &mut [f64]) -> bool {
    let Some((value, _)) = history.last() else {
        return false;
    };
    points.fill(value);
    true
}
