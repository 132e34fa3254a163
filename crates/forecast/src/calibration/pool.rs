//! Residuals in 8 bits, and quantiles of several pools of them.
//!
//! A code is a logarithm of the residual's size in a unit that all pools of a model share; neighbouring
//! codes are 3.4 % apart. A quantile is read off the counts of the codes, and within a code by its
//! rank there, so that with hundreds of residuals the codes hardly show: what is lost is far below
//! what a quantile of so few is uncertain by.

/// Codes per e-fold of the size.
const CODES_PER_E: f64 = 30.0;
/// The largest code; it also stands for everything beyond.
pub(super) const CODE_MAX: i8 = 127;
/// How many codes there are.
const CODES: usize = 2 * CODE_MAX as usize + 1;

/// A residual as a code.
pub(super) fn pack(residual: f64, unit: f64) -> i8 {
    let code = ((residual.abs() / unit).ln_1p() * CODES_PER_E).round();
    code.min(f64::from(CODE_MAX)).copysign(residual) as i8
}

/// The residual of a code or of a place between two.
pub(super) fn unpack(code: f64, unit: f64) -> f64 {
    let size = (code.abs() / CODES_PER_E).exp_m1() * unit;
    size.copysign(code)
}

/// The latest packed residuals of one step; the oldest is overwritten.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    packed: Vec<i8>,
    oldest: u16,
    samples_max: u16,
}

impl Pool {
    pub(super) fn new(samples_max: usize) -> Self {
        let samples_max = u16::try_from(samples_max).unwrap_or(u16::MAX);
        Self { packed: Vec::new(), oldest: 0, samples_max }
    }

    pub(super) fn push(&mut self, code: i8) {
        let samples_max = usize::from(self.samples_max);
        if self.packed.len() == samples_max {
            self.packed[usize::from(self.oldest)] = code;
            self.oldest = (self.oldest + 1) % self.samples_max;
            return;
        }
        if self.packed.capacity() == self.packed.len() {
            // Grows with the data, but never past the bound, as doubling would.
            let room = self.packed.len().max(32).min(samples_max - self.packed.len());
            self.packed.reserve_exact(room);
        }
        self.packed.push(code);
    }

    /// Writes all codes in another unit.
    pub(super) fn change_unit(&mut self, from: f64, to: f64) {
        self.packed.iter_mut().for_each(|code| *code = pack(unpack(f64::from(*code), from), to));
    }

    pub(super) fn len(&self) -> usize {
        self.packed.len()
    }

    pub(super) fn state_bytes(&self) -> usize {
        size_of::<Self>() + self.packed.capacity()
    }
}

/// The places, as codes and parts of them, of the given rising `ranks` (from 0) in all pools together.
pub(super) fn at_ranks<const N: usize>(pools: &[Pool], ranks: [usize; N]) -> [f64; N] {
    let mut counts = [0_usize; CODES];
    for pool in pools {
        let codes = pool.packed.iter();
        codes.for_each(|&code| counts[(i16::from(code) + i16::from(CODE_MAX)) as usize] += 1);
    }
    let mut places = [0.0; N];
    let (mut before, mut next) = (0, 0);
    for (count, code) in counts.into_iter().zip(-i16::from(CODE_MAX)..) {
        while next < N && ranks[next] < before + count {
            let within = ((ranks[next] - before) as f64 + 0.5) / count as f64;
            places[next] = f64::from(code) + within - 0.5;
            next += 1;
        }
        before += count;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packing_keeps_order_and_a_fiftieth(a in -60.0..60.0_f64, b in -60.0..60.0_f64) {
            let back = unpack(f64::from(pack(a, 1.0)), 1.0);
            prop_assert!((back - a).abs() <= 0.02 * (a.abs() + 1.0), "{} for {}", back, a);
            if a <= b {
                prop_assert!(pack(a, 1.0) <= pack(b, 1.0));
            }
        }

        #[test]
        fn order_statistics_are_those_of_sorting_but_for_a_code(
            groups in prop::collection::vec(prop::collection::vec(-50.0..50.0_f64, 1..80), 1..4),
            shares in [0.0..1.0_f64, 0.0..1.0_f64],
        ) {
            let mut pools = Vec::new();
            for group in &groups {
                let mut pool = Pool::new(100);
                group.iter().for_each(|&residual| pool.push(pack(residual, 1.0)));
                pools.push(pool);
            }
            let mut sorted: Vec<i8> =
                groups.iter().flatten().map(|&residual| pack(residual, 1.0)).collect();
            sorted.sort_unstable();
            let mut ranks = shares.map(|share| (share * sorted.len() as f64) as usize);
            ranks.sort_unstable();
            let found = at_ranks(&pools, ranks);
            prop_assert!(found[0] <= found[1]);
            for (place, rank) in found.into_iter().zip(ranks) {
                prop_assert!((place - f64::from(sorted[rank])).abs() <= 0.5);
            }
        }
    }

    #[test]
    fn within_a_code_the_rank_decides() {
        let mut pool = Pool::new(1_000);
        (0..100).for_each(|_| pool.push(10));
        let [low, middle, high] = at_ranks(&[pool], [0, 49, 99]);
        assert!((low - 9.505).abs() < 1e-9 && (middle - 9.995).abs() < 1e-9);
        assert!((high - 10.495).abs() < 1e-9);
    }

    #[test]
    fn another_unit_changes_the_codes_and_hardly_the_residuals() {
        let mut pool = Pool::new(10);
        for residual in [-30.0, -1.0, 0.0, 2.0, 50.0] {
            pool.push(pack(residual, 1.0));
        }
        pool.change_unit(1.0, 4.0);
        let back: Vec<f64> = pool.packed.iter().map(|&c| unpack(f64::from(c), 4.0)).collect();
        for (back, residual) in back.iter().zip([-30.0, -1.0, 0.0, 2.0, 50.0_f64]) {
            assert!((back - residual).abs() <= 0.04 * (residual.abs() + 4.0), "{back} {residual}");
        }
    }
}
