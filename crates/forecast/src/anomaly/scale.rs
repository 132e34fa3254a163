//! The usual spread of differences, by what is not impressed by a few large ones.

use super::SCALE_MIN;

/// How many differences are kept: a day of minutes.
const KEPT: usize = 1_440;
/// After how many new ones median and deviation are computed anew.
const REFRESHED_EVERY: usize = 30;
/// Of a normal distribution, the standard deviation over the median absolute deviation.
const DEVIATIONS_PER_MAD: f64 = 1.4826;

/// The last day's differences, with their median and spread.
#[derive(Clone, Debug, Default)]
pub(super) struct Scale {
    /// A ring; `next` is the oldest once it is full.
    kept: Vec<f32>,
    next: usize,
    since_refresh: usize,
    median: f64,
    deviation: f64,
}

impl Scale {
    /// How many differences have been seen, up to a day's.
    pub(super) fn seen(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn push(&mut self, difference: f64) {
        if self.kept.len() < KEPT {
            self.kept.push(difference as f32);
        } else {
            self.kept[self.next] = difference as f32;
            self.next = (self.next + 1) % KEPT;
        }
        self.since_refresh += 1;
        if self.since_refresh >= REFRESHED_EVERY {
            self.refresh();
        }
    }

    fn refresh(&mut self) {
        self.since_refresh = 0;
        let mut values = self.kept.clone();
        let median = median(&mut values);
        values.iter_mut().for_each(|value| *value = (*value - median).abs());
        self.deviation = DEVIATIONS_PER_MAD * f64::from(self::median(&mut values));
        self.median = f64::from(median);
    }

    /// A difference in robust standard deviations.
    pub(super) fn z(&self, difference: f64) -> f64 {
        (difference - self.median) / self.deviation.max(SCALE_MIN)
    }
}

/// The upper median; of nothing, 0.
fn median(values: &mut [f32]) -> f32 {
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_outliers_change_neither_middle_nor_spread() {
        let mut clean = Scale::default();
        let mut dirty = Scale::default();
        for i in 0..1_200 {
            let usual = f64::from(i % 21) - 10.0;
            clean.push(usual);
            dirty.push(if i % 40 == 0 { 1e6 } else { usual });
        }
        assert!(
            (clean.z(10.0) - dirty.z(10.0)).abs() < 0.15,
            "{} {}",
            clean.z(10.0),
            dirty.z(10.0)
        );
        assert_eq!(dirty.seen(), 1_200);
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_go() {
        let mut scale = Scale::default();
        (0..KEPT).for_each(|_| scale.push(100.0));
        (0..KEPT).for_each(|i| scale.push(f64::from(i as u32 % 3)));
        assert_eq!(scale.seen(), KEPT);
        assert!(scale.z(1.0).abs() < 1e-6);
    }
}
