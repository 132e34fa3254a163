//! What the network sees of a series at an origin, in numbers that mean the same for every series.
//!
//! Loads are taken relative to the mean of the last day, on a logarithmic scale that half a mean
//! keeps finite at zero: `ln((v + m/2) / (3m/2))` is 0 at the mean, about 1 at four times it, and
//! −1.1 at nothing.

use crate::seasons::Seasons;
use std::f64::consts::TAU;

/// Numbers per bin.
pub(super) const INPUTS: usize = 12;
/// Numbers per step of the horizon: the same time yesterday and a week ago.
pub(super) const STEP_INPUTS: usize = 2;
const WEEK_DAYS: usize = 7;

/// What goes in at one origin.
#[derive(Clone, Debug)]
pub(super) struct Inputs {
    pub(super) bin: [f32; INPUTS],
    pub(super) steps: Vec<[f32; STEP_INPUTS]>,
}

/// A series' own scale at an origin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    mean: f64,
}

impl Scale {
    /// A load as the network has it.
    pub(super) fn inward(self, load: f64) -> f32 {
        ((load + self.mean / 2.0) / (1.5 * self.mean)).ln() as f32
    }

    /// And back.
    pub(super) fn outward(self, output: f32) -> f64 {
        f64::from(output).exp() * 1.5 * self.mean - self.mean / 2.0
    }
}

/// How many bins before an origin must be known.
pub(super) fn bins_needed(seasons: Seasons) -> usize {
    seasons.day_bins() + 2
}

/// The inputs of the origin after `past`, whose next bin starts at `next_start_ms`. `None` if too
/// little is known or the whole last day was idle: there is no scale then.
pub(super) fn inputs(
    past: &[f32],
    seasons: Seasons,
    next_start_ms: i64,
    steps: usize,
) -> Option<(Inputs, Scale)> {
    let day = seasons.day_bins();
    if past.len() < bins_needed(seasons) {
        return None;
    }
    let mean_of_last = |bins: usize| {
        let last = &past[past.len() - bins.min(past.len())..];
        last.iter().map(|&value| f64::from(value)).sum::<f64>() / last.len() as f64
    };
    let scale = Scale { mean: mean_of_last(day) };
    if scale.mean <= 0.0 {
        return None;
    }
    let days_ago = |days: usize, step: usize| {
        let back = if past.len() > days * day { days * day } else { day };
        around(past, past.len() - back + step)
    };
    let step_inputs = |step: usize| [1, WEEK_DAYS].map(|days| scale.inward(days_ago(days, step)));
    let steps: Vec<_> = (0..steps).map(step_inputs).collect();
    let first = steps.first().copied().unwrap_or_default();
    let last = steps.last().copied().unwrap_or_default();
    let (of_day, of_week) = seasons.phases(next_start_ms);
    let wave = |phase: f64| [(TAU * phase).sin() as f32, (TAU * phase).cos() as f32];
    let ([day_sin, day_cos], [week_sin, week_cos]) = (wave(of_day), wave(of_week));
    let bin = [
        scale.inward(mean_of_last(1)),
        scale.inward(mean_of_last(seasons.minutes(15, 2))),
        scale.inward(mean_of_last(seasons.minutes(60, 3))),
        scale.inward(mean_of_last(seasons.week_bins())),
        first[0],
        first[1],
        last[0],
        last[1],
        day_sin,
        day_cos,
        week_sin,
        week_cos,
    ];
    Some((Inputs { bin, steps }, scale))
}

/// The mean of the three bins around a position, of which at least the first is known.
fn around(past: &[f32], at: usize) -> f64 {
    let known = &past[at.saturating_sub(1)..(at + 2).min(past.len())];
    known.iter().map(|&value| f64::from(value)).sum::<f64>() / known.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_undone() {
        let scale = Scale { mean: 7.0 };
        assert!(scale.inward(7.0).abs() < 1e-6);
        for load in [0.0, 0.1, 7.0, 1e4] {
            let back = scale.outward(scale.inward(load));
            assert!((back - load).abs() < 1e-3 * (1.0 + load), "{load}: {back}");
        }
    }

    #[test]
    fn steps_look_at_their_own_time_of_earlier_days() {
        let seasons = Seasons::new(3_600_000).expect("an hour");
        let past: Vec<f32> = (0..24 * 9).map(|bin| bin as f32).collect();
        let (inputs, scale) = inputs(&past, seasons, 0, 3).expect("enough");
        for (step, own) in inputs.steps.iter().enumerate() {
            let target = (24 * 9 + step) as f64;
            assert_eq!(own[0], scale.inward(target - 24.0));
            assert_eq!(own[1], scale.inward(target - 168.0));
        }
    }

    #[test]
    fn an_idle_day_and_a_short_one_have_no_scale() {
        let seasons = Seasons::new(3_600_000).expect("an hour");
        assert!(inputs(&[0.0; 200], seasons, 0, 3).is_none());
        assert!(inputs(&[1.0; 20], seasons, 0, 3).is_none());
    }
}
