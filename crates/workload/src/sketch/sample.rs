//! A uniform sample of vectors: every vector gets a random priority, the lowest `k` stay.
//!
//! Bottom-k sampling (Cohen and Kaplan, 2007). Unlike a reservoir it can be merged, and the same
//! vectors with the same seed give the same sample.

use crate::{StorageKeyPrefix, Vector};
use serde::{Deserialize, Serialize};
use std::collections::BinaryHeap;

/// The vectors of the lowest priorities.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "StoredSample", into = "StoredSample")]
pub(crate) struct Sample {
    /// The highest priority on top: the next to go.
    heap: BinaryHeap<Sampled>,
    max: usize,
    /// Vectors that the sample stands for.
    seen: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Sampled {
    priority: u64,
    vector: Vector,
}

impl Eq for Sampled {}

impl PartialOrd for Sampled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Sampled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.priority.cmp(&other.priority)
    }
}

/// A sample in a fixed order: the layout of a heap is nobody's business.
#[derive(Serialize, Deserialize)]
struct StoredSample {
    sampled: Vec<Sampled>,
    max: usize,
    seen: u64,
}

impl From<StoredSample> for Sample {
    fn from(stored: StoredSample) -> Self {
        Self { heap: stored.sampled.into(), max: stored.max, seen: stored.seen }
    }
}

impl From<Sample> for StoredSample {
    fn from(sample: Sample) -> Self {
        Self { sampled: sample.heap.into_sorted_vec(), max: sample.max, seen: sample.seen }
    }
}

impl PartialEq for Sample {
    fn eq(&self, other: &Self) -> bool {
        let sorted = |sample: &Sample| sample.heap.clone().into_sorted_vec();
        (self.max, self.seen) == (other.max, other.seen) && sorted(self) == sorted(other)
    }
}

/// A sampled key and how much demand it stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Weighted {
    pub(crate) key: StorageKeyPrefix,
    /// Requests that the sampled one stands for.
    pub(crate) requests: f64,
    /// Read and write units of those.
    pub(crate) units: f64,
}

impl Sample {
    pub(crate) fn new(max: usize) -> Self {
        Self { heap: BinaryHeap::new(), max, seen: 0 }
    }

    #[inline]
    pub(crate) fn add(&mut self, vector: &Vector, priority: u64) {
        self.seen += 1;
        self.offer(priority, vector);
    }

    #[inline]
    fn offer(&mut self, priority: u64, vector: &Vector) {
        if self.heap.len() < self.max {
            self.heap.push(Sampled { priority, vector: *vector });
        } else if let Some(mut top) = self.heap.peek_mut()
            && priority < top.priority
        {
            *top = Sampled { priority, vector: *vector };
        }
    }

    pub(crate) fn merge(&mut self, other: &Sample) {
        self.seen += other.seen;
        for sampled in &other.heap {
            self.offer(sampled.priority, &sampled.vector);
        }
    }

    /// An empty sample of the same size.
    pub(crate) fn empty(&self) -> Self {
        Self::new(self.max)
    }

    pub(crate) fn clear(&mut self) {
        self.heap.clear();
        self.seen = 0;
    }

    /// The sampled vectors, in the order of their timestamps.
    pub(crate) fn vectors(&self) -> Vec<Vector> {
        let mut sampled = self.heap.clone().into_sorted_vec();
        sampled.sort_by_key(|sampled| sampled.vector.timestamp_ms);
        sampled.into_iter().map(|sampled| sampled.vector).collect()
    }

    /// The keys of new demand, each with what it stands for.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Weighted> {
        let each = self.seen as f64 / self.heap.len().max(1) as f64;
        let demand = self.heap.iter().map(|sampled| &sampled.vector).filter(|vector| vector.demand);
        demand.map(move |vector| Weighted {
            key: vector.storage_key,
            requests: each,
            units: each * vector.units(),
        })
    }
}

/// Spreads a number over all 64 bits: the finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
#[inline]
pub(crate) fn scramble(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::vector_at;

    fn sample(times: std::ops::Range<i64>) -> Sample {
        let mut sample = Sample::new(100);
        times.for_each(|n| sample.add(&vector_at(n), scramble(n as u64)));
        sample
    }

    #[test]
    fn a_sample_is_bounded_and_uniform() {
        let sample = sample(0..10_000);
        let vectors = sample.vectors();
        assert_eq!(vectors.len(), 100);
        let early = vectors.iter().filter(|vector| vector.timestamp_ms < 5_000).count();
        assert!((35..=65).contains(&early), "{early} of 100 from the first half");
        let stands_for: f64 = sample.keys().map(|key| key.requests).sum();
        assert!((stands_for - 10_000.0).abs() < 1e-6);
    }

    #[test]
    fn merged_samples_are_the_sample_of_all() {
        let mut merged = sample(0..300);
        merged.merge(&sample(300..1_000));
        assert_eq!(merged, sample(0..1_000));
        let stored = postcard::to_allocvec(&merged).unwrap();
        assert_eq!(postcard::from_bytes::<Sample>(&stored).unwrap(), merged);
    }
}
