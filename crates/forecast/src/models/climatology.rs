//! Constant quantiles of the last week: how high the load is, never when.
//!
//! It is no candidate but the bar: a method that cannot beat a constant knows nothing about timing.

use crate::calibration::rank;
use crate::history::History;
use crate::outlook::{Quantile, Step};

/// Fewer values than this have no .9 quantile to speak of.
const VALUES_MIN: usize = 24;

/// Quantiles of the seen values of the last week, gaps left out; the point is the median.
pub(crate) fn level(history: &History) -> Option<Step> {
    let from = history.values().len().saturating_sub(history.seasons().week_bins());
    let week = history.values()[from..].iter().zip(history.seen().skip(from));
    let mut values: Vec<f32> = week.filter(|(_, seen)| *seen).map(|(value, _)| *value).collect();
    if values.len() < VALUES_MIN {
        return None;
    }
    let count = values.len();
    let mut left = values.as_mut_slice();
    let mut found = [0.0; 3];
    for (quantile, found) in Quantile::ALL.into_iter().zip(&mut found).rev() {
        let at = rank(quantile, count);
        *found = f64::from(*left.select_nth_unstable_by(at, f32::total_cmp).1);
        // Lower quantiles lie at or before this rank, so only that part is looked at again.
        left = &mut left[..=at];
    }
    let [q50, q90, q99] = found;
    Some(Step { point: q50, q50, q90, q99 })
}
