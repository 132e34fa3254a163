//! Arithmetic on read and write units as the planner needs it.
//!
//! `types::Units` says what a unit is; here are the questions asked about amounts of them: how full
//! a partition is, how much of a load is over its capacity. Rates are units per second, amounts are
//! unit-seconds.

use types::Units;

/// `units` times `factor`.
pub fn scale(units: Units, factor: f64) -> Units {
    Units { read: units.read * factor, write: units.write * factor }
}

/// The larger of each kind.
pub fn larger(left: Units, right: Units) -> Units {
    Units { read: left.read.max(right.read), write: left.write.max(right.write) }
}

/// How full `load` makes `capacity`: the worse of reads and writes, 1.0 being exactly full.
///
/// A kind without capacity and without load is empty; load on no capacity is infinitely full.
pub fn utilisation(load: Units, capacity: Units) -> f64 {
    share(load.read, capacity.read).max(share(load.write, capacity.write))
}

/// What of `load` exceeds `capacity`, kind by kind, added up.
pub fn excess(load: Units, capacity: Units) -> f64 {
    (load.read - capacity.read).max(0.0) + (load.write - capacity.write).max(0.0)
}

fn share(load: f64, capacity: f64) -> f64 {
    if load <= 0.0 {
        0.0
    } else if capacity <= 0.0 {
        f64::INFINITY
    } else {
        load / capacity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: Units = Units { read: 3000.0, write: 1000.0 };

    #[test]
    fn the_fuller_kind_counts() {
        assert_eq!(utilisation(Units { read: 1500.0, write: 900.0 }, CAPACITY), 0.9);
        assert_eq!(utilisation(Units { read: 6000.0, write: 0.0 }, CAPACITY), 2.0);
        assert_eq!(utilisation(Units::ZERO, Units::ZERO), 0.0);
        assert_eq!(utilisation(Units::read(1.0), Units::ZERO), f64::INFINITY);
    }

    #[test]
    fn what_one_kind_leaves_free_does_not_help_the_other() {
        assert_eq!(excess(Units { read: 0.0, write: 1100.0 }, CAPACITY), 100.0);
        assert_eq!(excess(Units { read: 3001.0, write: 1100.0 }, CAPACITY), 101.0);
    }
}
