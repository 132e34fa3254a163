//! Heavy hitters: the keys with the most load, counted in bounded memory.
//!
//! Misra and Gries' algorithm (1982) with weights, purged in batches as Anderson et al. describe it
//! ("A high-performance algorithm for identifying frequent items in data streams", 2017): up to twice
//! the wanted number of keys is counted; then the lighter half goes, and the heaviest load that a key
//! without counter may have is remembered. A key above that can never be missed.

use crate::{StorageKeyPrefix, Vector};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The keys with the most read and write units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "StoredHitters", into = "StoredHitters")]
pub(crate) struct Hitters {
    counters: HashMap<u64, Hitter, BuildHasherDefault<KeyHasher>>,
    max: usize,
    /// Units that a key without a counter may have at most.
    missed_max: f64,
}

/// What was counted of one key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hitter {
    /// One of the storage keys of this partition key.
    pub(crate) key: StorageKeyPrefix,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
    pub(crate) requests: u64,
    /// Units that may have gone by while this key had no counter.
    pub(crate) missed_max: f64,
}

impl Hitter {
    pub(crate) fn units(&self) -> f64 {
        self.read_units + self.write_units
    }

    fn units_max(&self) -> f64 {
        self.units() + self.missed_max
    }
}

/// Hitters in a fixed order.
#[derive(Serialize, Deserialize)]
struct StoredHitters {
    counters: Vec<(u64, Hitter)>,
    max: usize,
    missed_max: f64,
}

impl From<StoredHitters> for Hitters {
    fn from(stored: StoredHitters) -> Self {
        let counters = stored.counters.into_iter().collect();
        Self { counters, max: stored.max, missed_max: stored.missed_max }
    }
}

impl From<Hitters> for StoredHitters {
    fn from(hitters: Hitters) -> Self {
        let mut counters: Vec<(u64, Hitter)> = hitters.counters.into_iter().collect();
        counters.sort_unstable_by_key(|(key_hash, _)| *key_hash);
        Self { counters, max: hitters.max, missed_max: hitters.missed_max }
    }
}

impl Hitters {
    pub(crate) fn new(max: usize) -> Self {
        Self { counters: HashMap::default(), max: max.max(1), missed_max: 0.0 }
    }

    #[inline]
    pub(crate) fn add(&mut self, vector: &Vector) {
        let missed_max = self.missed_max;
        let counter = self.counters.entry(vector.key_hash).or_insert_with(|| Hitter {
            key: vector.storage_key,
            read_units: 0.0,
            write_units: 0.0,
            requests: 0,
            missed_max,
        });
        counter.read_units += f64::from(vector.read_units);
        counter.write_units += f64::from(vector.write_units);
        counter.requests += 1;
        self.purge();
    }

    pub(crate) fn merge(&mut self, other: &Hitters) {
        for (key_hash, counter) in &mut self.counters {
            if !other.counters.contains_key(key_hash) {
                counter.missed_max += other.missed_max;
            }
        }
        for (key_hash, theirs) in &other.counters {
            let missed_max = self.missed_max + theirs.missed_max;
            self.counters
                .entry(*key_hash)
                .and_modify(|mine| {
                    mine.read_units += theirs.read_units;
                    mine.write_units += theirs.write_units;
                    mine.requests += theirs.requests;
                    mine.missed_max += theirs.missed_max;
                })
                .or_insert_with(|| Hitter { missed_max, ..theirs.clone() });
        }
        self.missed_max += other.missed_max;
        self.purge();
    }

    /// Counters of the same number, for other keys.
    pub(crate) fn empty(&self) -> Self {
        Self::new(self.max)
    }

    pub(crate) fn clear(&mut self) {
        self.counters.clear();
        self.missed_max = 0.0;
    }

    /// The heaviest keys with what was counted of them, heaviest first.
    pub(crate) fn top(&self, count: usize) -> Vec<(u64, Hitter)> {
        let mut all: Vec<(u64, &Hitter)> =
            self.counters.iter().map(|(key_hash, counter)| (*key_hash, counter)).collect();
        all.sort_unstable_by(|a, b| b.1.units().total_cmp(&a.1.units()).then(a.0.cmp(&b.0)));
        all.into_iter().take(count).map(|(key_hash, counter)| (key_hash, counter.clone())).collect()
    }

    /// Drops the lighter half when there are twice as many counters as wanted.
    fn purge(&mut self) {
        if self.counters.len() <= 2 * self.max {
            return;
        }
        let mut units: Vec<f64> = self.counters.values().map(Hitter::units_max).collect();
        let (_, threshold, _) = units.select_nth_unstable_by(self.max, |a, b| b.total_cmp(a));
        let threshold = *threshold;
        self.counters.retain(|_, counter| counter.units_max() > threshold);
        self.missed_max = self.missed_max.max(threshold);
    }
}

/// Key hashes are hashed already; one multiplication guards against poor ones.
#[derive(Clone, Copy, Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0 ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::vector;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn hit(hitters: &mut Hitters, key: u64) {
        hitters.add(&vector(0, &key.to_be_bytes()));
    }

    #[test]
    fn a_hot_key_is_found_among_many_cold_ones() {
        let mut hitters = Hitters::new(16);
        for n in 0..20_000u64 {
            hit(&mut hitters, if n % 10 == 0 { 7 } else { 1_000 + n });
        }
        let top = hitters.top(1);
        assert_eq!(top[0].0, 7);
        assert!((1_900.0..=2_000.0).contains(&top[0].1.units()), "{:?}", top[0].1);
        assert!(hitters.counters.len() <= 32);
    }

    proptest! {
        /// Whatever is counted and merged: the truth lies between what was counted and that plus what
        /// may have been missed, for keys with and without counters.
        #[test]
        fn bounds_hold(halves in [prop::collection::vec(0u64..40, 0..300), prop::collection::vec(0u64..40, 0..300)]) {
            let mut truth = BTreeMap::<u64, f64>::new();
            let mut sketches = halves.map(|keys| {
                let mut hitters = Hitters::new(4);
                for key in keys {
                    *truth.entry(key).or_default() += 1.0;
                    hit(&mut hitters, key);
                }
                hitters
            });
            let [mut merged, other] = [sketches[0].clone(), std::mem::replace(&mut sketches[1], Hitters::new(4))];
            merged.merge(&other);
            prop_assert!(merged.counters.len() <= 8);
            for (key, count) in truth {
                match merged.counters.get(&key) {
                    Some(counter) => {
                        prop_assert!(counter.units() <= count && count <= counter.units_max());
                    }
                    None => prop_assert!(count <= merged.missed_max),
                }
            }
        }
    }
}
