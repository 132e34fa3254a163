//! Residuals in 16 bits, and order statistics of several pools of them.

/// Residuals below this are told apart by absolute, above by relative size.
const PACK_UNIT: f64 = 1e-6;
/// Codes per e-fold; 32767 of them reach 10^8, more than the root of the largest rate.
const PACK_CODES: f64 = 1000.0;
/// Codes are counted by their upper eight bits before any are sorted.
const BUCKETS: usize = 256;

/// A residual as a code that keeps order and a thousandth of precision.
pub(super) fn pack(residual: f64) -> i16 {
    let code = (residual.abs() / PACK_UNIT).ln_1p() * PACK_CODES;
    // A cast saturates: the largest residuals share the last code.
    code.round().copysign(residual) as i16
}

/// The residual behind a code.
pub(super) fn unpack(code: i16) -> f64 {
    let size = (f64::from(code.unsigned_abs()) / PACK_CODES).exp_m1() * PACK_UNIT;
    size.copysign(f64::from(code))
}

/// The latest packed residuals of one step; the oldest is overwritten.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    packed: Vec<i16>,
    oldest: usize,
    samples_max: usize,
}

impl Pool {
    pub(super) fn new(samples_max: usize) -> Self {
        Self { packed: Vec::new(), oldest: 0, samples_max }
    }

    pub(super) fn push(&mut self, residual: f64) {
        let code = pack(residual);
        if self.packed.len() == self.samples_max {
            self.packed[self.oldest] = code;
            self.oldest = (self.oldest + 1) % self.samples_max;
            return;
        }
        if self.packed.capacity() == self.packed.len() {
            // Grows with the data, but never past the bound, as doubling would.
            let room = self.packed.len().max(32).min(self.samples_max - self.packed.len());
            self.packed.reserve_exact(room);
        }
        self.packed.push(code);
    }

    pub(super) fn len(&self) -> usize {
        self.packed.len()
    }

    pub(super) fn state_bytes(&self) -> usize {
        size_of::<Self>() + self.packed.capacity() * size_of::<i16>()
    }
}

/// The residuals at the given rising `ranks` (from 0) of all pools together. Only the buckets in
/// which a rank lies are sorted; `scratch` saves an allocation.
pub(super) fn at_ranks<const N: usize>(
    pools: &[Pool],
    ranks: [usize; N],
    scratch: &mut Vec<i16>,
) -> [f64; N] {
    let mut counts = [0_u32; BUCKETS];
    for pool in pools {
        pool.packed.iter().for_each(|&code| counts[bucket(code)] += 1);
    }

    let mut wanted = [false; BUCKETS];
    let mut positions = [0; N];
    let (mut before, mut unwanted, mut next) = (0, 0, 0);
    for (bucket, &count) in counts.iter().enumerate() {
        let count = count as usize;
        while next < N && ranks[next] < before + count {
            wanted[bucket] = true;
            positions[next] = ranks[next] - unwanted;
            next += 1;
        }
        before += count;
        unwanted += if wanted[bucket] { 0 } else { count };
    }
    // Written always and kept only if wanted: a branch here would be mispredicted half the time.
    scratch.clear();
    scratch.resize(before, 0);
    let mut kept = 0;
    for pool in pools {
        for &code in &pool.packed {
            scratch[kept] = code;
            kept += usize::from(wanted[bucket(code)]);
        }
    }
    scratch[..kept].sort_unstable();
    positions.map(|position| unpack(scratch[position]))
}

/// The upper bits, in the order of the codes.
fn bucket(code: i16) -> usize {
    usize::from((code as u16 ^ 0x8000) >> 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packing_keeps_order_and_a_thousandth(a in -1e7..1e7_f64, b in -1e7..1e7_f64) {
            prop_assert!((unpack(pack(a)) - a).abs() <= a.abs() * 1e-3 + PACK_UNIT);
            if a <= b {
                prop_assert!(pack(a) <= pack(b));
            }
        }

        #[test]
        fn order_statistics_are_those_of_sorting(
            groups in prop::collection::vec(prop::collection::vec(-50.0..50.0_f64, 1..80), 1..4),
            shares in [0.0..1.0_f64, 0.0..1.0_f64],
        ) {
            let mut pools = Vec::new();
            for group in &groups {
                let mut pool = Pool::new(100);
                group.iter().for_each(|&residual| pool.push(residual));
                pools.push(pool);
            }
            let mut sorted: Vec<f64> = groups.iter().flatten().map(|&x| unpack(pack(x))).collect();
            sorted.sort_by(f64::total_cmp);
            let mut ranks = shares.map(|share| (share * sorted.len() as f64) as usize);
            ranks.sort_unstable();
            let found = at_ranks(&pools, ranks, &mut Vec::new());
            prop_assert_eq!(found, ranks.map(|rank| sorted[rank]));
        }
    }
}
