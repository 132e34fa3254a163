//! Capacity units as DynamoDB counts them.
//!
//! One read unit is a strongly consistent read of up to 4 KB, an eventually consistent read costs
//! half; one write unit is a write of up to 1 KB. Reading or writing nothing still costs one step.
//! Source: "DynamoDB read and write operations" in the DynamoDB Developer Guide.

use crate::limits::{READ_UNIT_BYTES, WRITE_UNIT_BYTES};
use serde::{Deserialize, Serialize};
use std::iter::Sum;
use std::ops::{Add, AddAssign};

/// What a strongly consistent (`consistent`) or eventually consistent read of `bytes` costs.
pub fn read_units(bytes: usize, consistent: bool) -> f64 {
    let steps = steps(bytes, READ_UNIT_BYTES);
    if consistent { steps } else { steps / 2.0 }
}

/// What a write of an item of `bytes` costs.
pub fn write_units(bytes: usize) -> f64 {
    steps(bytes, WRITE_UNIT_BYTES)
}

fn steps(bytes: usize, step_bytes: usize) -> f64 {
    bytes.div_ceil(step_bytes).max(1) as f64
}

/// An amount of read and write units.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Units {
    /// Read units (RCU).
    pub read: f64,
    /// Write units (WCU).
    pub write: f64,
}

impl Units {
    /// Nothing.
    pub const ZERO: Self = Self { read: 0.0, write: 0.0 };

    /// Read units only.
    pub fn read(units: f64) -> Self {
        Self { read: units, write: 0.0 }
    }

    /// Write units only.
    pub fn write(units: f64) -> Self {
        Self { read: 0.0, write: units }
    }

    /// Read and write units together, as DynamoDB's `CapacityUnits` reports them.
    pub fn total(&self) -> f64 {
        self.read + self.write
    }
}

impl Add for Units {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { read: self.read + other.read, write: self.write + other.write }
    }
}

impl AddAssign for Units {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Units {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_counted_in_steps_of_four_kilobytes() {
        for (bytes, strong) in [(0, 1.0), (1, 1.0), (4096, 1.0), (4097, 2.0), (409_600, 100.0)] {
            assert_eq!(read_units(bytes, true), strong, "{bytes}");
            assert_eq!(read_units(bytes, false), strong / 2.0, "{bytes}");
        }
    }

    #[test]
    fn writes_are_counted_in_steps_of_one_kilobyte() {
        for (bytes, units) in [(0, 1.0), (1, 1.0), (1024, 1.0), (1025, 2.0), (409_600, 400.0)] {
            assert_eq!(write_units(bytes), units, "{bytes}");
        }
    }

    #[test]
    fn units_add_by_kind() {
        let sum: Units = [Units::read(0.5), Units::write(2.0), Units::read(1.0)].into_iter().sum();
        assert_eq!(sum, Units { read: 1.5, write: 2.0 });
        assert_eq!(sum.total(), 3.5);
    }
}
