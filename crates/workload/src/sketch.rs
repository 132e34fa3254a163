//! Sketches: what is known of a stretch of time beyond sums per cell, in bounded memory.
//!
//! Heavy hitters, distinct clients and a sample of vectors. All three can be merged, so that a window
//! is made of slices: minutes make up ten minutes, and those four hours.

mod distinct;
mod hitters;
mod sample;

pub(crate) use distinct::Distinct;
pub(crate) use hitters::{Hitter, Hitters};
pub(crate) use sample::{Sample, Weighted, scramble};

use crate::{CollectorSettings, Vector};
use serde::{Deserialize, Serialize};

/// What is known of one stretch of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sketch {
    pub(crate) hitters: Hitters,
    pub(crate) clients: Distinct,
    pub(crate) sample: Sample,
    /// Read and write units of new demand.
    pub(crate) units: f64,
    /// New demand.
    pub(crate) requests: u64,
    /// Attempts that were not new demand.
    pub(crate) retries: u64,
    /// Seconds that were watched.
    pub(crate) seconds: u64,
}

impl Sketch {
    pub(crate) fn new(settings: &CollectorSettings) -> Self {
        Self {
            hitters: Hitters::new(settings.heavy_hitters_max),
            clients: Distinct::default(),
            sample: Sample::new(settings.samples_max),
            units: 0.0,
            requests: 0,
            retries: 0,
            seconds: 0,
        }
    }

    /// Takes in one vector; `priority` is a random number that decides whether it is sampled.
    #[inline]
    pub(crate) fn add(&mut self, vector: &Vector, priority: u64) {
        self.clients.add(vector.client);
        self.sample.add(vector, priority);
        if vector.demand {
            self.requests += 1;
            self.units += vector.units();
            // What reads many keys is no one key's load.
            if vector.request.reach().is_one_key() {
                self.hitters.add(vector);
            }
        } else {
            self.retries += 1;
        }
    }

    /// Takes in what another sketch knows of another stretch.
    pub(crate) fn merge(&mut self, other: &Sketch) {
        self.hitters.merge(&other.hitters);
        self.clients.merge(&other.clients);
        self.sample.merge(&other.sample);
        self.units += other.units;
        self.requests += other.requests;
        self.retries += other.retries;
        self.seconds += other.seconds;
    }

    /// A sketch of the same size that knows nothing.
    pub(crate) fn empty(&self) -> Self {
        Self {
            hitters: self.hitters.empty(),
            clients: Distinct::default(),
            sample: self.sample.empty(),
            units: 0.0,
            requests: 0,
            retries: 0,
            seconds: 0,
        }
    }

    /// Forgets everything and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.hitters.clear();
        self.clients = Distinct::default();
        self.sample.clear();
        (self.units, self.requests, self.retries, self.seconds) = (0.0, 0, 0, 0);
    }
}
