//! Numbers that look random and depend on nothing but what they are for.
//!
//! Each is a hash of a seed and a purpose, so that adding a draw somewhere does not change the draws
//! elsewhere, and no library update changes any. The mixing step is SplitMix64 (Steele, Lea and
//! Flood, *Fast splittable pseudorandom number generators*, OOPSLA 2014).

/// A source of reproducible numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(mix(seed ^ 0x9e37_79b9_7f4a_7c15))
    }

    /// The source for one purpose, or for one item of many.
    pub(crate) fn of(self, item: u64) -> Self {
        Self(mix(self.0.wrapping_add(item.wrapping_mul(0x9e37_79b9_7f4a_7c15))))
    }

    /// A number in 0..1.
    pub(crate) fn unit(self) -> f64 {
        (mix(self.0) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A whole number below `end`, which must not be zero.
    pub(crate) fn below(self, end: u64) -> u64 {
        ((u128::from(mix(self.0)) * u128::from(end)) >> 64) as u64
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_spread_and_repeatable() {
        let draws: Vec<f64> = (0..10_000).map(|i| Random::new(7).of(i).unit()).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        assert!(draws.iter().all(|draw| (0.0..1.0).contains(draw)));
        assert_eq!(Random::new(7).of(3).unit(), draws[3]);
        assert_ne!(Random::new(8).of(3).unit(), draws[3]);
        let mut seen = [0; 5];
        (0..10_000).for_each(|i| seen[Random::new(1).of(i).below(5) as usize] += 1);
        assert!(seen.iter().all(|count| (1_900..2_100).contains(count)), "{seen:?}");
    }
}
