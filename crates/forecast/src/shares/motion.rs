//! A pattern that moves along the key axis: how fast, and where it will be.
//!
//! Inserts with rising keys push a front along the axis, and what people look at wanders. Both are a
//! pattern of shares that keeps its shape for an hour and moves: advection, as weather nowcasts have
//! it (U. Germann and I. Zawadzki, *Scale-dependence of the predictability of precipitation from
//! continental radar images*, 2002). The speed is the shift at which the pattern of an hour ago fits
//! the present one best; the forecast is the present pattern, shifted on. Nothing wraps around: what
//! leaves the axis is gone, what enters is like the edge.

/// The farthest shift within the time that two patterns are apart, as a part of the axis.
const REACH: usize = 8;
/// How much of the speed is the latest estimate's.
const WEIGHT: f64 = 0.2;
/// How much better than standing still a shift must fit, or the pattern stands still.
const GAIN_MIN: f64 = 0.02;

/// The speed of one pattern.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Motion {
    cells_per_bin: f64,
}

impl Motion {
    /// Looks at the pattern as it is, and as it was `bins` before.
    pub(super) fn follow(&mut self, now: &[f32], before: &[f32], bins: usize) {
        let seen = best_shift(now, before) / bins as f64;
        self.cells_per_bin += WEIGHT * (seen - self.cells_per_bin);
    }

    /// Where the pattern will be after so many bins, as shares.
    pub(super) fn after(&self, pattern: &[f32], bins: f64) -> Option<Vec<f32>> {
        super::normalised(&shifted(pattern, self.cells_per_bin * bins))
    }
}

/// By how many cells `before` has to be shifted to fit `now` best, a fraction included; 0 if hardly
/// any shift fits better than none.
fn best_shift(now: &[f32], before: &[f32]) -> f64 {
    let reach = (now.len() / REACH) as isize;
    let fit = |shift: isize| distance(now, before, shift);
    let (mut best, mut least) = (0, fit(0) * (1.0 - GAIN_MIN));
    for shift in -reach..=reach {
        let distance = fit(shift);
        if distance < least {
            (best, least) = (shift, distance);
        }
    }
    if best == 0 || best.abs() == reach {
        return best as f64;
    }
    // A parabola through the best and its neighbours.
    let (left, right) = (fit(best - 1), fit(best + 1));
    let bend = left - 2.0 * least + right;
    let fraction = if bend > 0.0 { 0.5 * (left - right) / bend } else { 0.0 };
    best as f64 + fraction.clamp(-0.5, 0.5)
}

/// The squared distance of `now` from `before`, shifted, per cell that both have.
fn distance(now: &[f32], before: &[f32], shift: isize) -> f64 {
    let offset = shift.unsigned_abs();
    let (now, before) = match shift < 0 {
        true => (&now[..now.len() - offset], &before[offset..]),
        false => (&now[offset..], &before[..before.len() - offset]),
    };
    let sum: f32 = now.iter().zip(before).map(|(a, b)| (a - b) * (a - b)).sum();
    f64::from(sum) / now.len() as f64
}

/// The pattern shifted by a number of cells, linear between cells.
fn shifted(pattern: &[f32], cells: f64) -> Vec<f32> {
    let last = pattern.len().saturating_sub(1) as f64;
    let at = |cell: usize| {
        let from = (cell as f64 - cells).clamp(0.0, last);
        let (low, part) = (from.floor() as usize, from.fract() as f32);
        let high = (low + 1).min(pattern.len() - 1);
        pattern[low] * (1.0 - part) + pattern[high] * part
    };
    (0..pattern.len()).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bump(centre: f64) -> Vec<f32> {
        let height = |cell: usize| (-((cell as f64 - centre) / 4.0).powi(2)).exp() + 0.01;
        (0..128).map(|cell| height(cell) as f32).collect()
    }

    #[test]
    fn a_moving_bump_is_followed_to_a_fraction_of_a_cell() {
        for speed in [-0.9, -0.3, 0.25, 1.1] {
            let mut motion = Motion::default();
            for bin in 0..60 {
                let at = 64.0 + speed * f64::from(bin - 30);
                motion.follow(&bump(at), &bump(at - 12.0 * speed), 12);
            }
            assert!((motion.cells_per_bin - speed).abs() < 0.03, "{speed}: {motion:?}");
        }
    }

    #[test]
    fn what_stands_still_stays() {
        let mut motion = Motion::default();
        let still = bump(40.0);
        (0..20).for_each(|_| motion.follow(&still, &still, 12));
        assert_eq!(motion.cells_per_bin, 0.0);
        let one: Vec<f32> = motion.after(&still, 12.0).unwrap();
        assert_eq!(one, super::super::normalised(&still).unwrap());
        assert_eq!(motion.after(&[0.0; 4], 1.0), None, "no load, no shares");
    }

    #[test]
    fn one_cell_is_no_axis_and_no_panic() {
        let mut motion = Motion::default();
        motion.follow(&[1.0], &[1.0], 12);
        assert_eq!(motion.after(&[1.0], 3.0), Some(vec![1.0]));
    }
}
